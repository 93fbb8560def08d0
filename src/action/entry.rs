//! An entry of the catalogue: one kind of node, described by its Rust types.

use std::{fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::reflect;
use crate::base::{Name, Seed, Size, Span, Ty, Value, seed::Stream};

/// One kind of node.
#[derive(Clone)]
pub struct Action {
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// A step that uses it, as YAML.
    pub example: &'static str,
    pub takes: Takes,
    pub gives: Gives,
    pub(super) gives_schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    pub kind: Kind,
    /// How long it is expected to take where the author does not say.
    pub expect: Expect,
    /// The fields of its input that name things which are better already on the host: images, models, data.
    pub wants: &'static [&'static str],
    /// The fields of its output that name things which its host now holds.
    pub leaves: &'static [&'static str],
}

/// What an action takes.
#[derive(Clone)]
pub enum Takes {
    /// A mapping of named fields. Fields that may be left out are optional in the type.
    Fields { ty: Ty, schema: fn(&mut SchemaGenerator) -> Schema },
    /// Any value.
    Anything,
}

/// What an action gives.
#[derive(Clone, Debug)]
pub enum Gives {
    Record(Ty),
    /// Exactly what it takes.
    WhatItTakes,
    /// What the author declares in this field of the input.
    Declared(&'static str),
}

/// Where an action's work is done.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Nowhere: a function of its input, decided by the core and recorded.
    Pure(fn(&Value) -> Result<Value, String>),
    /// Nowhere: a function of its input and of random numbers that the core derives from the run's seed for this node
    /// alone, so that whoever has the log can draw again.
    Drawn(fn(&Value, &mut Stream) -> Result<Value, String>),
    /// By a backend, without GPUs unless the step says so.
    Work,
    /// In the ledger of the run's store, by whoever drives the run. What it gives in a made-up world comes of its input
    /// and the node's id alone.
    Ledger(MadeUp),
}

/// What work would give if all went well.
pub(super) type MadeUp = fn(&Json, &str) -> Result<Json, String>;

/// How long an action is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Span(Span),
    /// As long as this field of the input says.
    Field(&'static str),
}

