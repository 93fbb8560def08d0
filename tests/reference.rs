//! `docs/reference.md` says what the code says: it is generated here. `UPDATE=1 cargo test --test reference` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{fmt::Write, fs};

use god_flow::{
    action::{
        self, FieldDoc, commits, container, pair_result, pick, play, register, rewards, share, standings, tally,
        vocabulary as words, weigh,
    },
    base::{Ty, limits},
    document::types,
    rule,
};
use schemars::{Schema, schema_for};
use serde_json::Value as Json;

const PATH: &str = "docs/reference.md";

#[test]
fn the_reference_is_up_to_date() {
    let wanted = reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(PATH, &wanted).unwrap();
    }
    let found = fs::read_to_string(PATH).unwrap_or_default();
    let line = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
    let line = line.unwrap_or_else(|| wanted.lines().count().min(found.lines().count()));
    assert!(
        wanted == found,
        "{PATH} is stale from line {} on; write it anew: UPDATE=1 cargo test --test reference\nwanted: {:?}\nfound:  {:?}",
        line + 1,
        wanted.lines().nth(line),
        found.lines().nth(line),
    );
}

fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nGenerated from the code; a test fails when it is stale. [The language by example](language.md) comes first.\n",
    );
    text.push_str("\n- [A workflow](#a-workflow)\n- [Steps](#steps)\n- [Actions](#actions)\n- [Records](#records)\n- [Functions](#functions)\n- [Limits](#limits)\n");
    section(&mut text, 2, "A workflow", &schema_for!(types::Workflow));
    section(&mut text, 3, "A part", &schema_for!(types::Part));
    section(&mut text, 3, "A template", &schema_for!(types::Template));
    section(&mut text, 3, "An input", &schema_for!(types::Input));
    section(&mut text, 3, "The GPU table", &schema_for!(types::GpuTable));
    section(&mut text, 3, "A row of the GPU table", &schema_for!(types::GpuRow));
    section(&mut text, 3, "The schedule", &schema_for!(types::Schedule));
    section(&mut text, 2, "Steps", &schema_for!(types::Modifiers));
    section(&mut text, 3, "Retries", &schema_for!(types::Retry));
    actions(&mut text);
    section(&mut text, 3, "A mount of a container", &schema_for!(container::Mount));
    section(&mut text, 3, "A service beside a container", &schema_for!(container::Service));
    records(&mut text);
    functions(&mut text);
    bounds(&mut text);
    text
}

/// The keys of a mapping, as its schema describes them.
fn section(text: &mut String, level: usize, title: &str, schema: &Schema) {
    let schema = schema.as_value();
    let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    write!(text, "\n{} {title}\n\n{about}\n\n| key | type | meaning |\n|---|---|---|\n", "#".repeat(level)).unwrap();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (key, value) in schema["properties"].as_object().expect("a mapping has keys") {
        let mut about = value["description"].as_str().unwrap_or_default().replace('\n', " ");
        if let Some(default) = default(&value["default"]) {
            write!(about, " Default: `{default}`.").unwrap();
        }
        let required = if required.contains(&key.as_str()) { " (required)" } else { "" };
        writeln!(text, "| `{key}`{required} | {} | {} |", cell(&spelled(value, schema)), cell(&about)).unwrap();
    }
}

fn default(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::Array(items) if items.is_empty() => None,
        Json::Object(fields) if fields.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The type of a value, in a few words.
fn spelled(schema: &Json, root: &Json) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().map_or(word.to_string(), Into::into)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a reference has a name");
        let there = &root["$defs"][name];
        let choice: Vec<String> = there["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| Some(format!("`{}`", it["const"].as_str()?)))
            .collect();
        return match name {
            _ if !choice.is_empty() => choice.join(", "),
            _ if there["enum"].is_array() => spelled(there, root),
            "PositiveWhole" => "whole".into(),
            "ForEach" => "`{ NAME: list, key: text }`".into(),
            "GpuTable" => "the GPU table".into(),
            "GpuRow" => "row".into(),
            other => other.to_lowercase(),
        };
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let is_rule = options.iter().any(|it| it["type"] == "boolean");
        let some = options.iter().find(|it| it["type"] != "null").expect("something is allowed");
        return if is_rule { "expression".into() } else { spelled(some, root) };
    }
    if let Some(word) = schema["x-type"].as_str() {
        return word.into();
    }
    let word = match &schema["type"] {
        Json::Array(words) => words.iter().filter_map(Json::as_str).find(|word| *word != "null"),
        word => word.as_str(),
    };
    match word {
        None => "any value".into(),
        Some("string") => "text".into(),
        Some("boolean") => "bool".into(),
        Some("integer") => "whole".into(),
        Some("number") => "decimal".into(),
        Some("array") => format!("[{}]", spelled(&schema["items"], root)),
        Some("object") => {
            let inner = schema["patternProperties"].as_object().and_then(|it| it.values().next());
            inner.map_or("mapping".into(), |inner| format!("names to {}", spelled(inner, root)))
        }
        Some(other) => other.into(),
    }
}

