//! Expressions in words are read back: what stands together in the words stood together in the expression.

use proptest::prelude::*;

use crate::rule::{
    ast::{Expr, Kind, Operator},
    parse, plain,
};

/// An expression as one text that shows what belongs together. What is the same in any order has no order of its own.
fn shown(expr: &Expr<'_>) -> String {
    let call =
        |name: &str, parts: &[Expr<'_>]| format!("{name}({})", parts.iter().map(shown).collect::<Vec<_>>().join(" "));
    match &expr.kind {
        Kind::Name(name) => (*name).to_owned(),
        Kind::Whole(number) => number.to_string(),
        Kind::Negate(of) => format!("neg({})", shown(of)),
        Kind::Not(of) => format!("not({})", shown(of)),
        Kind::Choose(parts) => format!("choose({} {} {})", shown(&parts.0), shown(&parts.1), shown(&parts.2)),
        Kind::Binary(operator, sides) => {
            let name = match operator {
                Operator::Or => "or",
                Operator::And => "and",
                Operator::Add => "add",
                Operator::Subtract => "sub",
                Operator::Multiply => "mul",
                Operator::Divide => "div",
                Operator::Remainder => "mod",
                Operator::Less => "less",
                _ => panic!("none of these is made"),
            };
            joined(name, [&sides.0, &sides.1].map(shown).to_vec())
        }
        // That of which something is left has the same name for its items.
        Kind::Call(name, parts) if name.text == "map" && parts.len() == 3 => match &parts[0].kind {
            Kind::Call(inner, left) if inner.text == "filter" => {
                format!("map({} {} {} {})", shown(&left[0]), shown(&parts[1]), shown(&left[2]), shown(&parts[2]))
            }
            _ => call("map", parts),
        },
        Kind::Call(name, parts) => call(name.text, parts),
        _ => panic!("none of these is made"),
    }
}

fn joined(name: &str, parts: Vec<String>) -> String {
    let free = ["or", "and", "add", "mul"].contains(&name);
    let inside = |part: String| match part.strip_prefix(&format!("{name}(")).and_then(|rest| rest.strip_suffix(')')) {
        Some(rest) if free => rest.to_owned(),
        _ => part,
    };
    format!("{name}({})", parts.into_iter().map(inside).collect::<Vec<_>>().join(" "))
}

/// A reading: what was read, as [`shown`] writes it, and the text behind it.
type Read<'t> = Vec<(String, &'t str)>;

fn word<'t>(words: &str, text: &'t str) -> Option<&'t str> {
    text.strip_prefix(words)
}

/// What is read behind each reading.
fn then<'t>(read: Read<'t>, next: impl Fn(&str, &'t str) -> Read<'t>) -> Read<'t> {
    let mut all: Read<'t> = read.into_iter().flat_map(|(first, rest)| next(&first, rest)).collect();
    all.sort();
    all.dedup();
    all
}

fn behind<'t>(words: &str, text: &'t str, next: impl Fn(&'t str) -> Read<'t>) -> Read<'t> {
    word(words, text).map(next).unwrap_or_default()
}

fn name(text: &str) -> Read<'_> {
    behind("`", text, |text| text.split_once('`').into_iter().map(|(name, rest)| (name.to_owned(), rest)).collect())
}

fn one(text: &str) -> Read<'_> {
    let inside =
        behind("(", text, |text| then(whole(text), |read, rest| behind(")", rest, |rest| vec![(read.into(), rest)])));
    [name(text), inside].concat()
}

const THAT_OF: [(&str, &str); 2] = [("the number of ", "size"), ("the first of ", "first")];

/// What is said of one thing, and reaches as far as that: `the number of one`.
fn of(text: &str) -> Read<'_> {
    let of = THAT_OF.iter().flat_map(|(words, name)| {
        behind(words, text, |text| then(of(text), |read, rest| vec![(format!("{name}({read})"), rest)]))
    });
    let negated = behind("-", text, |text| then(one(text), |read, rest| vec![(format!("neg({read})"), rest)]));
    [one(text), of.collect(), negated].concat()
}

