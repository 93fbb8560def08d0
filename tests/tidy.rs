//! What the house keeps tidy by itself: the arrows between modules, what the pure half never does, and what no file says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Each module and what it may use. A new arrow is a change of the architecture: it is made here and in its map.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("rule", &["base"]),
    ("document", &["base"]),
    ("action", &["base", "rule"]),
    ("workflow", &["base", "rule", "document", "action"]),
    ("plan", &["base", "rule", "action", "workflow"]),
    ("run", &["base", "rule", "action", "workflow", "plan"]),
    ("view", &["base", "action", "plan", "run"]),
    ("sim", &["base", "document", "action", "workflow", "plan", "run", "view"]),
    ("store", &["base", "run"]),
    ("hub", &["base"]),
    ("chain", &["base", "action"]),
    ("backend", &["base", "action", "workflow", "plan", "run", "sim", "hub"]),
    ("driver", &["base", "document", "action", "workflow", "plan", "run", "store", "backend", "hub", "chain"]),
    ("http", &["base", "workflow", "plan", "run", "view", "driver"]),
    (
        "cli",
        &[
            "base", "rule", "document", "action", "workflow", "plan", "run", "view", "sim", "store", "hub", "chain",
            "backend", "driver", "http",
        ],
    ),
];

/// The modules that read no clock, no file, no environment, no network and no random source, and never wait.
const PURE: &[&str] = &["base", "rule", "document", "action", "workflow", "plan", "run", "view", "sim"];

/// What the pure half never says outside of its tests.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "async fn",
    "async move",
    "thread_rng",
    "rand::",
    "sqlx",
    "uuid::Uuid::now",
];

const IMPURE_OF_STD: [&str; 6] = ["fs", "env", "net", "process", "thread", "io"];

/// What no file says.
const BANNED: &[&str] = &["todo!(", "unimplemented!(", "#[ignore", "#[allow(", "#![allow("];

const LINES_MAX: usize = 500;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The module below `src/`, if it is in one: `main.rs` and `lib.rs` are in none.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src").ok()?;
        let first = below.iter().next()?.to_str()?.trim_end_matches(".rs");
        (first != "main" && first != "lib").then_some(first)
    }

    /// Whether the whole file is a test of its module.
    fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }

    /// The code with its number, without comments and, if asked so, without the tests at its end.
    fn lines(&self, with_tests: bool) -> impl Iterator<Item = (usize, &str)> {
        let end = if with_tests { None } else { self.text.find("#[cfg(test)]\nmod tests {") };
        let text = &self.text[..end.unwrap_or(self.text.len())];
        text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

#[test]
fn modules_use_only_the_layers_below_them() {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for source in sources("src") {
        let Some(module) = source.module() else { continue };
        let Some(allowed) = layers.get(module) else {
            faults.push(format!("{}: `{module}` is not in the table of layers", source.path.display()));
            continue;
        };
        if source.is_test() {
            continue;
        }
        let code = source.lines(false).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for used in uses("crate::", &code) {
            if used != module && layers.contains_key(used) && !allowed.contains(&used) {
                faults.push(format!("{}: `{module}` may not use `{used}`", source.path.display()));
            }
        }
    }
    told(&faults);
}

#[test]
fn the_reader_of_uses_sees_them_all() {
    let code = "use crate::rule::{a, b};\nuse crate::{\n    base::{self, Name},\n    plan,\n    run::{x::{y}, z},\n};\nfn f() { crate::store::open() }";
    assert_eq!(uses("crate::", code), BTreeSet::from(["rule", "base", "plan", "run", "store"]));
    assert_eq!(uses("std::", "use std::{fmt, fs};\nuse std::env;"), BTreeSet::from(["fmt", "fs", "env"]));
}

/// The modules that `crate::x` and `crate::{x, y::{…}}` name, and of `std::` likewise.
fn uses<'c>(of: &str, code: &'c str) -> BTreeSet<&'c str> {
    let mut found = BTreeSet::new();
    for rest in code.split(of).skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut from) = (0, 0);
        for (at, sign) in group.char_indices() {
            match sign {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    found.insert(word(group[from..at].trim_start()));
                    from = at + 1;
                }
                '}' => depth -= 1,
                _ => {}
            }
            if from == at + 1 && sign == '}' {
                break;
            }
        }
    }
    found.remove("");
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn the_pure_half_neither_waits_nor_looks_outside() {
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|it| !it.is_test() && it.module().is_some_and(|it| PURE.contains(&it))) {
        for (n, line) in source.lines(false) {
            for said in IMPURE.iter().filter(|said| line.contains(*said)) {
                faults.push(format!("{}:{n}: the pure half does not say `{said}`", source.path.display()));
            }
        }
        let code = source.lines(false).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for used in uses("std::", &code).intersection(&BTreeSet::from(IMPURE_OF_STD)) {
            faults.push(format!("{}: the pure half does not use `std::{used}`", source.path.display()));
        }
    }
    told(&faults);
}

#[test]
fn no_file_is_long_or_says_what_is_banned() {
    let mut faults = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        let (path, lines) = (source.path.display(), source.text.lines().count());
        if lines > LINES_MAX {
            faults.push(format!("{path}: {lines} lines; {LINES_MAX} are the most, so split it by what it does"));
        }
        if source.path.ends_with("tests/tidy.rs") {
            continue;
        }
        for (n, line) in source.lines(true) {
            for said in BANNED.iter().filter(|said| line.contains(*said)) {
                faults.push(format!("{path}:{n}: no file says `{said}`"));
            }
        }
    }
    told(&faults);
}

#[test]
fn every_folder_says_what_it_is_and_the_map_names_it() {
    let map = fs::read_to_string("src/ARCHITECTURE.md").expect("the map is there");
    let library = fs::read_to_string("src/lib.rs").expect("the library is there");
    let mut faults = Vec::new();
    for source in sources("src") {
        let is_root = source.path.parent() == Some(Path::new("src"));
        let is_head = is_root || source.path.file_name().is_some_and(|name| name == "mod.rs");
        if is_head && !source.is_test() && !source.text.starts_with("//! ") {
            faults.push(format!("{}: says nothing about itself: begin with a module doc", source.path.display()));
        }
    }
    for module in library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        if !LAYERS.iter().any(|(name, _)| *name == module) {
            faults.push(format!("src/lib.rs: `{module}` is not in the table of layers"));
        }
        if !map.contains(&format!("| `{module}` |")) {
            faults.push(format!("src/ARCHITECTURE.md: `{module}` is not on the map"));
        }
    }
    for line in map.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some((name, allowed)) = LAYERS.iter().find(|(name, _)| cells.get(1) == Some(&format!("`{name}`").as_str()))
        else {
            continue;
        };
        let said: BTreeSet<&str> = cells[2].split(',').map(|it| it.trim().trim_matches('`')).collect();
        let wanted: BTreeSet<&str> = if *name == "cli" { ["all"].into() } else { allowed.iter().copied().collect() };
        let said: BTreeSet<&str> = said.into_iter().filter(|it| *it != "–").collect();
        if said != wanted {
            faults.push(format!("src/ARCHITECTURE.md: `{name}` uses {wanted:?} here and {said:?} on the map"));
        }
    }
    told(&faults);
}

fn told(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The Rust files below a folder, in the order of their paths.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
