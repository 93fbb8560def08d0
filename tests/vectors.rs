//! Behaviour of the deployed tournaments: each observed case is played through the catalogue, with every number from
//! `workflows/`.
//!
//! `GOD_FLOW_VECTORS` names another folder of the same topics. `UPDATE=1` writes the table of `docs/fidelity.md` anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![expect(unreachable_pub, reason = "the submodules are the harness's own")]
#![expect(clippy::print_stdout, reason = "the table is what this prints")]

mod vectors_of;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use vectors_of::{Case, Missed, Variant, WHY_NOT, translation};

const DEFAULT: &str = "tests/vectors";
const FIDELITY: &str = "docs/fidelity.md";
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
    differed: Vec<String>,
    not_applicable: BTreeMap<String, usize>,
    quirks: BTreeSet<&'static str>,
}

struct File {
    topic: String,
    variant: String,
    tally: Tally,
}

#[test]
fn the_deployed_behaviour_is_reproduced() {
    let folder = std::env::var_os("GOD_FLOW_VECTORS").map_or_else(|| DEFAULT.into(), PathBuf::from);
    let mut variants = BTreeMap::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no vectors", folder.display());
    let files: Vec<File> = paths.iter().map(|path| play(path, &mut variants)).collect();

    let table = table(&files);
    println!("{table}");
    let mut wrong = String::new();
    for File { topic, variant, tally } in &files {
        let played = tally.agreed + tally.differed.len();
        if tally.agreed * 100 < played * wanted(variant) {
            writeln!(wrong, "\n{topic} {variant}: {} of {played} agree", tally.agreed).unwrap();
            tally.differed.iter().take(3).for_each(|told| writeln!(wrong, "  {told}").unwrap());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    if folder == Path::new(DEFAULT) {
        the_manual_is_current(&files, &table);
    }
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
    for File { topic, variant, .. } in files.iter().filter(|it| !it.tally.differed.is_empty()) {
        let name = format!("`{topic}` {variant}");
        assert!(after.contains(&name), "{FIDELITY} does not say why {name} differs");
    }
}

/// Plays one file. What the file is about stands in its name.
fn play(path: &Path, variants: &mut BTreeMap<String, Result<Variant, String>>) -> File {
    let text = fs::read_to_string(path).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let (topic, variant) = stem.rsplit_once('.').unwrap_or((&stem, ""));
    let variant = file["variant"].as_str().unwrap_or(variant).to_string();
    let mut tally = Tally::default();
    let rules = variants.entry(variant.clone()).or_insert_with(|| Variant::load(&variant));
    for (i, case) in file["cases"].as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate() {
        tally.cases += 1;
        let mut any_order = false;
        let found = match (WHY_NOT.iter().find(|(it, _)| *it == topic), translation(topic), &*rules) {
            (Some((_, why)), ..) => Err(Missed::NotApplicable((*why).into())),
            (_, None, _) => Err(Missed::NotApplicable("no translation yet".into())),
            (.., Err(why)) => Err(Missed::NotApplicable(why.clone())),
            (_, Some(translate), Ok(rules)) => {
                let case = Case::new(&file, case, rules);
                let found = translate(&case);
                tally.quirks.extend(case.quirks());
                any_order = case.is_in_any_order();
                found
            }
        };
        let out = &case["out"];
        let told = match found {
            Ok(found) if alike(out, &found) || any_order && alike(&sorted(out), &sorted(&found)) => None,
            Ok(found) => Some(format!("found {found}")),
            Err(Missed::Refused(_)) if out.get("error").is_some() => None,
            Err(Missed::Refused(why)) => Some(format!("refused: {why}")),
            Err(Missed::Unreadable(why)) => Some(format!("cannot be read: {why}")),
            Err(Missed::NotApplicable(why)) => {
                *tally.not_applicable.entry(why).or_default() += 1;
                continue;
            }
        };
        match told {
            None => tally.agreed += 1,
            Some(told) => tally.differed.push(format!("case {i}: in {}, expected {out}, {told}", case["in"])),
        }
    }
    File { topic: topic.into(), variant, tally }
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
    for File { topic, variant, tally } in files {
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
    let reasons: BTreeSet<(&str, &str)> = files
        .iter()
        .flat_map(|file| file.tally.not_applicable.keys().map(|why| (why.as_str(), file.topic.as_str())))
        .collect();
    if !reasons.is_empty() {
        text.push_str("\nNot applicable:\n\n");
    }
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    reasons.into_iter().for_each(|(why, topic)| by_reason.entry(why).or_default().push(topic));
    by_reason.into_iter().for_each(|(why, topics)| writeln!(text, "- {}: {why}", topics.join(", ")).unwrap());
    text
}
