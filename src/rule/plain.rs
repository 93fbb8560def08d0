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
            words(&expr, known).map(|said| said.text)
        }
        Kind::Index(..) | Kind::Select(..) if path(&expr).is_none() => words(&expr, known).map(|said| said.text),
        _ => None,
    }
}

/// What a way along fields is, if the file says it.
pub(super) type Known<'k> = &'k dyn Fn(&[&str]) -> Option<String>;

/// Words, and how closely they hold together.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) level: Level,
}

/// How closely words hold together: what is looser than its place allows stands there in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// A name, a number, or what stands in parentheses.
    One,
    /// Such as `the number of one`.
    Of,
    /// Such as `one + one`.
    Sum,
    /// Such as `the larger of one and one`.
    Pair,
    /// Such as `every one of one where …`: it goes as far as the sentence does.
    Every,
    /// Such as `every one of one, each once`.
    Clause,
    /// A condition, or a choice by one.
    Choice,
}

impl Level {
    pub(super) fn said(self, text: impl Into<String>) -> Said {
        Said { text: text.into(), level: self }
    }
}

impl Said {
    /// The words where nothing looser may stand.
    pub(super) fn within(self, most: Level) -> String {
        if self.level <= most { self.text } else { format!("({})", self.text) }
    }
}

pub(super) fn words(expr: &Expr<'_>, known: Known<'_>) -> Option<Said> {
    let said = |expr: &Expr<'_>| words(expr, known);
    Some(match &expr.kind {
        Kind::Null => Level::One.said("nothing"),
        Kind::Bool(truth) => Level::One.said(if *truth { "yes" } else { "no" }),
        Kind::Whole(number) => Level::One.said(number.to_string()),
        Kind::Decimal(number) => Level::One.said(number.to_string()),
        Kind::Text(text) if text.is_empty() => return None,
        Kind::Text(text) => Level::One.said(&**text),
        Kind::Select(of, word) if path(expr).is_none() => lists::field(of, word.text, known)?,
        Kind::Name(_) | Kind::Select(..) => {
            let path = path(expr)?;
            let written = path.join(".");
            Level::One.said(known(&path).map_or_else(|| format!("`{written}`"), |is| format!("{is} ({written})")))
        }
        Kind::Not(of) if path(of).is_none() => Level::Choice.said(condition(expr, known)?),
        Kind::Not(of) => {
            let path = path(of)?;
            let written = path.join(".");
            let written = if known(&path).is_some() { written } else { format!("`{written}`") };
            Level::Choice.said(format!("not {written}"))
        }
        Kind::Call(name, arguments) => match (name.text, arguments.as_slice()) {
            ("or", [of, Expr { kind: Kind::Text(text), .. }]) if text.is_empty() => said(of)?,
            ("or", [of, Expr { kind: Kind::List(items), .. }]) if items.is_empty() => said(of)?,
            ("or", [of, other]) => {
                let (of, other) = (said(of)?.within(Level::Pair), said(other)?.within(Level::Sum));
                Level::One.said(format!("({of}, or {other} where there is none)"))
            }
            (name, arguments) => lists::call(name, arguments, known)?,
        },
        Kind::List(items) => match items.as_slice() {
            [] => Level::One.said("none"),
            [one] => said(one)?,
            items => {
                let items: Option<Vec<String>> = items.iter().map(|it| Some(said(it)?.within(Level::Of))).collect();
                Level::Pair.said(items?.join(" and "))
            }
        },
        Kind::Record(entries) => lists::record(entries, known)?,
        Kind::Index(of, index) => lists::item(of, index, known)?,
        Kind::Choose(parts) => {
            let (when, one, other) = &**parts;
            let is_chain = matches!(other.kind, Kind::Choose(_));
            let (one, when, other) = (said(one)?.within(Level::Sum), condition(when, known)?, said(other)?);
            let other = if is_chain { other.text } else { other.within(Level::Every) };
            Level::Choice.said(format!("{one} where {when}{}{other}", if is_chain { ", " } else { ", else " }))
        }
        Kind::Binary(operator, sides) => {
            let Some(between) = between(*operator) else { return Some(Level::Choice.said(condition(expr, known)?)) };
            let left = side(*operator, &sides.0, false, known)?;
            Level::Sum.said(format!("{left} {between} {}", side(*operator, &sides.1, true, known)?))
        }
        Kind::Negate(of) => Level::Of.said(format!("-{}", said(of)?.within(Level::One))),
    })
}

