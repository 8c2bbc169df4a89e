//! Processors: compared, brought to a common base, made to fit a host, and read from what they say of themselves.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use virt_conf::cpu::{self, BaselineOptions, Comparison, CpuData};
use virt_conf::cpu_map::{Candidate, CpuMap, Role};
use virt_conf::model::{Cpu, CpuDocument, CpuFallback, CpuSignature, HostCpu};
use virt_conf::xml::ParseOptions;
use virt_driver_qemu::caps::{
    Accelerator, AcceleratorCapabilities, Capabilities, CpuModel as QemuModel, HostCpu as QemuHost,
};

use super::{Case, Kind, Outcome, equal_text};

fn read_file(path: &PathBuf) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn document(text: &str) -> Result<CpuDocument> {
    Ok(CpuDocument::from_xml(text, &ParseOptions::default())?)
}

/// The host that the case names.
fn host(case: &Case<'_>) -> Result<Cpu> {
    let path = case.aux().into_iter().next().context("the case names no host")?;
    Ok(Cpu::from(&read_file(&path)?.parse::<HostCpu>()?))
}

fn guest(text: &str) -> Result<Cpu> {
    match document(text)? {
        CpuDocument::Guest(cpu) => Ok(*cpu),
        CpuDocument::Host(_) => bail!("the document is a host's"),
    }
}

fn architecture<'a>(case: &Case<'a>) -> Result<&'a str> {
    case.params.value("arch").context("the case names no architecture")
}

/// libvirt's word for what came of a comparison.
fn word(compared: virt_util::Result<Comparison>) -> &'static str {
    match compared {
        Err(_) => "ERROR",
        Ok(Comparison::Incompatible(_)) => "INCOMPATIBLE",
        Ok(Comparison::Identical) => "IDENTICAL",
        Ok(Comparison::Superset) => "SUPERSET",
    }
}

fn equal_word(expected: &str, actual: &str) -> Outcome {
    if expected == actual {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("{actual} instead of {expected}"))
    }
}

/// That a step failed, as it was to.
fn refused<T: std::fmt::Debug>(result: virt_util::Result<T>) -> Outcome {
    match result {
        Err(_) => Outcome::Passed,
        Ok(result) => Outcome::Failed(format!("it is accepted: {result:?}")),
    }
}

/// `cpu-compare`
pub(super) struct Compare;

impl Kind for Compare {
    fn name(&self) -> &'static str {
        "cpu-compare"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let compared = cpu::compare(architecture(case)?, Some(&host(case)?), &document(&case.input()?)?);
        let expected = case.params.value("result").context("the case expects nothing")?;
        Ok(equal_word(expected, word(compared)))
    }
}

/// `cpu-update`
pub(super) struct Update;

impl Kind for Update {
    fn name(&self) -> &'static str {
        "cpu-update"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let (host, architecture) = (host(case)?, architecture(case)?);
        let mut cpu = guest(&case.input()?)?;
        // libvirt's test gives guests what they can take along.
        let mut migratable = host.clone();
        CpuMap::x86().keep_migratable(&mut migratable);
        cpu::update(architecture, &mut cpu, Some(&migratable))?;
        let updated = CpuDocument::Guest(Box::new(cpu));
        let outcome = equal_text("", &case.expected_text()?, &updated.to_string());
        match case.params.value("then_compare") {
            Some(expected) if outcome == Outcome::Passed => {
                Ok(equal_word(expected, word(cpu::compare(architecture, Some(&host), &updated))))
            }
            _ => Ok(outcome),
        }
    }
}

/// The models that libvirt's test lets a hypervisor have, by the name of its list.
fn models(list: &str) -> Result<&'static [&'static str]> {
    Ok(match list {
        "model486" => &["486"],
        "nomodel" => &["nomodel"],
        "models" => &["qemu64", "core2duo", "Nehalem"],
        "haswell" => &["SandyBridge", "Haswell"],
        "ppc_models" => &["POWER6", "POWER7", "POWER8"],
        other => bail!("no list of models is called '{other}'"),
    })
}

/// `cpu-guest`
pub(super) struct Guest;

