//! Whole files read from texts: what is merged, what is told, and how it looks.

use std::collections::BTreeMap;

use god_flow::{
    base::{Mistake, Place, SourceId, limits::MISTAKES_MAX},
    cli::report::{Format, Look, report},
    document::{Loaded, Reader, Sources, load, parse},
};
use proptest::prelude::*;
use serde_json::json;

const PLAIN: Look = Look { colour: false, unicode: true, width: 100 };

/// Files by their path.
struct Files(BTreeMap<String, String>);

impl Reader for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "there is no such file".into())
    }
    fn beside(&self, path: &str) -> Vec<String> {
        let folder = |path: &str| path.rfind('/').map(|at| path[..at].to_owned());
        self.0.keys().filter(|other| folder(other) == folder(path)).cloned().collect()
    }
}

/// Files as `== path` above each text.
fn files(text: &str) -> Files {
    Files(
        text.split("== ")
            .skip(1)
            .map(|file| file.split_once('\n').expect("a path stands on its own line"))
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect(),
    )
}

fn loaded(text: &str) -> (Option<Loaded>, Sources, Vec<Mistake>) {
    let is_modifier = |key: &str| ["when", "gpus", "time_limit", "about"].contains(&key);
    load("w/main.yaml", &files(text), &is_modifier)
}

/// The merged tree of files that have no mistakes.
#[track_caller]
fn check(text: &str, expected: serde_json::Value) {
    let (loaded, sources, mistakes) = loaded(text);
    assert!(mistakes.is_empty(), "{}", report(&mistakes, &sources, Format::Human, PLAIN));
    assert_eq!(loaded.expect("there are no mistakes").tree.to_json(), expected, "{text}");
}

#[test]
fn parts_give_templates_types_and_rules() {
    check(
        "== w/main.yaml\nworkflow: a\ninclude: [parts/a.yaml, parts/b.yaml]\nrules: { fee: 1, boss: { start: 2 } }\ntemplates: { t: 1 }\n\
         == w/parts/a.yaml\npart: a\nabout: x\ninclude: [b.yaml, ../c.yaml]\nrules: { fee: 9, boss: { start: 9, decay: 3 } }\ntemplates: { u: 2 }\n\
         == w/parts/b.yaml\npart: b\ngod_flow: 1\nrules: { boss: { floor: 4, decay: 9 } }\ntypes: { e: 3 }\n\
         == w/c.yaml\npart: c\ntypes: { f: 4 }\n",
        json!({
            "workflow": "a",
            "include": ["parts/a.yaml", "parts/b.yaml"],
            "rules": { "fee": 1, "boss": { "start": 2, "floor": 4, "decay": 3 } },
            "templates": { "t": 1, "u": 2 },
            "types": { "e": 3, "f": 4 },
        }),
    );
    let (loaded, sources, _) = loaded(
        "== w/main.yaml\nworkflow: a\ninclude: [p.yaml, p.yaml]\n== w/p.yaml\npart: p\ninclude: [q.yaml]\n== w/q.yaml\npart: q\n",
    );
    let parts: Vec<_> =
        loaded.unwrap().parts.iter().map(|part| (part.name.to_string(), part.path.to_string())).collect();
    assert_eq!(parts, [("q".into(), "w/q.yaml".into()), ("p".into(), "w/p.yaml".into())]);
    assert_eq!(sources.len(), 3, "each file is read once");
}

