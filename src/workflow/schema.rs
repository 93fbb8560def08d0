//! The JSON Schema that editors use: the document's types and the catalogue in one.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json, json};

use crate::{
    action,
    document::types::{Part, Workflow, asks_for_nothing},
};

/// The schema of workflow files.
pub fn workflow() -> Json {
    publish::<Workflow>("workflow.schema.json")
}

/// The schema of workflows that extend another: nothing must be said that the base may say, and a key without a value
/// takes away what the base says.
pub fn variant() -> Json {
    let mut schema = workflow();
    asks_for_nothing(&mut schema);
    lets_take_away(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".into(), "variant.schema.json".into());
        root.insert("title".into(), "god-flow workflow that extends another".into());
        root.insert("required".into(), json!(["god_flow", "workflow", "extends"]));
    }
    schema
}

/// Lets everything be taken away.
fn lets_take_away(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            fields.values_mut().for_each(lets_take_away);
            for key in ["properties", "patternProperties"] {
                let Some(Json::Object(properties)) = fields.get_mut(key) else { continue };
                properties.values_mut().for_each(|property| *property = or_nothing(std::mem::take(property)));
            }
            if let Some(others) = fields.get_mut("additionalProperties").filter(|others| others.is_object()) {
                *others = or_nothing(std::mem::take(others));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(lets_take_away),
        _ => {}
    }
}

/// The schema, or a key without a value.
fn or_nothing(schema: Json) -> Json {
    let is_any = schema.as_object().is_none_or(|fields| fields.keys().all(|key| key == "description"));
    if is_any {
        return schema;
    }
    let mut outer = Map::new();
    if let Some(description) = schema.get("description") {
        outer.insert("description".into(), description.clone());
    }
    outer.insert("anyOf".into(), json!([schema, { "type": "null" }]));
    Json::Object(outer)
}

/// The schema of the parts that workflows include.
pub fn part() -> Json {
    publish::<Part>("part.schema.json")
}

/// What files say beside what actions take: nothing of it may be computed unless it says so, or be left without a value.
const OF_STEPS: [&str; 9] = ["Step", "Template", "Input", "ForEach", "GpuTable", "GpuRow", "Retry", "Schedule", "Type"];

fn publish<T: JsonSchema>(file: &str) -> Json {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let actions: Vec<(&str, Json)> =
        action::catalogue().iter().map(|action| (action.name, action.schema(&mut generator).to_value())).collect();
    let mut root = generator.into_root_schema_for::<T>().to_value();
    let definitions = root.as_object_mut().map(|root| root.entry("$defs").or_insert_with(|| json!({})));
    let Some(Json::Object(definitions)) = definitions else { return root };

    // What an action takes may be computed, at every depth; what it takes of the vocabulary too.
    for (name, definition) in definitions.iter_mut() {
        if !OF_STEPS.contains(&name.as_str()) {
            open_fields(definition);
        }
    }
    let mut step = definitions.remove("Step").unwrap_or_default();
    if let Some(step) = step.as_object_mut() {
        let mut ways = vec![json!({ "required": ["use"] }), json!({ "required": ["repeat"] })];
        if let Some(Json::Object(properties)) = step.get_mut("properties") {
            for (name, mut schema) in actions {
                open_fields(&mut schema);
                ways.push(json!({ "required": [name] }));
                properties.insert(name.into(), or_computed(schema));
            }
        }
        step.insert("additionalProperties".into(), false.into());
        step.insert("oneOf".into(), ways.into());
    }
    definitions.insert("Step".into(), step);
    for name in OF_STEPS {
        definitions.get_mut(name).into_iter().for_each(no_nothing);
    }
    // What a few keys go with, which the check tells in its own words.
    if let Some(each) = definitions.get_mut("ForEach") {
        each["anyOf"] = json!([{ "maxProperties": 2 }, { "required": ["at_most"] }]);
    }
    if let Some(schedule) = definitions.get_mut("Schedule") {
        schedule["if"] =
            json!({ "properties": { "every": { "const": "gap", "description": "When a gap has passed." } } });
        schedule["then"] = json!({ "required": ["gap"] });
    }
    definitions.insert(
        "Computed".into(),
        json!({ "description": "Computed by an expression: `${…}`.", "type": "string", "pattern": "\\$\\{" }),
    );
    no_nothing(&mut root);
    settled(root, file)
}

/// A key that has a value where it is written at all.
fn no_nothing(object: &mut Json) {
    let Some(Json::Object(properties)) = object.get_mut("properties") else { return };
    for property in properties.values_mut() {
        for kinds in ["anyOf", "oneOf"] {
            if let Some(Json::Array(ways)) = property.get_mut(kinds) {
                ways.retain(|way| way.get("type") != Some(&json!("null")));
                ways.iter_mut().for_each(not_null);
            }
        }
        not_null(property);
    }
}

fn not_null(schema: &mut Json) {
    let Json::Object(fields) = schema else { return };
    if fields.get("default") == Some(&Json::Null) {
        fields.remove("default");
    }
    if let Some(Json::Array(kinds)) = fields.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            fields.insert("type".into(), kind);
        }
    }
}

/// A schema as editors read it: without our own marks, and named by its file.
pub fn settled(mut root: Json, file: &str) -> Json {
    settle_marks(&mut root);
    if let Some(root) = root.as_object_mut() {
        root.insert("$id".into(), file.into());
    }
    root
}

/// Lets every field of an object be computed.
fn open_fields(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            if let Some(Json::Object(properties)) = fields.get_mut("properties") {
                for property in properties.values_mut() {
                    open_fields(property);
                    *property = or_computed(std::mem::take(property));
                }
            }
            for key in ["items", "additionalProperties"] {
                if let Some(inner) = fields.get_mut(key).filter(|inner| inner.is_object()) {
                    open_fields(inner);
                    *inner = or_computed(std::mem::take(inner));
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(open_fields),
        _ => {}
    }
}

/// The schema, or an expression in its place. A free text is either already.
fn or_computed(schema: Json) -> Json {
    let Json::Object(mut fields) = schema else { return schema };
    let is_constrained = ["enum", "pattern", "oneOf", "$ref", "anyOf"].iter().any(|key| fields.contains_key(*key));
    let is_text = match fields.get("type") {
        Some(Json::String(kind)) => kind == "string",
        Some(Json::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        _ => fields.get("anyOf").is_none() && fields.get("$ref").is_none() && fields.get("oneOf").is_none(),
    };
    if is_text && !is_constrained {
        return Json::Object(fields);
    }
    let mut outer = Map::new();
    for key in ["description", "default"] {
        if let Some(value) = fields.remove(key) {
            outer.insert(key.into(), value);
        }
    }
    outer.insert("anyOf".into(), json!([fields, { "$ref": "#/$defs/Computed" }]));
    Json::Object(outer)
}

/// Our own marks become plain JSON Schema: `x-given` an alternative, `x-type` nothing, since the pattern says it.
fn settle_marks(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            fields.values_mut().for_each(settle_marks);
            fields.remove("x-type");
            fields.remove("x-open");
            fields.remove("x-example");
            if fields.remove("x-given").is_some() {
                *schema = or_computed(std::mem::take(schema));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(settle_marks),
        _ => {}
    }
}
