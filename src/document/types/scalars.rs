//! The scalars of a document, and the markers of what `workflow` reads from the tree: types, values and expressions.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, de::IgnoredAny};

use crate::base::scalar;

/// The version of the language that a file is written in.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Version(#[expect(dead_code, reason = "the shape check has refused any but 1")] u64);

/// A whole number from 1.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PositiveWhole(#[schemars(range(min = 1, max = 200_000))] pub u32);

/// A time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClockTime {
    pub hour: u8,
    pub minute: u8,
}

/// A type, spelled as text or, for a record, as a mapping of its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct TypeText;

/// A value that may be written out or computed with `${…}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct Given<T>(PhantomData<fn() -> T>);

/// An expression, without `${…}` around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct RuleText<T>(PhantomData<fn() -> T>);

/// Any value at all.
#[derive(Clone, Debug)]
pub struct Anything;

impl ClockTime {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a time of day in UTC such as `14:00`, found `{text}`");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let number = |part: &str, below: u8| part.parse::<u8>().ok().filter(|n| part.len() == 2 && *n < below);
        match (number(hour, 24), number(minute, 60)) {
            (Some(hour), Some(minute)) => Ok(Self { hour, minute }),
            _ => Err(wrong()),
        }
    }
}
impl TryFrom<String> for ClockTime {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<IgnoredAny> for TypeText {
    fn from(_: IgnoredAny) -> Self {
        Self
    }
}
impl<T> From<IgnoredAny> for Given<T> {
    fn from(_: IgnoredAny) -> Self {
        Self(PhantomData)
    }
}
impl<T> From<IgnoredAny> for RuleText<T> {
    fn from(_: IgnoredAny) -> Self {
        Self(PhantomData)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": [1] })
    }
}

scalar!(ClockTime, "clock", "A time of day in UTC, such as `14:00`.", "^[0-2][0-9]:[0-5][0-9]$");

impl JsonSchema for TypeText {
    fn schema_name() -> Cow<'static, str> {
        "Type".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "A type: `bool`, `whole`, `decimal`, `text`, `duration`, `time`, `tao`, `size`, `gpus`, a type of the \
                vocabulary such as `entrant` or `task`, one of your own; `[entrant]` for a list, `map[whole]`, `text?` where it may be \
                null; `'low' | 'high'` for fixed words; or a mapping of fields for a record.",
            "x-open": true,
            "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": inner }],
        })
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Given_{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("x-given".into(), true.into());
        schema
    }
}

impl<T: JsonSchema> JsonSchema for RuleText<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Rule_{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An expression, such as `size(field) <= rules.knockout_from`.",
            "anyOf": [{ "type": "string" }, { "type": "boolean" }, { "type": "number" }],
        })
    }
}

impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}
