//! Settings: a flag goes before the environment, the environment before the file, and the file before what is usual; what is
//! wrong is told with its place; no secret is told at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value as Json;

const TOKEN: &str = "hf_verysecret";

fn god_flow(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    for name in ["DOCKER_HOST", "HF_ENDPOINT", "HF_TOKEN", "HUGGINGFACE_TOKEN"] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GOD_FLOW_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).envs(variables.iter().copied()).env("NO_COLOR", "1");
    command.env("LC_ALL", "C.UTF-8").env("COLUMNS", "100").output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A setting as `settings --json` prints it: its value, where it comes from, and the variable.
fn setting(folder: &Path, key: &str, variables: &[(&str, &str)]) -> (Json, String, Json) {
    let output = god_flow(folder, &["settings", "--json"], variables);
    assert!(output.status.success(), "{}", told(&output));
    let all: Json = serde_json::from_slice(&output.stdout).unwrap();
    let one = all["settings"].as_array().unwrap().iter().find(|it| it["key"] == key).unwrap();
    (one["value"].clone(), one["from"].as_str().unwrap().to_owned(), one["variable"].clone())
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_what_is_usual() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = "engine = \"unix:///file.sock\"\nhub_rate = \"5MB\"\ngpus = [\"2xH100\", \"1xA100\"]\njobs = 3\nallow_process = true\n";
    for (file, key, variables, expected) in [
        ("", "engine", vec![], "null default"),
        ("", "engine", vec![("DOCKER_HOST", "unix:///d")], "\"unix:///d\" environment DOCKER_HOST"),
        (file, "engine", vec![], "\"unix:///file.sock\" file"),
        (file, "engine", vec![("DOCKER_HOST", "unix:///d")], "\"unix:///d\" environment DOCKER_HOST"),
        (
            file,
            "engine",
            vec![("DOCKER_HOST", "unix:///d"), ("GOD_FLOW_ENGINE", "unix:///g")],
            "\"unix:///g\" environment GOD_FLOW_ENGINE",
        ),
        (file, "engine", vec![("DOCKER_HOST", "")], "\"unix:///file.sock\" file"),
        (file, "gpus", vec![], "[\"H100\",\"H100\",\"A100\"] file"),
        (file, "gpus", vec![("GOD_FLOW_GPUS", "1xL40S")], "[\"L40S\"] environment GOD_FLOW_GPUS"),
        (file, "hub_rate", vec![], "\"5MB\" file"),
        (file, "jobs", vec![], "3 file"),
        (file, "allow_process", vec![("GOD_FLOW_ALLOW_PROCESS", "no")], "false environment GOD_FLOW_ALLOW_PROCESS"),
    ] {
        fs::write(here.join("god-flow.toml"), file).unwrap();
        let (value, from, variable) = setting(here, key, &variables);
        let found = format!("{value} {from} {}", variable.as_str().unwrap_or_default());
        assert_eq!(found.trim_end(), expected, "{key} {variables:?}");
    }
}

#[test]
fn a_flag_goes_before_all_and_commands_take_what_holds() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("w.yaml"), "god_flow: 1\nworkflow: w\nsteps:\n  a: { process: { command: [\"true\"] } }\n")
        .unwrap();
    let run =
        |more: &[&str], variables: &[(&str, &str)]| god_flow(here, &[&["run", "w.yaml"], more].concat(), variables);
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    fs::create_dir(here.join("set")).unwrap();
    fs::write(here.join("set/other.toml"), "allow_process = true\nstore = \"of-file.db\"\ndata_folder = \"data\"\n")
        .unwrap();
    let named = ("GOD_FLOW_SETTINGS", "set/other.toml");
    assert!(run(&[], &[named]).status.success());
    assert!(here.join("set/of-file.db").exists(), "paths of a file are seen from its folder");
    assert!(here.join("set/data").exists(), "what belongs to runs lies in the data folder");
    assert!(run(&[], &[named, ("GOD_FLOW_STORE", "of-variable.db")]).status.success());
    assert!(here.join("of-variable.db").exists());
    assert!(run(&["--store", "of-flag.db"], &[named, ("GOD_FLOW_STORE", "of-nothing.db")]).status.success());
    assert!(here.join("of-flag.db").exists() && !here.join("of-nothing.db").exists());
    let output = run(&[], &[named, ("GOD_FLOW_ALLOW_PROCESS", "0")]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    for (file, line, words) in [
        ("jobs = 2\ncache_bugdet = \"1GB\"\n", 2, ["found `cache_bugdet`", "did you mean `cache_budget`?"]),
        (
            "cache_budget = 500\n",
            1,
            ["`cache_budget`: expected a size such as `500GB`", "the number 500 without a unit"],
        ),
        ("\njobs = \"many\"\n", 2, ["`jobs`: expected a whole number above 0, found a text", "that run at once"]),
        ("jobs = 0\n", 1, ["found the number 0", "that run at once"]),
        ("allow_process = \"yes\"\n", 1, ["expected `true` or `false`, found a text", "local commands"]),
        ("gpus = \"8\"\n", 1, ["`gpus`: expected", "8xH100"]),
        ("[hub]\nendpoint = \"https://x\"\n", 1, ["found `hub`", "write `hub_endpoint = …`"]),
        ("jobs 2\n", 1, ["", "a line is `name = value`"]),
        ("jobs = 2\njobs = 3\n", 2, ["duplicate key", "a line is `name = value`"]),
    ] {
        fs::write(folder.path().join("god-flow.toml"), file).unwrap();
        let output = god_flow(folder.path(), &["runs", "--json"], &[]);
        assert_eq!(output.status.code(), Some(2), "{file}: {}", told(&output));
        let mistakes: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (mistakes[0]["line"].as_u64(), mistakes[0]["file"].as_str()),
            (Some(line), Some("god-flow.toml")),
            "{mistakes}"
        );
        for words in words {
            assert!(mistakes.to_string().contains(words), "{file}: expected {words:?} in {mistakes}");
        }
        let output = god_flow(folder.path(), &["runs"], &[]);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(&format!("god-flow.toml:{line}:")), "{}", told(&output));
    }
    fs::remove_file(folder.path().join("god-flow.toml")).unwrap();
    for (name, value, words) in [
        ("GOD_FLOW_CACHE_BUDGET", "much", "GOD_FLOW_CACHE_BUDGET: expected a size"),
        ("GOD_FLOW_ALLOW_PROCESS", "perhaps", "GOD_FLOW_ALLOW_PROCESS: expected `1`"),
        ("GOD_FLOW_SETTINGS", "none.toml", "the settings none.toml: there is no such file"),
    ] {
        let output = god_flow(folder.path(), &["runs"], &[(name, value)]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(told(&output).contains(words), "{}", told(&output));
    }
    let output = god_flow(folder.path(), &["settings"], &[("GOD_FLOW_CACHE_BUGDET", "1GB")]);
    assert!(told(&output).contains("did you mean `GOD_FLOW_CACHE_BUDGET`?"), "{}", told(&output));
}

