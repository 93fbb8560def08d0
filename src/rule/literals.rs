//! Checks lists, records and maps that are written in an expression.

use super::{
    ast::{Expr, Kind},
    check::{Checked, Checker},
    code::Code,
    lex::At,
    types::{TYPE_PARTS_MAX, mismatch, parts, shown},
    wrong::Wrong,
};
use crate::base::{Name, Ty};

impl<'s> Checker<'_, 's> {
    pub(super) fn list(&mut self, at: At, items: &[Expr<'s>]) -> Checked {
        let items: Vec<(&Expr<'s>, Checked)> = items.iter().map(|item| (item, self.check(item))).collect();
        let mut ty = Ty::Never;
        for (_, item) in &items {
            let Some(joined) = ty.join(&item.ty) else {
                let message = format!("one list holds {} and {}", shown(&ty), shown(&item.ty));
                let help = ty.why_apart(&item.ty).unwrap_or_else(|| "items of a list have one type".into());
                return self.wrong(Wrong::new("rule::wrong_type", item.at, message).help(help));
            };
            ty = joined;
        }
        let ty = self.lay(&items.iter().map(|(expr, item)| (*expr, item)).collect::<Vec<_>>(), ty);
        Checked::new(Code::List(items.into_iter().map(|(_, item)| item.code).collect()), Ty::list(ty), at)
    }

    /// Keys that are written down as names make a record; any others make a map.
    pub(super) fn record(&mut self, at: At, entries: &[(Expr<'s>, Expr<'s>)]) -> Checked {
        let mut names = Vec::new();
        for (key, _) in entries {
            if let Kind::Text(text) = &key.kind
                && let Ok(name) = Name::parse(text)
            {
                if names.contains(&name) {
                    return self.wrong(Wrong::new(
                        "rule::same_key",
                        key.at,
                        format!("the key `{name}` is given twice"),
                    ));
                }
                names.push(name);
            }
        }
        if names.len() < entries.len() {
            return self.map(at, entries);
        }
        let mut fields = Vec::with_capacity(entries.len());
        let mut types = Vec::with_capacity(entries.len());
        for (name, (_, value)) in names.into_iter().zip(entries) {
            let value = self.check(value);
            fields.push((name.shared().clone(), value.code));
            types.push((name, value.ty));
        }
        let ty = Ty::written_record(types);
        if parts(&ty, TYPE_PARTS_MAX) == TYPE_PARTS_MAX {
            let message = format!("expected a record of fewer than {TYPE_PARTS_MAX} fields, nested ones counted");
            return self.wrong(Wrong::new("rule::too_deep", at, message));
        }
        Checked::new(Code::Record(fields), ty, at)
    }

    fn map(&mut self, at: At, entries: &[(Expr<'s>, Expr<'s>)]) -> Checked {
        let mut codes = Vec::with_capacity(entries.len());
        let mut values = Vec::with_capacity(entries.len());
        let mut ty = Ty::Never;
        for (key, value) in entries {
            let written = value;
            let bare = match &key.kind {
                Kind::Name(name) if self.scope.get(name).is_none() => Some(*name),
                _ => None,
            };
            let (checked, value) = (self.check(key), self.check(value));
            if let (Some(name), Ty::Never, Some(last)) = (bare, &checked.ty, self.wrongs.last_mut())
                && last.bytes == (key.at.start..key.at.end)
            {
                last.help = Some(format!("a key is a text: write `'{name}'`"));
            }
            if !checked.ty.fits(&Ty::Text) {
                self.wrong(mismatch(self.text, checked.at, &checked.ty, &Ty::Text, "a key: "));
            }
            match ty.join(&value.ty) {
                Some(joined) => ty = joined,
                None => {
                    let message = format!("one map holds {} and {}", shown(&ty), shown(&value.ty));
                    self.wrong(Wrong::new("rule::wrong_type", value.at, message).help("values of a map have one type"));
                }
            }
            codes.push(checked.code);
            values.push((written, value));
        }
        let ty = self.lay(&values.iter().map(|(expr, value)| (*expr, value)).collect::<Vec<_>>(), ty);
        let codes = codes.into_iter().zip(values.into_iter().map(|(_, value)| value.code)).collect();
        Checked::new(Code::Map(codes), Ty::map(ty), at)
    }
}