#[test]
fn variants_are_laid_over_their_bases() {
    for (base, variant, expected) in [
        (
            "rules: { a: 1, b: { c: 2, d: 3 } }",
            "rules: { b: { c: 9 } }",
            json!({ "rules": { "a": 1, "b": { "c": 9, "d": 3 } } }),
        ),
        ("rules: { a: 1, b: 2 }", "rules: { b: }", json!({ "rules": { "a": 1 } })),
        ("rules: { a: [1, 2] }", "rules: { a: [3] }", json!({ "rules": { "a": [3] } })),
        ("rules: { a: { b: 1 } }", "rules: { a: 5 }", json!({ "rules": { "a": 5 } })),
        ("about: x\nworkflow: old", "about: y", json!({ "about": "y", "workflow": "new" })),
        (
            "steps: { s: { train: { x: 1, y: 2 }, gpus: 1 } }",
            "steps: { s: { train: { x: 3 } } }",
            json!({ "steps": { "s": { "train": { "x": 3, "y": 2 }, "gpus": 1 } } }),
        ),
        (
            "steps: { s: { train: { x: 1 }, gpus: 1 } }",
            "steps: { s: { build: {}, when: c } }",
            json!({ "steps": { "s": { "build": {}, "when": "c", "gpus": 1 } } }),
        ),
        (
            "steps: { s: { train: 1, gpus: 1 } }",
            "steps: { s: { gpus: 2 } }",
            json!({ "steps": { "s": { "train": 1, "gpus": 2 } } }),
        ),
        (
            "steps: { s: { train: 1, gpus: 1 } }",
            "steps: { s: { train:, build: 2 } }",
            json!({ "steps": { "s": { "build": 2, "gpus": 1 } } }),
        ),
        ("steps: { s: { train: 1 }, t: 2 }", "steps: { s: }", json!({ "steps": { "t": 2 } })),
        (
            "templates: { m: { takes: { f: g }, steps: { s: { train: 1 } } } }",
            "templates: { m: { takes: { h: i }, steps: { s: { build: 2 } } } }",
            json!({ "templates": { "m": { "takes": { "f": "g", "h": "i" }, "steps": { "s": { "build": 2 } } } } }),
        ),
        (
            "rules: { steps: { s: { a: 1 } } }",
            "rules: { steps: { s: { b: 2 } } }",
            json!({ "rules": { "steps": { "s": { "a": 1, "b": 2 } } } }),
        ),
    ] {
        let mut expected = expected;
        if expected.get("workflow").is_none() {
            expected["workflow"] = "new".into();
        }
        let workflow = if base.contains("workflow") { "" } else { "workflow: old\n" };
        check(
            &format!(
                "== w/base.yaml\n{workflow}{base}\n== w/main.yaml\nextends: base.yaml\nworkflow: new\n{variant}\n"
            ),
            expected,
        );
    }
}

#[test]
fn variants_add_parts_and_override_those_of_the_base() {
    check(
        "== w/main.yaml\nextends: b/base.yaml\nworkflow: new\ninclude: [q.yaml]\ntemplates: { t: { n: 2 } }\n\
         == w/b/base.yaml\nextends: root.yaml\nworkflow: mid\ninclude: [p.yaml]\nrules: { fee: 2 }\n\
         == w/b/root.yaml\nworkflow: old\nrules: { fee: 1, most: 8 }\n\
         == w/b/p.yaml\npart: p\ntemplates: { t: { m: 1, n: 1 } }\n\
         == w/q.yaml\npart: q\nrules: { fee: 9, least: 3 }\n",
        json!({
            "workflow": "new",
            "rules": { "fee": 2, "most": 8, "least": 3 },
            "include": ["p.yaml", "q.yaml"],
            "templates": { "t": { "m": 1, "n": 2 } },
        }),
    );
}

#[test]
fn every_value_keeps_the_file_it_was_written_in() {
    let (loaded, sources, _) = loaded(
        "== w/main.yaml\nextends: base.yaml\nrules: { a: 1 }\n== w/base.yaml\nworkflow: old\nrules: { a: 0, b: 2 }\ninclude: [p.yaml]\n== w/p.yaml\npart: p\nrules: { c: 3 }\n",
    );
    let tree = loaded.unwrap().tree;
    for (pointer, expected) in [
        ("/rules/a", "w/main.yaml:2:13"),
        ("/rules/b", "w/base.yaml:2:19"),
        ("/rules/c", "w/p.yaml:2:13"),
        ("/workflow", "w/base.yaml:1:11"),
    ] {
        assert_eq!(sources.describe(tree.at(pointer).unwrap().place), expected, "{pointer}");
    }
}

