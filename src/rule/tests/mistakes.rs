//! Every mistake: its code, its place, what it says and what it tells to write.

use serde_json::json;

use super::{Rule, Scope, name, record, world};
use crate::base::{Ty, Value};

/// The mistakes of an expression, each as `code at «place»: message; help`.
fn mistakes(text: &str) -> Vec<String> {
    let wrongs = Rule::compile(text, &world().scope).map(|rule| panic!("{text} is {rule:?}")).unwrap_err();
    let told = wrongs.into_iter().map(|wrong| {
        let place = &text[wrong.bytes];
        let help = wrong.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{} at «{place}»: {}{help}", wrong.code, wrong.message)
    });
    told.collect()
}

fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(mistakes(text), [*expected], "{text}");
    }
}

#[test]
fn names_fields_and_functions() {
    check(&[
        ("bos.loss.or(1) < 1", "rule::unknown_name at «bos»: nothing here is called `bos`; did you mean `boss`?"),
        ("boss.lss", "rule::unknown_field at «lss»: entrant has no field `lss`; did you mean `loss`?"),
        ("boss['lss']", "rule::unknown_field at «'lss'»: entrant has no field `lss`; did you mean `loss`?"),
        ("{'total': 1}.totl", "rule::unknown_field at «totl»: there is no field `totl`; did you mean `total`?"),
        (
            "entrants.hotkey",
            "rule::unknown_field at «hotkey»: [entrant] has no fields; write `entrants[0].hotkey` for one of them, or `entrants.map(e, e.hotkey)` for all",
        ),
        (
            "counts.size",
            "rule::unknown_field at «size»: [whole] has no fields; `size` is a function: write `counts.size(…)`",
        ),
        ("wins.x", "rule::unknown_field at «x»: whole has no fields"),
        ("sum", "rule::unknown_name at «sum»: nothing here is called `sum`; `sum` is a function: write `sum(…)`"),
        ("smu(counts)", "rule::unknown_function at «smu»: there is no function `smu`; did you mean `sum`?"),
        ("gpu(task)", "rule::unknown_function at «gpu»: there is no function `gpu`; did you mean `gpus`?"),
        ("len(counts)", "rule::unknown_function at «len»: there is no function `len`; write `size(…)`"),
        (
            "now()",
            "rule::unknown_function at «now»: there is no function `now`; write a name that holds a time; expressions have no clock",
        ),
        (
            "sorted(counts)",
            "rule::unknown_function at «sorted»: there is no function `sorted`; write `list.sort_by(e, e)`",
        ),
        ("qqqqqq(counts)", "rule::unknown_function at «qqqqqq»: there is no function `qqqqqq`"),
        (
            "{id: 1, kimd: 2}",
            "rule::unknown_name at «kimd»: nothing here is called `kimd`; a key is a text: write `'kimd'`",
        ),
        ("{'a': 1, 'a': 2}", "rule::same_key at «'a'»: the key `a` is given twice"),
        (
            "clamp(1, 2)",
            "rule::argument_count at «clamp»: `clamp` does not take 2 arguments; the function is clamp(x, low, high) -> T",
        ),
        (
            "counts.map(e)",
            "rule::argument_count at «map»: `map` does not take 2 arguments; the function is list.map(e, value) or list.map(e, condition, value) -> [T]",
        ),
        (
            "gpus()",
            "rule::argument_count at «gpus»: `gpus` takes 1 argument, found 0; the function is gpus(task: task) -> gpus",
        ),
        ("gpus(boss)", "rule::wrong_type at «boss»: `task` of `gpus`: expected task, found entrant"),
    ]);
}

