//! A decoder made of nothing but the text of `entry-v1.md`: what anyone could write from that page.
//!
//! Refuses to know the core: no type of it is named here.

#![expect(clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A part of a rendering, in order: names of fields before their values, lengths of lists before their items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Name(String),
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
    List(usize),
}

/// The layout, by name of type.
pub(crate) struct Layout {
    words: BTreeMap<String, Vec<String>>,
    choices: BTreeMap<String, Vec<(String, Option<String>)>>,
    structs: BTreeMap<String, Vec<(String, String)>>,
    kinds: Vec<(u16, String)>,
}

impl Layout {
    pub(crate) fn parse(block: &str) -> Self {
        let (words, choices) = (BTreeMap::new(), BTreeMap::new());
        let mut layout = Self { words, choices, structs: BTreeMap::new(), kinds: Vec::new() };
        for line in block.lines().filter(|line| !line.is_empty()) {
            let mut parts = line.splitn(3, ' ');
            let (what, name, rest) =
                (parts.next().unwrap(), parts.next().unwrap().to_owned(), parts.next().unwrap());
            match what {
                "word" => drop(layout.words.insert(name, rest.split(' ').map(str::to_owned).collect())),
                "choice" => {
                    let pair = |item: &str| match item.split_once(':') {
                        Some((name, payload)) => (name.to_owned(), Some(payload.to_owned())),
                        None => (item.to_owned(), None),
                    };
                    layout.choices.insert(name, rest.split(' ').map(pair).collect());
                }
                "struct" => drop(layout.structs.insert(name, fields(rest))),
                number => {
                    layout.kinds.push((number.parse().unwrap(), name.clone()));
                    layout.structs.insert(name, fields(rest));
                }
            }
        }
        layout
    }

    pub(crate) fn kinds(&self) -> Vec<(u16, &str)> {
        self.kinds.iter().map(|(code, name)| (*code, name.as_str())).collect()
    }

    pub(crate) fn words(&self, name: &str) -> Vec<&str> {
        self.words[name].iter().map(String::as_str).collect()
    }

    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        self.structs[name].iter().map(|(field, _)| field.as_str()).collect()
    }

    /// Decodes the body of an event, and gives what is left of the bytes.
    pub(crate) fn event<'a>(&self, code: u16, body: &'a [u8]) -> (Vec<Leaf>, &'a [u8]) {
        let (_, name) = self.kinds.iter().find(|(known, _)| *known == code).unwrap();
        let (mut out, mut bytes) = (Vec::new(), body);
        self.value(name, &mut bytes, &mut out);
        (out, bytes)
    }

    fn value(&self, of: &str, bytes: &mut &[u8], out: &mut Vec<Leaf>) {
        if let Some(inner) = of.strip_suffix('?') {
            match take(bytes, 1)[0] {
                0 => out.push(Leaf::Null),
                1 => self.value(inner, bytes, out),
                tag => panic!("{tag} is no option"),
            }
        } else if let Some(inner) = of.strip_prefix('[') {
            let count = usize::try_from(varint(bytes)).unwrap();
            out.push(Leaf::List(count));
            (0..count).for_each(|_| self.value(inner.strip_suffix(']').unwrap(), bytes, out));
        } else if let Some(inner) = of.strip_prefix('(') {
            self.all(&fields(inner.strip_suffix(')').unwrap()), bytes, out);
        } else if let Some(words) = self.words.get(of) {
            out.push(Leaf::Text(words[usize::try_from(varint(bytes)).unwrap()].clone()));
        } else if let Some(choices) = self.choices.get(of) {
            let (name, payload) = &choices[usize::try_from(varint(bytes)).unwrap()];
            let payload = payload.as_ref().map(|payload| self.label(payload, bytes));
            out.push(Leaf::Text(match (of, payload) {
                ("Job", Some(payload)) => format!("{name}:{payload}"),
                (_, Some(payload)) => payload,
                (_, None) => name.clone(),
            }));
        } else if of.ends_with("Id") {
            out.push(Leaf::Text(self.label(of, bytes)));
        } else if let Some(fields) = self.structs.get(of) {
            self.all(fields, bytes, out);
        } else {
            out.push(plain(of, bytes));
        }
    }

    fn all(&self, fields: &[(String, String)], bytes: &mut &[u8], out: &mut Vec<Leaf>) {
        for (name, of) in fields {
            out.push(Leaf::Name(name.clone()));
            self.value(of, bytes, out);
        }
    }

    /// A value that is written as one label, such as `S3.2`.
    fn label(&self, of: &str, bytes: &mut &[u8]) -> String {
        let prefix = match of {
            "UnitId" => {
                let (source, index) = (self.label("SourceId", bytes), varint(bytes));
                return format!("{source}.{index}");
            }
            "SourceId" => "S",
            "TaskId" => "T",
            "AgentId" => "a",
            "FactId" => "F",
            "CallId" => "c",
            _ => "",
        };
        format!("{prefix}{}", varint(bytes))
    }
}

