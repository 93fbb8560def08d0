//! What a rule reads and calls, and the types it has.

use super::{compile, world};

#[test]
fn every_way_from_a_name_is_told_once() {
    let world = world();
    for (text, expected) in [
        ("1 + 2", vec![]),
        ("rules.boss.start * rules.boss.start", vec!["rules.boss.start"]),
        ("boss.loss.or(rules.boss.floor)", vec!["boss.loss", "rules.boss.floor"]),
        ("entrants[0].hotkey", vec!["entrants"]),
        ("entrants.map(e, e.loss.or(threshold))", vec!["entrants", "threshold"]),
        ("rules['boss'].start", vec!["rules.boss.start"]),
        ("points[id] + points.x", vec!["points", "id"]),
        ("has(nobody.loss) || challenger == null", vec!["nobody.loss", "challenger"]),
        ("[1].map(wins, wins)", vec![]),
        ("gpus(task)", vec!["task"]),
        ("[{'a': id}, {'a': kind}].map(e, [e.a, text(fee)])", vec!["id", "kind", "fee"]),
    ] {
        let reads: Vec<String> = compile(text, &world).reads().iter().map(|path| path.join(".")).collect();
        assert_eq!(reads, expected, "{text}");
    }
    let calls = |text| compile(text, &world).calls().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(calls("gpus(task) == gpus(task)"), ["gpus"]);
    assert!(calls("size(counts)").is_empty());
}

#[test]
fn rules_cross_threads() {
    fn crosses<T: Send + Sync + Clone>() {}
    crosses::<super::Rule>();
    crosses::<super::Interpolation>();
    crosses::<super::Scope>();
}

#[test]
fn types() {
    let world = world();
    for (text, ty) in [
        ("wins + 1", "whole"),
        ("wins * threshold", "decimal"),
        ("yes ? 1 : 2.0", "decimal"),
        ("yes ? 'a' : 'b'", "'a' | 'b'"),
        ("yes ? id : 'b'", "text"),
        ("yes ? 1 : null", "whole?"),
        ("nobody.loss", "decimal?"),
        ("nobody.loss.or(1)", "decimal"),
        ("first(entrants)", "entrant?"),
        ("entrants.map(e, e.loss)", "[decimal?]"),
        ("present(entrants.map(e, e.loss))", "[decimal]"),
        ("{'id': id, 'n': 1}", "{id: text, n: whole}"),
        ("{'5F': 1, 'n': 2.5}", "map[decimal]"),
        ("[]", "[nothing]"),
        ("[] + [1]", "[whole]"),
        ("range(4).chunks(2)", "[[whole]]"),
        ("limit / hours(1)", "decimal"),
        ("began - began", "duration"),
        ("gpus(task)", "gpus"),
        ("min(1, 2.5)", "decimal"),
        ("challenger != null ? challenger.wins : 0", "whole"),
    ] {
        assert_eq!(compile(text, &world).ty().to_string(), ty, "{text}");
    }
    let rule = compile("wins > 2", &world);
    assert_eq!((rule.text(), format!("{rule:?}")), ("wins > 2", "Rule(wins > 2 : bool)".to_owned()));
}
