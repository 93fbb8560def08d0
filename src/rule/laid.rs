//! Records that are laid together, and whether one of them has a slip in the name of a field.

use super::{
    ast::{Expr, Kind},
    check::{Checked, Checker},
    lex::At,
    wrong::Wrong,
};
use crate::base::{Ty, odd::odd_one};

impl<'s> Checker<'_, 's> {
    /// The type that these have in common; nothing, and a mistake, where one of them has a field under a name like the one
    /// that the others have.
    pub(super) fn lay(&mut self, parts: &[(&Expr<'s>, &Checked)], common: Ty) -> Ty {
        let Some(odd) = odd_one(parts.iter().map(|(_, checked)| &checked.ty)) else { return common };
        let (expr, checked) = parts[odd.at];
        let (message, help) = odd.words();
        let at = key_in(expr, odd.field.as_str()).unwrap_or(checked.at);
        self.wrong(Wrong::new("rule::odd_field", at, message).help(help)).ty
    }
}

/// Where an expression writes a key of that name.
fn key_in(expr: &Expr<'_>, name: &str) -> Option<At> {
    let seek = |expr: &Expr<'_>| key_in(expr, name);
    match &expr.kind {
        Kind::Record(entries) => {
            let is_it = |key: &Expr<'_>| matches!(&key.kind, Kind::Text(text) if **text == *name);
            let own = entries.iter().find(|(key, _)| is_it(key)).map(|(key, _)| key.at);
            own.or_else(|| entries.iter().find_map(|(_, value)| seek(value)))
        }
        Kind::List(items) | Kind::Call(_, items) => items.iter().find_map(seek),
        Kind::Binary(_, sides) => seek(&sides.0).or_else(|| seek(&sides.1)),
        Kind::Choose(parts) => seek(&parts.1).or_else(|| seek(&parts.2)),
        Kind::Select(of, _) | Kind::Index(of, _) => seek(of),
        _ => None,
    }
}