/// A chain of the same kind of operators, from left to right.
fn chain<'t>(text: &'t str, part: fn(&'t str) -> Read<'t>, operators: &[(&str, &str)]) -> Read<'t> {
    let mut all = part(text);
    let mut last = all.clone();
    while !last.is_empty() {
        last = operators
            .iter()
            .flat_map(|(words, name)| {
                then(last.clone(), |left, rest| {
                    behind(words, rest, |rest| {
                        then(part(rest), |right, rest| vec![(joined(name, vec![left.into(), right.into()]), rest)])
                    })
                })
            })
            .collect();
        all.extend(last.clone());
    }
    all
}

fn product(text: &str) -> Read<'_> {
    chain(text, of, &[(" × ", "mul"), (" divided by ", "div"), (" modulo ", "mod")])
}

fn sum(text: &str) -> Read<'_> {
    chain(text, product, &[(" + ", "add"), (" - ", "sub")])
}

fn pair(text: &str) -> Read<'_> {
    behind("the larger of ", text, |text| {
        then(of(text), |left, rest| {
            behind(" and ", rest, |rest| then(of(rest), |right, rest| vec![(format!("max({left} {right})"), rest)]))
        })
    })
}

/// `every one of one`.
fn items(text: &str) -> Read<'_> {
    behind("every ", text, |text| {
        then(name(text), |item, rest| {
            behind(" of ", rest, |rest| then(of(rest), |list, rest| vec![(format!("{list} {item}"), rest)]))
        })
    })
}

/// `every one of one where …`.
fn kept(text: &str) -> Read<'_> {
    then(items(text), |items, rest| {
        behind(" where ", rest, |rest| then(condition(rest), |when, rest| vec![(format!("{items} {when}"), rest)]))
    })
}

/// What goes as far as the sentence: what is kept of a list, each of it, and whatever is said of all that.
fn every(text: &str) -> Read<'_> {
    let of_it = THAT_OF.iter().flat_map(|(words, name)| {
        behind(words, text, |text| then(every(text), |read, rest| vec![(format!("{name}({read})"), rest)]))
    });
    let each = then(one(text), |value, rest| {
        let read = |rest| [items(rest), kept(rest)].concat();
        behind(" of ", rest, |rest| then(read(rest), |items, rest| vec![(format!("map({items} {value})"), rest)]))
    });
    let left = then(kept(text), |items, rest| vec![(format!("filter({items})"), rest)]);
    [of_it.collect(), each, left].concat()
}

fn clause(text: &str) -> Read<'_> {
    let mut all = [sum(text), pair(text), every(text)].concat();
    let mut last = all.clone();
    while !last.is_empty() {
        let once = then(last.clone(), |list, rest| {
            behind(", each once", rest, |rest| vec![(format!("unique({list})"), rest)])
        });
        let sorted = then(last, |list, rest| {
            behind(", those with the lowest ", rest, |rest| {
                then(of(rest), |key, rest| {
                    behind(" first", rest, |rest| vec![(format!("sort_by({list} e {key})"), rest)])
                })
            })
        });
        last = [once, sorted].concat();
        all.extend(last.clone());
    }
    all
}

fn choice(text: &str) -> Read<'_> {
    then(sum(text), |one, rest| {
        behind(" where ", rest, |rest| {
            then(condition(rest), |when, rest| {
                let last = |text| [sum(text), pair(text), every(text)].concat();
                let last = behind(", else ", rest, last);
                let other = [last, behind(", ", rest, choice)].concat();
                then(other, |other, rest| vec![(format!("choose({when} {one} {other})"), rest)])
            })
        })
    })
}

fn whole(text: &str) -> Read<'_> {
    [clause(text), choice(text), condition(text)].concat()
}

/// A condition that may be one of several.
fn simple(text: &str) -> Read<'_> {
    let less = then(sum(text), |left, rest| {
        behind(" is less than ", rest, |rest| {
            then(sum(rest), |right, rest| vec![(format!("less({left} {right})"), rest)])
        })
    });
    let inside = |words| {
        behind(words, text, |text| {
            then(condition(text), |read, rest| behind(")", rest, |rest| vec![(read.into(), rest)]))
        })
    };
    let negated = then(inside("not ("), |read, rest| vec![(format!("not({read})"), rest)]);
    let plainly = behind("not ", text, |text| then(name(text), |read, rest| vec![(format!("not({read})"), rest)]));
    [name(text), less, inside("("), negated, plainly].concat()
}

