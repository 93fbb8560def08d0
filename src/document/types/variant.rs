//! What a variant must say by itself, which is little: its base says the rest.
//!
//! The check of documents holds each variant against it, and the schema that editors use is made with it.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::workflow_schema;

/// The schema that the shape of a variant is checked against, before it is laid over its base. What it takes away, a key
/// without a value, is no part of it.
pub fn variant_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
        let mut schema = workflow_schema().clone();
        asks_for_nothing(&mut schema);
        schema["required"] = json!(["god_flow", "workflow"]);
        schema
    });
    &SCHEMA
}

/// Takes out of a schema what it asks to be there.
pub fn asks_for_nothing(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            let is_choice_of_keys = |way: &Json| way.get("required").is_some_and(|_| way.get("type").is_none());
            if fields.get("oneOf").and_then(Json::as_array).is_some_and(|ways| ways.iter().all(is_choice_of_keys)) {
                fields.remove("oneOf");
            }
            for key in ["required", "minProperties"] {
                if fields.get(key).is_some_and(|value| !value.is_object()) {
                    fields.remove(key);
                }
            }
            fields.values_mut().for_each(asks_for_nothing);
        }
        Json::Array(items) => items.iter_mut().for_each(asks_for_nothing),
        _ => {}
    }
}