#[test]
fn types() {
    check(&[
        ("'a' + 1", "rule::wrong_type at «'a' + 1»: `+` does not take 'a' and whole; write `text(…)` around it"),
        ("wins < 'a'", "rule::wrong_type at «wins < 'a'»: `<` does not take whole and 'a'"),
        ("fee > 0.2", "rule::wrong_type at «fee > 0.2»: `>` does not take tao and decimal; write `tao('0.25 TAO')`"),
        (
            "limit + 1",
            "rule::wrong_type at «limit + 1»: `+` does not take duration and whole; write `hours(2)`, `minutes(90)` or `duration('1h30m')`",
        ),
        (
            "began + 1",
            "rule::wrong_type at «began + 1»: `+` does not take time and whole; write `hours(2)`, `minutes(90)` or `duration('1h30m')`",
        ),
        ("disk * disk", "rule::wrong_type at «disk * disk»: `*` does not take size and size"),
        ("fee + disk", "rule::wrong_type at «fee + disk»: `+` does not take tao and size"),
        ("request < request", "rule::wrong_type at «request < request»: `<` does not take gpus and gpus"),
        ("!wins", "rule::wrong_type at «wins»: `!`: expected bool, found whole"),
        ("-id", "rule::wrong_type at «id»: `-`: expected decimal, found text"),
        ("wins && yes", "rule::wrong_type at «wins»: `&&`: expected bool, found whole"),
        ("yes || wins", "rule::wrong_type at «wins»: `||`: expected bool, found whole"),
        ("wins ? 1 : 2", "rule::wrong_type at «wins»: before `?`: expected bool, found whole"),
        ("yes ? 1 : 'a'", "rule::wrong_type at «1 : 'a'»: either whole or 'a', which have no type in common"),
        ("[1, 'a']", "rule::wrong_type at «'a'»: one list holds whole and 'a'; items of a list have one type"),
        ("{'A': 1, 'B': 'a'}", "rule::wrong_type at «'a'»: one map holds whole and 'a'; values of a map have one type"),
        ("{1: 2}", "rule::wrong_type at «1»: a key: expected text, found whole; write `text(…)` around it"),
        ("wins[0]", "rule::wrong_type at «wins»: expected a list or a map before `[`, found whole"),
        ("counts['a']", "rule::wrong_type at «'a'»: expected whole, found 'a'"),
        ("points[1]", "rule::wrong_type at «1»: expected text, found whole; write `text(…)` around it"),
        ("boss[id]", "rule::wrong_type at «id»: a field of a record is chosen by its name; write `boss.field`"),
        ("1 in wins", "rule::wrong_type at «wins»: expected a list or a map after `in`, found whole"),
        (
            "'loss' in boss",
            "rule::wrong_type at «boss»: expected a list or a map after `in`, found entrant; write `has(x.field)` to ask for a field",
        ),
        (
            "has(wins)",
            "rule::wrong_type at «wins»: `has` takes a field, such as `has(x.field)`; write `x != null` to ask whether a value is there",
        ),
        ("wins.map(e, e)", "rule::wrong_type at «wins»: expected a list, found whole"),
        ("counts.filter(e, e)", "rule::wrong_type at «e»: the condition: expected bool, found whole"),
        ("counts.map(1, 2)", "rule::syntax at «1»: expected a name for the item, such as `e`"),
        (
            "entrants.sort_by(e, e)",
            "rule::wrong_type at «e»: expected a number, a text, a time or an amount to order by, found entrant",
        ),
        (
            "sum([id])",
            "rule::wrong_type at «[id]»: `sum`: expected a list of numbers, durations or amounts, found [text]; the function is sum([T]) -> T",
        ),
        (
            "mean(entrants.map(e, e.fee))",
            "rule::wrong_type at «entrants.map(e, e.fee)»: `mean`: expected a list of numbers, found [tao]; write `sum(entrants.map(e, e.fee)) / size(entrants.map(e, e.fee))`",
        ),
        (
            "size(wins)",
            "rule::wrong_type at «wins»: `size`: expected a text, a list or a map, found whole; the function is size(text | [T] | map[T]) -> whole",
        ),
        (
            "lowerAscii(wins)",
            "rule::wrong_type at «wins»: `lowerAscii`: expected text, found whole; write `text(…)` around it",
        ),
        (
            "in_hours(wins)",
            "rule::wrong_type at «wins»: `in_hours`: expected duration, found whole; write `hours(2)`, `minutes(90)` or `duration('1h30m')`",
        ),
        (
            "floor(limit)",
            "rule::wrong_type at «limit»: `floor`: expected a number, found duration; the function is floor(number) -> whole",
        ),
        (
            "entrants.join(', ')",
            "rule::wrong_type at «entrants»: `join`: expected a list of texts, numbers or amounts, found [entrant]; the function is join(list, separator) -> text",
        ),
        ("no_loss.or('a')", "rule::wrong_type at «'a'»: the default: expected decimal, found 'a'"),
        (
            "duration('6 hours')",
            "rule::bad_literal at «'6 hours'»: expected a length of time such as `90s`, `20m`, `1h30m` or `3d`, found `6 hours`",
        ),
        (
            "size('16GiB')",
            "rule::bad_literal at «'16GiB'»: `size` counts the characters of '16GiB'; write `bytes('16GiB')` for an amount of memory",
        ),
    ]);
    for text in ["tao('0.25')", "bytes('16')", "gpus_of('2 H100')", "timestamp('yesterday')"] {
        assert!(mistakes(text)[0].starts_with("rule::bad_literal"), "{text}");
    }
}