fn between(operator: Operator) -> Option<&'static str> {
    Some(match operator {
        Operator::Multiply => "×",
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Divide => "divided by",
        Operator::Remainder => "modulo",
        _ => return None,
    })
}

/// One side of what is computed. A product needs no parentheses in a sum, nor before it is divided; what may be done in any
/// order needs none in its own kind.
fn side(operator: Operator, side: &Expr<'_>, is_right: bool, known: Known<'_>) -> Option<String> {
    let is_plain = |inner: Operator| match (inner, operator) {
        (Operator::Multiply, Operator::Divide | Operator::Remainder) => !is_right,
        (Operator::Multiply, _) => true,
        (Operator::Add, Operator::Add) => true,
        _ => false,
    };
    let most = match &side.kind {
        Kind::Binary(inner, _) if is_plain(*inner) => Level::Sum,
        _ => Level::Of,
    };
    Some(words(side, known)?.within(most))
}

/// What must hold.
pub(super) fn condition(expr: &Expr<'_>, known: Known<'_>) -> Option<String> {
    if let Some(said) = lists::condition_or_not(expr, known) {
        return said;
    }
    let Kind::Binary(operator, sides) = &expr.kind else {
        let told = path(expr).and_then(|path| Some(format!("{} is {}", path.join("."), known(&path)?)));
        let most = if matches!(expr.kind, Kind::Choose(_)) { Level::Pair } else { Level::Choice };
        return told.or_else(|| Some(words(expr, &|_| None)?.within(most)).filter(|said| said.contains('`')));
    };
    let (left, right) = &**sides;
    let said = |expr: &Expr<'_>| words(expr, known);
    if let (Operator::Equal | Operator::NotEqual, Kind::Null) = (operator, &right.kind) {
        let there = if *operator == Operator::Equal { "there is no" } else { "there is" };
        return Some(format!("{there} {}", said(left)?.within(Level::Of)));
    }
    let is = match operator {
        Operator::And | Operator::Or => return all_or_any(*operator, expr, known),
        Operator::In => {
            let Kind::List(items) = &right.kind else {
                let (left, right) = (said(left)?.within(Level::Sum), said(right)?.within(Level::Of));
                return Some(format!("{left} is among {right}"));
            };
            let items: Option<Vec<String>> = items.iter().map(|it| Some(said(it)?.within(Level::Sum))).collect();
            return Some(format!("{} is {}", said(left)?.within(Level::Sum), items?.join(" or ")));
        }
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Less => "is less than",
        Operator::LessOrEqual => "is at most",
        Operator::Greater => "is more than",
        Operator::GreaterOrEqual => "is at least",
        _ => return None,
    };
    Some(format!("{} {is} {}", said(left)?.within(Level::Sum), said(right)?.within(Level::Sum)))
}

/// Conditions that must hold all together, or one of them. A comma stands before each word between them where one of them has
/// such a word itself.
fn all_or_any(operator: Operator, expr: &Expr<'_>, known: Known<'_>) -> Option<String> {
    let mut parts = Vec::new();
    gather(operator, expr, &mut parts);
    let has_own = parts.iter().any(|part| is_mixed(part).is_some());
    let said = |part: &&Expr<'_>| {
        let said = condition(part, known)?;
        Some(if is_mixed(part) == Some(true) || lists::goes_on(part) { format!("({said})") } else { said })
    };
    let said: Option<Vec<String>> = parts.iter().map(said).collect();
    let word = if operator == Operator::And { "and" } else { "or" };
    Some(said?.join(&format!("{} {word} ", if has_own { "," } else { "" })))
}

