//! The first and the last line: whose export it is, and where it ends.
//!
//! Refuses another format, and a value that the entries do not bear out.

use serde_json::Value;

use super::lines;
use crate::bytes::Hash;
use crate::json::Json;
use crate::report::{Damage, shown};

const SCHEMA: &str = "delm.export/1";

/// What the first line claims.
pub(super) struct Header {
    text: Vec<u8>,
    run: String,
    engine: String,
}

impl Header {
    pub(super) fn read(line: &[u8]) -> Result<Self, Damage> {
        let value: Value = serde_json::from_slice(line).map_err(|why| Damage::NotJson(why.to_string()))?;
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let schema = text("schema");
        if schema != SCHEMA {
            return Err(Damage::Schema(schema));
        }
        Ok(Self { text: line.to_owned(), run: text("run"), engine: text("engine") })
    }

    /// Compares it with the header that the entries give: run, origin, engine, to the letter.
    pub(super) fn compare(
        &self,
        begun: bool,
        run: &Hash,
        fork: Option<&(Hash, u64, Hash)>,
        engine: &str,
    ) -> Result<(), Damage> {
        if !begun {
            return Err(Damage::Unexpected { expected: "an entry", found: "none".to_owned() });
        }
        let differs = |field, expected: String, found: String| Err(Damage::Header { field, expected, found });
        if self.run != shown(run) {
            return differs("run", shown(run), self.run.clone());
        }
        if self.engine != engine {
            return differs("engine", engine.to_owned(), self.engine.clone());
        }
        let mut out = Json::default();
        out.raw("{\"schema\":\"delm.export/1\",\"run\":");
        out.hex(&run.0);
        out.raw(",\"origin\":");
        match fork {
            None => out.raw("null"),
            Some((owner, seq, head)) => {
                out.raw("{\"run\":");
                out.hex(&owner.0);
                out.raw(",\"seq\":");
                out.number(*seq);
                out.raw(",\"head\":");
                out.hex(&head.0);
                out.raw("}");
            }
        }
        out.raw(",\"engine\":");
        out.text(engine);
        out.raw("}");
        if out.as_bytes() != self.text {
            let (expected, found) = (lossy(out.as_bytes()), lossy(&self.text));
            return differs("text", expected, found);
        }
        Ok(())
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Compares the last line with what the entries give.
pub(super) fn last_line(
    line: &[u8],
    head: Option<(u64, Hash)>,
    size: u64,
    root: &Hash,
) -> Result<(), Damage> {
    let Some((seq, id)) = head else { return Err(lines::not_a_line(line, "an entry")) };
    let mut out = Json::default();
    out.raw("{\"head\":{\"seq\":");
    out.number(seq);
    out.raw(",\"id\":");
    out.hex(&id.0);
    out.raw("},\"tree\":{\"size\":");
    out.number(size);
    out.raw(",\"root\":");
    out.hex(&root.0);
    out.raw("}}");
    if out.as_bytes() == line {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(line).map_err(|why| Damage::NotJson(why.to_string()))?;
    if value.get("head").is_none() {
        return Err(Damage::Unexpected {
            expected: "a blob or the last line",
            found: lines::beginning(line),
        });
    }
    let found =
        |of: &str, field: &str| value.get(of).and_then(|of| of.get(field)).map_or("missing".to_owned(), bare);
    for (of, field, name, expected) in [
        ("head", "seq", "head.seq", seq.to_string()),
        ("head", "id", "head.id", shown(&id)),
        ("tree", "size", "tree.size", size.to_string()),
        ("tree", "root", "tree.root", shown(root)),
    ] {
        if found(of, field) != expected {
            return Err(Damage::Head { field: name, expected, found: found(of, field) });
        }
    }
    Err(Damage::Head { field: "text", expected: lossy(out.as_bytes()), found: lines::beginning(line) })
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
