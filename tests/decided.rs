//! An operator's decision in a shipped case changes what comes of it: without, the case fails.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What is held there is a check, which comes to the same however often it is made.
const THE_SAME: &str = "templar.test.yaml the_operator_has_it_looked_at_again";

/// The cases of a file, without what its operator decides, and the names of those where anything was decided.
fn undecided(cases: &str) -> (String, BTreeSet<String>) {
    let (mut kept, mut decided, mut name, mut left_out) = (String::new(), BTreeSet::new(), "", false);
    for line in cases.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent == 2 {
            name = line.trim().trim_end_matches(':');
        }
        left_out = line.starts_with("    decide:") || left_out && indent > 4;
        if left_out {
            decided.insert(name.to_owned());
        } else {
            kept += line;
            kept.push('\n');
        }
    }
    (kept, decided)
}

#[test]
fn what_an_operator_decides_changes_the_end() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let folder = tempfile::tempdir().expect("there is room");
    fs::create_dir(folder.path().join("parts")).expect("it can be made");
    let mut wanted = BTreeSet::new();
    for sub in ["", "parts"] {
        let files = fs::read_dir(from.join(sub)).expect("the folder is there").map(|file| file.expect("it is").path());
        for file in files.filter(|file| file.is_file()) {
            let name = file.file_name().and_then(|name| name.to_str()).expect("it is text").to_owned();
            let mut text = fs::read_to_string(&file).expect("it can be read");
            if name.ends_with(".test.yaml") {
                let (kept, decided) = undecided(&text);
                text = kept;
                wanted.extend(decided.into_iter().map(|case| format!("{name} {case}")));
            }
            fs::write(folder.path().join(sub).join(name), text).expect("it can be written");
        }
    }
    assert!(wanted.remove(THE_SAME) && wanted.len() > 50, "{wanted:?}");
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(["test", "."])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    let said = String::from_utf8(output.stdout).expect("it is text");
    let passed: Vec<&String> = wanted.iter().filter(|case| said.contains(&format!("ok     ./{case}\n"))).collect();
    assert!(passed.is_empty(), "these pass without what the operator decides: {passed:#?}");
    assert!(wanted.iter().all(|case| said.contains(&format!("FAILED ./{case}\n"))), "{said}");
}
