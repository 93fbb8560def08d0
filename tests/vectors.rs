//! Behaviour of the deployed tournaments: each observed case is played through the catalogue, with every number from
//! `workflows/`.
//!
//! `GOD_FLOW_VECTORS` names another folder of the same topics. `UPDATE=1` writes the table of `docs/fidelity.md` anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![expect(unreachable_pub, reason = "the submodules are the harness's own")]
#![expect(clippy::print_stdout, reason = "the table is what this prints")]

mod files;
mod vectors_of;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};
use vectors_of::{Case, Missed, Variant, WHY_NOT, topic, translation};

const DEFAULT: &str = "tests/vectors";
const FIDELITY: &str = "docs/fidelity.md";
/// Of how many cases of a file it is told how they differ.
const TOLD_MOST: usize = 20;
const MARKS: [&str; 2] = ["<!-- the table begins -->\n", "<!-- the table ends -->\n"];

/// The least share of a topic's cases that must agree, in hundredths. The newest states of the rules may be ahead.
fn wanted(variant: &str) -> usize {
    match variant {
        "V1" | "S001" => 100,
        "V0" | "V2" | "V3" => 98,
        _ => 0,
    }
}

/// How the cases of one file came out.
#[derive(Default)]
struct Tally {
    cases: usize,
    agreed: usize,
    differed: Vec<Differed>,
    not_applicable: BTreeMap<String, usize>,
    quirks: BTreeSet<&'static str>,
}

/// A case that came out otherwise.
struct Differed {
    /// What it is about, where it says so in a word.
    about: String,
    /// What our side says, in the words of the manual: `none` where there is no such rule.
    found: String,
    told: String,
}

impl Differed {
    /// Whether a line of the manual says that this constant differs in this state, and what it is here.
    fn is_explained(&self, manual: &str, topic: &str, variant: &str) -> bool {
        let (state, about, found) =
            (format!("`{topic}` {variant}"), format!("`{}`", self.about), format!("| {} |", self.found));
        topic == "constants" && manual.lines().any(|line| [&state, &about, &found].iter().all(|it| line.contains(*it)))
    }
}

struct File {
    topic: String,
    variant: String,
    tally: Tally,
    /// Why the file as a whole says nothing.
    unreadable: Option<String>,
}

