use std::borrow::Cow;

use indexmap::IndexMap;
use proptest::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};

use super::*;
use crate::{
    base::{SourceId, Span},
    document::parse,
};

/// A document much like the real one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Doc {
    /// The version of the language. Always 1.
    god_flow: u32,
    /// The name of the workflow.
    workflow: Label,
    about: Option<String>,
    #[schemars(default)]
    steps: IndexMap<Label, Step>,
    #[schemars(default, range(min = 1, max = 12))]
    rounds: i64,
    #[schemars(default, range(min = 0.0))]
    share: f64,
    #[schemars(default)]
    quiet: bool,
    limit: Option<Long>,
    #[schemars(default, length(min = 1, max = 2))]
    checks: Vec<Check>,
    on: Option<When>,
    #[schemars(default)]
    image: OneOrMany,
    #[schemars(default)]
    pair: (u8, String),
    #[schemars(default)]
    limits: IndexMap<Label, f64>,
    source: Option<Source>,
    #[schemars(extend("x-given" = true))]
    given: Option<u8>,
    anything: Option<serde_json::Value>,
    #[schemars(extend("uniqueItems" = true))]
    words: Option<Vec<String>>,
}

struct Label;
impl JsonSchema for Label {
    fn schema_name() -> Cow<'static, str> {
        "Label".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$", "x-type": "label", "description": "A name such as `boss_round`." })
    }
}

