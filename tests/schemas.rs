//! The JSON Schemas that editors use: fresh, describing everything, and of one mind with `check`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use god_flow::{action, base::SourceId, document::parse, document::types::modifier_names, workflow::schema};
use jsonschema::Validator;
use serde_json::Value as Json;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (tree, _) = parse(SourceId(0), &text);
    tree.unwrap_or_else(|| panic!("{} is no YAML", path.display())).to_json()
}

/// Every YAML file below a folder that is a workflow or a part of one.
fn yaml(folder: &str) -> Vec<PathBuf> {
    all_yaml(folder).into_iter().filter(|path| !path.to_string_lossy().contains(".test.")).collect()
}

/// Every YAML file below a folder.
fn all_yaml(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has files");
    found
}

struct Schemas {
    workflow: Validator,
    variant: Validator,
    part: Validator,
}

impl Schemas {
    fn new() -> Self {
        let validator = |schema: &Json| jsonschema::draft202012::new(schema).expect("it is a schema");
        Self {
            workflow: validator(&schema::workflow()),
            variant: validator(&schema::variant()),
            part: validator(&schema::part()),
        }
    }

    /// What an editor would underline.
    fn wrongs(&self, document: &Json) -> Vec<String> {
        let has = |key: &str| document.get(key).is_some();
        let schema = match () {
            () if has("part") => &self.part,
            () if has("extends") => &self.variant,
            () => &self.workflow,
        };
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// What the program writes into a folder, by the name of the file.
fn published(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is readable"));
    let read = |entry: fs::DirEntry| fs::read_to_string(entry.path()).expect("the schema is readable");
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(entry))).collect()
}

fn write_schemas(folder: &Path) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    let written = program.arg("schema").arg(folder).output().expect("the program starts");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
}

#[test]
fn the_committed_schemas_are_fresh() {
    let committed = root().join("schemas");
    if std::env::var_os("UPDATE").is_some() {
        write_schemas(&committed);
    }
    let fresh = tempfile::tempdir().expect("a folder can be made");
    write_schemas(fresh.path());
    let (committed, fresh) = (published(&committed), published(fresh.path()));
    assert!(fresh.len() >= 5, "the program writes all schemas");
    assert!(committed.keys().eq(fresh.keys()), "{:?} and {:?}", committed.keys(), fresh.keys());
    for (name, fresh) in &fresh {
        assert!(committed[name] == *fresh, "schemas/{name} is stale: run `UPDATE=1 cargo test --test schemas`");
    }
}

/// What an editor would underline in the files of a folder that are held against a schema of their own.
fn underlined(schema: &str, folder: &str, is_meant: &dyn Fn(&str) -> bool) -> Vec<String> {
    let schema = read(&root().join("schemas").join(schema));
    let schema = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let files: Vec<PathBuf> = all_yaml(folder).into_iter().filter(|path| is_meant(&path.to_string_lossy())).collect();
    assert!(!files.is_empty(), "{folder} has files");
    let told = |path: PathBuf| {
        let document = read(&path);
        let wrongs = schema.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path()));
        wrongs.map(|wrong| format!("{}: {wrong}", path.display())).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(told).collect()
}

