//! Literals, operators, selects and what fails in them.

use serde_json::json;

use super::{Failure, check, check_failures};

#[test]
fn literals() {
    check(&[
        ("1", json!(1)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("0x1F", json!(31)),
        ("1.5e3", json!(1500.0)),
        (".5", json!(0.5)),
        ("true", json!(true)),
        ("null", json!(null)),
        ("'a\\tb\\x41\\u00e9\\101'", json!("a\tbAéA")),
        ("\"it's\"", json!("it's")),
        ("r'\\d'", json!("\\d")),
        ("'''a\n'b' '''", json!("a\n'b' ")),
        ("[1, 2.5, ]", json!([1, 2.5])),
        ("[1, null]", json!([1, null])),
        ("{'id': id, 'n': 1}", json!({"id": "pair-03", "n": 1})),
        ("{'5Fa': 1, id: 2}", json!({"5Fa": 1, "pair-03": 2})),
        ("{}", json!({})),
        ("1 // the rest is a comment", json!(1)),
    ]);
}

#[test]
fn numbers_mix_freely() {
    check(&[
        ("1 - threshold", json!(0.95)),
        ("1 + 2 * 3 - 4", json!(3)),
        ("(1 + 2) * 3", json!(9)),
        ("2 - 3 - 4", json!(-5)),
        ("7 % 3", json!(1)),
        ("-7 % 3", json!(-1)),
        ("7.0 / 2", json!(3.5)),
        ("7 / 2.0", json!(3.5)),
        ("widened + 1", json!(3.0)),
        ("widened * widened", json!(4.0)),
        ("widened == 2", json!(true)),
        ("-widened", json!(-2.0)),
        ("-wins", json!(-3)),
        ("1 < 1.5 && 1.5 >= 1 && 1 == 1.0", json!(true)),
        ("9007199254740993 > 9007199254740992.0", json!(true)),
        ("2 in [1.0, 2.0]", json!(true)),
        ("[1, 2] == [1.0, 2.0]", json!(true)),
        ("max(rules.boss.floor, rules.boss.start * pow(rules.boss.decay, wins - 1))", json!(0.05 * (0.8 * 0.8))),
    ]);
    check_failures(&[
        ("9223372036854775807 + wins", Failure::Overflow),
        ("-9223372036854775808 - wins", Failure::Overflow),
        ("9223372036854775807 * wins", Failure::Overflow),
        ("-(wins - 9223372036854775807 - 4)", Failure::Overflow),
        ("wins % (wins - 3)", Failure::DivisionByZero),
        ("1.0 / (wins - 3)", Failure::DivisionByZero),
        ("1e308 * 10", Failure::NotFinite),
    ]);
}

#[test]
fn logic_and_choice() {
    check(&[
        ("yes && !yes || yes", json!(true)),
        ("wins > 2 ? 'many' : 'few'", json!("many")),
        ("wins > 5 ? 'many' : wins > 2 ? 'some' : 'few'", json!("some")),
        ("wins > 5 ? 1 : 0.5", json!(0.5)),
        ("wins > 5 ? 1 : null", json!(null)),
        // One side that decides excuses the other's failure, as in CEL.
        ("false && 1 % (wins - 3) == 0", json!(false)),
        ("1 % (wins - 3) == 0 && false", json!(false)),
        ("1 % (wins - 3) == 0 || true", json!(true)),
        ("1 % (wins - 3) == 0 && no_loss != null && no_loss > 1", json!(false)),
        ("[0, 1].exists(e, 1 % e == 0)", json!(true)),
        ("[0, 3].all(e, 3 % e == 1)", json!(false)),
    ]);
    check_failures(&[
        ("1 % (wins - 3) == 0 && true", Failure::DivisionByZero),
        ("1 % (wins - 3) == 0 || false", Failure::DivisionByZero),
        ("[0, 3].all(e, 3 % e == 0)", Failure::DivisionByZero),
        ("1 % (wins - 3) == 0 && challenger != null && challenger.wins > 0", Failure::DivisionByZero),
    ]);
}

#[test]
fn texts_lists_maps_and_records() {
    check(&[
        ("id + '/' + kind", json!("pair-03/image")),
        ("'a' < 'b' && id > 'pair-02'", json!(true)),
        ("kind == 'image' && kind != 'text' && kind in ['text', 'image']", json!(true)),
        ("[1] + [2.5]", json!([1, 2.5])),
        ("counts[0] + counts[2]", json!(5)),
        ("points['5Fa']", json!(3)),
        ("points[entrants[1].hotkey]", json!(1)),
        ("rules.boss.start", json!(0.05)),
        ("rules['boss']['start']", json!(0.05)),
        ("'5Fa' in points && !('x' in points)", json!(true)),
        ("{'b': 1, 'a': 2} == {'a': 2, 'b': 1}", json!(true)),
        ("{'a': 1, 'b': null} == {'a': 1}", json!(true)),
        ("boss == entrants[0] && boss != entrants[1]", json!(true)),
        ("has(points.x) || has(boss.loss)", json!(true)),
        ("gpus(task) == request && task.gpus() == request", json!(true)),
    ]);
    check_failures(&[
        ("counts[3]", Failure::NoElement { index: 3, size: 3 }),
        ("counts[0 - 1]", Failure::NoElement { index: -1, size: 3 }),
        ("[][0]", Failure::NoElement { index: 0, size: 0 }),
        ("points.x", Failure::NoKey { key: "x".into() }),
        ("{'5Fa': 1, id: 2, 'pair-' + '03': 3}", Failure::SameKey { key: "pair-03".into() }),
    ]);
}

#[test]
fn amounts_are_exact_and_never_negative() {
    check(&[
        ("limit + minutes(30)", json!("6h30m")),
        ("limit - hours(1.5)", json!("4h30m")),
        ("limit * 2", json!("12h")),
        ("0.5 * limit", json!("3h")),
        ("limit / 4", json!("1h30m")),
        ("limit / hours(4)", json!(1.5)),
        ("limit > hours(5) && hours(1) == minutes(60)", json!(true)),
        ("began + limit", json!("2026-01-31T16:00:00Z")),
        ("limit + began == began + limit", json!(true)),
        ("began - limit", json!("2026-01-31T04:00:00Z")),
        ("began + limit - began", json!("6h")),
        ("began < began + limit", json!(true)),
        ("fee + fee", json!("0.5 TAO")),
        ("fee - tao('0.05 TAO')", json!("0.2 TAO")),
        ("fee * 3", json!("0.75 TAO")),
        ("fee * 0.1", json!("0.025 TAO")),
        ("tao('5 RAO') * 0.5", json!("0.000000002 TAO")),
        ("tao('7 RAO') * 0.5", json!("0.000000004 TAO")),
        ("tao('7 RAO') / 2", json!("0.000000004 TAO")),
        ("tao('5 RAO') / 2.0", json!("0.000000002 TAO")),
        ("tao('18446744073709551615 RAO') * 1.0", json!("18446744073.709551615 TAO")),
        ("tao('18446744073709551615 RAO') / 1.0", json!("18446744073.709551615 TAO")),
        ("fee * 1e-300", json!("0 TAO")),
        ("fee / 1e300", json!("0 TAO")),
        ("fee * -0.0", json!("0 TAO")),
        ("fee / tao('1 TAO')", json!(0.25)),
        ("disk + disk", json!("32GiB")),
        ("disk / 2", json!("8GiB")),
        ("disk >= bytes('16GB')", json!(true)),
        ("request == gpus_of('2xH100')", json!(true)),
    ]);
    let below = |of: &'static str| Failure::BelowZero { of: of.into() };
    check_failures(&[
        ("hours(1) - limit", below("duration")),
        ("began - (began + limit)", below("duration")),
        ("fee - tao('1 TAO')", below("tao")),
        ("fee * -1", below("tao")),
        ("fee * -0.5", below("tao")),
        ("disk / -2", below("size")),
        ("disk - bytes('1TiB')", below("size")),
        ("fee * 1e300", Failure::Overflow),
        ("fee / 1e-300", Failure::Overflow),
        ("fee * 9223372036854775807", Failure::Overflow),
        ("days(200000)", Failure::Overflow),
        ("began + days(100000) * 300", Failure::Overflow),
        ("fee / (wins - 3)", Failure::DivisionByZero),
        ("fee / (threshold * 0)", Failure::DivisionByZero),
        ("limit / hours(0)", Failure::DivisionByZero),
    ]);
}

#[test]
fn nothing_is_lost_by_being_absent() {
    check(&[
        ("boss.loss.or(1.0)", json!(0.5)),
        ("or(nobody.loss, 2)", json!(2)),
        ("nobody.loss", json!(null)),
        ("nobody.loss == null && nobody == null && challenger != null", json!(true)),
        ("nobody.hotkey == 'x'", json!(false)),
        ("no_text.or('none') + '!'", json!("none!")),
        ("challenger.loss.or(1) < boss.loss.or(1)", json!(true)),
        ("has(nobody.loss)", json!(false)),
        // A condition that excludes null lets the value be used.
        ("challenger != null && challenger.wins > 2", json!(true)),
        ("challenger.loss != null ? challenger.loss * 2 : 0", json!(0.5)),
        ("null == nobody.loss || nobody.loss > 1", json!(true)),
        ("!(no_loss == null) && no_loss > 1", json!(false)),
        ("has(challenger.loss) ? challenger.loss : 1", json!(0.25)),
        ("entrants.filter(e, e.loss != null && e.loss < 0.4).map(e, e.hotkey)", json!(["5Fc"])),
    ]);
}