#[test]
fn the_standard_input_includes_from_the_current_folder() {
    let files = files("== -\nworkflow: a\ninclude: [parts/p.yaml, nothing.yaml]\n== parts/p.yaml\npart: p\n");
    let (loaded, sources, mistakes) = load("-", &files, &|_| false);
    assert_eq!(loaded.unwrap().parts.len(), 1);
    assert_eq!(mistakes.len(), 1);
    assert_eq!(sources.describe(mistakes[0].place), "<stdin>:2:25");
}

#[test]
fn a_part_can_be_read_by_itself() {
    let part = json!({ "part": "a", "rules": { "fee": 1 } });
    check("== w/main.yaml\npart: a\nrules: { fee: 1 }\n", part);
}

#[test]
fn a_workflow_of_too_many_files_is_refused() {
    let mut files = files("== main.yaml\nworkflow: a\ninclude:\n");
    for n in 0..100 {
        files.0.get_mut("main.yaml").unwrap().push_str(&format!("- p{n}.yaml\n"));
        files.0.insert(format!("p{n}.yaml"), format!("part: p{n}\ninclude: [p{}.yaml]\n", n + 1));
    }
    let (_, sources, mistakes) = load("main.yaml", &files, &|_| false);
    let codes: Vec<_> = mistakes.iter().map(|mistake| mistake.code).collect();
    assert_eq!((sources.len(), codes), (64, vec!["document::too_many_files"]));
}

/// Every way in which the files of a workflow can fail to come together.
const BROKEN_FILES: &[(&str, &str)] = &[
    (
        "escapes",
        "== w/main.yaml\nworkflow: a\ninclude: [../x.yaml, /etc/passwd, 'http://x.org/a.yaml', 'p\\q.yaml', p/../../w/x.yaml]\n",
    ),
    (
        "unreadable",
        "== w/main.yaml\nworkflow: a\ninclude:\n- parts/entri.yaml\n- gone.yaml\n== w/parts/entry.yaml\npart: entry\n",
    ),
    ("no entry", "== w/man.yaml\nworkflow: a\n"),
    (
        "include cycle",
        "== w/main.yaml\nworkflow: a\ninclude: [p.yaml]\n== w/p.yaml\npart: p\ninclude: [q.yaml]\n== w/q.yaml\npart: q\ninclude: [p.yaml]\n",
    ),
    ("extends cycle", "== w/main.yaml\nextends: b.yaml\n== w/b.yaml\nworkflow: b\nextends: main.yaml\n"),
    (
        "twice",
        "== w/main.yaml\nworkflow: a\ninclude: [p.yaml, q.yaml]\ntypes: { e: 1 }\n== w/p.yaml\npart: p\ntypes: { e: 2 }\nrules: { boss: { start: 1 } }\n== w/q.yaml\npart: q\nrules: { boss: { start: 2 } }\n",
    ),
    (
        "nothing to remove",
        "== w/main.yaml\nextends: b.yaml\nrules: { fee: 1, fe: }\n== w/b.yaml\nworkflow: b\nrules: { fee: 2 }\n",
    ),
    (
        "not a part",
        "== w/main.yaml\nworkflow: a\ninclude: [b.yaml, c.yaml, d.yaml, 5]\nextends: e.yaml\n== w/b.yaml\nworkflow: b\n== w/c.yaml\nabout: c\n== w/d.yaml\npart: d\nstep: {}\nrules: []\n== w/e.yaml\npart: e\n",
    ),
    ("not a workflow", "== w/main.yaml\nworkflow: a\nextends: p.yaml\n== w/p.yaml\npart: p\n"),
    ("wrong include", "== w/main.yaml\nworkflow: a\ninclude: parts/entry.yaml\nextends: [b.yaml]\n"),
    ("broken part", "== w/main.yaml\nworkflow: a\ninclude: [p.yaml]\n== w/p.yaml\npart: p\nrules: { a: 1\n"),
];