impl Guest {
    fn settle(
        architecture: &str,
        host: &Cpu,
        cpu: &mut Cpu,
        models: Option<&[&str]>,
    ) -> virt_util::Result<()> {
        cpu::convert_legacy(architecture, cpu);
        let asked = CpuDocument::Guest(Box::new(cpu.clone()));
        cpu::compare(architecture, Some(host), &asked)?.or_refuse()?;
        cpu::update(architecture, cpu, Some(host))?;
        let offered = models
            .map(|models| models.iter().map(|name| Candidate { name, blockers: &[] }).collect::<Vec<_>>());
        offered.map_or(Ok(()), |offered| cpu::translate(architecture, cpu, &offered))
    }
}

impl Kind for Guest {
    fn name(&self) -> &'static str {
        "cpu-guest"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let (host, architecture) = (host(case)?, architecture(case)?);
        let models = case.params.value("models").map(models).transpose()?;
        let mut cpu = guest(&case.input()?)?;
        let settled = Self::settle(architecture, &host, &mut cpu, models);
        if case.expectation == "error" {
            return Ok(refused(settled));
        }
        settled?;
        Ok(equal_text("", &case.expected_text()?, &CpuDocument::Guest(Box::new(cpu)).to_string()))
    }
}

/// `cpu-baseline`
pub(super) struct Baseline;

impl Baseline {
    /// The processors, and what is to come of them.
    fn processors(case: &Case<'_>) -> Result<(Vec<CpuDocument>, Option<String>)> {
        let input = case.input()?;
        if let Some(files) = case.params.value("cpus") {
            // The input is what is expected.
            let directory = case.inputs().into_iter().next().context("the case has no input")?;
            let directory = directory.parent().context("the input is in no directory")?.to_owned();
            let read = |name: &str| document(&read_file(&directory.join(name))?);
            return Ok((files.split(',').map(read).collect::<Result<_>>()?, Some(input)));
        }
        let tree = roxmltree::Document::parse(&input)?;
        let elements = tree.root_element().children().filter(roxmltree::Node::is_element);
        let processors = elements.map(|element| {
            let text = input.get(element.range()).context("an element without a text")?;
            document(text)
        });
        let expected = (case.expectation != "error").then(|| case.expected_text()).transpose()?;
        Ok((processors.collect::<Result<_>>()?, expected))
    }
}

impl Kind for Baseline {
    fn name(&self) -> &'static str {
        "cpu-baseline"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let architecture = architecture(case)?;
        let (documents, expected) = Self::processors(case)?;
        let cpus: Vec<Cpu> = documents
            .iter()
            .map(|document| match document {
                CpuDocument::Guest(cpu) => (**cpu).clone(),
                CpuDocument::Host(host) => host.as_ref().into(),
            })
            .collect();
        let flags = case.params.value("flags").unwrap_or_default();
        let options = BaselineOptions {
            migratable: flags.contains("MIGRATABLE"),
            expand: flags.contains("EXPAND_FEATURES"),
            ..BaselineOptions::default()
        };
        let common = cpu::baseline(architecture, &cpus, &options);
        let Some(expected) = expected else { return Ok(refused(common)) };
        let common = CpuDocument::Guest(Box::new(common?));
        let outcome = equal_text("", &expected, &common.to_string());
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
        for document in &documents {
            let CpuDocument::Host(host) = document else { continue };
            let compared = word(cpu::compare(architecture, Some(&host.as_ref().into()), &common));
            if !matches!(compared, "SUPERSET" | "IDENTICAL") {
                return Ok(Outcome::Failed(format!("what they have in common is {compared} to {document}")));
            }
        }
        Ok(Outcome::Passed)
    }
}

/// `cpu-hasfeature`
pub(super) struct HasFeature;

impl Kind for HasFeature {
    fn name(&self) -> &'static str {
        "cpu-hasfeature"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let feature = case.params.value("feature").context("the case names no feature")?;
        let found = match cpu::has_feature(&case.input()?.parse()?, feature) {
            Ok(true) => "YES",
            Ok(false) => "NO",
            Err(_) => "FAIL",
        };
        Ok(equal_word(case.params.value("result").context("the case expects nothing")?, found))
    }
}