/// Splits `a:u32 b:[(str str)]` at the spaces that stand in no bracket. A field without a type is a `u64`.
fn fields(text: &str) -> Vec<(String, String)> {
    let (mut fields, mut depth, mut start) = (Vec::new(), 0, 0);
    let field = |item: &str| {
        let (name, of) = item.split_once(':').unwrap_or((item, "u64"));
        (name.to_owned(), of.to_owned())
    };
    for (at, sign) in text.char_indices() {
        match sign {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            ' ' if depth == 0 => {
                fields.push(field(&text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(field(&text[start..]));
    fields
}

fn plain(of: &str, bytes: &mut &[u8]) -> Leaf {
    match of {
        "bool" => Leaf::Bool(take(bytes, 1)[0] == 1),
        "u16" | "u32" | "u64" => Leaf::Number(varint(bytes)),
        "hash" => Leaf::Text(hex(take(bytes, 32))),
        "bytes16" => Leaf::Text(hex(take(bytes, 16))),
        "str" => {
            let length = usize::try_from(varint(bytes)).unwrap();
            Leaf::Text(String::from_utf8(take(bytes, length).to_vec()).unwrap())
        }
        other => panic!("the layout names no type {other}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let width = match take(bytes, 1)[0] {
        small @ 0..=250 => return u64::from(small),
        251 => 2,
        252 => 4,
        253 => 8,
        other => panic!("{other} begins no integer"),
    };
    take(bytes, width).iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The values of a JSON text, in the order of the text.
pub(crate) fn leaves(json: &str) -> Vec<Leaf> {
    let Flat(leaves) = serde_json::from_str(json).unwrap();
    leaves
}

struct Flat(Vec<Leaf>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlatVisitor)
    }
}

struct FlatVisitor;

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Flat;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without floats")
    }

    fn visit_unit<E>(self) -> Result<Flat, E> {
        Ok(Flat(vec![Leaf::Null]))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Flat, E> {
        Ok(Flat(vec![Leaf::Bool(value)]))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Flat, E> {
        Ok(Flat(vec![Leaf::Number(value)]))
    }

    fn visit_str<E>(self, value: &str) -> Result<Flat, E> {
        Ok(Flat(vec![Leaf::Text(value.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Flat, A::Error> {
        let (mut count, mut flat) = (0, Vec::new());
        while let Some(Flat(item)) = seq.next_element()? {
            count += 1;
            flat.extend(item);
        }
        flat.insert(0, Leaf::List(count));
        Ok(Flat(flat))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
        let mut flat = Vec::new();
        while let Some((name, Flat(value))) = map.next_entry::<String, Flat>()? {
            flat.push(Leaf::Name(name));
            flat.extend(value);
        }
        Ok(Flat(flat))
    }
}
