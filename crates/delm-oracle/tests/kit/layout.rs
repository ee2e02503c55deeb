//! The byte layout as `entry-v1.md` writes it down, read from the document: encodes and renders any value by it.
//!
//! Refuses nothing that has a place: it is there to write what no lawful engine would. It shares no code with the
//! decoder under test, so each of the two checks the other and both check the document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
enum Type {
    Integer,
    Byte,
    Bool,
    Text,
    Hash,
    Nonce,
    Maybe(Box<Type>),
    List(Box<Type>),
    Fields(Vec<(String, Type)>),
    Named(String),
}

#[derive(Debug)]
enum Shape {
    Word(Vec<String>),
    Struct(Vec<(String, Type)>),
    Choice,
}

/// The layout, by name of type and of event.
pub(crate) struct Layout {
    shapes: BTreeMap<String, Shape>,
    events: BTreeMap<String, (u16, Vec<(String, Type)>)>,
}

impl Layout {
    /// Reads the block under "Layout" of the document.
    pub(crate) fn of(document: &str) -> Self {
        let block = document.split("```layout\n").nth(1).unwrap().split("```").next().unwrap();
        let mut layout = Self { shapes: BTreeMap::new(), events: BTreeMap::new() };
        for line in block.lines().filter(|line| !line.is_empty()) {
            let words = split(line);
            let (first, name) = (words[0].as_str(), words[1].clone());
            let rest = &words[2..];
            match first {
                "word" => drop(layout.shapes.insert(name, Shape::Word(rest.to_vec()))),
                "choice" => drop(layout.shapes.insert(name, Shape::Choice)),
                "struct" => drop(layout.shapes.insert(name, Shape::Struct(fields(rest)))),
                code => drop(layout.events.insert(name, (code.parse().unwrap(), fields(rest)))),
            }
        }
        layout
    }

