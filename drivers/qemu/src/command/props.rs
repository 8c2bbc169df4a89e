//! Properties of QEMU objects: JSON, in the order they were added, or `key=value,..` for options that take no JSON.

use serde_json::{Map, Number, Value};

/// An ordered set of properties, becoming a JSON object or a `key=value` list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Props(Map<String, Value>);

impl Props {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// The properties of a device of type `driver`.
    pub fn device(driver: &str) -> Self {
        Self::new().text("driver", driver)
    }

    /// The properties of an object of type `kind` called `id`.
    pub fn object(kind: &str, id: &str) -> Self {
        Self::new().text("qom-type", kind).text("id", id)
    }

    /// Adds `value` under `key`.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) {
        self.0.shift_remove(key);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under `key`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// With a string.
    pub fn text(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value.into());
        self
    }

    /// With a string, where there is one.
    pub fn opt_text(self, key: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// With a number.
    pub fn number(mut self, key: &str, value: impl Into<Number>) -> Self {
        self.set(key, Value::Number(value.into()));
        self
    }

    /// With a number, where there is one.
    pub fn opt_number(self, key: &str, value: Option<impl Into<Number>>) -> Self {
        match value {
            Some(value) => self.number(key, value),
            None => self,
        }
    }

    /// With a number, unless it is zero.
    pub fn nonzero(self, key: &str, value: impl Into<u64>) -> Self {
        match value.into() {
            0 => self,
            value => self.number(key, value),
        }
    }

    /// With `true` or `false`.
    pub fn flag(mut self, key: &str, value: bool) -> Self {
        self.set(key, value);
        self
    }

    /// With `true` or `false`, where it is given.
    pub fn opt_flag(self, key: &str, value: Option<bool>) -> Self {
        match value {
            Some(value) => self.flag(key, value),
            None => self,
        }
    }

    /// With `true`, or nothing.
    pub fn flag_if(self, key: &str, value: bool) -> Self {
        if value { self.flag(key, true) } else { self }
    }

    /// With the string `on` or `off`, where it is given: properties of QEMU's three-state type take no booleans.
    pub fn opt_switch(self, key: &str, value: Option<bool>) -> Self {
        self.opt_text(key, value.map(on_off))
    }

    /// With properties of its own.
    pub fn nested(mut self, key: &str, value: Props) -> Self {
        self.set(key, Value::Object(value.0));
        self
    }

    /// With properties of its own, unless there are none.
    pub fn opt_nested(self, key: &str, value: Option<Props>) -> Self {
        match value {
            Some(value) => self.nested(key, value),
            None => self,
        }
    }

    /// With an array.
    pub fn array(mut self, key: &str, values: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.set(key, Value::Array(values.into_iter().map(Into::into).collect()));
        self
    }

    /// Adds all of `other`, after what is there.
    pub fn extend(&mut self, other: Props) {
        self.0.extend(other.0);
    }

    /// The JSON text, without spaces.
    pub fn to_json(&self) -> String {
        // A map of plain values always has a text.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The same as `first,key=value,..`, where the value under `bare` stands first, without its key.
    pub fn to_options(&self, bare: Option<&str>) -> String {
        let mut parts = Vec::new();
        if let Some(Value::String(first)) = bare.and_then(|bare| self.0.get(bare)) {
            parts.push(escape_commas(first));
        }
        for (key, value) in self.0.iter().filter(|(key, _)| bare != Some(key.as_str())) {
            push_option(&mut parts, key, value);
        }
        parts.join(",")
    }
}

impl From<Props> for Value {
    fn from(props: Props) -> Self {
        Value::Object(props.0)
    }
}

fn push_option(parts: &mut Vec<String>, key: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => parts.push(format!("{key}={}", on_off(*value))),
        Value::Number(value) => parts.push(format!("{key}={value}")),
        Value::String(value) => parts.push(format!("{key}={}", escape_commas(value))),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                push_option(parts, &format!("{key}.{index}"), value);
            }
        }
        Value::Object(values) => {
            for (name, value) in values {
                push_option(parts, &format!("{key}.{name}"), value);
            }
        }
    }
}

/// `on` or `off`.
pub fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

/// `text` for a `key=value,..` list, where a comma is written twice.
pub fn escape_commas(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(props: &Props, json: Expect, options: Expect) {
        json.assert_eq(&props.to_json());
        options.assert_eq(&props.to_options(Some("driver")));
    }

    #[test]
    fn both_spellings_keep_the_order() {
        check(
            &Props::device("ide-hd").text("bus", "ide.0").number("unit", 0).flag("write-cache", true),
            expect![[r#"{"driver":"ide-hd","bus":"ide.0","unit":0,"write-cache":true}"#]],
            expect!["ide-hd,bus=ide.0,unit=0,write-cache=on"],
        );
        check(
            &Props::device("x")
                .nested("file", Props::new().text("name", "a,b"))
                .array("nodes", [1, 2])
                .opt_switch("smm", Some(false)),
            expect![[r#"{"driver":"x","file":{"name":"a,b"},"nodes":[1,2],"smm":"off"}"#]],
            expect!["x,file.name=a,,b,nodes.0=1,nodes.1=2,smm=off"],
        );
    }
}