#[test]
fn the_deployed_behaviour_is_reproduced() {
    let folder = std::env::var_os("GOD_FLOW_VECTORS").map_or_else(|| DEFAULT.into(), PathBuf::from);
    let mut variants = BTreeMap::new();
    let paths = paths(&folder);
    assert!(!paths.is_empty(), "{} holds no vectors", folder.display());
    let files: Vec<File> = paths.iter().map(|path| play(path, &mut variants)).collect();

    let table = table(&files);
    println!("{table}");
    for File { topic, variant, tally, .. } in &files {
        tally.differed.iter().take(TOLD_MOST).for_each(|it| println!("{topic} {variant}: {}", it.told));
    }
    let manual = fs::read_to_string(FIDELITY).unwrap();
    let mut wrong = String::new();
    for File { topic, variant, tally, unreadable } in &files {
        if let Some(why) = unreadable {
            writeln!(wrong, "\n{topic} {variant}: {why}").unwrap();
        }
        let unexplained: Vec<&Differed> =
            tally.differed.iter().filter(|it| !it.is_explained(&manual, topic, variant)).collect();
        let played = tally.agreed + unexplained.len();
        if tally.agreed * 100 < played * wanted(variant) {
            writeln!(wrong, "\n{topic} {variant}: {} of {played} agree", tally.agreed).unwrap();
            unexplained.iter().take(3).for_each(|it| writeln!(wrong, "  {}", it.told).unwrap());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    if folder == Path::new(DEFAULT) {
        the_manual_is_current(&files, &table);
    }
}

/// Cases with a field of another type, without it, or with one more are played or told of; none ends the harness.
#[test]
fn cases_of_another_shape_are_told_of() {
    let odd = [json!(null), json!(-1), json!(0), json!("x"), json!([]), json!([[]]), json!({}), json!([{}])];
    let (mut variants, mut panicked) = (BTreeMap::new(), Vec::new());
    for path in paths(Path::new(DEFAULT)) {
        let json: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut file = play_as(&path, &json!({"cases": []}), &mut variants);
        let rules = variants.entry(file.variant.clone()).or_insert_with(|| Variant::load(&file.variant));
        for case in json["cases"].as_array().unwrap().iter().take(2) {
            let mut inputs = odd.to_vec();
            for (field, _) in case["in"].as_object().into_iter().flatten() {
                inputs.extend(odd.iter().map(|odd| {
                    let mut input = case["in"].clone();
                    input[field] = odd.clone();
                    input
                }));
                inputs.push(
                    case["in"]
                        .as_object()
                        .unwrap()
                        .iter()
                        .filter(|(it, _)| *it != field)
                        .map(|(a, b)| (a.clone(), b.clone()))
                        .collect(),
                );
            }
            for input in inputs {
                let case = json!({"in": input, "out": case["out"], "never_seen": 1});
                one(&mut file.tally, 0, &file.topic, &json, &case, rules.as_ref());
            }
            one(&mut file.tally, 0, &file.topic, &json!({}), case, rules.as_ref());
            one(&mut file.tally, 0, &file.topic, &json, &json!(7), rules.as_ref());
        }
        let told = file.tally.differed.iter().map(|it| &it.told).filter(|it| it.contains("panicked"));
        panicked.extend(told.map(|told| format!("{} {}: {told}", file.topic, file.variant)));
    }
    assert!(panicked.is_empty(), "{} panicked\n{}", panicked.len(), panicked.join("\n"));
}

#[test]
fn a_file_is_known_by_the_beginning_of_its_name() {
    let cases = [
        ("schedule.V1", "schedule"),
        ("schedule.V1.more", "schedule"),
        ("schedule-held-back.V2", "schedule"),
        ("dedup_ip_2.V3", "dedup_ip"),
        ("gpu_requirement_enum.V1", "gpu_requirement_enum"),
        ("gpu_requirement_new.V1", "gpu_requirement_new"),
        ("nobody_knows.V1", "nobody_knows"),
    ];
    cases.iter().for_each(|(stem, expected)| assert_eq!(topic(stem), *expected, "{stem}"));
}

#[test]
fn files_that_say_nothing_are_told_of() {
    let play = |json: Json| play_as(Path::new("schedule.V1.json"), &json, &mut BTreeMap::new());
    assert!(play(json!({"cases": 3})).unreadable.is_some_and(|why| why.contains("no list")));
    assert!(play(json!([])).unreadable.is_some());
    let unknown = play_as(Path::new("odd.V9.json"), &json!({"cases": [{"in": 1, "out": 1}]}), &mut BTreeMap::new());
    assert_eq!((unknown.tally.agreed, unknown.tally.not_applicable.len()), (0, 1));
    let unknown = play(json!({"variant": "V9", "cases": [{"in": {}, "out": 1}]}));
    assert!(unknown.tally.not_applicable.contains_key("no workflow is shipped for V9"));
}

/// `docs/fidelity.md` holds this table, and names whatever differs.
fn the_manual_is_current(files: &[File], table: &str) {
    let manual = fs::read_to_string(FIDELITY).unwrap();
    let (before, rest) = manual.split_once(MARKS[0]).expect("the manual marks where the table begins");
    let (found, after) = rest.split_once(MARKS[1]).expect("the manual marks where the table ends");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(FIDELITY, format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1])).unwrap();
    } else {
        let line = found.lines().zip(table.lines()).find(|(found, table)| found != table);
        assert!(found == table, "{FIDELITY} is stale, write it anew with UPDATE=1: {line:?}");
    }
    for File { topic, variant, tally, .. } in files.iter().filter(|it| !it.tally.differed.is_empty()) {
        let name = format!("`{topic}` {variant}");
        assert!(after.contains(&name), "{FIDELITY} does not say why {name} differs");
        for it in tally.differed.iter().filter(|_| topic == "constants") {
            let told = &it.told;
            assert!(it.is_explained(after, topic, variant), "{FIDELITY} does not say why {name} differs: {told}");
        }
    }
}

/// The files of a folder of vectors, in the order of their names.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    paths.sort();
    paths
}

fn play(path: &Path, variants: &mut BTreeMap<String, Result<Variant, String>>) -> File {
    let read = fs::read_to_string(path).map_err(|why| why.to_string());
    match read.and_then(|text| serde_json::from_str(&text).map_err(|why| why.to_string())) {
        Ok(json) => play_as(path, &json, variants),
        Err(why) => {
            let mut file = play_as(path, &Json::Null, variants);
            file.unreadable = Some(format!("{} cannot be read: {why}", path.display()));
            file
        }
    }
}