    /// The names of all events.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(String::as_str)
    }

    /// The bytes of an event with `data` as an export renders it: kind, version, length, body.
    pub(crate) fn event(&self, kind: &str, data: &Value) -> Vec<u8> {
        let (code, fields) = &self.events[kind];
        let mut body = Vec::new();
        self.encode_fields(fields, &plain(kind, data), &mut body);
        let mut bytes = Vec::new();
        integer(u64::from(*code), &mut bytes);
        bytes.push(1);
        integer(body.len() as u64, &mut bytes);
        bytes.extend(body);
        bytes
    }

    /// `data` in the order and spelling of an export.
    pub(crate) fn data(&self, kind: &str, data: &Value) -> String {
        let (_, fields) = &self.events[kind];
        let of = |name: &str| {
            self.render(&fields.iter().find(|(field, _)| field == name).unwrap().1, &plain(kind, data)[name])
        };
        match kind {
            "run_forked" => {
                let (run, seq, head) = (of("owner"), of("seq"), of("head"));
                let mut all = format!(
                    r#"{{"nonce":{},"name":{},"origin":{{"run":{run},"seq":{seq},"head":{head}}}"#,
                    of("nonce"),
                    of("name")
                );
                for (name, _) in fields.iter().skip_while(|(name, _)| name != "engine") {
                    all.push_str(&format!(",\"{name}\":{}", of(name)));
                }
                all + "}"
            }
            "source_added" => format!(
                r#"{{"source":{},"name":{},"original":{{"hash":{},"len":{}}},"extractor":{},"text":{}}}"#,
                of("source"),
                of("name"),
                of("original_hash"),
                of("original_len"),
                of("extractor"),
                of("text")
            ),
            "unit_added" => {
                let unit = data["unit"].as_str().unwrap();
                let source = unit.split('.').next().unwrap();
                format!(
                    r#"{{"unit":"{unit}","source":"{source}","start":{},"end":{}}}"#,
                    of("start"),
                    of("end")
                )
            }
            "task_reopened" | "task_abandoned" => format!(
                r#"{{"task":{},"attempt":{},"reason":{}}}"#,
                data["task"],
                of("attempt"),
                of("reason")
            ),
            _ => self.render_fields(fields, &plain(kind, data)),
        }
    }

    /// Each hash in `data` that names a blob.
    pub(crate) fn blobs(&self, kind: &str, data: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.hashes(&Type::Fields(self.events[kind].1.clone()), "", &plain(kind, data), &mut found);
        found
    }

    fn hashes(&self, kind: &Type, name: &str, value: &Value, found: &mut Vec<String>) {
        match kind {
            // These name a document as it was found, a request, a run and an entry.
            Type::Hash if !matches!(name, "original_hash" | "hash" | "owner" | "head") => {
                found.push(value.as_str().unwrap().to_owned());
            }
            Type::Maybe(inner) if !value.is_null() => self.hashes(inner, name, value, found),
            Type::List(inner) => {
                value.as_array().unwrap().iter().for_each(|item| self.hashes(inner, name, item, found));
            }
            Type::Fields(fields) => {
                fields.iter().for_each(|(field, kind)| self.hashes(kind, field, &value[field], found));
            }
            Type::Named(shape) => {
                if let Some(Shape::Struct(fields)) = self.shapes.get(shape).filter(|_| value.is_object()) {
                    fields.iter().for_each(|(field, kind)| self.hashes(kind, field, &value[field], found));
                }
            }
            _ => {}
        }
    }

    fn encode_fields(&self, fields: &[(String, Type)], value: &Value, out: &mut Vec<u8>) {
        for (name, kind) in fields {
            assert!(value.get(name).is_some(), "no {name} in {value}");
            self.encode(kind, &value[name], out);
        }
    }

    fn encode(&self, kind: &Type, value: &Value, out: &mut Vec<u8>) {
        match kind {
            Type::Integer => integer(value.as_u64().unwrap(), out),
            Type::Byte => out.push(u8::try_from(value.as_u64().unwrap()).unwrap()),
            Type::Bool => out.push(u8::from(value.as_bool().unwrap())),
            Type::Text => text(value.as_str().unwrap(), out),
            Type::Hash | Type::Nonce => out.extend(super::unhex(value.as_str().unwrap())),
            Type::Maybe(_) if value.is_null() => out.push(0),
            Type::Maybe(inner) => {
                out.push(1);
                self.encode(inner, value, out);
            }
            Type::List(inner) => {
                let items = value.as_array().unwrap();
                integer(items.len() as u64, out);
                items.iter().for_each(|item| self.encode(inner, item, out));
            }
            Type::Fields(fields) => self.encode_fields(fields, value, out),
            Type::Named(name) => self.encode_named(name, value, out),
        }
    }

    fn encode_named(&self, name: &str, value: &Value, out: &mut Vec<u8>) {
        if let Some(label) = value.as_str().filter(|_| !matches!(self.shapes[name], Shape::Word(_))) {
            return encode_label(name, label, out);
        }
        match &self.shapes[name] {
            Shape::Word(words) => {
                let word = value.as_str().unwrap();
                integer(words.iter().position(|known| known == word).unwrap() as u64, out);
            }
            Shape::Struct(fields) => self.encode_fields(fields, value, out),
            Shape::Choice => unreachable!("{name} is a label: {value}"),
        }
    }

    fn render_fields(&self, fields: &[(String, Type)], value: &Value) -> String {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, kind)| format!("\"{name}\":{}", self.render(kind, &value[name])))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    fn render(&self, kind: &Type, value: &Value) -> String {
        match kind {
            Type::Maybe(inner) if !value.is_null() => self.render(inner, value),
            Type::List(inner) => {
                let items: Vec<String> =
                    value.as_array().unwrap().iter().map(|item| self.render(inner, item)).collect();
                format!("[{}]", items.join(","))
            }
            Type::Fields(fields) => self.render_fields(fields, value),
            Type::Named(name) => match &self.shapes[name] {
                Shape::Struct(fields) if value.is_object() => self.render_fields(fields, value),
                _ => value.to_string(),
            },
            _ => value.to_string(),
        }
    }
}

