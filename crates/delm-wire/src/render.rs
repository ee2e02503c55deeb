//! From core fields to their JSON counterparts, field by field.
//!
//! Refuses to lose anything: every conversion here is total and can be read back.

use crate::name::Word;

/// A JSON value made from a core field.
pub(crate) trait Render<T: ?Sized> {
    fn render(value: &T) -> Self;
}

macro_rules! copied {
    ($($type:ty)+) => { $(impl Render<$type> for $type {
        fn render(value: &$type) -> Self { *value }
    })+ };
}

copied!(u32 u64 bool);

impl Render<String> for String {
    fn render(value: &String) -> Self {
        value.clone()
    }
}

impl<T: Copy> Render<T> for Word<T> {
    fn render(value: &T) -> Self {
        Self(*value)
    }
}

impl<T, V: Render<T>> Render<Option<T>> for Option<V> {
    fn render(value: &Option<T>) -> Self {
        value.as_ref().map(V::render)
    }
}

impl<T, V: Render<T>> Render<Vec<T>> for Vec<V> {
    fn render(value: &Vec<T>) -> Self {
        value.iter().map(V::render).collect()
    }
}

/// Declares the JSON counterpart of core structs of the same name. A field is rendered from the core field of its
/// own name unless an expression says otherwise. Field order here is field order in JSON: that of the bytes.
macro_rules! counterparts {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$fmeta:meta])* $field:ident: $type:ty $(= |$core:ident| $make:expr)?,)*
    })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
            pub(crate) struct $name { $($(#[$fmeta])* $field: $type,)* }

            impl crate::render::Render<delm_core::event::$name> for $name {
                fn render(core: &delm_core::event::$name) -> Self {
                    Self { $($field: crate::render::counterparts!(@field core $field $(|$core| $make)?),)* }
                }
            }
        )+
    };
    (@field $value:ident $field:ident) => { crate::render::Render::render(&$value.$field) };
    (@field $value:ident $field:ident |$core:ident| $make:expr) => {{ let $core = $value; $make }};
}

pub(crate) use counterparts;