#[test]
fn numbers_that_do_not_mix() {
    check(&[
        (
            "wins / 2",
            "rule::whole_division at «wins / 2»: `/` of two whole numbers is ambiguous; write `wins / 2.0` for a decimal, or `whole_div(wins, 2)` for a whole number",
        ),
        (
            "7 / wins",
            "rule::whole_division at «7 / wins»: `/` of two whole numbers is ambiguous; write `7.0 / wins` for a decimal, or `whole_div(7, wins)` for a whole number",
        ),
        (
            "(wins + 1) / wins",
            "rule::whole_division at «(wins + 1) / wins»: `/` of two whole numbers is ambiguous; write `double((wins + 1)) / wins` for a decimal, or `whole_div((wins + 1), wins)` for a whole number",
        ),
        (
            "threshold % 2",
            "rule::mixed_numbers at «threshold»: `%` takes whole numbers, found a decimal; write `floor(threshold)` or `round_even(threshold)`",
        ),
        (
            "counts[0.5]",
            "rule::mixed_numbers at «0.5»: expected whole, found decimal; write `floor(0.5)` or `round_even(0.5)`",
        ),
        (
            "pow(2, threshold)",
            "rule::mixed_numbers at «threshold»: `pow`: expected whole, found decimal; write `floor(threshold)` or `round_even(threshold)`",
        ),
        (
            "counts.top(wins * 0.5)",
            "rule::mixed_numbers at «wins * 0.5»: `top`: expected whole, found decimal; write `floor(wins * 0.5)` or `round_even(wins * 0.5)`",
        ),
    ]);
}

#[test]
fn values_that_may_be_null() {
    check(&[
        (
            "boss.loss < 1",
            "rule::optional at «boss.loss»: expected a value, found decimal?, which may be null; write `boss.loss.or(…)` with what is meant when there is none",
        ),
        (
            "1 - nobody.loss",
            "rule::optional at «nobody.loss»: expected a value, found decimal?, which may be null; write `nobody.loss.or(…)` with what is meant when there is none",
        ),
        (
            "null + 1",
            "rule::optional at «null»: expected a value, found null; write `null.or(…)` with what is meant when there is none",
        ),
        (
            "floor(no_loss)",
            "rule::optional at «no_loss»: expected a value, found decimal?, which may be null; write `no_loss.or(…)` with what is meant when there is none",
        ),
        (
            "lowerAscii(no_text)",
            "rule::optional at «no_text»: `lowerAscii`: expected text, found text?; write `no_text.or(…)` with what is meant when there is none",
        ),
        (
            "sum(maybe_scores)",
            "rule::optional at «maybe_scores»: `sum`: expected items that are never null, found [decimal?]; write `present(…)` around the list to leave nulls out",
        ),
        (
            "entrants.sort_by(e, e.loss)",
            "rule::optional at «e.loss»: expected a value, found decimal?, which may be null; write `e.loss.or(…)` with what is meant when there is none",
        ),
        // Knowing one thing to be there tells nothing of another, nor on the other side.
        (
            "challenger != null && challenger.loss > 1",
            "rule::optional at «challenger.loss»: expected a value, found decimal?, which may be null; write `challenger.loss.or(…)` with what is meant when there is none",
        ),
        (
            "no_loss != null || no_loss > 1",
            "rule::optional at «no_loss»: expected a value, found decimal?, which may be null; write `no_loss.or(…)` with what is meant when there is none",
        ),
        (
            "(no_loss != null && yes) == yes && no_loss > 1",
            "rule::optional at «no_loss»: expected a value, found decimal?, which may be null; write `no_loss.or(…)` with what is meant when there is none",
        ),
        // The name inside is another one.
        (
            "no_loss != null && maybe_scores.exists(no_loss, no_loss > 1)",
            "rule::optional at «no_loss»: expected a value, found decimal?, which may be null; write `no_loss.or(…)` with what is meant when there is none",
        ),
    ]);
}

#[test]
fn values_that_are_never_equal() {
    check(&[
        ("wins == 'a'", "rule::never_equal at «wins == 'a'»: whole and 'a' are never equal"),
        ("fee == 0.25", "rule::never_equal at «fee == 0.25»: tao and decimal are never equal; write `tao('0.25 TAO')`"),
        ("wins != null", "rule::never_equal at «wins != null»: `wins` is never null; leave the comparison out"),
        ("kind == 'imag'", "rule::unknown_choice at «'imag'»: `kind` is never 'imag'; did you mean `image`?"),
        ("'txt' != kind", "rule::unknown_choice at «'txt'»: `kind` is never 'txt'; did you mean `text`?"),
        ("kind in ['image', 'txt']", "rule::unknown_choice at «'txt'»: `kind` is never 'txt'; did you mean `text`?"),
        ("wins in ['a']", "rule::never_equal at «wins in ['a']»: whole is never in ['a']"),
        ("counts.index_of('a')", "rule::never_equal at «'a'»: `index_of`: no whole ever equals 'a'"),
        ("boss == task.id", "rule::never_equal at «boss == task.id»: entrant and text are never equal"),
    ]);
}