/// What an action takes, called by the action's name where something is wrong with it.
fn taken<I: JsonSchema>(action: &str) -> Ty {
    match reflect::taken::<I>() {
        Ty::Record(record) => {
            Ty::named_record(Name::parse(action).expect("an action's name is one"), record.fields.clone())
        }
        other => other,
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Action {
    /// Whether it does whatever its author writes, so that nobody knows how long that takes.
    pub fn is_general(&self) -> bool {
        matches!(self.gives, Gives::Declared(_))
    }

    /// Work for a backend: `I` is what it takes, `O` what it gives.
    pub(super) fn work<I: JsonSchema + 'static, O: JsonSchema>(
        name: &'static str,
        about: &'static str,
        expect: Expect,
    ) -> Self {
        Self {
            name,
            about,
            example: "",
            takes: Takes::Fields { ty: taken::<I>(name), schema: I::json_schema },
            gives: Gives::Record(reflect::given::<O>()),
            gives_schema: Some(O::json_schema),
            kind: Kind::Work,
            expect,
            wants: &[],
            leaves: &[],
        }
    }

    /// What is done in the ledger.
    pub(super) fn ledger<I: JsonSchema + DeserializeOwned + 'static, O: JsonSchema + Serialize>(
        name: &'static str,
        about: &'static str,
        made_up: MadeUp,
    ) -> Self {
        Self { kind: Kind::Ledger(made_up), ..Self::work::<I, O>(name, about, Expect::Span(Span::from_secs(1))) }
    }

    /// A function of its input.
    pub(super) fn pure<I: JsonSchema + DeserializeOwned + 'static, O: JsonSchema + Serialize>(
        name: &'static str,
        about: &'static str,
        decide: fn(&Value) -> Result<Value, String>,
    ) -> Self {
        Self { kind: Kind::Pure(decide), ..Self::work::<I, O>(name, about, Expect::Span(Span::ZERO)) }
    }

    /// A function of its input and of random numbers.
    pub(super) fn drawn<I: JsonSchema + DeserializeOwned + 'static, O: JsonSchema + Serialize>(
        name: &'static str,
        about: &'static str,
        decide: fn(&Value, &mut Stream) -> Result<Value, String>,
    ) -> Self {
        Self { kind: Kind::Drawn(decide), ..Self::work::<I, O>(name, about, Expect::Span(Span::ZERO)) }
    }

    /// What a function of its input gives, and why it gives nothing; nothing at all for work. The purpose is the node's
    /// id: each node has random numbers of its own.
    pub fn decide(&self, input: &Value, seed: Seed, purpose: &str) -> Option<Result<Value, String>> {
        match self.kind {
            Kind::Pure(decide) => Some(decide(input)),
            Kind::Drawn(decide) => Some(decide(input, &mut seed.stream(purpose))),
            Kind::Work | Kind::Ledger(_) => None,
        }
    }

    /// What it gives in a made-up world, where that comes of its input.
    pub fn made_up(&self, input: &Json, node: &str) -> Option<Result<Json, String>> {
        match self.kind {
            Kind::Ledger(made_up) => Some(made_up(input, node)),
            Kind::Pure(_) | Kind::Drawn(_) | Kind::Work => None,
        }
    }

    pub(super) fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    pub(super) fn wants(mut self, fields: &'static [&'static str]) -> Self {
        self.wants = fields;
        self
    }

    pub(super) fn leaves(mut self, fields: &'static [&'static str]) -> Self {
        self.leaves = fields;
        self
    }

    /// What its host holds after it, by the keys that other actions want.
    pub fn left_behind(&self, output: &Value) -> Vec<Arc<str>> {
        texts(output, self.leaves)
    }

    /// The processor cores and the memory that it needs, for so many GPUs. What is said for each GPU says nothing for none.
    pub fn room(&self, input: &Value, gpus: u32) -> (u32, Option<Size>) {
        let whole = |field: &str| match input.field(field) {
            Some(Value::Whole(number)) => u32::try_from(*number).ok(),
            _ => None,
        };
        let size = |field: &str| match input.field(field) {
            Some(Value::Size(size)) => Some(*size),
            _ => None,
        };
        let cpus = whole("cpus").or_else(|| Some(whole("cpus_per_gpu")?.saturating_mul(gpus)));
        let each = size("memory_per_gpu").filter(|_| gpus > 0);
        let memory = size("memory").or_else(|| Some(Size(each?.0.saturating_mul(u64::from(gpus)))));
        (cpus.unwrap_or(0), memory)
    }

    /// What is better already on its host.
    pub fn wanted_there(&self, input: &Value) -> Vec<Arc<str>> {
        texts(input, self.wants)
    }

    pub fn is_pure(&self) -> bool {
        matches!(self.kind, Kind::Pure(_) | Kind::Drawn(_))
    }

    /// Whether it moves money or asks for it.
    pub fn is_of_ledger(&self) -> bool {
        matches!(self.kind, Kind::Ledger(_))
    }

    /// The fields it takes, in the order of the manual.
    pub fn fields(&self) -> Option<&Ty> {
        match &self.takes {
            Takes::Fields { ty, .. } => Some(ty),
            Takes::Anything => None,
        }
    }

    /// Its input as JSON Schema, with `$ref`s into the generator's definitions.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = match &self.takes {
            Takes::Fields { schema, .. } => schema(generator),
            Takes::Anything => Schema::default(),
        };
        schema.insert("description".into(), self.about.into());
        schema
    }
}

/// The texts at some dotted paths.
fn texts(value: &Value, paths: &[&str]) -> Vec<Arc<str>> {
    let text = |path: &&str| match path.split('.').try_fold(value, |value, field| value.field(field)) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    paths.iter().filter_map(text).collect()
}

