//! Expressions as people say them: comparisons, choices, products and lists of names and numbers in words.
//!
//! The book of rules shows them; what has no plain words stays as it is written. [`lists`](super::lists) has the words for
//! lists.

use super::{
    ast::{Expr, Kind, Operator},
    lists, parse,
};

/// An expression in words; nothing where some of it has none. `known` tells what a way along fields is, if the file says it.
pub fn plain(text: &str, known: &dyn Fn(&[&str]) -> Option<String>) -> Option<String> {
    let expr = parse::parse(text).ok()?;
    match expr.kind {
        Kind::Binary(..) | Kind::Choose(_) | Kind::Not(_) | Kind::Call(..) | Kind::List(_) | Kind::Record(_) => {
            words(&expr, known)
        }
        Kind::Index(..) | Kind::Select(..) if path(&expr).is_none() => words(&expr, known),
        _ => None,
    }
}

/// What a way along fields is, if the file says it.
pub(super) type Known<'k> = &'k dyn Fn(&[&str]) -> Option<String>;

pub(super) fn words(expr: &Expr<'_>, known: &dyn Fn(&[&str]) -> Option<String>) -> Option<String> {
    let said = |expr: &Expr<'_>| words(expr, known);
    match &expr.kind {
        Kind::Null => Some("nothing".into()),
        Kind::Bool(truth) => Some(if *truth { "yes" } else { "no" }.into()),
        Kind::Whole(number) => Some(number.to_string()),
        Kind::Decimal(number) => Some(number.to_string()),
        Kind::Text(text) => Some(text.to_string()).filter(|text| !text.is_empty()),
        Kind::Select(of, word) if path(expr).is_none() => lists::field(of, word.text, known),
        Kind::Name(_) | Kind::Select(..) => {
            let path = path(expr)?;
            let written = path.join(".");
            Some(known(&path).map_or_else(|| format!("`{written}`"), |is| format!("{is} ({written})")))
        }
        Kind::Not(of) if path(of).is_none() => condition(expr, known),
        Kind::Not(of) => {
            let path = path(of)?;
            Some(format!("not {}", known(&path).map_or_else(|| format!("`{}`", path.join(".")), |_| path.join("."))))
        }
        Kind::Call(name, arguments) => match (name.text, arguments.as_slice()) {
            ("or", [of, Expr { kind: Kind::Text(text), .. }]) if text.is_empty() => said(of),
            ("or", [of, Expr { kind: Kind::List(items), .. }]) if items.is_empty() => said(of),
            ("or", [of, other]) => Some(format!("({}, or {} where there is none)", said(of)?, said(other)?)),
            (name, arguments) => lists::call(name, arguments, known),
        },
        Kind::List(items) if items.is_empty() => Some("none".into()),
        Kind::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(said).collect();
            Some(items?.join(" and "))
        }
        Kind::Record(entries) => lists::record(entries, known),
        Kind::Index(of, index) => lists::item(of, index, known),
        Kind::Choose(parts) => {
            let (when, one, other) = &**parts;
            let or = if matches!(other.kind, Kind::Choose(_)) { ", " } else { ", else " };
            let one = if matches!(one.kind, Kind::Choose(_)) { format!("({})", said(one)?) } else { said(one)? };
            Some(format!("{one} where {}{or}{}", condition(when, known)?, said(other)?))
        }
        Kind::Binary(operator, sides) => {
            let between = match operator {
                Operator::Multiply => " × ",
                Operator::Add => " + ",
                Operator::Subtract => " - ",
                Operator::Divide => " divided by ",
                Operator::Remainder => " modulo ",
                _ => return condition(expr, known),
            };
            let side = |side: &Expr<'_>| {
                let said = said(side)?;
                let is_whole = match &side.kind {
                    Kind::Choose(_) => false,
                    Kind::Binary(inner, _) => inner == operator && is_free(*operator) || *inner == Operator::Multiply,
                    _ => true,
                };
                Some(if is_whole { said } else { format!("({said})") })
            };
            Some(format!("{}{between}{}", side(&sides.0)?, side(&sides.1)?))
        }
        Kind::Negate(of) => Some(format!("-{}", said(of)?)),
    }
}

/// What must hold.
pub(super) fn condition(expr: &Expr<'_>, known: &dyn Fn(&[&str]) -> Option<String>) -> Option<String> {
    if let Some(said) = lists::condition_or_not(expr, known) {
        return said;
    }
    let Kind::Binary(operator, sides) = &expr.kind else {
        let told = path(expr).and_then(|path| Some(format!("{} is {}", path.join("."), known(&path)?)));
        return told.or_else(|| words(expr, &|_| None).filter(|said| said.contains('`')));
    };
    let (left, right) = &**sides;
    let said = |expr: &Expr<'_>| words(expr, known);
    if let (Operator::Equal | Operator::NotEqual, Kind::Null) = (operator, &right.kind) {
        let there = if *operator == Operator::Equal { "there is no" } else { "there is" };
        return Some(format!("{there} {}", said(left)?));
    }
    let is = match operator {
        Operator::And | Operator::Or => {
            let word = if *operator == Operator::And { "and" } else { "or" };
            let mixed = [left, right].iter().any(
                |side| matches!(&side.kind, Kind::Binary(Operator::And | Operator::Or, _) if !is_of(side, *operator)),
            );
            let comma = if mixed { "," } else { "" };
            return Some(format!("{}{comma} {word} {}", condition(left, known)?, condition(right, known)?));
        }
        Operator::In => {
            let Kind::List(items) = &right.kind else {
                return Some(format!("{} is among {}", said(left)?, said(right)?));
            };
            let items: Option<Vec<String>> = items.iter().map(said).collect();
            return Some(format!("{} is {}", said(left)?, items?.join(" or ")));
        }
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Less => "is less than",
        Operator::LessOrEqual => "is at most",
        Operator::Greater => "is more than",
        Operator::GreaterOrEqual => "is at least",
        _ => return None,
    };
    Some(format!("{} {is} {}", said(left)?, said(right)?))
}

