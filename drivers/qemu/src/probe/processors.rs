//! What is asked about processors: the models that a binary has, and the one behind `host-model` and `maximum`.
//!
//! QEMU calls that one `host` where the host executes the guest's instructions, and `max` where it emulates them itself.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::{Value, json};
use virt_util::{Error, ErrorDomain, Result};

use super::session::Session;
use crate::caps::{Accelerator, Arch, CpuModel, HostCpu, HostCpuProperty, HostCpuValue};
use crate::monitor::RawAnswer;

/// The question for CPU models.
const MODELS: &str = "query-cpu-definitions";
/// The question for the properties of a processor.
const EXPANSION: &str = "query-cpu-model-expansion";

/// What a binary says about processors under one accelerator.
#[derive(Debug, Default)]
pub(super) struct Processors {
    /// The models, in QEMU's order; none where there are none to choose.
    pub(super) models: Vec<CpuModel>,
    /// The host's processor as a guest can have it; nothing where QEMU does not say.
    pub(super) host: Option<HostCpu>,
}

/// The questions, which depend on the architecture only; all can be asked at once.
pub(super) fn questions(arch: Arch, accelerator: Accelerator) -> Vec<(&'static str, Value)> {
    let name = if accelerator == Accelerator::Tcg { "max" } else { "host" };
    let expand = |kind: &str, model: Value| (EXPANSION, json!({ "type": kind, "model": model }));
    // Arm's QEMU knows no model that stays the same everywhere, which is what it could name the others by.
    let kind = if arch.is_arm() { "full" } else { "static" };
    let mut questions = vec![(MODELS, Value::Null), expand(kind, json!({ "name": name }))];
    if arch.is_x86() {
        // A second time with what keeps a guest from moving, which QEMU leaves out unless it is told not to.
        questions.push(expand(kind, json!({ "name": name, "props": { "migratable": false } })));
    }
    if arch.is_s390() {
        // Only here does QEMU name what the maker has given up.
        questions.push(expand("full", json!({ "name": name })));
    }
    questions
}

impl Processors {
    /// Understands the answers to [`questions`]. Binaries for some architectures refuse to answer some of them, and say
    /// so only then.
    ///
    /// # Errors
    ///
    /// An answer that makes no sense.
    pub(super) fn understand(
        session: &Session<'_>,
        arch: Arch,
        answers: &mut impl Iterator<Item = RawAnswer>,
    ) -> Result<Self> {
        let models: Option<Vec<Definition>> = session.understand_if_willing(MODELS, answers.next())?;
        let mut expansion = || session.understand_if_willing::<Expansion>(EXPANSION, answers.next());
        let told = expansion()?;
        let pinned = if arch.is_x86() { expansion()? } else { None };
        let all = if arch.is_s390() { expansion()? } else { None };
        let host = told.map(|told| HostCpu {
            deprecated_features: all.map(|all| all.deprecated_props).unwrap_or_default(),
            ..told.into_host_cpu(pinned)
        });
        let models = models.unwrap_or_default().into_iter().map(Definition::into_model).collect();
        Ok(Self { models, host })
    }
}

impl HostCpu {
    /// What QEMU answered to `query-cpu-model-expansion`; `pinned` is its answer for the same processor with what does
    /// not survive migration.
    ///
    /// # Errors
    ///
    /// When one of them is no such answer.
    ///
    /// ```
    /// use virt_driver_qemu::caps::HostCpu;
    ///
    /// let cpu = HostCpu::from_expansion(r#"{"model": {"name": "base", "props": {"avx": true}}}"#, None)?;
    /// assert_eq!(cpu.properties[0].name, "avx");
    /// # Ok::<(), virt_util::Error>(())
    /// ```
    pub fn from_expansion(answer: &str, pinned: Option<&str>) -> Result<Self> {
        let read =
            |text| serde_json::from_str::<Expansion>(text).map_err(|error| not_understood(EXPANSION, &error));
        Ok(read(answer)?.into_host_cpu(pinned.map(read).transpose()?))
    }

    /// Says of each feature whether it survives migration, from the same processor with what does not.
    fn mark_migratable(&mut self, with_pinned: &Properties) {
        self.migratability = true;
        for (name, value) in &with_pinned.0 {
            let Some(known) = self.properties.iter_mut().find(|known| known.name == *name) else { continue };
            match (&known.value, value) {
                (HostCpuValue::Boolean(true), HostCpuValue::Boolean(_)) => known.migratable = Some(true),
                (HostCpuValue::Boolean(false), HostCpuValue::Boolean(true)) => {
                    known.value = HostCpuValue::Boolean(true);
                    known.migratable = Some(false);
                }
                _ => {}
            }
        }
    }
}

impl CpuModel {
    /// What QEMU answered to `query-cpu-definitions`.
    ///
    /// # Errors
    ///
    /// When it is no such answer.
    pub fn from_definitions(answer: &str) -> Result<Vec<Self>> {
        let list: Vec<Definition> =
            serde_json::from_str(answer).map_err(|error| not_understood(MODELS, &error))?;
        Ok(list.into_iter().map(Definition::into_model).collect())
    }
}

fn not_understood(command: &str, error: &serde_json::Error) -> Error {
    Error::internal(ErrorDomain::QEMU, format!("an answer to '{command}' is not understood: {error}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Definition {
    name: String,
    typename: Option<String>,
    unavailable_features: Option<Vec<String>>,
    #[serde(default)]
    deprecated: bool,
}

impl Definition {
    fn into_model(self) -> CpuModel {
        CpuModel {
            name: self.name,
            type_name: self.typename,
            usable: self.unavailable_features.as_ref().map(Vec::is_empty),
            blockers: self.unavailable_features.unwrap_or_default(),
            deprecated: self.deprecated,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Expansion {
    model: Expanded,
    #[serde(default)]
    deprecated_props: Vec<String>,
}

impl Expansion {
    fn into_host_cpu(self, pinned: Option<Self>) -> HostCpu {
        let property = |(name, value)| HostCpuProperty { name, value, migratable: None };
        let mut host = HostCpu {
            model: self.model.name,
            properties: self.model.props.0.into_iter().map(property).collect(),
            ..HostCpu::default()
        };
        if let Some(pinned) = pinned {
            host.mark_migratable(&pinned.model.props);
        }
        host
    }
}

#[derive(Deserialize)]
struct Expanded {
    name: String,
    /// Old mainframes have none.
    #[serde(default)]
    props: Properties,
}

/// An object in the order of the answer: features of a mainframe are listed in it.
#[derive(Default)]
struct Properties(Vec<(String, HostCpuValue)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the properties of a processor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Properties, A::Error> {
                let mut properties = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    let value = match value {
                        Value::Bool(on) => HostCpuValue::Boolean(on),
                        Value::String(text) => HostCpuValue::Text(text),
                        Value::Number(number) => match number.as_i64() {
                            Some(number) => HostCpuValue::Number(number),
                            None => continue,
                        },
                        // Nothing that a document could name.
                        _ => continue,
                    };
                    properties.push((name, value));
                }
                Ok(Properties(properties))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
