//! The JSON Schemas that editors use: fresh, describing everything, and of one mind with `check`.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    let is_one = |path: &PathBuf| {
        !path.to_string_lossy().contains(".test.") && !path.parent().is_some_and(|it| it.ends_with("worlds"))
    };
    all_yaml(folder).into_iter().filter(is_one).collect()
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
    wrong.extend(underlined("world.schema.json", "workflows/worlds", &|_| true));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Mistakes of documents that no schema can see, and why.
const OF_READING: [(&str, &str); 16] = [
    ("anchor", "an editor knows what an alias stands for"),
    ("duplicate_key", "it is no longer there when a schema is asked"),
    ("empty", "there is nothing to hold against a schema"),
    ("escapes", "it is about where a file is"),
    ("include_cycle", "it is about several files"),
    ("key", "a schema sees every key as a text"),
    ("not_a_part", "it is about several files"),
    ("not_a_workflow", "it is about several files"),
    ("nothing_to_remove", "it is about several files"),
    ("number", "there is no such number to hold against a schema"),
    ("several", "an editor holds each document against the schema by itself"),
    ("syntax", "there is nothing to hold against a schema"),
    ("tag", "it is no longer there when a schema is asked"),
    ("too_deep", "there is nothing to hold against a schema"),
    ("twice", "it is about several files"),
    ("unreadable", "it is about several files"),
];

/// Files whose mistake a schema could see elsewhere, but not where they make it, and why.
const OF_MEANING: [(&str, &str); 5] = [
    ("document__missing_key.taken", "a variant may take away what something of the base needs"),
    ("document__unknown_key.variant", "a rule may be anything by itself: what it must be is said where it is read"),
    ("document__unknown_word.rule.yaml", "a rule may be anything by itself: what it must be is said where it is read"),
    ("document__wrong_value.gpu.yaml", "a kind of GPU is written like any other word of capitals and digits"),
    ("workflow__nothing_to_do.variant", "what the step does may be said by the base"),
];

/// Mistakes of workflows that are mistakes of shape to a schema, which knows the actions.
const OF_ACTIONS: [&str; 5] = [
    "workflow::missing_field",
    "workflow::nothing_to_do",
    "workflow::two_things",
    "workflow::unknown_action",
    "workflow::unknown_field",
];

#[test]
fn an_editor_sees_every_mistake_of_shape() {
    let schemas = Schemas::new();
    let (mut told, mut found, mut names) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(root().join("tests/mistakes")).expect("the folder is there") {
        let path = entry.expect("the folder is readable").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let code = name.split('.').next().unwrap_or_default().replace("__", "::");
        let is_of_reading = OF_READING.iter().any(|(of_reading, _)| code == format!("document::{of_reading}"));
        if !code.starts_with("document::") && !OF_ACTIONS.contains(&code.as_str()) || is_of_reading {
            found.insert(code);
            continue;
        }
        names.insert(name.clone());
        let files = if path.is_dir() { yaml(&format!("tests/mistakes/{name}")) } else { vec![path] };
        let is_refused = files.iter().any(|path| !schemas.wrongs(&read(path)).is_empty());
        if is_refused == OF_MEANING.iter().any(|(of_meaning, _)| name == *of_meaning) {
            told.push(format!("tests/mistakes/{name} is {}", if is_refused { "refused" } else { "accepted" }));
        }
        found.insert(code);
    }
    assert!(told.is_empty(), "the schemas and the tables here are not of one mind:\n{}", told.join("\n"));
    let listed = OF_READING.map(|(code, _)| format!("document::{code}")).into_iter();
    let listed = listed.chain(OF_ACTIONS.map(String::from));
    let stale: Vec<String> = listed.filter(|code| !found.contains(code)).collect();
    assert!(stale.is_empty(), "no file makes {stale:?}");
    let stale: Vec<&str> = OF_MEANING.map(|(name, _)| name).into_iter().filter(|name| !names.contains(*name)).collect();
    assert!(stale.is_empty(), "there is no file {stale:?}");
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
    for path in yaml("workflows").into_iter().chain(all_yaml("workflows/worlds")) {
        let text = fs::read_to_string(&path).expect("the file is readable");
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        let name = if has("world:") {
            "world"
        } else if has("part:") {
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
