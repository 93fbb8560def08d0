//! Texts with `${…}` in them, each an expression.

use std::sync::Arc;

use super::{
    Env, Rule,
    failure::Failure,
    lex::At,
    meter::Meter,
    parse::parse_part,
    scope::Scope,
    types::{held, is_scalar, shown},
    wrong::Wrong,
};
use crate::base::{
    Name, Ty, Value,
    limits::{MISTAKES_SOUGHT_MAX, RULE_TEXT_MAX},
};

/// A text that may hold `${…}`. One that is exactly one `${…}` is that value, of whatever type; any other is a text in
/// which each value is printed. `$${` stands for a `${` that is meant as text.
#[derive(Clone, Debug)]
pub struct Interpolation(Arc<[Part]>);

#[derive(Clone, Debug)]
enum Part {
    Text(Arc<str>),
    Rule(Rule),
}

impl Interpolation {
    pub fn compile(text: &str, scope: &Scope) -> Result<Self, Vec<Wrong>> {
        let mut parts = Vec::new();
        let mut wrongs = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let opening = at + found;
            if text[..opening].ends_with('$') && found > 0 {
                // The `$` before it was already taken as text, and stands for nothing.
                plain.push_str(&text[at..opening]);
                plain.push('{');
                at = opening + 2;
                continue;
            }
            plain.push_str(&text[at..opening]);
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain).into()));
            }
            let (end, parsed) = parse_part(text, opening + 2);
            let inner = At::new(opening + 2, end.map_or(text.len(), |end| end - 1));
            let compiled = parsed.map_err(|wrong| vec![wrong]).and_then(|expr| Rule::of(text, inner, &expr, scope));
            match compiled {
                Ok(rule) => {
                    let whole = opening == 0 && end == Some(text.len());
                    wrongs.extend(if whole { None } else { unprintable(text, inner, &rule) });
                    parts.push(Part::Rule(rule));
                }
                Err(found) => wrongs.extend(found),
            }
            let Some(end) = end.filter(|_| wrongs.len() < MISTAKES_SOUGHT_MAX) else {
                return Err(wrongs);
            };
            at = end;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        if wrongs.is_empty() { Ok(Self(parts.into())) } else { Err(wrongs) }
    }

    /// Whether it is always the same text.
    pub fn is_plain(&self) -> bool {
        self.rules().next().is_none()
    }
    pub fn ty(&self) -> Ty {
        match &*self.0 {
            [Part::Rule(rule)] => rule.ty().clone(),
            _ => Ty::Text,
        }
    }
    /// The expression, where it is the whole text.
    pub fn expression(&self) -> Option<&str> {
        match &*self.0 {
            [Part::Rule(rule)] => Some(rule.text()),
            _ => None,
        }
    }
    /// The text as its author wrote it.
    pub fn written(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(plain) => plain.replace("${", "$${"),
            Part::Rule(rule) => format!("${{{}}}", rule.text()),
        };
        self.0.iter().map(part).collect()
    }
    /// Every way from a name of the scope along fields.
    pub fn reads(&self) -> Vec<Vec<Arc<str>>> {
        distinct(self.rules().flat_map(Rule::reads))
    }
    /// The host functions that are called.
    pub fn calls(&self) -> Vec<Name> {
        distinct(self.rules().flat_map(Rule::calls))
    }
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter_map(|part| match part {
            Part::Rule(rule) => Some(rule),
            Part::Text(_) => None,
        })
    }

    pub fn eval(&self, env: &dyn Env) -> Result<Value, Failure> {
        if let [Part::Rule(rule)] = &*self.0 {
            return rule.eval(env);
        }
        let (mut text, mut meter) = (String::new(), Meter::new());
        for part in self.0.iter() {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Rule(rule) => text.push_str(&rule.metered(env, &mut meter)?.to_string()),
            }
            if text.len() > RULE_TEXT_MAX {
                return Err(Failure::TooLarge);
            }
        }
        Ok(Value::text(text))
    }
}

fn distinct<'a, T: Clone + PartialEq + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<T> {
    items.fold(Vec::new(), |mut found, item| {
        if !found.contains(item) {
            found.push(item.clone());
        }
        found
    })
}

/// Says why a value cannot stand inside a longer text, if it cannot.
fn unprintable(text: &str, part: At, rule: &Rule) -> Option<Wrong> {
    let said = held(text, part);
    let (code, help) = match rule.ty() {
        Ty::Never => return None,
        ty if is_scalar(ty) => return None,
        Ty::Optional(_) | Ty::Null => ("rule::optional", format!("write `{said}.or('…')`")),
        Ty::List(item) if is_scalar(item) => ("rule::wrong_type", format!("write `{said}.join(', ')`")),
        Ty::Record(record) => {
            let field = record.fields.keys().next().map_or("field", Name::as_str);
            ("rule::wrong_type", format!("pick a field, such as `{said}.{field}`"))
        }
        _ => ("rule::wrong_type", format!("pick one of them, or join them: `{said}.map(e, …).join(', ')`")),
    };
    let message = format!("expected something that prints within a text, found {}", shown(rule.ty()));
    Some(Wrong::new(code, part, message).help(help))
}
