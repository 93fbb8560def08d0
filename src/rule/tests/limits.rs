//! No text can exhaust the stack, the memory or the time, neither compiled nor evaluated.

use super::{Failure, Rule, Scope, check_failure, compile, world};
use crate::base::limits::{RULE_DEPTH_MAX, RULE_LENGTH_MAX, RULE_LINKS_MAX};

fn code(text: &str) -> &'static str {
    Rule::compile(text, &world().scope).map(|rule| panic!("{rule:?}")).unwrap_err()[0].code
}

#[test]
fn long_and_deep_texts_are_mistakes() {
    let long = |items: usize| format!("[{}]", vec!["1"; items].join(","));
    assert!(Rule::compile(&long(RULE_LENGTH_MAX / 2 - 1), &Scope::new()).is_ok());
    assert_eq!(code(&long(RULE_LENGTH_MAX / 2)), "rule::too_long");
    // Characters count, not bytes.
    assert!(Rule::compile(&format!("'{}'", "é".repeat(RULE_LENGTH_MAX - 2)), &Scope::new()).is_ok());
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("!", "yes", ""),
        ("-", "wins", ""),
        ("{'a':", "1", "}"),
        ("abs(", "1", ")"),
        ("yes?", "1", ":1"),
        ("counts[", "0", "]"),
        ("counts.filter(e,", "yes", "==[])"),
    ] {
        let nested = |levels: usize| format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
        let fits = nested(RULE_DEPTH_MAX);
        let told = Rule::compile(&fits, &world().scope);
        let deep = |wrongs: &[super::Wrong]| wrongs.iter().any(|wrong| wrong.code == "rule::too_deep");
        assert!(told.as_ref().map_or_else(|wrongs| !deep(wrongs), |_| true), "{fits}");
        if nested(RULE_DEPTH_MAX + 1).len() <= RULE_LENGTH_MAX {
            assert_eq!(code(&nested(RULE_DEPTH_MAX + 1)), "rule::too_deep", "{open}");
        }
    }
}

/// The longest chains and the deepest nests, on half the stack that a test or a worker thread has.
#[test]
fn what_compiles_fits_a_small_stack() {
    let chain = |start: &str, link: &str| {
        let links = (RULE_LENGTH_MAX - start.len()) / link.len();
        format!("{start}{}", link.repeat(links.min(RULE_LINKS_MAX - 1)))
    };
    let texts = [
        chain("1", "+1"),
        chain("yes", "||yes"),
        chain("counts", "[0]"),
        chain("wins", ".a"),
        chain("[1]", ".map(e,e)"),
        chain("[1]", ".map(e,[e])"),
        chain("'a'", "+'a'"),
        format!("{}1", "yes?1:".repeat(RULE_LINKS_MAX - 1)),
        format!("{}1{}", "yes||yes&&1==1+1*(".repeat(RULE_DEPTH_MAX), ")".repeat(RULE_DEPTH_MAX)),
        format!("{}1{}", "(".repeat(RULE_DEPTH_MAX), ")".repeat(RULE_DEPTH_MAX)),
    ];
    let evaluated = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let world = world();
        texts.map(|text| {
            Rule::compile(&text, &world.scope)
                .map_or_else(|wrongs| wrongs[0].code, |rule| rule.eval(&world).map_or("a failure", |_| "a value"))
        })
    });
    let (value, field, wrong, deep) = ("a value", "rule::unknown_field", "rule::wrong_type", "rule::too_deep");
    let expected = [value, value, wrong, field, value, value, value, value, deep, value];
    assert_eq!(evaluated.unwrap().join().unwrap(), expected);
    for chain in ["+1", "||yes", "[0]", ".a", ".b()"] {
        assert_eq!(code(&format!("1{}", chain.repeat(RULE_LINKS_MAX))), "rule::too_deep");
    }
    assert_eq!(code(&format!("{}1", "yes?1:".repeat(RULE_LINKS_MAX))), "rule::too_deep");
}

#[test]
fn evaluation_stops() {
    let world = world();
    let doubled = |start: &str, link: &str, times: usize| format!("{start}{}", link.repeat(times));
    for (text, failure) in [
        ("range(1000001)".to_owned(), Failure::TooLarge),
        ("range(9223372036854775807)".to_owned(), Failure::TooLarge),
        ("range(1000000).map(a, range(1000000))".to_owned(), Failure::TooMuchWork),
        ("range(10000).map(a, range(10000).filter(b, b > a))".to_owned(), Failure::TooMuchWork),
        ("range(10000).all(a, range(10000).all(b, b >= 0))".to_owned(), Failure::TooMuchWork),
        ("range(600000) + range(600000)".to_owned(), Failure::TooLarge),
        ("flatten([range(600000), range(600000)])".to_owned(), Failure::TooLarge),
        ("[range(600000), range(600000)]".to_owned(), Failure::TooLarge),
        (doubled("['abcdefgh']", ".map(a, a + a)", 20), Failure::TooLarge),
        ("range(1000).map(a, range(1000).map(b, '0123456789').join()).join()".to_owned(), Failure::TooLarge),
        // What is shared counts as often as it is held.
        (doubled("[[1]]", ".map(a, [a, a])", 30), Failure::TooLarge),
        (doubled("[[1]]", ".map(a, [a, a])", 28) + " == []", Failure::TooMuchWork),
        ("range(900000).sort_by(a, -a).sort_by(a, -a) == []".to_owned(), Failure::TooMuchWork),
    ] {
        check_failure(&text, &failure, &world);
    }
    // A large list is no trouble.
    assert!(compile("range(200000).filter(a, a % 2 == 0).sort_by(a, -a)", &world).eval(&world).is_ok());
}

#[test]
fn types_that_a_short_text_makes_huge_are_mistakes() {
    let text = format!("[1]{}", ".map(a,{'x':a,'y':a})".repeat(23));
    assert!(text.len() <= RULE_LENGTH_MAX);
    assert_eq!(code(&text), "rule::too_deep");
}

#[test]
fn a_name_without_a_value_is_a_failure() {
    let mut world = world();
    world.values.shift_remove("wins");
    let rule = compile("yes || wins > 1", &world);
    assert_eq!(rule.eval(&world), Ok(crate::base::Value::Bool(true)));
    assert_eq!(compile("wins > 1", &world).eval(&world), Err(Failure::NoValue { name: "wins".into() }));
    world.values.insert("wins".into(), crate::base::Value::text("three"));
    assert_eq!(compile("wins + 1", &world).eval(&world), Err(Failure::unfit("whole")));
}

#[test]
fn failures_are_recorded_and_read_back() {
    for failure in [
        Failure::DivisionByZero,
        Failure::BelowZero { of: "tao".into() },
        Failure::NoElement { index: -1, size: 3 },
        Failure::Host { function: "gpus".into(), why: "there is none".into() },
    ] {
        let written = serde_json::to_string(&failure).unwrap();
        assert_eq!(serde_json::from_str::<Failure>(&written).unwrap(), failure, "{written}");
    }
}
