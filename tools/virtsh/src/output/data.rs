//! Answers as data: JSON, YAML, CSV.

use serde_json::{Map, Value};

use super::{Field, Record, Reply};

/// An answer as one JSON value, indented.
pub(super) fn json(reply: &Reply) -> String {
    format!("{:#}\n", value(reply))
}

/// An answer as one YAML document.
pub(super) fn yaml(reply: &Reply) -> String {
    yaml_value(&value(reply))
}

/// A value as one YAML document.
pub(super) fn yaml_value(value: &Value) -> String {
    // Values made of strings, numbers, lists and maps with string keys can always be written.
    format!("---\n{}", serde_norway::to_string(value).unwrap_or_default())
}

/// An answer as rows under a header. Lists and objects within a field are written as JSON.
pub(super) fn csv(reply: &Reply) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let mut write = |cells: Vec<String>| drop(writer.write_record(cells));
    match reply {
        Reply::Table(table) => {
            write(table.columns.iter().map(|column| column.key.to_owned()).collect());
            for row in &table.rows {
                write(row.iter().map(cell).collect());
            }
        }
        Reply::Records { records, .. } => {
            // Records of one kind may lack fields that others have.
            let mut keys: Vec<&str> = Vec::new();
            for field in records.iter().flatten() {
                if !keys.contains(&field.key) {
                    keys.push(field.key);
                }
            }
            write(keys.iter().map(|key| (*key).to_owned()).collect());
            for record in records {
                let value = |key: &&str| record.iter().find(|field| field.key == *key).map(cell);
                write(keys.iter().map(|key| value(key).unwrap_or_default()).collect());
            }
        }
        other => {
            let fields = fields(other);
            write(fields.iter().map(|field| field.key.to_owned()).collect());
            write(fields.iter().map(cell).collect());
        }
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A value as rows under a header: a list has a row for each of its items, anything else is one row.
pub(super) fn csv_value(value: &Value) -> String {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let parts = |item: &Value| match item {
        Value::Object(parts) => parts.clone(),
        other => Map::from_iter([("value".to_owned(), other.clone())]),
    };
    let rows: Vec<Map<String, Value>> = items.iter().map(parts).collect();
    // Items may lack parts that others have.
    let mut keys: Vec<&str> = Vec::new();
    for key in rows.iter().flat_map(Map::keys) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(&keys);
    for row in &rows {
        let _ = writer.write_record(keys.iter().map(|key| row.get(*key).map(cell_of).unwrap_or_default()));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A record as a JSON object, on one line.
pub(super) fn object(record: &Record) -> Value {
    Value::Object(record.iter().map(|field| (field.key.to_owned(), field.value.clone())).collect())
}

fn value(reply: &Reply) -> Value {
    match reply {
        Reply::Table(table) => table
            .rows
            .iter()
            .map(|row| {
                let cells = table.columns.iter().zip(row);
                let entries = cells.map(|(column, field)| (column.key.to_owned(), field.value.clone()));
                Value::Object(entries.collect::<Map<_, _>>())
            })
            .collect(),
        Reply::Records { records, .. } => records.iter().map(object).collect(),
        other => object(&fields(other)),
    }
}

fn fields(reply: &Reply) -> Record {
    match reply {
        Reply::Done { message, subject } => {
            let mut fields = subject.clone().unwrap_or_default();
            fields.push(Field::new("message", "", message.as_str()));
            fields
        }
        Reply::Value(field) => vec![field.clone()],
        Reply::Record { fields, .. } => fields.clone(),
        Reply::Text { key, text } => vec![Field::new(key, "", text.as_str())],
        Reply::Table(_) | Reply::Records { .. } => Vec::new(),
    }
}

fn cell(field: &Field) -> String {
    cell_of(&field.value)
}

fn cell_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
