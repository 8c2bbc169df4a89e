//! The monitor's description of itself (`query-qmp-schema`), and questions to it written as paths.
//!
//! A path begins with a command or event and `arg-type` or `ret-type` (`blockdev-add/arg-type`), then descends:
//! `name` into a member, `+name` into the variant of that case; and may end in `^name`, a value of an enumeration, or
//! `$name`, a feature of what has been reached.

use std::collections::HashMap;

use serde::Deserialize;

/// All entities by name.
#[derive(Debug, Default)]
pub(super) struct Schema(HashMap<String, Entity>);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Entity {
    name: String,
    arg_type: Option<String>,
    ret_type: Option<String>,
    element_type: Option<String>,
    members: Vec<Member>,
    variants: Vec<Variant>,
    values: Vec<String>,
    features: Vec<String>,
}

/// A member of an object, of an enumeration (without a type), or of an alternative (without a name).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Member {
    name: String,
    r#type: Option<String>,
    features: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variant {
    case: String,
    r#type: String,
}

impl Schema {
    /// Understands the answer to `query-qmp-schema`, of a quarter of a megabyte: from its text, with no tree between.
    pub(super) fn from_json(text: &str) -> serde_json::Result<Self> {
        let entities: Vec<Entity> = serde_json::from_str(text)?;
        Ok(Self(entities.into_iter().map(|entity| (entity.name.clone(), entity)).collect()))
    }

    /// Whether `path` leads anywhere.
    pub(super) fn has(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let Some(start) = parts.next().and_then(|name| self.0.get(name)) else { return false };
        let mut here = start;
        let mut features: &[String] = &start.features;
        for part in parts {
            if let Some(feature) = part.strip_prefix('$') {
                return features.iter().any(|known| known == feature);
            }
            if let Some(value) = part.strip_prefix('^') {
                return self.alternatives(here).any(|entity| entity.has_value(value));
            }
            let next = match part {
                "arg-type" => here.arg_type.as_deref(),
                "ret-type" => here.ret_type.as_deref(),
                _ => {
                    if let Some(case) = part.strip_prefix('+') {
                        self.alternatives(here).find_map(|entity| entity.variant(case))
                    } else {
                        let member = self.alternatives(here).find_map(|entity| entity.member(part));
                        features = member.map_or(&[], |member| &member.features);
                        member.and_then(|member| member.r#type.as_deref())
                    }
                }
            };
            let Some(entity) = next.and_then(|name| self.0.get(name)) else { return false };
            if !matches!(part, "arg-type" | "ret-type") && part.starts_with('+') {
                features = &entity.features;
            }
            here = entity;
        }
        true
    }

    /// `entity` itself, what an array holds, and what an alternative chooses from.
    fn alternatives<'a>(&'a self, entity: &'a Entity) -> impl Iterator<Item = &'a Entity> {
        let element = entity.element_type.as_deref().and_then(|name| self.0.get(name));
        let choices = entity
            .members
            .iter()
            .filter(|member| member.name.is_empty())
            .filter_map(|member| self.0.get(member.r#type.as_deref()?));
        std::iter::once(entity).chain(element).chain(choices)
    }
}

impl Entity {
    fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    fn variant(&self, case: &str) -> Option<&str> {
        self.variants.iter().find(|variant| variant.case == case).map(|variant| variant.r#type.as_str())
    }

    fn has_value(&self, value: &str) -> bool {
        self.values.iter().any(|known| known == value)
            || self.members.iter().any(|member| member.r#type.is_none() && member.name == value)
    }
}