#[test]
fn what_is_shipped_is_valid() {
    let schemas = Schemas::new();
    let of_workflows = |path: PathBuf| {
        let wrongs = schemas.wrongs(&read(&path)).into_iter();
        wrongs.map(|wrong| format!("{}: {wrong}", path.display())).collect::<Vec<_>>()
    };
    let mut wrong: Vec<String> =
        yaml("workflows").into_iter().chain(yaml("examples/workflows")).flat_map(of_workflows).collect();
    wrong.extend(underlined("cases.schema.json", "workflows", &|path| path.ends_with(".test.yaml")));
    wrong.extend(underlined("world.schema.json", "examples/worlds", &|_| true));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Mistakes that the shape of a document alone shows.
const OF_SHAPE: [&str; 7] = [
    "document__unknown_key",
    "document__missing_key",
    "document__wrong_type",
    "document__unknown_word",
    "document__out_of_range",
    "document__wrong_value",
    "workflow__unknown_action",
];

#[test]
fn an_editor_sees_mistakes_of_shape() {
    let schemas = Schemas::new();
    for name in OF_SHAPE.into_iter().chain([
        "document__wrong_value.version",
        "workflow__two_things",
        "workflow__nothing_to_do",
        "workflow__unknown_field",
        "workflow__missing_field",
    ]) {
        let document = read(&root().join(format!("tests/mistakes/{name}.yaml")));
        assert!(!schemas.wrongs(&document).is_empty(), "the schema accepts tests/mistakes/{name}.yaml");
    }
}

#[test]
fn an_editor_sees_no_mistakes_where_there_are_none_of_shape() {
    let schemas = Schemas::new();
    for path in yaml("tests/mistakes") {
        let stem = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        if stem.starts_with("rule__") || stem.starts_with("call__") {
            let wrongs = schemas.wrongs(&read(&path));
            assert!(wrongs.is_empty(), "{stem}: {}", wrongs.join("\n"));
        }
    }
}

#[test]
fn a_variant_may_leave_out_and_take_away_but_not_misspell() {
    let schemas = Schemas::new();
    let variant = |rest: &str| {
        let text = format!("god_flow: 1\nworkflow: variant\nextends: text.yaml\n{rest}\n");
        schemas.wrongs(&parse(SourceId(0), &text).0.expect("it is YAML").to_json())
    };
    for good in ["", "steps: { boss: }", "steps: { boss: { when:, at_most: 3 } }", "schedule:", "gpus: { size: }"] {
        assert!(variant(good).is_empty(), "{good}: {}", variant(good).join("\n"));
    }
    for wrong in ["stepps: {}", "steps: { boss: { wen: 'true' } }", "schedule: { on: thursdag }", "gpus: { row: [] }"] {
        assert!(!variant(wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn a_file_names_the_schema_that_it_is_held_against() {
    for path in yaml("workflows") {
        let text = fs::read_to_string(&path).expect("the file is readable");
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        let name = if has("part:") {
            "part"
        } else if has("extends:") {
            "variant"
        } else {
            "workflow"
        };
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# yaml-language-server: $schema=").unwrap_or_default();
        let schema = path.parent().expect("it has a folder").join(named);
        assert!(
            schema.ends_with(format!("schemas/{name}.schema.json")) && schema.exists(),
            "{}: {first}",
            path.display()
        );
    }
}

#[test]
fn steps_are_completed_and_described() {
    for schema in [schema::workflow(), schema::part()] {
        let step = &schema["$defs"]["Step"];
        let ways: Vec<&str> = step["oneOf"]
            .as_array()
            .expect("a step does one thing")
            .iter()
            .filter_map(|it| it["required"][0].as_str())
            .collect();
        let actions: Vec<&str> = action::catalogue().iter().map(|action| action.name).collect();
        assert_eq!(ways, [&["use", "repeat"], &actions[..]].concat());
        assert_eq!(step["additionalProperties"], false, "an editor underlines unknown actions");

        let properties = step["properties"].as_object().expect("a step has keys");
        for name in modifier_names().iter().map(String::as_str).chain(actions.iter().copied()) {
            assert!(properties.contains_key(name), "a step may have the key {name}");
        }
        for (action, fields) in actions.iter().map(|name| (name, fields(&schema, &properties[*name]))) {
            let takes = &action::find(action).expect("it is in the catalogue").docs().takes;
            let mut named: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            let mut wanted: Vec<&str> = takes.iter().map(|doc| doc.name.as_str()).collect();
            named.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(named, wanted, "the fields of {action} are completed");
        }
    }
}

#[test]
fn everything_is_described() {
    for schema in [schema::workflow(), schema::variant(), schema::part()] {
        let mut silent = Vec::new();
        properties_without_description(&schema, &schema, "", &mut silent);
        assert!(silent.is_empty(), "no description: {}", silent.join(", "));
    }
}

/// The fields of what an action takes, through references and the alternatives of a computed value.
fn fields<'s>(root: &'s Json, schema: &'s Json) -> Vec<(String, &'s Json)> {
    let here = schema["properties"].as_object().into_iter().flatten().map(|(name, field)| (name.clone(), field));
    let named = schema["$ref"].as_str().and_then(|path| root.pointer(path.trim_start_matches('#')));
    let ways = ["anyOf", "allOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    let inner = named.into_iter().chain(ways).flat_map(|schema| fields(root, schema));
    here.chain(inner).collect()
}

fn properties_without_description(root: &Json, schema: &Json, path: &str, silent: &mut Vec<String>) {
    match schema {
        Json::Object(keywords) => {
            for (keyword, inner) in keywords {
                let path = format!("{path}/{keyword}");
                if let (true, Some(properties)) = (keyword == "properties", inner.as_object()) {
                    for (name, property) in properties {
                        if !is_described(root, property) {
                            silent.push(format!("{path}/{name}"));
                        }
                    }
                }
                properties_without_description(root, inner, &path, silent);
            }
        }
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, item)| properties_without_description(root, item, &format!("{path}/{i}"), silent)),
        _ => {}
    }
}

/// An editor shows the description of a property, or of what it refers to.
fn is_described(root: &Json, property: &Json) -> bool {
    let named = property["$ref"].as_str().and_then(|path| root.pointer(path.trim_start_matches('#')));
    [Some(property), named].into_iter().flatten().any(|it| it["description"].as_str().is_some_and(|it| !it.is_empty()))
}
