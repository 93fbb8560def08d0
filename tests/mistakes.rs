//! Every mistake that can be made has a file that makes it, and says what to write instead.
//!
//! `tests/mistakes/workflow__cycle.yaml` makes `workflow::cycle` and nothing else. Where one is made in several ways, the
//! other files say which behind a point: `document__wrong_value.gpu.yaml`. A mistake that takes several files has a
//! folder with a `main.yaml`; one that a file of reasonable size cannot make is made here. A first line
//! `# called with: …` holds arguments of the call. What is said of each is kept under `tests/snapshots`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The mistakes whose files are made when they are needed.
const MADE: [&str; 2] = ["document::too_large", "document::too_many_files"];

/// Codes that only a schema with alternatives marked by a key can cause; the language has no such place. The tests of
/// `document::shape` hold them.
const WITHOUT_FILE: [&str; 1] = ["document::one_of"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn check(folder: &Path, file: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .arg("check")
        .args(arguments)
        .arg(file)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts")
}

/// What a person reads of a file that must make exactly this mistake, once.
fn told(folder: &Path, file: &str, arguments: &[&str], code: &str) -> Result<String, String> {
    let output = check(folder, file, &[arguments, &["--json"]].concat());
    let mistakes: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{code}: {error}"))?;
    let codes: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake["code"].as_str()).collect();
    if codes != [code] {
        return Err(format!("{file} should make the mistake {code} and no other, but makes {codes:?}"));
    }
    let output = check(folder, file, arguments);
    assert_eq!(output.status.code(), Some(2), "{code}");
    assert!(output.stdout.is_empty(), "{code}: what is wrong is no data");
    String::from_utf8(output.stderr).map_err(|error| format!("{code}: {error}"))
}

/// The files that make mistakes: the code, and the file below the folder.
fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("tests/mistakes")).expect("the folder is there");
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .map(|path: PathBuf| {
            let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
            let stem = name.expect("it has a name").to_string_lossy().into_owned();
            let file = if path.is_dir() { format!("{stem}/main.yaml") } else { format!("{stem}.yaml") };
            (stem.split('.').next().unwrap_or_default().replace("__", "::"), file)
        })
        .collect();
    files.sort();
    files
}

/// The arguments that the first line of a file asks for.
fn arguments(text: &str) -> Vec<&str> {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("# called with: ").map(|call| call.split(' ').collect()).unwrap_or_default()
}

#[test]
fn every_file_makes_its_mistake_and_says_what_to_write() {
    let folder = root().join("tests/mistakes");
    let mut wrong = Vec::new();
    for (code, file) in files() {
        let text = fs::read_to_string(folder.join(&file)).expect("the file is readable");
        match told(&folder, &file, &arguments(&text), &code) {
            Ok(told) => {
                let stem = file.trim_end_matches("/main.yaml").trim_end_matches(".yaml");
                insta::assert_snapshot!(stem.replace('.', "__"), told);
            }
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_too_much_says_so() {
    const REST: &str = "steps: { greet: { value: Hello } }\n";
    let made = tempfile::tempdir().expect("a folder can be made");
    let write = |name: &str, text: &str| fs::write(made.path().join(name), text).expect("the folder is writable");

    write("large.yaml", &format!("god_flow: 1\nworkflow: large\n{REST}{}", "# more\n".repeat(160_000)));
    let includes: Vec<String> = (0..70).map(|i| format!("part_{i}.yaml")).collect();
    for include in &includes {
        write(include, &format!("god_flow: 1\npart: {}\n", include.trim_end_matches(".yaml")));
    }
    write("many.yaml", &format!("god_flow: 1\nworkflow: many\ninclude:\n  - {}\n{REST}", includes.join("\n  - ")));

    for (code, file) in MADE.into_iter().zip(["large.yaml", "many.yaml"]) {
        let told = told(made.path(), file, &[], code).unwrap_or_else(|why| panic!("{why}"));
        insta::assert_snapshot!(code.replace("::", "__"), told);
    }
}

#[test]
fn every_code_has_a_file() {
    let emitted = codes(&root().join("src"));
    assert!(emitted.len() > 50, "the scan of the source finds codes");
    let files = files();
    let shown: BTreeSet<&str> = files.iter().map(|(code, _)| code.as_str()).chain(MADE).chain(WITHOUT_FILE).collect();
    let emitted: BTreeSet<&str> = emitted.iter().map(String::as_str).collect();
    let lacking: Vec<_> = emitted.difference(&shown).collect();
    assert!(lacking.is_empty(), "write a file under tests/mistakes for {lacking:?}");
    let stale: Vec<_> = shown.difference(&emitted).collect();
    assert!(stale.is_empty(), "nothing says {stale:?} any more");
}

/// Every code of a mistake that the source below a folder names.
fn codes(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the source is there") {
        let path = entry.expect("the source is readable").path();
        if path.is_dir() {
            found.append(&mut codes(&path));
            continue;
        }
        let text = fs::read_to_string(&path).expect("the source is text");
        for literal in text.split('"') {
            let is_code = ["call::", "document::", "rule::", "workflow::"].iter().any(|module| {
                literal.strip_prefix(module).is_some_and(|code| {
                    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                })
            });
            if is_code {
                found.insert(literal.to_owned());
            }
        }
    }
    found
}
