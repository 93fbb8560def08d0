//! Whatever compiles can be evaluated: it gives a value of its type or a failure, and never panics.

use proptest::{collection::vec, prelude::*};

use super::{
    Failure, Interpolation, Rule, Wrong,
    generate::{COMMON, Choices, OWN, expression, values},
    world,
};

const KINDS: &str = "bwdtcsimzgeoOEWDTPK";
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "${",
    "$",
    "'",
    "\"",
    "\\",
    ".",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    "<=",
    "=",
    "in",
    " ",
    "//",
    "\n",
    "wins",
    "boss",
    "loss",
    "entrants",
    "e",
    "map",
    "filter",
    "has",
    "or",
    "size",
    "sum",
    "null",
    "true",
    "1",
    "0.5",
    "1e9",
    "0x",
    "9999999999999999999",
    "'a'",
    "r'",
    "'''",
    "é",
    "points",
    "no_loss",
    "fee",
    "text",
    "duration",
    "\u{0}",
    "”",
];

/// Evaluates in a random world and says what is wrong with the answer.
fn answers_well(rule: &Rule, bytes: &[u8]) -> Result<(), TestCaseError> {
    let world = values(&mut Choices::new(bytes), world());
    match rule.eval(&world) {
        Ok(value) => prop_assert!(value.is(rule.ty()), "{rule:?} gives {value:?}"),
        Err(Failure::Unfit { expected }) => prop_assert!(false, "{rule:?} met a type error: expected {expected}"),
        Err(Failure::NoValue { name }) => {
            prop_assert!(false, "{rule:?} asked for `{name}`, which is not of this world");
        }
        Err(_) => {}
    }
    Ok(())
}

fn stand_within(wrongs: &[Wrong], text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!wrongs.is_empty());
    for wrong in wrongs {
        prop_assert!(text.get(wrong.bytes.clone()).is_some(), "{wrong:?} is outside of {text:?}");
        prop_assert!(!wrong.message.is_empty() && !wrong.message.ends_with('.'), "{wrong:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_compiles_evaluates(made in vec(any::<u8>(), 0..96), given in vec(any::<u8>(), 0..160)) {
        let mut choices = Choices::new(&made);
        let kind = KINDS.chars().nth(made.len() % KINDS.len()).unwrap();
        let text = expression(&mut choices, &[COMMON, OWN], kind, true);
        match Rule::compile(&text, &world().scope) {
            Ok(rule) => answers_well(&rule, &given)?,
            Err(wrongs) => stand_within(&wrongs, &text)?,
        }
    }

    #[test]
    fn any_text_compiles_or_is_a_mistake(
        pieces in vec(0..PIECES.len(), 0..24),
        letters in any::<String>(),
        given in vec(any::<u8>(), 0..160),
    ) {
        let pieces: String = pieces.into_iter().map(|i| PIECES[i]).collect();
        for text in [pieces.as_str(), &letters, &format!("{pieces}{letters}"), &format!("a ${{{pieces}}} {letters}")] {
            match Rule::compile(text, &world().scope) {
                Ok(rule) => answers_well(&rule, &given)?,
                Err(wrongs) => stand_within(&wrongs, text)?,
            }
            match Interpolation::compile(text, &world().scope) {
                Ok(compiled) => {
                    let world = values(&mut Choices::new(&given), world());
                    if let Ok(value) = compiled.eval(&world) {
                        prop_assert!(value.is(&compiled.ty()), "{text:?} gives {value:?}");
                    }
                }
                Err(wrongs) => stand_within(&wrongs, text)?,
            }
        }
    }

    /// Taking any part out of an expression that compiles leaves one that compiles or a mistake within it.
    #[test]
    fn a_torn_rule_is_a_mistake_in_its_place(made in vec(any::<u8>(), 0..96), from in 0usize..200, size in 1usize..9) {
        let text = expression(&mut Choices::new(&made), &[COMMON, OWN], 'b', false);
        let letters: Vec<char> = text.chars().collect();
        let from = from % (letters.len() + 1);
        let torn: String = letters[..from].iter().chain(letters.iter().skip(from + size)).collect();
        match Rule::compile(&torn, &world().scope) {
            Ok(rule) => answers_well(&rule, &made)?,
            Err(wrongs) => stand_within(&wrongs, &torn)?,
        }
    }
}

/// The properties above would hold of a language that refuses everything.
#[test]
fn most_of_what_is_generated_compiles_and_much_of_it_has_a_value() {
    let (mut compiled, mut evaluated) = (0, 0);
    let world = world();
    let made = 2_000;
    for seed in 0..made {
        let bytes: Vec<u8> = (0..96u32).map(|i| ((seed * 96 + i).wrapping_mul(2_654_435_761) >> 23) as u8).collect();
        let kind = KINDS.chars().nth(seed as usize % KINDS.len()).unwrap();
        let text = expression(&mut Choices::new(&bytes), &[COMMON, OWN], kind, false);
        if let Ok(rule) = Rule::compile(&text, &world.scope) {
            compiled += 1;
            evaluated += u32::from(rule.eval(&world).is_ok());
        }
    }
    assert!(compiled > made * 6 / 10, "{compiled} of {made} compile");
    assert!(evaluated > made * 3 / 10, "{evaluated} of {made} have a value");
}