/// Runs a typed function on untyped values: reads the input, writes the output as what it `gives`.
pub(super) fn decide<I: DeserializeOwned, O: Serialize>(
    input: &Value,
    gives: &Ty,
    function: impl FnOnce(I) -> Result<O, String>,
) -> Result<Value, String> {
    let output = serde_json::to_value(function(read(input.to_json())?)?).map_err(|error| error.to_string())?;
    Value::from_json(&output, gives)
}

/// What a typed function makes of a recorded input.
pub(super) fn made_up<I: DeserializeOwned, O: Serialize>(
    input: &Json,
    function: impl FnOnce(I) -> O,
) -> Result<Json, String> {
    serde_json::to_value(function(read(input.clone())?)).map_err(|error| error.to_string())
}

/// An input as its type.
pub(super) fn read<I: DeserializeOwned>(input: Json) -> Result<I, String> {
    serde_json::from_value(without_nulls(input)).map_err(|error| in_words(&error))
}

/// Runs a typed function of values and random numbers on untyped values.
pub(super) fn drawn<I: DeserializeOwned, O: Serialize>(
    input: &Value,
    gives: &Ty,
    stream: &mut Stream,
    function: impl FnOnce(I, &mut Stream) -> Result<O, String>,
) -> Result<Value, String> {
    decide(input, gives, |it| function(it, stream))
}

/// Why a value cannot be read, without the names of Rust's types.
fn in_words(error: &serde_json::Error) -> String {
    let why = error.to_string();
    match why.rsplit_once(", expected ") {
        Some((found, "u8" | "u16" | "u32" | "u64" | "usize")) => {
            format!("{found}, expected a whole number that is not below zero and not too large")
        }
        _ => why,
    }
}

/// A field that is null was left out: its default holds.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.into_iter().map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// What is said of an action's fields, for people.
pub struct Docs {
    pub takes: Vec<FieldDoc>,
    pub gives: Vec<FieldDoc>,
    /// What there is to say where what it gives has no fixed fields.
    pub gives_otherwise: &'static str,
}

/// One field: its name, its type in the language's spelling, and what it is.
#[derive(Clone, Debug, Serialize)]
pub struct FieldDoc {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub about: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl Action {
    pub fn docs(&self) -> Docs {
        let schema = match &self.takes {
            Takes::Fields { schema, .. } => Some(*schema),
            Takes::Anything => None,
        };
        let fields_of =
            |ty: &Ty, schema: Option<fn(&mut SchemaGenerator) -> Schema>, required: bool| -> Vec<FieldDoc> {
                let Ty::Record(record) = ty else { return Vec::new() };
                let schema = schema.map(|schema| schema(&mut SchemaGenerator::default()));
                let about = |name: &str| {
                    let property = schema.as_ref()?.get("properties")?.get(name)?;
                    property.get("description")?.as_str().map(|text| text.replace('\n', " "))
                };
                let doc = |(name, ty): (&Name, &Ty)| {
                    let (ty, optional) = match ty {
                        Ty::Optional(inner) if required => (inner.to_string(), true),
                        other => (other.to_string(), !required),
                    };
                    FieldDoc {
                        name: name.to_string(),
                        ty,
                        about: about(name.as_str()).unwrap_or_default(),
                        required: !optional,
                    }
                };
                record.fields.iter().map(doc).collect()
            };
        let takes = self.fields().map(|ty| fields_of(ty, schema, true)).unwrap_or_default();
        let (gives, gives_otherwise) = match &self.gives {
            Gives::Record(ty) => (fields_of(ty, self.gives_schema, false), "nothing"),
            Gives::WhatItTakes => (Vec::new(), "what it takes"),
            Gives::Declared(_) => (Vec::new(), "the outputs that the step declares"),
        };
        Docs { takes, gives, gives_otherwise }
    }
}