/// Words separated by single spaces, those in parentheses together.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0;
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match c {
            ' ' if depth == 0 => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn fields(words: &[String]) -> Vec<(String, Type)> {
    words
        .iter()
        .map(|word| match word.split_once(':') {
            Some((name, kind)) => (name.to_owned(), parse(kind)),
            // The fields of `Limits` have no types: all are u64.
            None => (word.clone(), Type::Integer),
        })
        .collect()
}

fn parse(kind: &str) -> Type {
    if let Some(inner) = kind.strip_suffix('?') {
        return Type::Maybe(Box::new(parse(inner)));
    }
    if let Some(inner) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return Type::List(Box::new(parse(inner)));
    }
    if let Some(inner) = kind.strip_prefix('(').and_then(|kind| kind.strip_suffix(')')) {
        return Type::Fields(fields(&split(inner)));
    }
    match kind {
        "u16" | "u32" | "u64" => Type::Integer,
        "u8" => Type::Byte,
        "bool" => Type::Bool,
        "str" => Type::Text,
        "hash" => Type::Hash,
        "bytes16" => Type::Nonce,
        name => Type::Named(name.to_owned()),
    }
}

/// An integer in its one spelling.
pub(crate) fn integer(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=250 => out.push(value as u8),
        251..=0xffff => {
            out.push(251);
            out.extend(&value.to_le_bytes()[..2]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(252);
            out.extend(&value.to_le_bytes()[..4]);
        }
        _ => {
            out.push(253);
            out.extend(value.to_le_bytes());
        }
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    integer(text.len() as u64, out);
    out.extend(text.as_bytes());
}

fn encode_label(name: &str, label: &str, out: &mut Vec<u8>) {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let unit = |label: &str, out: &mut Vec<u8>| {
        let (source, index) = label[1..].split_once('.').unwrap();
        integer(number(source), out);
        integer(number(index), out);
    };
    match name {
        "UnitId" => unit(label, out),
        "Subject" | "Label" if label.starts_with('S') => {
            out.push(1);
            unit(label, out);
        }
        "Subject" | "Label" => {
            out.push(0);
            integer(number(&label[1..]), out);
        }
        "Job" => {
            let (job, of) = label.split_once(':').unwrap_or((label, ""));
            let place =
                ["plan", "read", "reason", "review", "expand", "finalize"].iter().position(|it| *it == job);
            out.push(place.unwrap() as u8);
            match job {
                "read" => unit(of, out),
                "reason" => integer(number(&of[1..]), out),
                "review" | "expand" => integer(number(of), out),
                _ => {}
            }
        }
        _ => integer(number(&label[1..]), out),
    }
}

/// `data` with the fields of the layout, where its rendering has others.
fn plain(kind: &str, data: &Value) -> Value {
    let mut fields: Map<String, Value> = data.as_object().unwrap().clone();
    match kind {
        "run_forked" => {
            let origin = fields.remove("origin").unwrap();
            fields.insert("owner".into(), origin["run"].clone());
            fields.insert("seq".into(), origin["seq"].clone());
            fields.insert("head".into(), origin["head"].clone());
        }
        "source_added" => {
            let original = fields.remove("original").unwrap();
            fields.insert("original_hash".into(), original["hash"].clone());
            fields.insert("original_len".into(), original["len"].clone());
        }
        "task_reopened" | "task_abandoned" => {
            let task = fields["task"].as_str().unwrap();
            let job = match task.as_bytes()[0] {
                b'T' => format!("reason:{task}"),
                b'S' => format!("read:{task}"),
                _ => task.to_owned(),
            };
            fields.insert("task".into(), json!(job));
        }
        _ => {}
    }
    Value::Object(fields)
}
