//! How a step and its `for_each` are read: keys that are no modifiers name an action, and an item is named by its key.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{ForEach, Given, Modifiers, PositiveWhole, Step, is_modifier};
use crate::document::shape::EXPRESSION;

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let actions: Vec<String> = fields.keys().filter(|key| !is_modifier(key)).cloned().collect();
        fields.retain(|key, _| is_modifier(key));
        let modifiers = Modifiers::deserialize(serde_json::Value::Object(fields)).map_err(serde::de::Error::custom)?;
        Ok(Self { modifiers, actions })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }
    /// Open for the names of actions, which `workflow` adds to the published schema and checks itself.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Modifiers::json_schema(generator);
        schema.insert("description".into(), "One step: an action, `use` or `repeat`, and how it is done.".into());
        schema.insert("additionalProperties".into(), true.into());
        schema
    }
}

impl<'de> Deserialize<'de> for ForEach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = ForEach;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping of the item's name and `key`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ForEach, A::Error> {
                let mut item = None;
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if key != "key" && key != "at_most" {
                        item = Some(key);
                    }
                }
                item.map(|item| ForEach { item }).ok_or_else(|| serde::de::Error::custom("no item is named"))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl JsonSchema for ForEach {
    fn schema_name() -> Cow<'static, str> {
        "ForEach".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut key = generator.subschema_for::<Given<String>>();
        key.insert(
            "description".into(),
            "What tells the items apart, such as `${match.id}`; it becomes part of their names.".into(),
        );
        let mut at_most = generator.subschema_for::<PositiveWhole>();
        at_most.insert("description".into(), "The most items there can be; the step fails when there are more.".into());
        json_schema!({
            "description": "Does the step once for each item of a list: `{ NAME: \"${list}\", key: \"${NAME.id}\" }`.",
            "x-example": "{ match: \"${matches}\", key: \"${match.id}\" }",
            "type": "object",
            "properties": { "key": key, "at_most": at_most },
            "required": ["key"],
            "propertyNames": { "pattern": "^[a-z][a-z0-9_]*$" },
            "additionalProperties": {
                "description": "The list; the key is the name that its items have inside the step.",
                "type": "string", "pattern": EXPRESSION,
            },
            "minProperties": 2,
            "maxProperties": 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_split_into_what_and_how() {
        let step: Step =
            serde_json::from_value(serde_json::json!({"train": {"model": "m"}, "when": "x", "retry": {"network": 3}}))
                .unwrap();
        assert_eq!(step.actions, ["train"]);
        assert!(step.modifiers.when.is_some());
        assert_eq!(step.modifiers.retry.unwrap().network, 3);
        assert!(is_modifier("for_each") && is_modifier("use") && !is_modifier("train"));
    }
}