/// Whether it is the same in whatever order it is done.
fn is_free(operator: Operator) -> bool {
    matches!(operator, Operator::Add | Operator::Multiply)
}

fn is_of(expr: &Expr<'_>, operator: Operator) -> bool {
    matches!(&expr.kind, Kind::Binary(found, _) if *found == operator)
}

/// A name, or a way from one along fields.
pub(super) fn path<'s>(expr: &Expr<'s>) -> Option<Vec<&'s str>> {
    match &expr.kind {
        Kind::Name(name) => Some(vec![name]),
        Kind::Select(of, word) => {
            let mut path = path(of)?;
            path.push(word.text);
            Some(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_comparisons_and_products_have_words() {
        let known = |path: &[&str]| match path {
            ["rules", "pair"] => Some("1".to_owned()),
            ["rules", "group", "top"] => Some("8".into()),
            ["rules", "ledger"] => Some("yes".into()),
            _ => None,
        };
        for (text, expected) in [
            (
                "draw.shape == 'pairs' ? rules.pair : rules.group.top",
                Some("1 (rules.pair) where `draw.shape` is pairs, else 8 (rules.group.top)"),
            ),
            (
                "b * (k == 'dpo' ? 3 : k == 'grpo' ? 2 : 1) * (kl != null ? 2 : 1)",
                Some("`b` × (3 where `k` is dpo, 2 where `k` is grpo, else 1) × (2 where there is `kl`, else 1)"),
            ),
            ("k in ['a', 'b'] ? 'higher' : 'lower'", Some("higher where `k` is a or b, else lower")),
            (
                "last || size(field) < 2 || n > rules.pair",
                Some("`last` or the number of `field` is less than 2 or `n` is more than 1 (rules.pair)"),
            ),
            (
                "rules.ledger && money == null || !done",
                Some("rules.ledger is yes and there is no `money`, or not `done`"),
            ),
            ("2.5 * (a - b + 1)", Some("2.5 × ((`a` - `b`) + 1)")),
            ("a + b * c", Some("`a` + `b` × `c`")),
            ("a == 1 ? (b ? 1 : 2) : 3", Some("(1 where `b`, else 2) where `a` is 1, else 3")),
            ("a.or(1) * b.or('')", Some("(`a`, or 1 where there is none) × `b`")),
            (
                "all.filter(e, !out.or([]).exists(r, r.key == e.key))",
                Some("every `e` of `all` where there is no `r` of `out` where `r.key` is `e.key`"),
            ),
            (
                "unique(a.map(m, m.members).flatten()).filter(m, m.key in winners)",
                Some("every `m` of `m.members` of every `m` of `a`, each once where `m.key` is among `winners`"),
            ),
            ("a.filter(m, !(m in b)).map(m, m.id)", Some("`m.id` of every `m` of `a` where `m` is not among `b`")),
            (
                "a.map(c, c.x != null, {'x': c.x, 'y': ''})",
                Some("(x `c.x`, y empty) of every `c` of `a` where there is `c.x`"),
            ),
            (
                "(a + b).sort_by_desc(e, e.n).top(rules.group.top)",
                Some("the first 8 (rules.group.top) of `a` + `b`, those with the highest `e.n` first"),
            ),
            (
                "range(size(a)).map(i, a[i].b)",
                Some("`b` of item `i` of `a` of every `i` of the numbers from 0 below the number of `a`"),
            ),
            (
                "first(a.filter(m, m.id == 2)).or(b)",
                Some("(the first of every `m` of `a` where `m.id` is 2, or `b` where there is none)"),
            ),
            (
                "a.all(e, e > 1) ? sum(a) / max(1, size(a)) : median(a)",
                Some(
                    "the sum of `a` divided by the larger of 1 and the number of `a` where every `e` of `a` is so: `e` is more than 1, else the median of `a`",
                ),
            ),
            ("tasks[(number - 1) % size(tasks)]", Some("item (`number` - 1) modulo the number of `tasks` of `tasks`")),
            ("a[0].id", Some("`id` of the first of `a`")),
            ("name", None),
            ("f(a) == 2", None),
            ("a ? f(b) : 1", None),
            ("a ==", None),
        ] {
            assert_eq!(plain(text, &known).as_deref(), expected, "{text}");
        }
    }
}
