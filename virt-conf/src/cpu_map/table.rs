//! The reader of the tables.

use super::{CpuMap, Feature, FeatureId, FeaturePlace, FeatureSet, Leaf, Model, Register, Signature, Vendor};

/// What is wrong with a line.
type Reading<T> = Result<T, String>;

fn number(text: &str) -> Reading<u32> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("'{text}' is no number"))
}

/// Lines that say something, with their words.
fn lines(text: &str) -> impl Iterator<Item = (bool, Vec<&str>)> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| (line.starts_with(' '), line.split_whitespace().collect()))
}

/// `cpuid 0x7.1 edx`, `msr 0x480 eax`.
fn leaf(words: &[&str]) -> Reading<(Leaf, Register)> {
    let [kind, place, register] = words else { return Err(format!("{words:?} is no register")) };
    let leaf = match *kind {
        "cpuid" => {
            let (leaf, subleaf) = place.split_once('.').unwrap_or((place, "0"));
            Leaf::Cpuid { leaf: number(leaf)?, subleaf: number(subleaf)? }
        }
        "msr" => Leaf::Msr(number(place)?),
        other => return Err(format!("'{other}' is neither cpuid nor msr")),
    };
    let register = match *register {
        "eax" => Register::Eax,
        "ebx" => Register::Ebx,
        "ecx" => Register::Ecx,
        "edx" => Register::Edx,
        other => return Err(format!("'{other}' is no register")),
    };
    Ok((leaf, register))
}

/// `6/85/0-4`, `6/94`.
fn signature(text: &str) -> Reading<Signature> {
    let mut parts = text.split('/');
    let mut next = || parts.next().ok_or_else(|| format!("'{text}' is no signature"));
    let (family, model) = (number(next()?)?, number(next()?)?);
    let steppings = match parts.next() {
        None => None,
        Some(range) => {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((number(first)?, number(last)?))
        }
    };
    Ok(Signature { family, model, steppings })
}

impl CpuMap {
    pub(super) fn read(features: &str, models: &str) -> Reading<Self> {
        let mut map = Self::default();
        map.read_features(features)?;
        map.read_models(models)?;
        Ok(map)
    }

    fn read_features(&mut self, text: &str) -> Reading<()> {
        let mut place = None;
        for (inner, words) in lines(text) {
            if !inner {
                place = Some(leaf(&words)?);
                continue;
            }
            let (leaf, register) = place.ok_or("a feature without a register")?;
            let [bit, name, marks @ ..] = words.as_slice() else { return Err(format!("{words:?}")) };
            let migratable = match marks {
                [] => true,
                ["pinned"] => false,
                other => return Err(format!("unknown marks {other:?}")),
            };
            self.by_name.insert((*name).to_owned(), self.features.len());
            self.features.push(Feature {
                name: (*name).to_owned(),
                place: FeaturePlace { leaf, register, bit: number(bit)? },
                migratable,
            });
        }
        Ok(())
    }

    fn read_models(&mut self, text: &str) -> Reading<()> {
        let mut current: Option<Model> = None;
        for (inner, words) in lines(text) {
            let (key, values) = words.split_first().ok_or("an empty line")?;
            if inner {
                let model = current.as_mut().ok_or("a model without a name")?;
                self.read_part(model, key, values)?;
                continue;
            }
            self.models.extend(current.take());
            match (*key, values) {
                ("vendor", [name, id]) => {
                    self.vendors.push(Vendor { name: (*name).to_owned(), id: (*id).to_owned() });
                }
                ("model", [name]) => {
                    current = Some(Model { name: (*name).to_owned(), ..Model::default() });
                }
                ("model", [name, "like", base]) => {
                    let base = self.model(base).ok_or_else(|| format!("no model '{base}' yet"))?;
                    current = Some(Model {
                        name: (*name).to_owned(),
                        base: Some(base.name.clone()),
                        for_host: false,
                        for_guest: false,
                        compare_compatible: false,
                        ..base.clone()
                    });
                }
                _ => return Err(format!("{words:?} begins nothing")),
            }
        }
        self.models.extend(current);
        Ok(())
    }

    fn read_part(&self, model: &mut Model, key: &str, values: &[&str]) -> Reading<()> {
        match key {
            "vendor" => {
                model.vendor = values.first().filter(|name| **name != "-").map(|name| (*name).to_owned());
            }
            "signature" => {
                model.signatures = values.iter().map(|text| signature(text)).collect::<Reading<_>>()?;
            }
            "decode" => {
                model.for_host = values.contains(&"host");
                model.for_guest = values.contains(&"guest");
            }
            "check" => model.compare_compatible = values.contains(&"compat"),
            "features" => self.change(&mut model.features, values)?,
            "later" => self.change(&mut model.later, values)?,
            "gone" => {
                let mut set = FeatureSet::default();
                model.gone.iter().for_each(|id| set.insert(*id));
                self.change(&mut set, values)?;
                let mut gone: Vec<FeatureId> = set.iter().collect();
                gone.sort_by_key(|id| self.name_of(*id));
                model.gone = gone;
            }
            other => return Err(format!("'{other}' says nothing about a model")),
        }
        Ok(())
    }

    fn change(&self, set: &mut FeatureSet, changes: &[&str]) -> Reading<()> {
        for change in changes {
            let (add, name) = match (change.strip_prefix('+'), change.strip_prefix('-')) {
                (Some(name), _) => (true, name),
                (None, Some(name)) => (false, name),
                (None, None) => return Err(format!("'{change}' neither comes nor goes")),
            };
            let id = self.feature_id(name).ok_or_else(|| format!("no feature is called '{name}'"))?;
            if add {
                set.insert(id);
            } else {
                set.remove(id);
            }
        }
        Ok(())
    }
}