#[test]
fn syntax() {
    check(&[
        ("", "rule::syntax at «»: expected a value, found the end"),
        ("1 +", "rule::syntax at «»: expected a value, found the end"),
        ("1 2", "rule::syntax at «2»: expected an operator or the end, found `2`"),
        ("yes and yes", "rule::syntax at «and»: expected an operator or the end, found `and`; write `&&`"),
        ("not yes", "rule::syntax at «yes»: expected an operator or the end, found `yes`; write `!`"),
        ("not(yes)", "rule::unknown_function at «not»: there is no function `not`; write `!condition`"),
        ("True", "rule::unknown_name at «True»: nothing here is called `True`; write `true`"),
        ("2 ** 3", "rule::syntax at «**»: `**` has no meaning in an expression; write `pow(x, n)`"),
        ("2 ^ 3", "rule::syntax at «^»: `^` has no meaning in an expression; write `pow(x, n)`"),
        ("wins = 3", "rule::syntax at «=»: expected an operator, found `=`; write `==` to compare"),
        ("yes & yes", "rule::syntax at «&»: `&` has no meaning in an expression; write `&&`"),
        (
            "${wins}",
            "rule::syntax at «$»: `$` has no meaning in an expression; names stand in an expression as they are, without `${…}`",
        ),
        ("id == ‘a’", "rule::syntax at «‘»: `‘` has no meaning in an expression; write plain quotes: `'text'`"),
        ("(1 + 2", "rule::unclosed at «(»: expected a `)` that closes this, found the end"),
        ("sum([1, 2", "rule::unclosed at «[»: expected a `]` that closes this, found the end"),
        ("(1 + 2]", "rule::syntax at «]»: expected `)`, found `]`"),
        ("'abc", "rule::unclosed at «'»: expected a `'` that closes this text, found the end"),
        (
            "'a\\qb'",
            "rule::syntax at «\\q»: `\\q` is no escape of a text; write `\\\\` for a backslash, or a raw text: `r'\\d'`",
        ),
        (
            "'\\ud800'",
            "rule::syntax at «\\ud800»: `\\ud800` is no escape of a text; write `\\\\` for a backslash, or a raw text: `r'\\d'`",
        ),
        ("wins.", "rule::syntax at «»: expected the name of a field or of a function after the `.`, found the end"),
        ("wins.3", "rule::syntax at «.3»: expected an operator or the end, found `0.3`"),
        ("f(1,)", "rule::syntax at «)»: expected a value, found `)`"),
        ("yes ? 1", "rule::unclosed at «?»: expected a `:` that closes this, found the end"),
        ("{'a' 1}", "rule::syntax at «1»: expected `:`, found `1`"),
        (
            "limit > 6h",
            "rule::syntax at «6h»: expected a number, found `6h`; units are written in quotes: `duration('1h30m')`, `tao('0.25 TAO')`, `bytes('16GiB')`",
        ),
        (
            "9223372036854775808",
            "rule::syntax at «9223372036854775808»: expected a whole number from -9223372036854775808 to 9223372036854775807",
        ),
        (
            "99999999999999999999",
            "rule::syntax at «99999999999999999999»: `99999999999999999999` is larger than any number here",
        ),
        ("1e999", "rule::syntax at «1e999»: `1e999` is larger than any number here"),
        ("0x", "rule::syntax at «0x»: expected digits after `0x`"),
    ]);
}