struct Long;
impl JsonSchema for Long {
    fn schema_name() -> Cow<'static, str> {
        "Long".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-type": "duration", "x-given": true, "description": "A length of time such as `1h30m`." })
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Check {
    /// One hotkey per address.
    OnePerIp,
    CommitSha,
    Licence,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum When {
    Never,
    Every(Long),
    At { hour: u8 },
}

#[derive(Default, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
    Full(Full),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Full {
    name: String,
    tag: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
enum Source {
    Git { url: String },
    Hub { repo: String, revision: Option<String> },
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Step {
    when: Option<String>,
    gpus: Option<u8>,
    #[schemars(flatten)]
    action: Action,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Action {
    Train(Train),
    Build {
        from: Option<String>,
    },
    /// Steps of its own.
    Group(IndexMap<Label, Step>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Train {
    /// The image to run. Built before.
    image: String,
    hours: Option<f64>,
}

fn formats(name: &str, text: &str) -> Option<Result<(), String>> {
    match name {
        "duration" => Some(Span::parse(text).map(|_| ())),
        "label" => Some(crate::base::Name::parse(text).map(|_| ())),
        _ => None,
    }
}

fn mistakes(text: &str) -> Vec<Mistake> {
    let (tree, mut mistakes) = parse(SourceId(0), text);
    let schema = schema_for!(Doc).to_value();
    check(&tree.unwrap(), &schema, &formats, &mut mistakes);
    mistakes
}

/// Checks an otherwise good document with these lines in it; `expected` are code, place, message and help.
fn expect(lines: &str, expected: &[(&str, &str, &str, &str)]) {
    let text = format!("god_flow: 1\nworkflow: text\n{lines}\n");
    let mistakes = mistakes(&text);
    let found: Vec<_> = mistakes
        .iter()
        .map(|m| (m.code, &text[m.place.bytes()], m.message.as_str(), m.help.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(found, expected, "{lines}");
}

const KEYS: &str = "the keys here are god_flow, workflow, about, steps, rounds, share, quiet, limit, checks, on, image, pair, limits, source, given, anything, words";

#[test]
fn every_keyword_of_the_schema_is_read() {
    assert_eq!(schema::unread(&schema_for!(Doc).to_value()), [] as [String; 0]);
    let unread = serde_json::json!({ "properties": { "a": { "not": {}, "pattern": "(a|b)" } } });
    assert_eq!(schema::unread(&unread), ["/properties/a/not", "/properties/a/pattern"]);
}

#[test]
fn good_documents_have_no_mistakes() {
    for lines in [
        "",
        "about:\nlimit: 1h\nchecks: [one_per_ip, licence]\non: never\nimage: x",
        "about: ~\nlimit: ${rules.limit}\non: { every: 3d }\nimage: [x, y]\nshare: 3",
        "on: { at: { hour: 3 } }\nimage: { name: x }\npair: [1, x]\nlimits: { a: 1, b_2: 0.5 }",
        "source: { kind: git, url: x }\ngiven: \"${x}\"\nanything: [1, { a: ~ }]\nwords: [a, b]",
        "source: { kind: hub, repo: x }\ngiven: 3\nimage: ~",
        "steps:\n  a: { train: { image: x }, gpus: 2 }\n  b:\n    when: x\n    build: {}\n  c: { group: { d: { build: {} } } }",
    ] {
        expect(lines, &[]);
    }
}

#[test]
fn keys_are_told_with_what_was_meant() {
    expect(
        "abuot: x",
        &[("document::unknown_key", "abuot", "there is no key `abuot` here", &format!("did you mean `about`? {KEYS}"))],
    );
    expect("zzzzzz: x", &[("document::unknown_key", "zzzzzz", "there is no key `zzzzzz` here", KEYS)]);
    expect(
        "steps:\n  a:\n    train: {}\n",
        &[("document::missing_key", "train", "the key `image` is missing", "add `image`: The image to run")],
    );
    expect(
        "limits:\n  Fast: 1",
        &[(
            "document::wrong_value",
            "Fast",
            "expected a name of lower-case letters, digits and `_`, starting with a letter, found `Fast`",
            "",
        )],
    );
    let found = mistakes("wokflow: a\n");
    let codes: Vec<_> = found.iter().map(|m| (m.code, m.message.as_str())).collect();
    assert_eq!(
        codes,
        [
            ("document::unknown_key", "there is no key `wokflow` here"),
            ("document::missing_key", "the key `god_flow` is missing"),
        ]
    );
    let found = mistakes("about: a\n");
    assert_eq!(found[0].message, "the keys `god_flow` and `workflow` are missing");
    assert_eq!(
        found[0].help.as_deref(),
        Some("add `god_flow`: The version of the language; `workflow`: The name of the workflow")
    );
}

#[test]
fn wrong_kinds_are_told_with_what_to_write() {
    let wrong = "document::wrong_type";
    for (lines, place, message, help) in [
        ("rounds: many", "many", "expected a whole number, found text `many`", ""),
        ("rounds: '7'", "'7'", "expected a whole number, found text `7`", "write `7`, without quotes"),
        ("rounds: 1_000", "1_000", "expected a whole number, found text `1_000`", "write `1000`, without quotes"),
        ("rounds: 1.5", "1.5", "expected a whole number, found the number 1.5", "leave the fraction out"),
        (
            "rounds: ${x}",
            "${x}",
            "expected a whole number, found text `${x}`",
            "an expression cannot stand here; write the value itself",
        ),
        ("quiet: yes", "yes", "expected `true` or `false`, found text `yes`", "write `true`, without quotes"),
        ("quiet: Off", "Off", "expected `true` or `false`, found text `Off`", "write `false`, without quotes"),
        ("quiet: 1", "1", "expected `true` or `false`, found the number 1", ""),
        ("about: 1.10", "1.10", "expected text, found the number 1.1", "put it in quotes to make it a text"),
        ("about: true", "true", "expected text, found `true`", "put it in quotes to make it a text"),
        (
            "about: { a: b }",
            "{ a",
            "expected text, found a mapping with the key `a`",
            "put a text that holds `: ` or starts with `{` in quotes",
        ),
        ("checks: licence", "licence", "expected a list, found text `licence`", "write a list: `[licence]`"),
        ("checks:", "checks", "expected a list, found nothing", "write the value after the `:`, or leave the key out"),
        ("steps:\n- a\n- b", "a", "expected a mapping, found a list of 2", ""),
        ("steps: a:b", "a:b", "expected a mapping, found text `a:b`", "put a space after the `:`"),
        (
            "image: 3",
            "3",
            "expected text, a list or a mapping, found the number 3",
            "put it in quotes to make it a text",
        ),
        ("on: [1]", "[1", "expected `never` or a mapping with one of every, at, found a list of 1", ""),
        ("on: at", "at", "`at` needs more than its name", "write `at:` and what it needs below it"),
    ] {
        expect(lines, &[(wrong, place, message, help)]);
    }
}

#[test]
fn values_are_told_with_what_is_allowed() {
    for (lines, code, place, message, help) in [
        ("rounds: 0", "out_of_range", "0", "expected a whole number from 1 to 12, found 0", ""),
        ("share: -0.5", "out_of_range", "-0.5", "expected a number of at least 0, found -0.5", ""),
        ("given: 300", "out_of_range", "300", "expected a whole number from 0 to 255, found 300", ""),
        ("checks: []", "out_of_range", "[]", "expected at least 1 item, found none", ""),
        ("checks: [licence, licence, licence]", "out_of_range", "[licence", "expected at most 2 items, found 3", ""),
        ("pair: [1]", "out_of_range", "[1", "expected at least 2 items, found 1", ""),
        ("words: [a, b, a]", "out_of_range", "a", "text `a` is in the list twice", ""),
        (
            "checks: [license]",
            "unknown_word",
            "license",
            "expected one of commit_sha, licence, one_per_ip, found `license`",
            "did you mean `licence`?",
        ),
        ("on: nevr", "unknown_word", "nevr", "expected one of never, every, at, found `nevr`", "did you mean `never`?"),
        (
            "limit: soon",
            "wrong_value",
            "soon",
            "expected a length of time such as `90s`, `20m`, `1h30m` or `3d`, found `soon`",
            "",
        ),
        (
            "limit: 5",
            "wrong_value",
            "5",
            "expected a length of time such as `90s`, `20m`, `1h30m` or `3d`, found `5`",
            "write a unit: `5s`, `5m` or `5h`",
        ),
        ("on: { evry: 1h }", "unknown_key", "evry", "expected one of every, at, found `evry`", "did you mean `every`?"),
        (
            "on: { every: 1h, at: { hour: 1 } }",
            "one_of",
            "at",
            "`at` cannot stand beside `every`",
            "keep one of the two",
        ),
        ("on: { at: { hour: 999 } }", "out_of_range", "999", "expected a whole number from 0 to 255, found 999", ""),
        (
            "source: { kind: gti, url: x }",
            "unknown_word",
            "gti",
            "expected `git` or `hub`, found `gti`",
            "did you mean `git`?",
        ),
        ("source: { url: x }", "missing_key", "source", "the key `kind` is missing", "add `kind`: one of git, hub"),
        (
            "image: { name: x, tga: y }",
            "unknown_key",
            "tga",
            "there is no key `tga` here",
            "did you mean `tag`? the keys here are name, tag",
        ),
        ("image: [x, 1]", "wrong_type", "1", "expected text, found the number 1", "put it in quotes to make it a text"),
        (
            "steps:\n  a:\n    trian: { image: x }",
            "unknown_key",
            "trian",
            "expected one of train, build, group, found `trian`",
            "did you mean `train`?",
        ),
        (
            "steps:\n  a:\n    when: x",
            "missing_key",
            "a",
            "a key that says what to do is missing",
            "add one of train, build, group",
        ),
        (
            "steps:\n  a:\n    train: { image: x }\n    build: {}",
            "one_of",
            "build",
            "`build` cannot stand beside `train`",
            "keep one of the two",
        ),
        (
            "steps:\n  a:\n    build: {}\n    gpsu: 1",
            "unknown_key",
            "gpsu",
            "there is no key `gpsu` here",
            "did you mean `gpus`? the keys here are when, gpus, build",
        ),
        (
            "steps: { a: { group: { b: { build: { from: 1 } } } } }",
            "wrong_type",
            "1",
            "expected text, found the number 1",
            "put it in quotes to make it a text",
        ),
        ("workflow2: 1", "unknown_key", "workflow2", "there is no key `workflow2` here", KEYS),
    ] {
        let code = format!("document::{code}");
        let text = format!("god_flow: 1\nworkflow: text\n{lines}\n");
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{lines}: {found:#?}");
        let m = &found[0];
        assert_eq!(
            (m.code, &text[m.place.bytes()], m.message.as_str(), m.help.as_deref().unwrap_or("")),
            (code.as_str(), place, message, help),
            "{lines}"
        );
    }
}

#[test]
fn the_alternative_that_is_named_is_the_one_that_was_meant() {
    expect(
        "source: { kind: git, repo: x }",
        &[
            ("document::unknown_key", "repo", "there is no key `repo` here", "the keys here are kind, url"),
            ("document::missing_key", "source", "the key `url` is missing", "add `url`: text"),
        ],
    );
}

#[test]
fn all_mistakes_are_collected_and_none_is_told_twice() {
    let found = mistakes(
        "god_flow: 010\nworkflow: [a]\nrounds: 0\nsteps:\n  a: { trian: 1, when: 1, gpsu: 2 }\n  B: { build: {} }\nabuot: 1\n",
    );
    let codes: Vec<_> = found.iter().map(|m| m.code.strip_prefix("document::").unwrap()).collect();
    assert_eq!(
        codes,
        [
            "number",
            "wrong_type",
            "out_of_range",
            "unknown_key",
            "wrong_type",
            "unknown_key",
            "wrong_value",
            "unknown_key",
        ]
    );
}

#[test]
fn a_file_full_of_mistakes_is_not_told_to_its_end() {
    let text: String = (0..100_000).map(|n| format!("k{n}: 1\n")).collect();
    assert_eq!(mistakes(&text).len(), MISTAKES_SOUGHT_MAX);
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    let (tree, mut told) = parse(SourceId(0), "a: [1]\n");
    for schema in [
        serde_json::json!({ "$ref": "#" }),
        serde_json::json!({ "anyOf": [{ "$ref": "#" }, { "type": "string" }] }),
        serde_json::json!({ "allOf": [{ "$ref": "#/allOf/0" }] }),
    ] {
        check(&tree.clone().unwrap(), &schema, &formats, &mut told);
    }
}

/// A document with something in every place.
const FULL: &str = r#"{
    "god_flow": 1, "workflow": "text", "about": "x", "rounds": 3, "share": 0.5, "quiet": true, "limit": "1h",
    "steps": { "a": { "train": { "image": "x", "hours": 0.5 }, "gpus": 2 }, "b": { "group": { "c": { "build": {} } } } },
    "checks": ["licence"], "on": { "at": { "hour": 3 } }, "image": { "name": "x" }, "pair": [1, "x"],
    "limits": { "a": 0.5 }, "source": { "kind": "git", "url": "x" }, "given": 3, "words": ["a", "b"]
}"#;

fn some_json() -> impl Strategy<Value = Json> {
    let word = "(a|B|text|licence|never|every|at|hour|kind|git|hub|repo|url|train|build|group|image|name|tag|when|1h)";
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..300).prop_map(Json::from),
        Just(Json::from(0.5)),
        word.prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map(word, inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts values into places of a document, each found by counting its values.
fn replace(json: &mut Json, at: &mut usize, value: &Json) {
    if *at == 0 {
        *json = value.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| replace(item, at, value)),
        Json::Object(fields) => fields.values_mut().for_each(|field| replace(field, at, value)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_document_is_good_exactly_when_the_schema_allows_it(
        changes in prop::collection::vec((0usize..50, some_json()), 0..3),
        extra in prop::option::of((0usize..5, "(abuot|rounds|build|image)", some_json())),
    ) {
        let schema = schema_for!(Doc).to_value();
        let mut json: Json = serde_json::from_str(FULL).unwrap();
        for (mut at, value) in changes {
            replace(&mut json, &mut at, &value);
        }
        if let Some((at, key, value)) = extra {
            let all = ["", "/steps/a", "/steps/a/train", "/on", "/source"];
            if let Some(Json::Object(object)) = json.pointer_mut(all[at]) {
                object.insert(key, value);
            }
        }
        let (tree, mut mistakes) = parse(SourceId(0), &json.to_string());
        check(&tree.unwrap_or(Tree { place: Place::default(), node: Node::Null }), &schema, &|_, _| None, &mut mistakes);
        prop_assert_eq!(mistakes.is_empty(), jsonschema::is_valid(&schema, &json), "{:#} {:#?}", json, mistakes);
    }
}