fn actions(text: &mut String) {
    text.push_str(
        "\n## Actions\n\nA step names one of these, with what it takes. Every value may be computed with `${…}`.\n",
    );
    for action in action::catalogue() {
        let docs = action.docs();
        write!(text, "\n### {}\n\n{}\n", action.name, action.about).unwrap();
        if docs.takes.is_empty() {
            text.push_str("\nTakes any value.\n");
        } else {
            fields(text, "takes", &docs.takes);
        }
        if docs.gives.is_empty() {
            write!(text, "\nGives {}.\n", docs.gives_otherwise).unwrap();
        } else {
            fields(text, "gives", &docs.gives);
        }
        write!(text, "\n```yaml\n{}```\n", action.example).unwrap();
    }
}

fn fields(text: &mut String, title: &str, fields: &[FieldDoc]) {
    write!(text, "\n| {title} | type | meaning |\n|---|---|---|\n").unwrap();
    for field in fields {
        let required = if field.required { " (required)" } else { "" };
        writeln!(text, "| `{}`{required} | {} | {} |", field.name, code(&field.ty), cell(&field.about)).unwrap();
    }
}

fn records(text: &mut String) {
    let schemas = [
        ("entrant", schema_for!(words::Entrant)),
        ("candidate", schema_for!(register::Candidate)),
        ("fee", schema_for!(register::Fee)),
        ("commitment", schema_for!(commits::Commitment)),
        ("catalogue", schema_for!(pick::Catalogue)),
        ("task", schema_for!(words::Task)),
        ("checkout", schema_for!(words::Checkout)),
        ("image", schema_for!(words::Image)),
        ("files", schema_for!(words::Files)),
        ("training", schema_for!(words::Training)),
        ("model", schema_for!(words::Model)),
        ("evaluation", schema_for!(words::Evaluation)),
        ("outcome", schema_for!(words::Outcome)),
        ("place", schema_for!(words::Place)),
        ("measured", schema_for!(rewards::Measured)),
        ("contender", schema_for!(play::Contender)),
        ("game", schema_for!(tally::Game)),
        ("pair", schema_for!(standings::Pair)),
        ("played_round", schema_for!(share::Round)),
        ("played", schema_for!(pair_result::Played)),
        ("pool", schema_for!(weigh::Pool)),
    ];
    text.push_str("\n## Records\n\nThe types that `inputs` and `takes` know by name, with their plurals: `entrants` is `[entrant]`. A type with `?` may be null.\n");
    let known: Vec<_> = words::types().collect();
    assert_eq!(known.len(), schemas.len(), "the vocabulary has words that the reference lacks");
    for ((name, ty), (word, schema)) in known.iter().zip(&schemas) {
        assert_eq!(name.as_str(), *word);
        let Ty::Record(record) = ty else { panic!("`{word}` is no record") };
        let schema = schema.as_value();
        let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        write!(text, "\n### {word}\n\n{about}\n\n| field | type | meaning |\n|---|---|---|\n").unwrap();
        for (field, ty) in &record.fields {
            let about = schema["properties"][field.as_str()]["description"].as_str().unwrap_or_default();
            writeln!(text, "| `{field}` | {} | {} |", code(&ty.to_string()), cell(&about.replace('\n', " "))).unwrap();
        }
    }
}

fn functions(text: &mut String) {
    text.push_str("\n## Functions\n\n`x.f(y)` and `f(x, y)` are the same call. Every example holds; a test evaluates them.\n\n| function | meaning | example |\n|---|---|---|\n");
    for function in rule::functions() {
        writeln!(text, "| {} | {} | {} |", code(function.signature), cell(function.about), code(function.example))
            .unwrap();
    }
}

fn bounds(text: &mut String) {
    text.push_str("\n## Limits\n\nWhatever a file can make large has a limit, and the mistake names it.\n\n| limit | value |\n|---|---|\n");
    let mut row = |what: &str, most: u64| writeln!(text, "| {what} | {most} |").unwrap();
    row("bytes of one file", limits::DOCUMENT_BYTES_MAX as u64);
    row("levels of nesting in a file", limits::DOCUMENT_DEPTH_MAX as u64);
    row("files of one workflow", limits::DOCUMENT_FILES_MAX as u64);
    row("mistakes told at once", limits::MISTAKES_MAX as u64);
    row("characters of a name", limits::NAME_LENGTH_MAX as u64);
    row("characters of an expression", limits::RULE_LENGTH_MAX as u64);
    row("levels of nesting in an expression", limits::RULE_DEPTH_MAX as u64);
    row("operators, fields and calls in a row in an expression", limits::RULE_LINKS_MAX as u64);
    row("steps of one evaluation", limits::RULE_WORK_MAX);
    row("items of a computed value", limits::RULE_ITEMS_MAX as u64);
    row("bytes of a computed text", limits::RULE_TEXT_MAX as u64);
    row("items of a `for_each`", limits::FAN_OUT_MAX as u64);
    row("times of a `repeat`", limits::ROUNDS_MAX);
    row("templates that use one another in a row", limits::TEMPLATE_DEPTH_MAX as u64);
    row("steps of a workflow, those of a template counted wherever it is used", limits::STEPS_MAX as u64);
    row("nodes of a plan", limits::PLAN_NODES_MAX as u64);
    row("parts of a type, those inside its parts counted", limits::TYPE_PARTS_MAX as u64);
    row("GPUs of one step", u64::from(limits::GPUS_MAX));
    row("bytes of one recorded event", limits::EVENT_BYTES_MAX as u64);
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}
