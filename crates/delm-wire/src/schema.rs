//! JSON Schemas (draft 2020-12) of everything this crate writes, generated from the types that write it.
//!
//! Refuses schemas by hand: what has no type here has no schema.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::export::{BlobLine, End, EntryLine, Header};
use crate::view::{
    AgentView, AgentsTag, BackedUp, Began, BlameTag, CallView, CallsTag, Checked, Completions, ConfigItem,
    ConfigTag, Doctor, DryRun, ErrorView, FactView, FactsTag, ForkPlan, JobView, LawView, LawsTag, LimitItem,
    LimitsTag, List, LogItem, LogTag, LsItem, LsTag, PromptItem, PromptsTag, QueueTag, Removed, Replayed,
    RunView, SchemaItem, SchemaTag, ShowView, Shown, Unfolded, Verified, WhatIf, Why,
};

macro_rules! schemas {
    ($($name:literal: $type:ty, $about:literal;)+) => {
        /// Every schema by name, with what it describes.
        pub const SCHEMAS: &[(&str, &str)] = &[$(($name, $about),)+];

        /// The schema of that name.
        #[must_use]
        pub fn schema(name: &str) -> Option<Value> {
            match name {
                $($name => Some(titled::<$type>($name, $about)),)+
                _ => None,
            }
        }
    };
}

schemas! {
    "export": ExportLine, "a line of `delm export`";
    "run": RunView, "`delm run --json`, `demo`, `resume` and `cancel`";
    "began": Began, "the first line of `delm run --jsonl`";
    "dry-run": DryRun, "`delm run --dry-run --json`";
    "fork-plan": ForkPlan, "`delm fork --dry-run --json`";
    "facts": List<FactsTag, FactView>, "`delm facts --json`";
    "blame": List<BlameTag, FactView>, "`delm blame --json`";
    "why": Why, "`delm why --json`";
    "what-if": WhatIf, "`delm what-if --json`";
    "queue": List<QueueTag, JobView>, "`delm queue --json`";
    "agents": List<AgentsTag, AgentView>, "`delm agents --json`";
    "calls": List<CallsTag, CallView>, "`delm calls --json`";
    "log": List<LogTag, LogItem>, "`delm log --json`";
    "ls": List<LsTag, LsItem>, "`delm ls --json`";
    "show": ShowView, "`delm show --json`";
    "unfold": Unfolded, "`delm unfold --json`";
    "verify": Verified, "`delm verify --json`";
    "replay": Replayed, "`delm replay --json`";
    "check": Checked, "`delm check --json`";
    "laws": List<LawsTag, LawView>, "`delm check --list --json`";
    "cat": Shown, "`delm cat --json`";
    "rm": Removed, "`delm rm --json`";
    "backup": BackedUp, "`delm backup --json`";
    "doctor": Doctor, "`delm doctor --json`";
    "config": List<ConfigTag, ConfigItem>, "`delm config show --json`";
    "config-limits": List<LimitsTag, LimitItem>, "`delm config limits --json`";
    "config-prompts": List<PromptsTag, PromptItem>, "`delm config prompts --json`";
    "schema": List<SchemaTag, SchemaItem>, "`delm schema --json`";
    "completions": Completions, "`delm completions --json`";
    "error": ErrorView, "what a failure prints on standard error with `--json` or `--jsonl`";
}

fn titled<T: JsonSchema>(name: &str, about: &str) -> Value {
    // What is written, not what could be read: a field that may be null is there all the same.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".into(), format!("delm {name}").into());
    schema.insert("description".into(), about.into());
    schema.to_value()
}

/// One of the four kinds of lines.
struct ExportLine;

impl JsonSchema for ExportLine {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExportLine".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let lines = [
            generator.subschema_for::<Header>(),
            generator.subschema_for::<EntryLine>(),
            generator.subschema_for::<BlobLine>(),
            generator.subschema_for::<End>(),
        ];
        json_schema!({ "oneOf": lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_there_and_says_what_it_is() {
        for (name, _) in SCHEMAS {
            let schema = schema(name).unwrap();
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
            assert_eq!(schema["title"], format!("delm {name}"));
        }
        assert_eq!(schema("no_such"), None);
    }
}