/// Texts that are no documents, and what people get wrong most.
const BROKEN_TEXTS: &[(&str, &str)] = &[
    ("empty", ""),
    ("only comments", "# later\n---\n"),
    ("tab", "steps:\n\tfield: 1\n"),
    ("tab behind spaces", "steps:\n  field:\n  \t train: 1\n"),
    ("unclosed list", "checks: [licence, balance\nsteps:\n  field: 1\n"),
    ("unclosed mapping", "boss: { start: 0.05\n"),
    ("wrong bracket", "checks: [licence}\n"),
    ("extra bracket", "boss: { start: 1 }}\n"),
    ("missing comma", "boss: { start: 1 decay: 2 }\n"),
    ("expression without quotes", "with: { fee: ${rules.fee} }\n"),
    ("expression in a list", "checks: [${a}]\n"),
    ("second colon", "until: a ? b : c\nnext: x: y\n"),
    ("second line that is a key", "about: x\nuntil:size(x)\nsteps:\n  a: 1\n"),
    ("unclosed list of lines", "checks: [\n  licence,\n  balance\nsteps:\n  field: 1\n"),
    ("no colon", "workflow: text\nabout\nrules: {}\n"),
    ("no space after colon", "workflow:text\nabout: x\n"),
    ("unclosed quote", "workflow: text\nabout: \"rules of the guide\nsteps: {}\n"),
    ("unclosed quote at the end", "about: 'it''s\n"),
    ("text behind a quote", "about: 'it' is\n"),
    ("unknown escape", "about: \"C:\\data\"\n"),
    ("indentation", "steps:\n    field: 1\n  rounds: 2\n"),
    ("indentation of the root", "  a: 1\n b: 2\n"),
    ("list in a line", "checks: - licence\n"),
    ("mapping in a list", "- licence\nmost: 2\n"),
    ("value and mapping", "field: register\n  type: text\n"),
    ("reserved character", "about: @home\nimage: `x`\n"),
    ("percent", "share: %5\n"),
    ("star", "image: *\n"),
    ("directive", "%YAML 1.2\n---\na: b\n"),
    ("nul", "about: a\0b\n"),
    ("escape character", "about: 'a\u{1b}[31mb'\n"),
    ("block header", "about: | text\n  more\n"),
    ("comment in a text", "about: one\n  # two\n  three\n"),
    ("duplicate key", "steps:\n  field: 1\n  rounds: 2\n  field: 3\n"),
    ("anchor and alias", "a: &x { b: 1 }\nc: *x\nd:\n  <<: *x\n"),
    ("tag", "a: !include x.yaml\nb: !!str 5\n"),
    ("several documents", "a: 1\n---\nb: 2\n"),
    ("keys", "1: a\nyes: b\ntrue: c\n? [d]\n: e\n"),
    ("numbers", "a: 010\nb: .inf\nc: 99999999999999999999\nd: 1e999\n"),
    ("too deep", "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"),
    ("characters of many bytes", "\u{feff}über: ünïcödé\r\n名前: [日本, 010]\r\n"),
];

