//! The language's types of Rust types, read from their JSON Schema, so that each action is described once: in Rust.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json};

use crate::base::{Name, Ty};

/// The type of what an action takes: a field with a default may be left out.
pub fn taken<T: JsonSchema>() -> Ty {
    of::<T>(true)
}

/// The type of what an action gives: every field is there.
pub fn given<T: JsonSchema>() -> Ty {
    of::<T>(false)
}

fn of<T: JsonSchema>(defaults_are_optional: bool) -> Ty {
    let schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>();
    let root = schema.as_object().expect("a type of the catalogue has an object schema");
    let definitions = root.get("$defs").and_then(Json::as_object).cloned().unwrap_or_default();
    Reflection { definitions, defaults_are_optional }.ty(root)
}

struct Reflection {
    definitions: Map<String, Json>,
    defaults_are_optional: bool,
}

impl Reflection {
    /// Panics on a schema that the language has no type for: a bug in the catalogue, found by its tests.
    fn ty(&self, schema: &Map<String, Json>) -> Ty {
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            let target = self.definitions.get(name).and_then(Json::as_object);
            let ty = self.ty(target.unwrap_or_else(|| panic!("no definition of {reference}")));
            return match ty {
                Ty::Record(record) => Ty::named_record(type_name(name), record.fields.clone()),
                other => other,
            };
        }
        if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array) {
            let some =
                alternatives.iter().find_map(|it| it.as_object().filter(|it| it.get("type") != Some(&"null".into())));
            return Ty::optional(self.ty(some.expect("an alternative that is not null")));
        }
        if let Some(words) = words(schema) {
            let optional = kinds(schema).contains(&"null");
            let choice = Ty::choice(words.iter().map(String::as_str));
            return if optional { Ty::optional(choice) } else { choice };
        }
        let kinds = kinds(schema);
        let kind = kinds.iter().find(|kind| **kind != "null").unwrap_or_else(|| panic!("a type for {schema:?}"));
        let ty = match *kind {
            "boolean" => Ty::Bool,
            "integer" => Ty::Whole,
            "number" => Ty::Decimal,
            "string" => scalar(schema),
            "array" => Ty::list(self.ty(schema["items"].as_object().expect("items with a type"))),
            "object" => self.object(schema),
            other => panic!("no type of the language for {other}"),
        };
        if kinds.contains(&"null") { Ty::optional(ty) } else { ty }
    }

    fn object(&self, schema: &Map<String, Json>) -> Ty {
        let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
            let item = schema.get("additionalProperties").and_then(Json::as_object);
            return item.map_or_else(|| Ty::record([]), |item| Ty::map(self.ty(item)));
        };
        let required = |name: &str| {
            schema.get("required").and_then(Json::as_array).is_some_and(|it| it.iter().any(|it| it == name))
        };
        Ty::record(properties.iter().map(|(name, field)| {
            let ty = self.ty(field.as_object().expect("a field has a schema"));
            let optional = self.defaults_are_optional && !required(name);
            (Name::parse(name).expect("a field has a good name"), if optional { Ty::optional(ty) } else { ty })
        }))
    }
}

fn kinds(schema: &Map<String, Json>) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The words of an enumeration, with or without descriptions.
fn words(schema: &Map<String, Json>) -> Option<Vec<String>> {
    let text = |json: &Json| json.as_str().map(str::to_string);
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(text).collect());
    }
    let alternatives = schema.get("oneOf").and_then(Json::as_array)?;
    let word =
        |it: &Json| it.get("const").and_then(text).map(|word| vec![word]).or_else(|| it.as_object().and_then(words));
    Some(alternatives.iter().filter_map(word).flatten().collect())
}

fn scalar(schema: &Map<String, Json>) -> Ty {
    match schema.get("x-type").and_then(Json::as_str) {
        Some("duration" | "some_duration") => Ty::Span,
        Some("tao") => Ty::Tao,
        Some("size" | "some_size") => Ty::Size,
        Some("gpus") => Ty::Gpus,
        Some("time") => Ty::Time,
        _ => Ty::Text,
    }
}

/// `DatasetFormat` is called `dataset_format` in the language.
fn type_name(rust: &str) -> Name {
    let mut name = String::new();
    for (i, c) in rust.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    Name::parse(&name).expect("a Rust type's name is a good name")
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use serde::Deserialize;

    use super::*;
    use crate::base::{GpuRequest, Rao, Span};

    #[test]
    fn rust_types_become_types_of_the_language() {
        #[derive(JsonSchema, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Kind {
            First,
            Second,
        }
        #[derive(JsonSchema, Deserialize)]
        #[expect(dead_code, reason = "only its schema is read")]
        struct Inner {
            a: bool,
        }
        #[derive(JsonSchema, Deserialize)]
        #[expect(dead_code, reason = "only its schema is read")]
        struct Outer {
            kind: Kind,
            maybe_kind: Option<Kind>,
            wait: Span,
            fee: Option<Rao>,
            gpus: Option<GpuRequest>,
            inner: Option<Inner>,
            list: Vec<Inner>,
            #[serde(default)]
            env: IndexMap<String, f64>,
            #[serde(default)]
            n: u32,
        }
        assert_eq!(
            taken::<Outer>().to_string(),
            "{kind: 'first' | 'second', maybe_kind: ('first' | 'second')?, wait: duration, fee: tao?, gpus: gpus?, inner: inner?, \
             list: [inner], env: map[decimal]?, n: whole?}"
        );
        assert!(given::<Outer>().to_string().ends_with("env: map[decimal], n: whole}"));
    }
}