fn gather<'e, 's>(operator: Operator, expr: &'e Expr<'s>, parts: &mut Vec<&'e Expr<'s>>) {
    match &expr.kind {
        Kind::Binary(found, sides) if *found == operator => {
            gather(operator, &sides.0, parts);
            gather(operator, &sides.1, parts);
        }
        _ => parts.push(expr),
    }
}

/// Whether commas stand in a condition, where it is one of several.
fn is_mixed(expr: &Expr<'_>) -> Option<bool> {
    match &expr.kind {
        Kind::Binary(operator @ (Operator::And | Operator::Or), _) => {
            let mut parts = Vec::new();
            gather(*operator, expr, &mut parts);
            Some(parts.iter().any(|part| is_mixed(part).is_some()))
        }
        Kind::Binary(Operator::In, sides) => match &sides.1.kind {
            Kind::List(items) if items.len() > 1 => Some(false),
            _ => None,
        },
        _ => None,
    }
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
                Some("every `m` of (`m.members` of every `m` of `a`, each once) where `m.key` is among `winners`"),
            ),
            ("a.filter(m, !(m in b)).map(m, m.id)", Some("`m.id` of every `m` of `a` where `m` is not among `b`")),
            (
                "a.map(c, c.x != null, {'x': c.x, 'y': ''})",
                Some("(x `c.x`, y empty) of every `c` of `a` where there is `c.x`"),
            ),
            (
                "(a + b).sort_by_desc(e, e.n).top(rules.group.top)",
                Some("the first 8 (rules.group.top) of (`a` + `b`, those with the highest `e.n` first)"),
            ),
            (
                "range(size(a)).map(i, a[i].b)",
                Some("(`b` of item `i` of `a`) of every `i` of the numbers from 0 below the number of `a`"),
            ),
            (
                "first(a.filter(m, m.id == 2)).or(b)",
                Some("((the first of every `m` of `a` where `m.id` is 2), or `b` where there is none)"),
            ),
            (
                "a.all(e, e > 1) ? sum(a) / max(1, size(a)) : median(a)",
                Some(
                    "the sum of `a` divided by (the larger of 1 and the number of `a`) where every `e` of `a` is so: `e` is more than 1, else the median of `a`",
                ),
            ),
            (
                "tasks[(number - 1) % size(tasks)]",
                Some("item ((`number` - 1) modulo the number of `tasks`) of `tasks`"),
            ),
            ("a[0].id", Some("`id` of the first of `a`")),
            ("a / (b * c) % (d * e)", Some("(`a` divided by (`b` × `c`)) modulo (`d` × `e`)")),
            ("-(a + b) * 2", Some("-(`a` + `b`) × 2")),
            (
                "max(0, size(a) - 1) + size(b.filter(e, e.ok))",
                Some("(the larger of 0 and (the number of `a` - 1)) + (the number of every `e` of `b` where `e.ok`)"),
            ),
            (
                "unique(a.filter(e, b.exists(k, k == e.key) && e.ok).map(e, size(e.list)))",
                Some(
                    "(the number of `e.list`) of every `e` of `a` where (there is some `k` of `b` where `k` is `e.key`) and `e.ok`, each once",
                ),
            ),
            (
                "a.filter(e, e.ok).filter(k, k.n > 1)",
                Some("every `k` of (every `e` of `a` where `e.ok`) where `k.n` is more than 1"),
            ),
            ("a && (b || c) && d", Some("`a`, and `b` or `c`, and `d`")),
            ("a || b && (c || d)", Some("`a`, or (`b`, and `c` or `d`)")),
            ("a && k in ['x', 'y']", Some("`a`, and `k` is x or y")),
            ("name", None),
            ("f(a) == 2", None),
            ("a ? f(b) : 1", None),
            ("a ==", None),
        ] {
            assert_eq!(plain(text, &known).as_deref(), expected, "{text}");
        }
    }
}
