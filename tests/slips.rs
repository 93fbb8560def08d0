//! Slips in rules are told on the line of the rule, whoever reads it, and all of a file in one pass.

use std::{collections::BTreeMap, fs, path::Path};

use god_flow::{
    base::{Mistake, Place},
    document::{Reader, Sources, load, types::is_modifier},
    workflow,
};

/// The shipped files, some of them with other texts.
struct Edited(BTreeMap<String, String>);

impl Reader for Edited {
    fn read(&self, path: &str) -> Result<String, String> {
        match self.0.get(path) {
            Some(text) => Ok(text.clone()),
            None => fs::read_to_string(root().join(path)).map_err(|error| error.to_string()),
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mistakes(entry: &str, files: &[(&str, String)]) -> (Vec<Mistake>, Sources) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect();
    let (loaded, sources, mut mistakes) = load(entry, &Edited(files), &is_modifier);
    if let Some(Err(more)) = loaded.map(|loaded| workflow::check_loaded(&loaded)) {
        mistakes.extend(more);
    }
    (mistakes, sources)
}

/// Each mistake on a line: code, place, message, help.
fn told(mistakes: &[Mistake], sources: &Sources) -> Vec<String> {
    let line = |it: &Mistake| {
        let help = it.help.as_deref().unwrap_or_default();
        format!("{} {}:{}: {}; {help}", it.code, sources.name(it.place.source), at(sources, it.place), it.message)
    };
    mistakes.iter().map(line).collect()
}

fn at(sources: &Sources, place: Place) -> usize {
    sources.start(place).line
}

/// What stands in the shipped file, what is written instead, and the words of what must be told on that line alone.
const IN_SHIPPED_FILES: [(&str, &str, &str, &[&str]); 9] = [
    ("parts/knockout.yaml", "\n  draw:  ", "\n  drw:  ", &["workflow::unused_rule", "`drw`", "did you mean `draw`"]),
    ("text.yaml", "\n  register: {", "\n  regster: {", &["workflow::unused_rule", "did you mean `register`"]),
    (
        "parts/knockout.yaml",
        "\n  group: { advance: 8, tasks: 1 }",
        "\n  group: 8",
        &["workflow::wrong_rule", "`rules.group` is"],
    ),
    (
        "text.yaml",
        "\n  register: { fee: 0.25 TAO, at_least: 8 }",
        "\n  register:\n  fee: 0.25 TAO\n  at_least: 8",
        &["workflow::wrong_rule", "`rules.register` is empty here", "further to the right"],
    ),
    (
        "parts/knockout.yaml",
        "\n  pair: { advance: 1 }",
        "\n  pair: { advnce: 1 }",
        &["workflow::unused_rule", "did you mean `advance`"],
    ),
    ("parts/weights.yaml", "\n    base: 0.15", "\n    basse: 0.15", &["workflow::unused_rule", "did you mean `base`"]),
    (
        "parts/entry.yaml",
        "\n    dockerfile:",
        "\n    dockerile:",
        &["workflow::unused_rule", "did you mean `dockerfile`"],
    ),
    ("parts/entry.yaml", "\n    judging:\n", "\n    judgging:\n", &["workflow::unused_rule", "did you mean `judging`"]),
    (
        "parts/entry.yaml",
        "\n  entry:\n    dockerfile",
        "\n  entri:\n    dockerfile",
        &["workflow::unused_rule", "`entry`"],
    ),
];

#[test]
fn a_slip_in_a_rule_is_told_on_its_own_line() {
    for (file, written, slipped, words) in IN_SHIPPED_FILES {
        let path = format!("workflows/{file}");
        let text = fs::read_to_string(root().join(&path)).expect("the file is shipped");
        let at_byte = text.find(written).unwrap_or_else(|| panic!("{path} has {written:?}"));
        let line = text[..at_byte].matches('\n').count() + 2;
        let edited = text.replacen(written, slipped, 1);
        let (mistakes, sources) = mistakes("workflows/text.yaml", &[(&path, edited)]);
        let told = told(&mistakes, &sources);
        let [only] = mistakes.as_slice() else { panic!("{slipped:?}: {told:#?}") };
        assert_eq!((sources.name(only.place.source), at(&sources, only.place)), (path.as_str(), line), "{told:#?}");
        assert!(words.iter().all(|words| told[0].contains(words)), "{words:?}: {told:#?}");
        assert!(!only.related.is_empty(), "{told:#?}");
        for (place, label) in &only.related {
            assert!(sources.slice(*place).len() > 2 && label.ends_with("is read here"), "{label}");
            let read = label.split('`').nth(1).and_then(|path| path.rsplit('.').next()).expect("it names the rule");
            assert_eq!(sources.slice(*place), read, "the label is where it is read");
        }
    }
}

#[test]
fn a_name_asked_for_in_vain_is_not_shown_where_it_cannot_be_meant() {
    let base = "god_flow: 1\nworkflow: w\ninclude: [part.yaml]\nsteps:\n  draw:\n    use: t\n    with: { a: 1 }\n  asked:\n    value: \"${drw.b}\"\n";
    let part = "god_flow: 1\npart: p\ntemplates:\n  t:\n    takes: { a: whole }\n    steps:\n      drws:\n        value: \"${a}\"\n    gives:\n      b: \"${a}\"\n      drwx: \"${a}\"\n";
    let (mistakes, sources) = mistakes("w.yaml", &[("w.yaml", base.into()), ("part.yaml", part.into())]);
    let [only] = mistakes.as_slice() else { panic!("{:?}", told(&mistakes, &sources)) };
    assert_eq!(only.help.as_deref(), Some("did you mean `draw`?"));
    assert!(only.related.iter().all(|(place, _)| sources.name(place.source) == "w.yaml"), "{only:?}");
}

/// Workflows that are read by themselves, and the mistakes that are told of them.
#[test]
fn all_mistakes_are_told_in_one_pass() {
    let checked = |text: &str| {
        let text = format!("god_flow: 1\nworkflow: w\n{text}");
        let (mistakes, sources) = mistakes("w.yaml", &[("w.yaml", text)]);
        told(&mistakes, &sources)
    };
    let steps = "steps: { a: { value: 1 } }\n";
    for (text, expected) in [
        (
            "steps:\n  a:\n    value: \"${nme}\"\n  b:\n    for_each: { n: \"${[1, 2]}\", key: x }\n    value: \"${n}\"\n"
                .to_owned(),
            &["w.yaml:5: nothing here is called `nme`", "w.yaml:7: the key must tell the items apart"][..],
        ),
        (
            format!(
                "types: {{ duo: {{ a: one }}, one: {{ x: whole }} }}\ninputs: {{ p: {{ type: duo }} }}\n{steps}gives: {{ p: \"${{inputs.p.a.x}}\" }}\n"
            ),
            &[],
        ),
        (
            format!(
                "types: {{ one: {{ x: whole }}, duo: {{ a: one }} }}\ninputs: {{ p: {{ type: duo }} }}\n{steps}gives: {{ p: \"${{inputs.p.a.x}}\" }}\n"
            ),
            &[],
        ),
        (format!("types: {{ a: {{ a: a }} }}\n{steps}"), &["w.yaml:3: types cannot hold themselves: a → a"]),
        (
            format!("types: {{ a: {{ b: \"[b]\" }}, b: {{ c: c }}, c: {{ a: \"a?\" }} }}\n{steps}"),
            &["w.yaml:3: types cannot hold themselves: a → b → c → a"],
        ),
        (format!("types: {{ a: \"'a' | 'b'\" }}\n{steps}"), &[]),
        (
            "steps: { all: { value: 1 }, b: { value: \"${all + 1}\" } }\n".into(),
            &["w.yaml:3: `all` is a word of the rule language"],
        ),
    ] {
        let told = checked(&text);
        assert_eq!(told.len(), expected.len(), "{text}{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{text}{told}");
        }
    }
}

/// A step, and what must be told of it on its line; nothing where it is good.
#[test]
fn values_are_held_against_what_the_catalogue_says() {
    const COMMIT: &str = "4f0d2c9b7a6e5d4c3b2a1908f706050403020100";
    let clone =
        |repository: &str, commit: &str| format!("clone: {{ repository: \"{repository}\", commit: \"{commit}\" }}");
    let container = |rest: &str| format!("container: {{ {rest}, outputs: {{ n: whole }} }}");
    for (step, expected) in [
        (clone("https://github.com/o/r", COMMIT), None),
        (clone("owner/name", COMMIT), None),
        (clone("git@github.com:o/r.git", COMMIT), None),
        (
            clone("owner/name", "${rules.commit}"),
            Some("rules: expected a commit, which is 40 hexadecimal digits and no branch, found `main`"),
        ),
        (
            clone("owner/name", "main"),
            Some("expected a commit, which is 40 hexadecimal digits and no branch, found `main`"),
        ),
        (clone("owner/name", &COMMIT[1..]), Some("expected a commit")),
        (clone("nothing", COMMIT), Some("expected a repository such as `https://github.com/owner/name`")),
        (clone("", COMMIT), Some("expected a repository")),
        (container("image: \"\""), Some("expected an image such as `example/judge:1`, found ``")),
        (container("image: a b"), Some("expected an image")),
        (container("image: i, services: [{ name: s, image: \"\" }]"), Some("expected an image")),
        (container("image: i, memory: 0GB"), Some("expected a size above nothing, found `0GB`")),
        (container("image: i, memory: 5"), Some("expected a size")),
        (container("image: i, memory: 1GB, cpus: 0"), Some("expected a whole number of at least 1, found 0")),
        (container("image: i, cpus: 2, shared_memory: 64MiB"), None),
        (container("image: i, cpus: \"${1 + 1}\", memory: \"${rules.memory}\""), None),
        (
            format!("{}\n    time_limit: 0s", container("image: i")),
            Some("expected a length of time above nothing, found `0s`"),
        ),
        (format!("{}\n    time_limit: 5", container("image: i")), Some("write a unit: `5s`, `5m` or `5h`")),
        (
            format!("{}\n    time_limit: \"${{rules.long}}\"", container("image: i")),
            Some("write a unit: `90s`, `90m` or `90h`"),
        ),
        (format!("{}\n    time_limit: \"${{rules.wait}}\"", container("image: i")), None),
        (format!("{}\n    gpus: 1xH1OO", container("image: i")), Some("did you mean `H100`?")),
        ("gpus_for: { params_b: 3, kind: dpo, by: { kinds: { dpo: 2 }, rows: [{ need: 1xH100 }] } }".into(), None),
        (
            "gpus_for: { params_b: 3, kind: dpo, by: { kinds: { dop: 2 }, rows: [{ need: 1xH100 }] } }".into(),
            Some("did you mean `dpo`?"),
        ),
        (
            "gpus_for: { params_b: 3, kind: dpo, by: \"${rules.sizes}\" }".into(),
            Some("rules: there is no key `dop` here; did you mean `dpo`?"),
        ),
    ] {
        let rules = "rules: { commit: main, memory: 1GB, wait: 5m, long: 90, sizes: { kinds: { dop: 2 }, rows: [{ need: 1xH100 }] } }";
        let text = format!("god_flow: 1\nworkflow: w\n{rules}\nsteps:\n  done:\n    {step}\n");
        let (mut mistakes, sources) = mistakes("w.yaml", &[("w.yaml", text)]);
        mistakes.retain(|mistake| mistake.code != "workflow::unused_rule");
        let told = told(&mistakes, &sources);
        let Some(expected) = expected else {
            assert!(told.is_empty(), "{step}: {told:#?}");
            continue;
        };
        let (words, is_rule) = expected.strip_prefix("rules: ").map_or((expected, false), |words| (words, true));
        assert!(told.len() == 1 && told[0].contains(words), "{step}: {told:#?}");
        assert_eq!(at(&sources, mistakes[0].place) == 3, is_rule, "{step}: {told:#?}");
    }
}

#[test]
fn kinds_of_task_are_told_by_the_nearest_name() {
    let path = "workflows/text.yaml";
    let text = fs::read_to_string(root().join(path)).expect("the file is shipped");
    for (written, slipped, words) in [
        ("kinds: { instruct: 0.75", "kinds: { instrct: 0.75", "did you mean `instruct`?"),
        ("kinds: { dpo: 1.4", "kinds: { dop: 1.4", "did you mean `dpo`?"),
        ("decay: 0.8", "decay: 0,8", "a number has a point before its decimals: write `0.8`"),
        ("margin: { start: 0.05, decay: 0.8,", "margin: { start: 0.05, decay: '0,8',", "write `0.8`, with a point"),
    ] {
        assert!(text.contains(written), "{written}");
        let (mistakes, sources) = mistakes(path, &[(path, text.replacen(written, slipped, 1))]);
        let told = told(&mistakes, &sources);
        assert!(told.len() == 1 && told[0].contains(words), "{slipped}: {told:#?}");
    }
}

/// What the users of templates write for a commit, and the line and words of what must be told; nothing where it is good.
#[test]
fn what_a_template_is_given_is_held_against_the_fields_that_it_puts_it_into() {
    const COMMIT: &str = "4f0d2c9b7a6e5d4c3b2a1908f706050403020100";
    const RULE: usize = 3;
    const STEP: usize = 6;
    let text = fs::read_to_string(root().join("workflows/text.yaml")).expect("the file is shipped");
    let (mistakes_told, sources) = mistakes(
        "workflows/text.yaml",
        &[("workflows/text.yaml", text.replacen("at_least: 8 }", "at_least: -1 }", 1))],
    );
    let all = told(&mistakes_told, &sources);
    assert!(all.len() == 1 && all[0].contains("expected a whole number of at least 0, found -1"), "{all:#?}");
    let line = text[..text.find("at_least: 8 }").expect("the rule is shipped")].matches('\n').count() + 1;
    assert_eq!(at(&sources, mistakes_told[0].place), line, "{all:#?}");

    for (given, expected) in [
        (COMMIT, None),
        ("main", Some((STEP, "expected a commit"))),
        ("${rules.good}", None),
        ("${rules.bad}", Some((RULE, "expected a commit"))),
        ("${rules.flag ? rules.good : rules.bad}", Some((RULE, "expected a commit"))),
    ] {
        for (used, templates) in [
            ("taking", ""),
            ("above", "  above: { takes: { at: text }, steps: { below: { use: taking, with: { at: \"${at}\" } } } }\n"),
        ] {
            let rules = format!("rules: {{ good: {COMMIT}, bad: main, flag: true }}");
            let taking =
                "  taking: { takes: { at: text }, steps: { it: { clone: { repository: o/r, commit: \"${at}\" } } } }\n";
            let steps = format!("steps:\n  a:\n    {{ use: {used}, with: {{ at: \"{given}\" }} }}\n");
            let text = format!("god_flow: 1\nworkflow: w\n{rules}\n{steps}templates:\n{templates}{taking}");
            let (mut mistakes, sources) = mistakes("w.yaml", &[("w.yaml", text)]);
            mistakes.retain(|mistake| mistake.code != "workflow::unused_rule");
            let told = told(&mistakes, &sources);
            let Some((line, words)) = expected else {
                assert!(told.is_empty(), "{used} {given}: {told:#?}");
                continue;
            };
            assert!(told.len() == 1 && told[0].contains(words), "{used} {given}: {told:#?}");
            assert_eq!(at(&sources, mistakes[0].place), line, "{used} {given}: {told:#?}");
        }
    }
}

/// A file that `text-2026-07.yaml` is made of, what stands in it, what is written instead, and what must be told there.
#[test]
fn every_file_that_is_read_is_held_against_what_its_kind_requires() {
    const ENTRY: &str = "workflows/text-2026-07.yaml";
    for (file, written, slipped, words) in [
        ("parts/field.yaml", "\ngod_flow: 1\n", "\n", "the key `god_flow` is missing"),
        ("parts/field.yaml", "\ngod_flow: 1\n", "\ngod_flow: 2\n", "found `2`"),
        ("parts/field.yaml", "\npart: field\n", "\npart: Field\n", "found `Field`"),
        ("parts/field.yaml", "\nabout:", "\nabuot:", "did you mean `about`?"),
        ("parts/field.yaml", "\nabout: ", "\nabout: 5 # ", "expected text, found the number 5"),
        ("text.yaml", "\ngod_flow: 1\n", "\n", "the key `god_flow` is missing"),
        ("text.yaml", "\ngod_flow: 1\n", "\ngod_flow: 2\n", "found `2`"),
        ("text.yaml", "\nworkflow: text\n", "\nworkflow: Text\n", "found `Text`"),
        ("text-2026-07.yaml", "\ngod_flow: 1\n", "\n", "the key `god_flow` is missing"),
        ("text-2026-07.yaml", "\ngod_flow: 1\n", "\ngod_flow: 2\n", "found `2`"),
        ("text-2026-07.yaml", "\nworkflow: text_2026_07\n", "\n", "the key `workflow` is missing"),
    ] {
        let path = format!("workflows/{file}");
        let text = fs::read_to_string(root().join(&path)).expect("the file is shipped");
        assert!(text.contains(written), "{path} has {written:?}");
        let edited = text.replacen(written, slipped, 1);
        let (mistakes, sources) = mistakes(ENTRY, &[(&path, edited)]);
        let told = told(&mistakes, &sources);
        assert!(told.len() == 1 && told[0].contains(words), "{path} {slipped:?}: {told:#?}");
        assert_eq!(sources.name(mistakes[0].place.source), path, "{told:#?}");
    }
}

#[test]
fn a_base_is_told_of_what_its_variant_says_otherwise() {
    let base = "god_flow: 1\nworkflow: base\nschedule: { every: wek, gap: 1d }\nlimits: { one: 0 }\nsteps: { a: { limits: [one], container: { image: i, outputs: { n: whole } } } }\n";
    let middle = "god_flow: 1\nworkflow: middle\nextends: base.yaml\nschedule: { every: day }\nlimits: { one: 2 }\nsteps: { a: { retry: { network: -1 } } }\n";
    let entry =
        "god_flow: 1\nworkflow: entry\nextends: middle.yaml\nschedule:\nsteps: { a: { retry: { network: 1 } } }\n";
    let files = [("base.yaml", base.into()), ("middle.yaml", middle.into()), ("entry.yaml", entry.into())];
    let (mistakes, sources) = mistakes("entry.yaml", &files);
    let told = told(&mistakes, &sources);
    let expected = [
        "base.yaml:3: expected one of week, day, gap",
        "base.yaml:4: expected a whole number",
        "middle.yaml:6: expected a whole number",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for expected in expected {
        assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:#?}");
    }
}

#[test]
fn a_rule_that_no_count_can_be_is_told_on_its_line() {
    let path = "workflows/parts/knockout.yaml";
    let text = fs::read_to_string(root().join(path)).expect("the file is shipped");
    let written = "group: { advance: 8, tasks: 1 }";
    let (before, _) = text.split_once(written).expect("the rule is shipped");
    let (mistakes, sources) =
        mistakes("workflows/text.yaml", &[(path, text.replacen(written, "group: { advance: 8, tasks: -1 }", 1))]);
    let told = told(&mistakes, &sources);
    assert!(
        told.len() == 1
            && told[0].contains("workflow::wrong_rule")
            && told[0].contains("the rule `rules.group.tasks` is the number -1 here"),
        "{told:#?}"
    );
    let place = mistakes[0].place;
    assert_eq!(
        (sources.name(place.source), at(&sources, place)),
        (path, before.matches('\n').count() + 1),
        "{told:#?}"
    );
    let read = mistakes[0].related.iter().map(|(place, why)| (sources.name(place.source), why.as_str()));
    assert_eq!(read.collect::<Vec<_>>(), [(path, "`range`: expected a count that is not negative, found -1")]);
}

#[test]
fn a_rule_that_its_field_cannot_be_is_told_on_its_line() {
    for (entry, file, written, slipped, words) in [
        ("text", "parts/knockout", "about: 32,", "about: 0,", "expected a whole number of at least 1, found 0"),
        ("text", "text", "rows_most: 6\n      most: 6", "rows_most: 6\n      most: -6", "of at least 0, found -6"),
        ("text", "text", "decay: 0.8", "decay: -0.8", "expected a number of at least 0, found -0.8"),
        ("text", "text", "start: 0.05", "start: -0.05", "expected a number of at least 0, found -0.05"),
        ("text", "text", "chance: 0.2,", "chance: 1.2,", "expected a number from 0 to 1, found 1.2"),
        ("text", "parts/weights", "cap: 0.48", "cap: -0.48", "expected a number of at least 0, found -0.48"),
        (
            "environment",
            "environment",
            "by_kind: { environment: 1.5 }",
            "by_kind: { environment: -1.5 }",
            "expected a number of at least 0, found -1.5",
        ),
        ("environment", "environment", "by_kind: { environment: 1.5 }", "by_kind: { environent: 1.5 }", "environent"),
        (
            "environment",
            "environment",
            "games: { points: 3,",
            "games: { points: -3,",
            "expected a number above 0, found -3",
        ),
    ] {
        let (entry, path) = (format!("workflows/{entry}.yaml"), format!("workflows/{file}.yaml"));
        let text = fs::read_to_string(root().join(&path)).expect("the file is shipped");
        let (before, _) = text.split_once(written).unwrap_or_else(|| panic!("{path} has {written}"));
        let line = format!("{before}{written}").matches('\n').count() + 1;
        let (mistakes, sources) = mistakes(&entry, &[(&path, text.replacen(written, slipped, 1))]);
        let told = told(&mistakes, &sources);
        assert!(told.len() == 1 && told[0].contains(words), "{slipped}: {told:#?}");
        let place = mistakes[0].place;
        assert_eq!((sources.name(place.source), at(&sources, place)), (path.as_str(), line), "{told:#?}");
    }
}

#[test]
fn a_slip_in_a_rule_shows_where_the_rule_is_read() {
    let path = "workflows/text.yaml";
    let text = fs::read_to_string(root().join(path)).expect("the file is shipped");
    for (written, slipped, rule) in [
        ("rows_most: 6", "rows_mots: 6", "rules.hours"),
        ("grpo: 0.05 }", "gropo: 0.05 }", "rules.tasks"),
        ("more_than: 0.5", "more_thn: 0.5", "rules.boss"),
        ("decay: 0.8", "decay: -0.8", "rules.boss"),
    ] {
        assert!(text.contains(written), "{written} is shipped");
        let (mistakes, sources) = mistakes(path, &[(path, text.replacen(written, slipped, 1))]);
        let read: Vec<&str> = mistakes.iter().flat_map(|it| &it.related).map(|(_, why)| why.as_str()).collect();
        let expected = format!("`{rule}` is read here");
        assert!(mistakes.len() == 1 && read.contains(&expected.as_str()), "{:#?}", told(&mistakes, &sources));
    }
}

/// Optional fields of records, misspelt where a record is made that goes a long way before an action takes it.
#[test]
fn an_optional_field_that_nobody_has_is_told_wherever_its_record_goes() {
    for (file, written, slipped, entry, meant) in [
        (
            "parts/weights.yaml",
            "\n          winner: \"${shares.winner}\"\n          shares:",
            "\n          winnner: \"${shares.winner}\"\n          shares:",
            "text.yaml",
            "`winner`",
        ),
        ("parts/weights.yaml", "\n          shares: ", "\n          sharess: ", "text.yaml", "`shares`"),
        ("parts/match.yaml", "\n      must_win: ", "\n      must_winn: ", "text.yaml", "`must_win`"),
        ("parts/match.yaml", "\n      must_win: ", "\n      must_winn: ", "text-2026-07.yaml", "`must_win`"),
    ] {
        let path = format!("workflows/{file}");
        let text = fs::read_to_string(root().join(&path)).expect("the file is shipped");
        assert!(text.contains(written), "{path} has {written:?}");
        let edited = text.replacen(written, slipped, 1);
        let (mistakes, sources) = mistakes(&format!("workflows/{entry}"), &[(&path, edited)]);
        let told = told(&mistakes, &sources);
        let key = slipped.trim().split(':').next().expect("it has a first part");
        assert!(!told.is_empty(), "{slipped:?} in {entry} is told");
        assert!(told.iter().any(|it| it.contains(&format!("`{key}`")) && it.contains(meant)), "{told:#?}");
    }
    let slip = "{'weight': 0.2, 'base': 0.15, 'winer': 'a'}";
    for pools in [
        format!("inputs.others + [{slip}]"),
        format!("inputs.flag ? inputs.others : [{slip}]"),
        format!("inputs.one.or({slip}).weight > 0.0 ? inputs.others : inputs.others"),
        format!("[inputs.others, [{slip}]].flatten()"),
        format!("inputs.others + [{slip}].map(it, it)"),
        "inputs.others + [made]".into(),
    ] {
        let inputs = "inputs: { others: { type: pools, default: [] }, one: { type: \"pool?\", default: null }, flag: { type: bool, default: true } }";
        let made = "made: { value: { weight: 0.2, base: 0.15, winer: a } }";
        let steps = format!("steps:\n  {made}\n  a: {{ weigh: {{ pools: \"${{{pools}}}\", keys: [a], burn: b }} }}\n");
        let text = format!("god_flow: 1\nworkflow: w\n{inputs}\n{steps}gives: {{ a: \"${{a}}\" }}\n");
        let (mistakes, sources) = mistakes("w.yaml", &[("w.yaml", text)]);
        let told = told(&mistakes, &sources);
        assert!(told.iter().any(|it| it.contains("did you mean `winner`?")), "{pools}: {told:#?}");
    }
}

/// One record of several that are laid together: a rule or nothing, a value, and the key that must be told with what was meant.
#[test]
fn a_slip_in_one_record_of_several_is_told_at_its_key() {
    let path = "workflows/deval.yaml";
    let text = fs::read_to_string(root().join(path)).expect("the file is shipped");
    let slipped = text.replacen("- { code: too_small", "- { cod: too_small", 1);
    let (found, sources) = mistakes(path, &[(path, slipped)]);
    let all = told(&found, &sources);
    assert!(all.len() == 1 && all[0].contains("did you mean `code`?"), "{all:#?}");
    assert_eq!((found[0].code, sources.slice(found[0].place)), ("workflow::odd_field", "cod"), "{all:#?}");
    for (rules, value, expected) in [
        ("", "[{ code: a, wrong: true }, { cod: b, wrong: false }]", Some(("cod", "code"))),
        ("", "[{ code: a, note: b }, { code: b }, { code: c, warning: d }]", None),
        ("", "[{ of: { loss: 1 } }, { of: { los: 2 } }]", Some(("los", "loss"))),
        ("xs: [a]", "\"${rules.xs.map(x, {'name': x}) + rules.xs.map(x, {'nmae': x})}\"", Some(("'nmae'", "name"))),
        ("yes: true", "\"${[rules.yes ? {'name': 1} : {'nmae': 1}]}\"", Some(("'nmae'", "name"))),
        ("", "\"${[{'bonsu': 1}, {'bonus': 1}, {'bonus': 1}]}\"", Some(("'bonsu'", "bonus"))),
        ("", "\"${{'a-1': {'loss': 1}, 'b-1': {'los': 1}}}\"", Some(("'los'", "loss"))),
        ("", "\"${first([{'loss': 1}]).or({'los': 1})}\"", Some(("'los'", "loss"))),
        ("teams: [{ bonus: 2 }, { bonsu: 3 }]", "\"${rules.teams.map(t, t.bonus.or(0))}\"", Some(("bonsu", "bonus"))),
        ("a: { bonus: 2 }, b: { bonsu: 2 }", "\"${[rules.a, rules.b]}\"", Some(("rules.b", "bonus"))),
        ("a: { wins: 2 }, b: { ties: 2 }", "\"${[rules.a, rules.b]}\"", None),
    ] {
        let text = format!("god_flow: 1\nworkflow: w\nrules: {{ {rules} }}\nsteps:\n  a: {{ value: {value} }}\n");
        let (found, sources) = mistakes("w.yaml", &[("w.yaml", text)]);
        let told = told(&found, &sources);
        let Some((odd, meant)) = expected else {
            assert!(told.is_empty(), "{value}: {told:#?}");
            continue;
        };
        assert!(told.len() == 1 && told[0].contains(&format!("did you mean `{meant}`?")), "{value}: {told:#?}");
        assert_eq!(sources.slice(found[0].place), odd, "{value}: {told:#?}");
    }
}