#[test]
fn broken_files_are_told() {
    let mut all = String::new();
    for (name, text) in BROKEN_FILES {
        let (_, sources, mistakes) = loaded(text);
        assert!(!mistakes.is_empty(), "{name}");
        all.push_str(&format!("### {name}\n{}\n", report(&mistakes, &sources, Format::Human, PLAIN)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_a_variant_takes_away_in_vain_is_told_with_the_nearest_name() {
    for (base, variant, help) in [
        ("steps: { rounds: 1, field: 2 }", "steps: { rouds: }", "did you mean `rounds`?"),
        ("templates: { round: { steps: 1 } }", "templates: { rond: null }", "did you mean `round`?"),
        ("hours: { linear: 1 }", "hours: { liner: }", "did you mean `linear`?"),
        // What is taken away already is not meant.
        ("steps: { rounds: 1, field: 2 }", "steps: { rounds:, rouds: }", "leave the key out"),
        ("rules: { fee: 1 }", "rules: { margin: }", "leave the key out"),
    ] {
        let text = format!(
            "== w/base.yaml\nworkflow: a\n{base}\n== w/main.yaml\nworkflow: b\nextends: base.yaml\n{variant}\n"
        );
        let (_, _, mistakes) = loaded(&text);
        let told: Vec<_> = mistakes.iter().map(|it| (it.code, it.help.clone().unwrap_or_default())).collect();
        let [("document::nothing_to_remove", told)] = told.as_slice() else { panic!("{variant}: {told:?}") };
        assert!(told.starts_with(help), "{variant}: {told}");
    }
}

#[test]
fn broken_texts_are_told() {
    let mut all = String::new();
    for (name, text) in BROKEN_TEXTS {
        let mut sources = Sources::default();
        let source = sources.add("text.yaml", *text);
        let (_, mistakes) = parse(source, text);
        assert!(!mistakes.is_empty(), "{name}");
        all.push_str(&format!("### {name}\n{}\n", report(&mistakes, &sources, Format::Human, PLAIN)));
    }
    insta::assert_snapshot!(all);
}

/// Two files with mistakes out of order, one of them told twice.
fn some_mistakes() -> (Vec<Mistake>, Sources) {
    let mut sources = Sources::default();
    let first = sources.add("a,b.yaml", "über: 1\nabout: |\n  one\n  two\n");
    let second = sources.add("parts/c.yaml", "part: c\n");
    let late = Mistake::new("rule::wrong", Place::new(second, 6..7), "100% wrong:\nreally");
    let early = Mistake::new("document::wrong_type", Place::new(first, 7..8), "expected text, found `1`")
        .help("put it in quotes")
        .related(Place::new(first, 0..5), "this key")
        .related(Place::new(second, 0..4), "as here");
    let long = Mistake::new("rule::long", Place::new(first, 9..31), "expected less \u{1b}[31m");
    (vec![late.clone(), long, early, late], sources)
}

#[test]
fn one_report_in_every_format() {
    let (mistakes, sources) = some_mistakes();
    insta::assert_snapshot!("report_human", report(&mistakes, &sources, Format::Human, PLAIN));
    let ascii = Look { colour: true, unicode: false, width: 60 };
    insta::assert_snapshot!("report_ascii", report(&mistakes, &sources, Format::Human, ascii).replace('\u{1b}', "ESC"));
    insta::assert_snapshot!("report_json", report(&mistakes, &sources, Format::Json, PLAIN));
    insta::assert_snapshot!("report_github", report(&mistakes, &sources, Format::Github, PLAIN));
}

#[test]
fn reports_are_bounded_and_survive_wrong_places() {
    let mut sources = Sources::default();
    let source = sources.add("a.yaml", "é".repeat(1000));
    let mistake = |n: u32| Mistake::new("a::b", Place { source, start: n, end: n + 1 }, "wrong");
    let mistakes: Vec<_> = (0..MISTAKES_MAX as u32 + 5).map(mistake).collect();
    let human = report(&mistakes, &sources, Format::Human, PLAIN);
    assert!(human.ends_with("205 mistakes in 1 file; 5 more are not shown\n"), "{}", &human[human.len() - 100..]);
    let json: serde_json::Value = serde_json::from_str(&report(&mistakes, &sources, Format::Json, PLAIN)).unwrap();
    assert_eq!(json.as_array().unwrap().len(), MISTAKES_MAX + 1);
    assert_eq!(json[MISTAKES_MAX]["message"], "5 more mistakes are not shown");
    assert_eq!(report(&mistakes, &sources, Format::Github, PLAIN).lines().count(), MISTAKES_MAX + 1);
    for place in [Place::new(source, 1999..2000), Place::new(source, 5000..9000), Place::new(SourceId(9), 3..4)] {
        for format in [Format::Human, Format::Json, Format::Github] {
            let text = report(&[Mistake::new("a::b", place, "wrong")], &sources, format, PLAIN);
            assert!(text.contains("wrong"), "{place:?} {text}");
        }
    }
    let long = format!("x: 1\n{}é: [{}]\n", "y".repeat(1_000), "日本, ".repeat(100_000));
    let source = sources.add("long.yaml", long.as_str());
    for start in [0, 5, 900, 1_005, 1_013, 500_000, long.len() - 2, long.len()] {
        let start = long.floor_char_boundary(start);
        let mistake = Mistake::new("a::b", Place::new(source, start..start + 6_000), "wrong")
            .related(Place::new(source, 0..1), "here")
            .related(Place::new(source, 5..900), "there");
        let human = report(&[mistake], &sources, Format::Human, PLAIN);
        assert!(human.len() < 6_000 && human.contains("here") && human.contains("─[long.yaml:"), "{start}: {human}");
    }
    assert_eq!(report(&[], &sources, Format::Human, PLAIN), "");
    assert_eq!(report(&[], &sources, Format::Json, PLAIN), "[]\n");
}

proptest! {
    /// Whatever the files hold, they are read and reported on without a crash.
    #[test]
    fn damaged_files_are_loaded_or_reported(
        which in 0..BROKEN_FILES.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..8, "[-:?{}\\[\\],&*!|>'\"%@# \\n\\t\\ra0é~]{0,3}"), 0..4),
    ) {
        let mut files = files(BROKEN_FILES[which].1);
        for text in files.0.values_mut() {
            let mut letters: Vec<char> = text.chars().collect();
            for (at, gone, new) in &cuts {
                let at = at.index(letters.len() + 1);
                letters.splice(at..(at + gone).min(letters.len()), new.chars());
            }
            *text = letters.into_iter().collect();
        }
        let (loaded, sources, mistakes) = load("w/main.yaml", &files, &|key| key == "gpus");
        prop_assert!(loaded.is_some() || !mistakes.is_empty());
        for format in [Format::Human, Format::Json, Format::Github] {
            prop_assert_eq!(report(&mistakes, &sources, format, PLAIN).is_empty(), mistakes.is_empty() && format != Format::Json);
        }
    }
}

#[test]
fn a_file_says_what_an_input_is() {
    check(
        "== w/main.yaml\nworkflow: a\nextends: b.yaml\ninputs: { c: { from: data/c.json } }\n\
         == w/b.yaml\nworkflow: b\ninputs: { c: { type: catalogue, default: null }, d: { from: data/d.yaml } }\n\
         == w/data/c.json\n{\"models\": [{\"id\": \"a/b\"}]}\n== w/data/d.yaml\n- 1\n- 2\n",
        json!({
            "workflow": "a",
            "inputs": { "c": { "type": "catalogue", "default": { "models": [{ "id": "a/b" }] } }, "d": { "default": [1, 2] } },
        }),
    );
    for (input, code, message) in [
        ("from: none.json", "document::unreadable", "cannot read `w/none.json`: there is no such file"),
        ("from: ../d.json", "document::escapes", "expected a file in the folder of the workflow, found `../d.json`"),
        ("from: [d.json]", "document::wrong_type", "expected the name of a file, found a list"),
        ("from: d.json, default: 1", "document::twice", "`from` and `default` are both said"),
        ("from: e.json", "document::syntax", "expected"),
    ] {
        let (_, _, mistakes) = loaded(&format!(
            "== w/main.yaml\nworkflow: a\ninputs: {{ d: {{ {input} }} }}\n== w/d.json\n[1]\n== w/e.json\n[1\n"
        ));
        let [only] = mistakes.as_slice() else { panic!("{input}: {mistakes:?}") };
        assert!(only.code == code && only.message.contains(message), "{input}: {only:?}");
    }
}