/// `cpu-cpuid`
pub(super) struct Cpuid;

impl Cpuid {
    /// What QEMU answered, in a file of answers one behind the other.
    fn answers(text: &str) -> Result<Vec<String>> {
        let values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        values
            .map(|value| Ok(value?.get("return").context("an answer without a value")?.to_string()))
            .collect()
    }

    /// The models that QEMU offers, where the case says that they matter.
    fn models(case: &Case<'_>, json: &str) -> Result<Option<Vec<QemuModel>>> {
        if !case.params.value("json").is_some_and(|which| which.starts_with("JSON_MODELS")) {
            return Ok(None);
        }
        let answers = Self::answers(json)?;
        let definitions = answers.get(1).context("no answer about models")?;
        Ok(Some(QemuModel::from_definitions(definitions)?))
    }

    /// What a guest gets of the processor, by what its registers say.
    fn guest(case: &Case<'_>, data: &CpuData) -> Result<Outcome> {
        let json = case.inputs().into_iter().next().context("the case has no input")?.with_extension("json");
        let models = match json.exists() {
            true => Self::models(case, &read_file(&json)?)?,
            false => None,
        };
        let offered: Option<Vec<_>> = models.as_ref().map(|models| {
            models.iter().map(|model| Candidate { name: &model.name, blockers: &model.blockers }).collect()
        });
        let map = CpuMap::x86();
        let decode = |offered| {
            let mut cpu =
                map.decode(&data.processor(map), Role::Guest, offered).context("no model comes close")?;
            if let Some(model) = &mut cpu.model {
                model.fallback = Some(CpuFallback::Forbid);
            }
            anyhow::Ok(CpuDocument::Guest(Box::new(cpu)).to_string())
        };
        let expected = case.expected_text()?;
        let outcome = equal_text("", &expected, &decode(offered.as_deref())?);
        // Unless they are required, the hypervisor's models make no difference.
        if outcome == Outcome::Passed && case.params.is("json", "JSON_MODELS") {
            return Ok(equal_text("", &expected, &decode(None)?));
        }
        Ok(outcome)
    }

    /// What `host-model` stands for, by what QEMU says of the processor.
    fn host_model(case: &Case<'_>) -> Result<Outcome> {
        let text = case.input()?;
        let answers = Self::answers(&text)?;
        let host = QemuHost::from_expansion(answers.first().context("no answer")?, None)?;
        let bare = "<qemuCaps><emulator>/usr/bin/qemu</emulator><arch>x86_64</arch></qemuCaps>";
        let mut caps = Capabilities::from_cache_xml(bare)?;
        caps.kvm = Some(AcceleratorCapabilities {
            host_cpu: Some(host),
            cpus: Self::models(case, &text)?.unwrap_or_default(),
            ..AcceleratorCapabilities::default()
        });
        let cpu = caps.host_model(Accelerator::Kvm, false, None).context("no model comes close")?;
        Ok(equal_text("", &case.expected_text()?, &CpuDocument::Guest(Box::new(cpu)).to_string()))
    }
}

impl Kind for Cpuid {
    fn name(&self) -> &'static str {
        "cpu-cpuid"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let what = case.params.value("what").context("the case asks for nothing")?;
        if what == "json" {
            return Self::host_model(case);
        }
        let data: CpuData = case.input()?.parse()?;
        ensure!(data.architecture == "x86", "the data are of '{}'", data.architecture);
        match what {
            "host" => {
                let host = CpuDocument::Host(Box::new(cpu::describe_host(&data)?));
                Ok(equal_text("", &case.expected_text()?, &host.to_string()))
            }
            "guest" => Self::guest(case, &data),
            "signature" => {
                let signature = data.signature().unwrap_or_default();
                let CpuSignature { family, model, stepping } = signature;
                let text = format!(
                    "{:06x}\nfamily:   {family:3} (0x{family:02x})\nmodel:    {model:3} (0x{model:02x})\n\
                     stepping: {stepping:3} (0x{stepping:02x})\n",
                    signature.to_eax()
                );
                Ok(equal_text("", &case.expected_text()?, &text))
            }
            other => bail!("the case asks for '{other}'"),
        }
    }
}
