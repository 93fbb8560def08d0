//! Every function: its example, its edges, and the table it stands in.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Failure, check, check_failures, compile, functions, world};
use crate::base::Value;

#[test]
fn every_example_holds() {
    let world = world();
    for doc in functions() {
        let rule = compile(doc.example, &world);
        assert_eq!(rule.eval(&world), Ok(Value::Bool(true)), "{}: {}", doc.name, doc.example);
        assert!(doc.example.contains(doc.name) && doc.signature.contains(doc.name), "{}", doc.name);
        assert!(doc.signature.contains("->") && !doc.about.is_empty(), "{}", doc.name);
    }
}

#[test]
fn no_two_functions_share_a_name() {
    let names: BTreeSet<&str> = functions().map(|doc| doc.name).collect();
    assert_eq!(names.len(), functions().count());
}

#[test]
fn both_ways_of_calling_are_the_same_call() {
    check(&[
        ("size(counts) == counts.size()", json!(true)),
        ("threshold.clamp(0, 1) == clamp(threshold, 0, 1)", json!(true)),
        ("filter(counts, e, e > 1) == counts.filter(e, e > 1)", json!(true)),
        ("sort_by(entrants, e, e.wins) == entrants.sort_by(e, e.wins)", json!(true)),
        ("or(no_loss, 1) == no_loss.or(1)", json!(true)),
        ("'1h'.duration() == duration('1h')", json!(true)),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("abs(-9223372036854775807)", json!(i64::MAX)),
        ("floor(widened) + ceil(widened) + round_even(widened)", json!(6)),
        ("round_even(-2.5)", json!(-2)),
        ("round_to(0.125, 2)", json!(0.12)),
        ("round_to(0.375, 2)", json!(0.38)),
        ("round_to(7, 0)", json!(7.0)),
        ("round_to(-0.001, 1) == 0", json!(true)),
        ("double(3)", json!(3.0)),
        ("pow(2, 0)", json!(1)),
        ("pow(-2, 3)", json!(-8)),
        ("pow(0.8, 3)", json!(0.8 * 0.8 * 0.8)),
        ("pow(widened, 2)", json!(4.0)),
        ("min(3, 1, 2)", json!(1)),
        ("min(wins, threshold)", json!(0.05)),
        ("max(fee, tao('1 TAO'))", json!("1 TAO")),
        ("max(scores)", json!(2)),
        ("min('b', 'a')", json!("a")),
        ("clamp(-1, 0, 1.5)", json!(0)),
        ("clamp(limit, hours(1), hours(2))", json!("2h")),
    ]);
    let out = Failure::out_of_range;
    check_failures(&[
        ("abs(wins - 9223372036854775807 - 4)", Failure::Overflow),
        ("floor(1e300)", Failure::Overflow),
        ("ceil(-1e300)", Failure::Overflow),
        ("round_even(9223372036854775808.0)", Failure::Overflow),
        ("round_to(1.5, wins + 13)", out("round_to", "expected 0 to 15 digits")),
        ("round_to(1.5, wins - 4)", out("round_to", "expected 0 to 15 digits")),
        ("whole_div(7, wins - 3)", Failure::DivisionByZero),
        ("whole_div(-9223372036854775808, -1)", Failure::Overflow),
        ("pow(2, wins - 4)", out("pow", "expected an exponent that is not negative")),
        ("pow(2, 63)", Failure::Overflow),
        ("pow(1e200, 2)", Failure::NotFinite),
        ("pow(1.0, 9223372036854775807)", Failure::TooMuchWork),
        ("min([])", Failure::empty("min")),
        ("max(counts.filter(e, e > 9))", Failure::empty("max")),
        ("clamp(1, wins, 2)", out("clamp", "the lower bound is above the upper one")),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("sum(counts) + sum([])", json!(6)),
        ("sum(scores)", json!(2.75)),
        ("sum(entrants.map(e, e.fee))", json!("1 TAO")),
        ("sum([limit, limit]) == hours(12)", json!(true)),
        ("sum([disk, disk])", json!("32GiB")),
        ("sum(entrants.filter(e, false).map(e, e.fee))", json!("0 TAO")),
        ("mean(counts)", json!(2.0)),
        ("median(scores)", json!(0.5)),
        ("median([1e308, 1.5e308])", json!(1.25e308)),
        ("first(entrants).hotkey", json!("5Fa")),
        ("last(entrants).hotkey.or('')", json!("5Fc")),
        ("first([])", json!(null)),
        ("counts.top(2)", json!([3, 1])),
        ("counts.top(9) == counts && counts.skip(9) == []", json!(true)),
        ("counts.skip(1)", json!([1, 2])),
        ("range(5).chunks(2)", json!([[0, 1], [2, 3], [4]])),
        ("[].chunks(3)", json!([])),
        ("range(0)", json!([])),
        ("unique([1, 1.0, 2])", json!([1, 2])),
        ("unique(entrants.map(e, e.wins))", json!([3, 0])),
        ("flatten([[1], [], [2.5]])", json!([1, 2.5])),
        ("counts.index_of(9)", json!(null)),
        ("sum(present(maybe_scores))", json!(0.5)),
        ("present([null, null])", json!([])),
        ("keys(points) + ['x']", json!(["5Fa", "5Fb", "x"])),
        // A map that is written out is one whatever its keys look like.
        ("keys({'ada': 1, 'bob': 2.5})", json!(["ada", "bob"])),
        ("keys({'5Fh': 1})", json!(["5Fh"])),
        ("keys({})", json!([])),
        ("values({'ada': 1, 'bob': 2.5})", json!([1, 2.5])),
        ("size({'ada': 1, 'bob': 2})", json!(2)),
        ("'a' in {'a': 1}", json!(true)),
        ("'b' in {'a': 1, 'c': 2}", json!(false)),
        ("{'a': 1, 'b': 2}.map(k, k + '!')", json!(["a!", "b!"])),
        ("{'a': 1, 'b': 2}.exists(k, k == 'b')", json!(true)),
        ("['a', 'b'].map(k, {'a': 1, 'b': 2}[k])", json!([1, 2])),
        ("sum(values(points))", json!(4)),
        ("size(points) + size('Zoë') + size(counts)", json!(8)),
    ]);
    let out = Failure::out_of_range;
    check_failures(&[
        ("sum([9223372036854775807, 1])", Failure::Overflow),
        ("sum([1e308, 1e308])", Failure::NotFinite),
        ("mean([])", Failure::empty("mean")),
        ("median([])", Failure::empty("median")),
        ("counts.top(wins - 4)", out("top", "expected a count that is not negative")),
        ("counts.skip(wins - 4)", out("skip", "expected a count that is not negative")),
        ("counts.chunks(wins - 3)", out("chunks", "expected a count of at least 1")),
        ("range(wins - 4)", out("range", "expected a count that is not negative")),
    ]);
}