#[test]
fn no_secret_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("postgres://me:{TOKEN}@db.example.org/runs");
    let tries = [
        (format!("hub_token = \"{TOKEN}\"\nstore = \"{store}\"\n"), vec![]),
        (format!("hub_token = [\"{TOKEN}\"]\n"), vec![]),
        (format!("hub_tokn = \"{TOKEN}\"\njobs = true\n"), vec![]),
        (format!("hub_token = \"{TOKEN}\n"), vec![]),
        (String::new(), vec![("HF_TOKEN", TOKEN), ("GOD_FLOW_STORE", store.as_str())]),
        (String::new(), vec![("HF_TOKEN", "hf_verysecret with a blank")]),
        (String::new(), vec![("GOD_FLOW_HUB_ENDPOINT", "https://hf_verysecret@hub.example.org")]),
    ];
    for (file, variables) in tries {
        fs::write(folder.path().join("god-flow.toml"), &file).unwrap();
        for arguments in [&["settings"][..], &["settings", "--json"]] {
            let output = god_flow(folder.path(), arguments, &variables);
            assert!(!told(&output).contains(TOKEN), "{file:?} {variables:?}: {}", told(&output));
        }
    }
    fs::remove_file(folder.path().join("god-flow.toml")).unwrap();
    let (value, ..) = setting(folder.path(), "hub_token", &[("HF_TOKEN", TOKEN)]);
    assert_eq!(value, "***");
}

const DOCS: &str = "docs/settings.md";

#[test]
fn the_manual_has_every_setting() {
    let folder = tempfile::tempdir().unwrap();
    let all = god_flow(folder.path(), &["settings", "--json"], &[]);
    let all: Json = serde_json::from_slice(&all.stdout).unwrap();
    let mut table = String::from("| setting | flag | variables | what it is | left out |\n|---|---|---|---|---|\n");
    for it in all["settings"].as_array().unwrap() {
        let text = |name: &str| it[name].as_str().unwrap_or_default().replace('|', "\\|");
        let variables: Vec<String> =
            it["variables"].as_array().unwrap().iter().map(|it| format!("`{}`", it.as_str().unwrap())).collect();
        let flag = it["flag"].as_str().map(|flag| format!("`{flag}`")).unwrap_or_default();
        table.push_str(&format!(
            "| `{}` | {flag} | {} | {} | {} |\n",
            text("key"),
            variables.join(", "),
            text("about"),
            text("usual")
        ));
    }
    let manual = fs::read_to_string(DOCS).unwrap();
    let from = manual.find("| setting |").unwrap();
    let to = from + manual[from..].find("\n\n").unwrap() + 1;
    if std::env::var_os("UPDATE").is_some() {
        fs::write(DOCS, format!("{}{table}{}", &manual[..from], &manual[to..])).unwrap();
        return;
    }
    assert_eq!(&manual[from..to], table, "{DOCS} is stale: run `UPDATE=1 cargo test --test settings`");
}

#[test]
fn the_schema_is_of_one_mind_with_the_program() {
    let schema: Json = serde_json::from_str(&fs::read_to_string("schemas/settings.schema.json").unwrap()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for (settings, is_good) in [
        (serde_json::json!({ "jobs": 2, "gpus": ["8xH100"], "cache_budget": "1GB", "allow_process": true }), true),
        (serde_json::json!({ "jobs": 0 }), false),
        (serde_json::json!({ "gpus": "8xH100" }), true),
        (serde_json::json!({ "gpus": 8 }), false),
        (serde_json::json!({ "cache_budget": 5 }), false),
        (serde_json::json!({ "cache": "5GB" }), false),
        (serde_json::json!({ "allow_process": "yes" }), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let lines = settings.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {value}\n"));
        fs::write(folder.path().join("god-flow.toml"), lines.collect::<String>()).unwrap();
        assert_eq!(god_flow(folder.path(), &["settings"], &[]).status.success(), is_good, "{settings}");
        assert_eq!(schema.is_valid(&settings), is_good, "{settings}");
    }
}
