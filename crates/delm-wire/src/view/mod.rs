//! What the verbs print with `--json`.
//!
//! Refuses to compute: a view is filled from a run's projection and holds nothing that is not in the log.

/// Declares a type whose only value is a schema's name, so that a document cannot carry another one's.
macro_rules! tag {
    ($(#[$meta:meta])* $name:ident = $text:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "const": $text })
            }
        }
    };
}

pub(crate) use tag;