/// Plays what a file holds. What it is about stands in its name.
fn play_as(path: &Path, json: &Json, variants: &mut BTreeMap<String, Result<Variant, String>>) -> File {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let variant = stem.split_once('.').map_or("", |(_, rest)| rest.split('.').next().unwrap_or(rest)).to_string();
    let mut file = File { topic: topic(&stem).into(), variant, tally: Tally::default(), unreadable: None };
    if let Some(said) = json["variant"].as_str() {
        file.variant = said.into();
    }
    let Some(cases) = json["cases"].as_array() else {
        file.unreadable = Some(format!("{} has no list of `cases`", path.display()));
        return file;
    };
    let rules = variants.entry(file.variant.clone()).or_insert_with(|| Variant::load(&file.variant));
    for (i, case) in cases.iter().enumerate() {
        one(&mut file.tally, i, &file.topic, json, case, rules.as_ref());
    }
    file
}

/// Plays one case. A case of a shape that nobody thought of is told of like any other that cannot be read.
fn one(tally: &mut Tally, i: usize, topic: &str, file: &Json, case: &Json, rules: Result<&Variant, &String>) {
    tally.cases += 1;
    let mut any_order = false;
    let found = match (WHY_NOT.iter().find(|(it, _)| *it == topic), translation(topic), rules) {
        _ if case.get("in").is_none() || case.get("out").is_none() => {
            Err(Missed::Unreadable("a case has an `in` and an `out`".into()))
        }
        (Some((_, why)), ..) => Err(Missed::NotApplicable((*why).into())),
        (_, None, _) => Err(Missed::NotApplicable("no translation yet".into())),
        (.., Err(why)) => Err(Missed::NotApplicable(why.clone())),
        (_, Some(translate), Ok(rules)) => {
            let case = Case::new(file, case, rules);
            let found = catch_unwind(AssertUnwindSafe(|| translate(&case)));
            tally.quirks.extend(case.quirks());
            any_order = case.is_in_any_order();
            found.unwrap_or_else(|_| Err(Missed::Unreadable("its translation panicked".into())))
        }
    };
    let out = &case["out"];
    let (found, told) = match found {
        Ok(found) if alike(out, &found) || any_order && alike(&sorted(out), &sorted(&found)) => {
            tally.agreed += 1;
            return;
        }
        Err(Missed::Refused(_)) if out.get("error").is_some() => {
            tally.agreed += 1;
            return;
        }
        Err(Missed::NotApplicable(why)) => {
            *tally.not_applicable.entry(why).or_default() += 1;
            return;
        }
        Ok(found) => (found.clone(), format!("found {found}")),
        Err(Missed::Refused(why)) => (Json::Null, format!("refused: {why}")),
        Err(Missed::Unreadable(why)) => (Json::Null, format!("cannot be read: {why}")),
    };
    tally.differed.push(Differed {
        about: case["in"].as_str().unwrap_or_default().into(),
        found: if found.is_null() { "none".into() } else { found.to_string() },
        told: format!("case {i}: in {}, expected {out}, {told}", case["in"]),
    });
}

/// Whether they say the same: decimals within 1e-9 of their size, everything else exactly.
fn alike(expected: &Json, found: &Json) -> bool {
    match (expected, found) {
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => near(a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN)),
        },
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => expected == found,
    }
}

/// A list in the order of its items' text.
fn sorted(list: &Json) -> Json {
    let Json::Array(items) = list else { return list.clone() };
    let mut items = items.clone();
    items.sort_by_key(ToString::to_string);
    items.into()
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn table(files: &[File]) -> String {
    let mut text = String::from(
        "| topic | state | cases | agreed | differed | not applicable | quirks on |\n|---|---|---:|---:|---:|---:|---|\n",
    );
    let mut sum = [0; 4];
    for File { topic, variant, tally, .. } in files {
        let skipped: usize = tally.not_applicable.values().sum();
        let row = [tally.cases, tally.agreed, tally.differed.len(), skipped];
        sum.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
        let quirks: Vec<&str> = tally.quirks.iter().copied().collect();
        let [cases, agreed, differed, skipped] = row;
        let quirks = quirks.join(", ");
        writeln!(text, "| {topic} | {variant} | {cases} | {agreed} | {differed} | {skipped} | {quirks} |").unwrap();
    }
    let [cases, agreed, differed, skipped] = sum;
    writeln!(text, "| **all** | | {cases} | {agreed} | {differed} | {skipped} | |").unwrap();
    let mut reasons: BTreeMap<&str, (BTreeSet<&str>, usize)> = BTreeMap::new();
    for file in files {
        for (why, count) in &file.tally.not_applicable {
            let (topics, cases) = reasons.entry(why).or_default();
            topics.insert(&file.topic);
            *cases += count;
        }
    }
    if !reasons.is_empty() {
        text.push_str("\nNot applicable:\n\n");
    }
    for (why, (topics, cases)) in reasons {
        let topics: Vec<&str> = topics.into_iter().collect();
        writeln!(text, "- {} ({cases}): {why}", topics.join(", ")).unwrap();
    }
    text
}
