//! JSON against the schemas that `delm schema` prints, for the keywords that occur in them.
//!
//! Refuses a keyword it does not know, rather than take it for kept, and a field that the schema does not name. The
//! library for this brings 45 packages and two licences more; these schemas use a dozen keywords.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

use regex::Regex;
use serde_json::{Map, Value};

/// Checks a document by the schema it names.
#[track_caller]
pub(super) fn check(document: &Value, of: &str) {
    let name =
        document["schema"].as_str().unwrap_or_else(|| panic!("{of}: no schema is named in {document}"));
    let name = name.strip_prefix("delm.").and_then(|name| name.strip_suffix("/1"));
    let name = name.unwrap_or_else(|| panic!("{of}: a schema is delm.NAME/1: {document}"));
    check_as(name, document, of);
}

/// Checks a document by a schema.
#[track_caller]
pub(super) fn check_as(name: &str, document: &Value, of: &str) {
    let root = schema(name);
    if let Err(why) = (Checker { root: &root }).value(&root, document, "$") {
        panic!("{of}: against the schema {name}: {why}\n{document:#}");
    }
}

fn schema(name: &str) -> Value {
    static CACHE: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
    if let Some(schema) = CACHE.lock().unwrap().get(name) {
        return schema.clone();
    }
    let output = Command::new(super::binary()).args(["schema", name]).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no schema {name}: {said}");
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    CACHE.lock().unwrap().insert(name.to_owned(), schema.clone());
    schema
}

/// Marks a schema that speaks of some of a document's fields only; no keyword of the standard.
const PART: &str = "some of the fields";

struct Checker<'a> {
    root: &'a Value,
}

type Checked = Result<(), String>;

impl Checker<'_> {
    fn value(&self, schema: &Value, value: &Value, at: &str) -> Checked {
        let Value::Object(keywords) = schema else {
            return if schema == &Value::Bool(true) {
                Ok(())
            } else {
                Err(format!("{at}: nothing is admitted"))
            };
        };
        for (keyword, wanted) in keywords {
            self.keyword(keywords, keyword, wanted, value, at)?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        all: &Map<String, Value>,
        keyword: &str,
        wanted: &Value,
        value: &Value,
        at: &str,
    ) -> Checked {
        let list = || wanted.as_array().into_iter().flatten();
        let need = |holds: bool| {
            if holds { Ok(()) } else { Err(format!("{at}: {value} breaks {keyword} {wanted}")) }
        };
        match keyword {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "examples" | "format"
            | PART => Ok(()),
            "$ref" => {
                let path = wanted.as_str().and_then(|path| path.strip_prefix('#')).unwrap();
                self.value(self.root.pointer(path).unwrap(), value, at)
            }
            "type" => {
                need(if wanted.is_array() { list().any(|one| is(one, value)) } else { is(wanted, value) })
            }
            "const" => need(wanted == value),
            "enum" => need(list().any(|one| one == value)),
            "minimum" => need(value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap())),
            "maximum" => need(value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap())),
            "minLength" => need(
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap()),
            ),
            "maxLength" => need(
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap()),
            ),
            "minItems" => {
                need(value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()))
            }
            "maxItems" => {
                need(value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()))
            }
            "pattern" => {
                let pattern = Regex::new(wanted.as_str().unwrap()).unwrap();
                need(value.as_str().is_none_or(|text| pattern.is_match(text)))
            }
            "required" => need(
                value.as_object().is_none_or(|map| list().all(|key| map.contains_key(key.as_str().unwrap()))),
            ),
            "anyOf" => self.any(all, list(), value, at, 1..=usize::MAX),
            "oneOf" => self.any(all, list(), value, at, 1..=1),
            "allOf" => list().try_for_each(|one| self.value(one, value, at)),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                let mut items = items;
                items.try_for_each(|(place, item)| self.value(wanted, item, &format!("{at}[{place}]")))
            }
            "properties" | "additionalProperties" => self.fields(all, value, at),
            _ => panic!("{at}: the keyword {keyword} is not known to this check; teach it"),
        }
    }

    fn any<'v>(
        &self,
        all: &Map<String, Value>,
        ways: impl Iterator<Item = &'v Value>,
        value: &Value,
        at: &str,
        wanted: std::ops::RangeInclusive<usize>,
    ) -> Checked {
        // Beside fields of its own, each way speaks of some of the fields only.
        let part = |way: &Value| {
            let mut way = way.clone();
            if let (Some(way), true) = (way.as_object_mut(), all.contains_key("properties")) {
                way.insert(PART.to_owned(), Value::Bool(true));
            }
            way
        };
        let (fit, misfit): (Vec<_>, Vec<_>) =
            ways.map(|way| self.value(&part(way), value, at)).partition(Result::is_ok);
        if wanted.contains(&fit.len()) {
            return Ok(());
        }
        let why: Vec<String> = misfit.into_iter().filter_map(Result::err).collect();
        Err(format!("{at}: {} of the ways fit: {}", fit.len(), why.join("; or ")))
    }

    /// A field that no schema names is an error, unless the schema says what others are like or is one of several parts.
    fn fields(&self, all: &Map<String, Value>, value: &Value, at: &str) -> Checked {
        let in_parts = ["anyOf", "oneOf", "allOf", "$ref", PART].iter().any(|part| all.contains_key(*part));
        for (name, field) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            match (all.get("properties").and_then(|known| known.get(name)), all.get("additionalProperties")) {
                (Some(known), _) => self.value(known, field, &at)?,
                (None, Some(others)) => self.value(others, field, &at)?,
                (None, None) if in_parts => {}
                (None, None) => return Err(format!("{at}: the schema does not name this field")),
            }
        }
        Ok(())
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => panic!("no such type: {kind}"),
    }
}

#[test]
fn the_check_can_fail() {
    let root = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": {"a": {"$ref": "#/$defs/hex"}, "b": {"type": ["integer", "null"], "minimum": 0}},
        "$defs": {"hex": {"type": "string", "pattern": "^[0-9a-f]{2}$"}}
    });
    let ok = |value: Value| (Checker { root: &root }).value(&root, &value, "$").is_ok();
    assert!(ok(serde_json::json!({"a": "0f", "b": 3})) && ok(serde_json::json!({"a": "0f", "b": null})));
    for wrong in [
        serde_json::json!({}),
        serde_json::json!([]),
        serde_json::json!({"a": "0g"}),
        serde_json::json!({"a": "0f", "b": -1}),
        serde_json::json!({"a": "0f", "b": "1"}),
        serde_json::json!({"a": "0f", "c": 1}),
    ] {
        assert!(!ok(wrong.clone()), "{wrong}");
    }
}