fn same(text: &str) -> Read<'_> {
    let all = chain(text, simple, &[(" and ", "and")]);
    [all, chain(text, simple, &[(" or ", "or")])].concat()
}

fn condition(text: &str) -> Read<'_> {
    let there = [("there is some ", "exists", false), ("there is no ", "exists", true)].into_iter().flat_map(
        |(words, name_of, not)| {
            behind(words, text, |text| {
                then(name(text), |item, rest| {
                    behind(" of ", rest, |rest| {
                        then(of(rest), |list, rest| {
                            behind(" where ", rest, |rest| {
                                then(condition(rest), |when, rest| {
                                    let read = format!("{name_of}({list} {item} {when})");
                                    vec![(if not { format!("not({read})") } else { read }, rest)]
                                })
                            })
                        })
                    })
                })
            })
        },
    );
    let all = then(items(text), |items, rest| {
        behind(" is so: ", rest, |rest| {
            then(condition(rest), |when, rest| vec![(format!("all({items} {when})"), rest)])
        })
    });
    let mixed = [", and ", ", or "].map(|words| chain(text, same, &[(words, words.trim_matches([',', ' ']))]));
    let mut read = [same(text), there.collect(), all, mixed.concat()].concat();
    read.sort();
    read.dedup();
    read
}

const NAMES: [&str; 4] = ["a", "b", "c", "e"];

fn expressions() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    name.prop_recursive(4, 12, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let conditions = conditions(inner.clone());
        prop_oneof![
            (two.clone(), prop::sample::select(&["+", "-", "*", "/", "%"][..]))
                .prop_map(|((l, r), sign)| format!("({l}) {sign} ({r})")),
            inner.clone().prop_map(|of| format!("-({of})")),
            two.prop_map(|(l, r)| format!("max({l}, {r})")),
            (inner.clone(), prop::sample::select(&["size", "first", "unique"][..]))
                .prop_map(|(of, f)| format!("{f}({of})")),
            (inner.clone(), inner.clone()).prop_map(|(of, key)| format!("({of}).sort_by(e, {key})")),
            (inner.clone(), inner.clone()).prop_map(|(of, value)| format!("({of}).map(e, {value})")),
            (inner.clone(), conditions.clone()).prop_map(|(of, when)| format!("({of}).filter(e, {when})")),
            (inner.clone(), conditions.clone(), inner.clone())
                .prop_map(|(of, when, value)| format!("({of}).map(e, {when}, {value})")),
            (conditions, inner.clone(), inner).prop_map(|(when, one, other)| format!("({when}) ? ({one}) : ({other})")),
        ]
    })
}

fn conditions(values: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> + Clone {
    let less = (values.clone(), values.clone()).prop_map(|(l, r)| format!("({l}) < ({r})"));
    let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    prop_oneof![name, less].prop_recursive(3, 6, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| all
                .iter()
                .map(|it| format!("({it})"))
                .collect::<Vec<_>>()
                .join(" && ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| all
                .iter()
                .map(|it| format!("({it})"))
                .collect::<Vec<_>>()
                .join(" || ")),
            inner.clone().prop_map(|of| format!("!({of})")),
            (values.clone(), inner.clone(), prop::sample::select(&["exists", "all"][..]))
                .prop_map(|(of, when, f)| format!("({of}).{f}(e, {when})")),
        ]
    })
}

proptest! {
    #[test]
    fn words_are_read_back_as_what_they_say_and_in_no_other_way(text in expressions()) {
        let Some(said) = plain::plain(&text, &|_| None) else { return Ok(()) };
        let expected = shown(&parse::parse(&text).unwrap());
        let mut read: Vec<String> = whole(&said).into_iter().filter(|(_, rest)| rest.is_empty()).map(|(read, _)| read).collect();
        read.sort();
        read.dedup();
        prop_assert_eq!(read, vec![expected], "{} is said as {}", text, said);
    }
}