#[test]
fn all_mistakes_are_told_and_each_once() {
    let codes =
        |text| mistakes(text).into_iter().map(|told| told.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(codes("bos.loss * (1 - treshold) < challengr.loss + 'a'"), ["rule::unknown_name"; 3]);
    assert_eq!(
        codes("wns + 1 > 2 && size(wns) == 'a'"),
        ["rule::unknown_name", "rule::unknown_name", "rule::never_equal"]
    );
    assert_eq!(codes("[wns].map(e, e.x + 1).filter(e, e)"), ["rule::unknown_name"]);
}

#[test]
fn a_scope_without_names_says_so_briefly() {
    let wrongs = Rule::compile("x", &Scope::new()).map(|_| ()).unwrap_err();
    assert_eq!((wrongs[0].code, wrongs[0].help.as_deref()), ("rule::unknown_name", None));
    let scope = Scope::new().with(name("y1"), Ty::Bool);
    let wrongs = Rule::compile("xyz", &scope).map(|_| ()).unwrap_err();
    assert_eq!(wrongs[0].help.as_deref(), Some("there are y1"));
}

#[test]
fn what_is_written_out_and_can_never_be_right() {
    check(&[
        (
            "range(-1)",
            "rule::bad_literal at «-1»: `range`: expected a count that is not negative, found -1; the function is range(n) -> [whole]",
        ),
        (
            "counts.chunks(0)",
            "rule::bad_literal at «0»: `chunks`: expected a count of at least 1, found 0; the function is chunks([T], n) -> [[T]]",
        ),
        (
            "counts[-1]",
            "rule::bad_literal at «-1»: elements are counted from the first, which is number 0; write `counts[size(counts) - 1]` for the last one",
        ),
        ("1.0 / 0", "rule::bad_literal at «0»: nothing can be divided by zero"),
        (
            "wins > 2 ? [minutes(-1)] : []",
            "rule::bad_literal at «minutes(-1)»: the result is below zero, which a duration cannot be; wherever it is computed it has no value: write others",
        ),
        (
            "{'5Fh': 1}['5Gk'] + wins",
            "rule::bad_literal at «{'5Fh': 1}['5Gk']»: there is no key `5Gk`; wherever it is computed it has no value: write others",
        ),
    ]);
    for text in [
        "counts.top(-1)",
        "counts.skip(-2)",
        "pow(2, -1)",
        "pow(0.5, -1)",
        "round_to(threshold, 16)",
        "round_to(threshold, -1)",
        "clamp(wins, 3, 2)",
        "wins % 0",
        "whole_div(wins, 0)",
        "threshold / 0.0",
        "fee / 0",
        "limit / -0.0",
        "range(yes ? 2 : -1)",
        "true || 1 % 0 == 1",
        "hours(-0.5)",
        "minutes(5) / minutes(0)",
        "seconds(1.0e300)",
        "tao('1 TAO') * -1",
        "min([])",
        "mean([])",
        "counts.map(c, c + [1, 2][-1])",
        "[1, 2][2]",
        "{'5Fh': 1}.b",
        "range(2000000)",
        "pow(2, 1000)",
        "floor(1e300)",
        "{'a-1': 1, 'a-1': 2}",
        "9223372036854775807 + 1",
        "duration('1' + ' parsec')",
    ] {
        assert!(mistakes(text)[0].starts_with("rule::bad_literal"), "{text}: {:?}", mistakes(text));
    }
    for text in [
        "range(0)",
        "counts.chunks(1)",
        "pow(2, 0)",
        "round_to(threshold, 15)",
        "clamp(wins, 2, 2)",
        "range(wins - 4)",
        "minutes(wins - 4)",
        "range(100000)",
        "has({'5Fh': 1}.b)",
    ] {
        assert!(Rule::compile(text, &world().scope).is_ok(), "{text}");
    }
}

#[test]
fn a_constant_that_can_never_be_right_is_told_unless_somebody_asks_for_it() {
    let rules =
        Value::from_json(&json!({"few": -1, "none": 0}), &record("rules", [("few", Ty::Whole), ("none", Ty::Whole)]))
            .unwrap();
    let ty = record("rules", [("few", Ty::Whole), ("none", Ty::Whole)]);
    let scope = world().scope.with(name("rules"), ty).with_constant(name("rules"), rules);
    for (text, place) in [
        ("range(rules.few)", Some("rules.few")),
        ("counts.top(rules['few'])", Some("rules['few']")),
        ("yes ? range(rules.few) : []", Some("rules.few")),
        ("range(wins > 2 ? rules.none : wins > 1 ? rules.few : 1)", Some("rules.few")),
        ("range(rules.none)", None),
        // Whoever asks may mean something by a number below zero, or by nought.
        ("counts.chunks(rules.none)", None),
        ("rules.few < 0 ? counts : counts.top(rules.few)", None),
        ("rules.few >= 0 && size(range(rules.few)) > 1", None),
        ("range(rules.few + 1)", None),
    ] {
        let wrongs = Rule::compile(text, &scope).err().unwrap_or_default();
        let places: Vec<_> = wrongs.iter().map(|wrong| (wrong.code, &text[wrong.bytes.clone()])).collect();
        assert_eq!(places, place.map(|place| ("rule::bad_literal", place)).into_iter().collect::<Vec<_>>(), "{text}");
    }
}