#[test]
fn macros() {
    check(&[
        ("entrants.map(e, e.hotkey)", json!(["5Fa", "5Fb", "5Fc"])),
        ("entrants.map(e, e.wins > 0, e.hotkey)", json!(["5Fa", "5Fc"])),
        ("entrants.all(e, e.wins >= 0) && [].all(e, e > 1)", json!(true)),
        ("[].exists(e, e > 1)", json!(false)),
        ("entrants.exists_one(e, e.loss == null)", json!(true)),
        ("entrants.count(e, e.wins == 3)", json!(2)),
        ("entrants.sort_by(e, e.loss.or(9)).map(e, e.hotkey)", json!(["5Fc", "5Fa", "5Fb"])),
        // Stable in both directions.
        ("entrants.sort_by(e, e.wins).map(e, e.hotkey)", json!(["5Fb", "5Fa", "5Fc"])),
        ("entrants.sort_by_desc(e, e.wins).map(e, e.hotkey)", json!(["5Fa", "5Fc", "5Fb"])),
        ("entrants.min_by(e, e.loss.or(9)).hotkey", json!("5Fc")),
        ("entrants.max_by(e, e.wins).hotkey", json!("5Fa")),
        ("points.filter(k, points[k] > 1)", json!(["5Fa"])),
        ("points.all(k, k.startsWith('5F'))", json!(true)),
        // The inner name hides the outer one, and the outer one comes back.
        ("[1, 2].map(e, [10].map(e, e)[0] + e)", json!([11, 12])),
        ("[1, 2].map(a, [10, 20].map(b, a * b))", json!([[10, 20], [20, 40]])),
        ("[1].map(wins, wins + 1)[0] + wins", json!(5)),
    ]);
    check_failures(&[
        ("[].min_by(e, e)", Failure::empty("min_by")),
        ("entrants.filter(e, e.wins > 9).max_by(e, e.wins)", Failure::empty("max_by")),
        ("counts.map(e, 1.0 / (e - 1))", Failure::DivisionByZero),
    ]);
}

#[test]
fn texts_and_amounts() {
    check(&[
        ("text(yes) + text(wins) + text(threshold) + text(id) + text(kind)", json!("true30.05pair-03image")),
        ("text(limit) + ' ' + text(fee) + ' ' + text(disk) + ' ' + text(request)", json!("6h 0.25 TAO 16GiB 2xH100")),
        ("text(began)", json!("2026-01-31T10:00:00Z")),
        ("'a,b,,c'.split(',')", json!(["a", "b", "", "c"])),
        ("'é1'.split('')", json!(["é", "1"])),
        ("''.split(',')", json!([""])),
        ("[].join(',')", json!("")),
        ("[fee, fee].join(' + ')", json!("0.25 TAO + 0.25 TAO")),
        ("id.contains('-') && id.endsWith('03') && !id.startsWith('x')", json!(true)),
        ("hours(wins) + minutes(30) + seconds(1) + days(1)", json!("1d3h30m1s")),
        ("hours(0.1)", json!("6m")),
        ("in_hours(limit / 4)", json!(1.5)),
        ("duration(text(limit)) == limit", json!(true)),
        ("tao('1 ' + 'RAO')", json!("0.000000001 TAO")),
    ]);
    check_failures(&[
        ("duration(id)", Failure::Unreadable { why: duration_help("pair-03") }),
        ("hours(-1)", Failure::BelowZero { of: "duration".into() }),
        ("hours(1e300)", Failure::Overflow),
        ("duration(range(1000).map(e, '1h').join())", Failure::TooLarge),
    ]);
    let world = world();
    for text in ["tao(id)", "bytes(id)", "gpus_of(id)", "timestamp(id)"] {
        let failure = compile(text, &world).eval(&world);
        assert!(matches!(failure, Err(Failure::Unreadable { .. })), "{text}: {failure:?}");
    }
}

fn duration_help(found: &str) -> String {
    crate::base::Span::parse(found).unwrap_err()
}
