//! What can be written both here and in CEL means the same: compared with the `cel` crate.

use std::{collections::HashMap, sync::Arc};

use cel::{Context, Env as CelEnv, Value as Cel};
use proptest::{collection::vec, prelude::*};

use super::{
    Failure, Rule, World,
    fold::NEVER_RIGHT,
    generate::{COMMON, Choices, expression, values},
    world,
};
use crate::base::{Ty, Value};

/// A value as CEL holds it; nothing for what CEL does not have. A whole number that stands where a decimal is declared
/// is one of CEL's doubles, which are never equal to its integers.
fn to_cel(value: &Value, ty: &Ty) -> Option<Cel> {
    Some(match (value, ty) {
        (Value::Null, _) => Cel::Null,
        (value, Ty::Optional(inner)) => to_cel(value, inner)?,
        (Value::Bool(value), _) => Cel::Bool(*value),
        (value, Ty::Decimal) => Cel::Float(value.as_f64()?),
        (Value::Whole(number), _) => Cel::Int(*number),
        (Value::Text(text), _) => Cel::String(Arc::new(text.to_string())),
        (Value::List(items), Ty::List(item)) => {
            Cel::List(Arc::new(items.iter().map(|value| to_cel(value, item)).collect::<Option<_>>()?))
        }
        (Value::Record(record), ty) => {
            let fields = record.iter().filter_map(|(name, value)| {
                let ty = match ty {
                    Ty::Record(ty) => ty.fields.get(&**name)?,
                    Ty::Map(item) => item,
                    _ => return None,
                };
                Some((name.to_string(), to_cel(value, ty)?))
            });
            fields.collect::<HashMap<_, _>>().into()
        }
        _ => return None,
    })
}

/// The answer of CEL; nothing when it fails.
fn asked(text: &str, world: &World) -> Option<Cel> {
    let env = Arc::new(CelEnv::stdlib());
    let program = env.compile(text).unwrap_or_else(|errors| panic!("CEL does not read {text}: {errors}"));
    let mut context = Context::with_env(env);
    for (name, value) in &world.values {
        let ty = world.scope.get(name).expect("every value has a declared name");
        if let Some(value) = to_cel(value, ty) {
            context.add_variable_from_value(name.as_str(), value);
        }
    }
    program.execute(&context).ok()
}

/// Compares the answers, if the text compiles here.
fn agree(text: &str, world: &World) -> Result<bool, String> {
    let rule = match Rule::compile(text, &world.scope) {
        Ok(rule) => rule,
        // What has no value wherever it stands is told before.
        Err(wrongs) if wrongs.iter().all(|wrong| wrong.help == Some(NEVER_RIGHT.into())) => {
            return Ok(asked(text, world).is_none());
        }
        Err(_) => return Ok(false),
    };
    let (ours, theirs) = (rule.eval(world), asked(text, world));
    let same = match (&ours, &theirs) {
        (Ok(ours), Some(theirs)) => to_cel(ours, rule.ty()).is_some_and(|ours| ours == *theirs),
        // CEL has infinite numbers; `/` is of decimals only here.
        (Err(Failure::NotFinite), Some(_)) => true,
        (Err(Failure::DivisionByZero), Some(_)) => text.contains('/'),
        // Of two operands that fail the first failure is told, be the second one of these or not.
        (Err(_), Some(_)) => text.contains('/') && ["&&", "||"].iter().any(|operator| text.contains(operator)),
        (Err(_), None) => true,
        _ => false,
    };
    if same { Ok(true) } else { Err(format!("{text}: {ours:?} here, {theirs:?} in CEL")) }
}

#[test]
fn what_both_have_means_the_same() {
    let world = world();
    for text in [
        "1 + 2 * 3 - 4 % 3",
        "-2 * -3 - -4",
        "- 2 + 2",
        "!yes || yes && !yes",
        "1 < 2 == true",
        "2 - 1 - 1",
        "7 % -3 == 1 && -7 % 3 == -1",
        "yes ? (false ? 1 : 2) : 3",
        "false ? 1 : true ? 2 : 3",
        "'a' + \"b\" + '''c\n''' + r'\\n' + '\\u00e9\\x41\\101\\n'",
        "'abc' < 'abd' && 'Z' < 'a' && '' < 'a'",
        "'b' in ['a', 'b'] && !(3 in [1, 2])",
        "[1, 2] + [3]",
        "[[1], [2]][1][0]",
        "{'5Fa': 1, 'x y': 2}['x y']",
        "'5Fa' in points && !('5Fz' in points)",
        "points['5Fb'] + rules.minimum_field",
        "rules['boss'].decay * rules.boss.start",
        "has(points.x)",
        "has(rules.boss.start)",
        "size('Zoë') + 'Zoë'.size() + size([1, 2]) + size({'A': 1})",
        "[1, 2, 3].map(x, x > 1, x * 2)",
        "[1, 2, 3].filter(x, x != 2).map(x, [x])",
        "[3, 0].all(x, 3 % x == 1) || [0, 3].exists(x, 3 % x == 0)",
        "[1, 2, 2].exists_one(x, x == 2)",
        "{'A': 1, 'B': 2}.all(k, k < 'C')",
        "1 % (wins - 3) == 1 && false",
        "1 % (wins - 3) == 1 || true",
        "1 % (wins - 3) == 1 || false",
        "[1][1]",
        "points['none']",
        "9223372036854775807 + 1",
        "-9223372036854775808",
        "0x7F + 0xff",
        "1.5e3 + .5 - 2.5E-1",
        "'llama'.contains('lam') && 'llama'.startsWith('ll') && 'llama'.endsWith('ma')",
        "null == null",
        "[1, 2] == [1, 2] && [1] != [2]",
        "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}",
        "1 // comment",
        "[1, 2,]",
    ] {
        assert_eq!(agree(text, &world), Ok(true), "{text} compiles and means the same");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_rules_mean_the_same(made in vec(any::<u8>(), 0..96), given in vec(any::<u8>(), 0..160)) {
        let kind = "bwdtWDT".chars().nth(made.len() % 7).unwrap();
        let text = expression(&mut Choices::new(&made), &[COMMON], kind, false);
        let mut world = world();
        if given.len() % 2 == 0 {
            world = values(&mut Choices::new(&given), world);
        }
        let agreed = agree(&text, &world);
        prop_assert!(agreed.is_ok(), "{}", agreed.unwrap_err());
    }
}
