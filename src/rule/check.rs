//! `Expr` → `Code`: looks up names, types every part, chooses what computes it, and collects the mistakes.
//!
//! A part that is wrong gets the type `Never`, which fits everywhere, so that one mistake is told once.

use std::sync::Arc;

use super::{
    arith,
    ast::{Expr, Kind, Operator, Word},
    code::{Apply, Code, Logic},
    fold, functions,
    lex::At,
    meter::Meter,
    operators,
    scope::Scope,
    types::{held, mismatch, optional, shown, values_of},
    wrong::Wrong,
};
use crate::base::{Name, RecordTy, Ty, Value, near};

/// A checked part of an expression.
pub(super) struct Checked {
    pub(super) code: Code,
    pub(super) ty: Ty,
    pub(super) at: At,
    /// The way from a name along fields, where this is one.
    path: Option<Path>,
    /// What is not null where this holds, and where it does not hold.
    yes: Vec<Path>,
    no: Vec<Path>,
    /// Whole numbers that it may be, of those that are known, each where it is written.
    pub(super) wholes: Vec<(i64, At)>,
}

/// A name, or a local of a macro, and fields of it.
#[derive(Clone, Debug, PartialEq)]
struct Path {
    local: Option<usize>,
    steps: Vec<Arc<str>>,
}

impl Checked {
    pub(super) fn new(code: Code, ty: Ty, at: At) -> Self {
        let wholes = match code {
            Code::Constant(Value::Whole(number)) => vec![(number, at)],
            _ => Vec::new(),
        };
        Self { code, ty, at, path: None, yes: Vec::new(), no: Vec::new(), wholes }
    }
    /// The value, where it is written down.
    pub(super) fn literal(&self) -> Option<&Value> {
        match &self.code {
            Code::Constant(value) if self.ty != Ty::Never => Some(value),
            _ => None,
        }
    }
}

/// What was learned about one expression.
pub(super) struct Findings {
    pub(super) code: Code,
    pub(super) ty: Ty,
    /// The names that the code calls by number.
    pub(super) names: Vec<Name>,
    pub(super) reads: Vec<Vec<Arc<str>>>,
    pub(super) calls: Vec<Name>,
}

/// Checks an expression that was read from `text`.
pub(super) fn check(text: &str, expr: &Expr<'_>, scope: &Scope) -> Result<Findings, Vec<Wrong>> {
    let mut checker = Checker {
        text,
        scope,
        locals: Vec::new(),
        names: Vec::new(),
        reads: Vec::new(),
        calls: Vec::new(),
        present: Vec::new(),
        conditions: Vec::new(),
        asked: 0,
        folding: fold::meter(),
        wrongs: Vec::new(),
    };
    let Checked { code, ty, .. } = checker.check(expr);
    let Checker { names, reads, calls, wrongs, .. } = checker;
    if wrongs.is_empty() { Ok(Findings { code, ty, names, reads, calls }) } else { Err(wrongs) }
}

pub(super) struct Checker<'a, 's> {
    pub(super) text: &'a str,
    pub(super) scope: &'a Scope,
    locals: Vec<(&'s str, Ty)>,
    names: Vec<Name>,
    reads: Vec<Vec<Arc<str>>>,
    pub(super) calls: Vec<Name>,
    /// What is known not to be null at this point.
    present: Vec<Path>,
    /// The conditions around this point.
    conditions: Vec<At>,
    /// How often something was asked for that is only known when the rule is evaluated.
    pub(super) asked: usize,
    /// The work that is left for what is known before.
    pub(super) folding: Meter,
    pub(super) wrongs: Vec<Wrong>,
}

impl<'s> Checker<'_, 's> {
    pub(super) fn check(&mut self, expr: &Expr<'s>) -> Checked {
        let checked = self.trace(expr);
        self.record_read(checked.path.as_ref());
        checked
    }

    /// Checks without noting what is read: a field may follow.
    fn trace(&mut self, expr: &Expr<'s>) -> Checked {
        let before = (self.asked, self.wrongs.len());
        let checked = self.typed(expr);
        let is_known = before == (self.asked, self.wrongs.len());
        if is_known { self.fold(expr, checked) } else { checked }
    }

    fn typed(&mut self, expr: &Expr<'s>) -> Checked {
        let at = expr.at;
        let literal = |value, ty| Checked::new(Code::Constant(value), ty, at);
        match &expr.kind {
            Kind::Null => literal(Value::Null, Ty::Null),
            Kind::Bool(value) => literal(Value::Bool(*value), Ty::Bool),
            Kind::Whole(number) => literal(Value::Whole(*number), Ty::Whole),
            Kind::Decimal(number) => literal(Value::Decimal(*number), Ty::Decimal),
            Kind::Text(text) => literal(Value::Text(text.clone()), Ty::Choice(Arc::from([text.clone()]))),
            Kind::Name(name) => self.name(Word { text: name, at }),
            Kind::Select(of, field) => self.select(at, of, *field),
            Kind::Index(of, index) => self.index(at, of, index),
            Kind::List(items) => self.list(at, items),
            Kind::Record(entries) => self.record(at, entries),
            Kind::Call(function, arguments) => self.call(at, *function, arguments),
            Kind::Not(of) => self.not(at, of),
            Kind::Negate(of) => self.negate(at, of),
            Kind::Binary(operator @ (Operator::And | Operator::Or), sides) => self.logic(at, *operator, sides),
            Kind::Binary(operator, sides) => self.binary(at, *operator, sides),
            Kind::Choose(parts) => self.choose(at, parts),
        }
    }

    pub(super) fn wrong(&mut self, wrong: Wrong) -> Checked {
        let at = At::new(wrong.bytes.start, wrong.bytes.end);
        self.wrongs.push(wrong);
        Checked::new(Code::Constant(Value::Null), Ty::Never, at)
    }

    fn record_read(&mut self, path: Option<&Path>) {
        if let Some(Path { local: None, steps }) = path
            && !self.reads.contains(steps)
        {
            self.reads.push(steps.clone());
        }
    }

    fn name(&mut self, word: Word<'s>) -> Checked {
        self.asked += 1;
        if let Some(depth) = self.locals.iter().rposition(|(name, _)| *name == word.text) {
            let path = Path { local: Some(depth), steps: Vec::new() };
            let ty = self.narrowed(self.locals[depth].1.clone(), &path);
            return Checked { path: Some(path), ..Checked::new(Code::Local(depth), ty, word.at) };
        }
        let Some((name, ty)) = self.scope.entry(word.text) else {
            let message = format!("nothing here is called `{}`", word.text);
            let lowered = word.text.to_ascii_lowercase();
            let help = if ["true", "false", "null"].contains(&lowered.as_str()) {
                Some(format!("write `{lowered}`"))
            } else if functions::find(word.text).is_some() || self.scope.function(word.text).is_some() {
                Some(format!("`{0}` is a function: write `{0}(…)`", word.text))
            } else {
                let locals = self.locals.iter().map(|(name, _)| *name);
                near::did_you_mean(word.text, self.scope.names().map(Name::as_str).chain(locals))
            };
            return self.wrong(Wrong::new("rule::unknown_name", word.at, message).maybe_help(help));
        };
        let slot = self.names.iter().position(|other| other == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        let path = Path { local: None, steps: vec![name.shared().clone()] };
        let ty = self.narrowed(ty.clone(), &path);
        Checked { path: Some(path), ..Checked::new(Code::Name(slot), ty, word.at) }
    }

    /// The type without its null, where a condition around has excluded that.
    fn narrowed(&self, ty: Ty, path: &Path) -> Ty {
        match &ty {
            Ty::Optional(inner)
                if self.present.iter().any(|p| p.local == path.local && p.steps.starts_with(&path.steps)) =>
            {
                (**inner).clone()
            }
            _ => ty,
        }
    }

    /// Checks a part that is only computed where a condition allows it, and these are then not null.
    fn given<T>(&mut self, condition: At, present: &[Path], check: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.present.len();
        self.present.extend_from_slice(present);
        self.conditions.push(condition);
        let checked = check(self);
        self.conditions.pop();
        self.present.truncate(before);
        checked
    }

    /// Checks the body of a macro, where one more name is bound.
    pub(super) fn bound<T>(&mut self, name: &'s str, ty: Ty, check: impl FnOnce(&mut Self, usize) -> T) -> T {
        let depth = self.locals.len();
        self.locals.push((name, ty));
        let checked = check(self, depth);
        self.locals.truncate(depth);
        checked
    }

    fn select(&mut self, at: At, of: &Expr<'s>, field: Word<'s>) -> Checked {
        let of = self.trace(of);
        match &of.ty {
            Ty::Map(item) => {
                let ty = (**item).clone();
                self.record_read(of.path.as_ref());
                let key = Code::Constant(Value::text(field.text));
                Checked::new(Code::Key(Box::new(of.code), Box::new(key)), ty, at)
            }
            ty => match record_of(ty) {
                Some((record, may_be_null)) => self.field(at, of, &record, may_be_null, (field.text, field.at)),
                None => self.no_fields(of, field),
            },
        }
    }

    fn field(&mut self, at: At, of: Checked, record: &RecordTy, may_be_null: bool, field: (&str, At)) -> Checked {
        let Some((name, ty)) = record.fields.get_key_value(field.0) else {
            self.record_read(of.path.as_ref());
            let message = match &record.name {
                Some(name) => format!("{name} has no field `{}`", field.0),
                None => format!("there is no field `{}`", field.0),
            };
            let help = near::did_you_mean(field.0, record.fields.keys().map(Name::as_str));
            return self.wrong(Wrong::new("rule::unknown_field", field.1, message).maybe_help(help));
        };
        let path = of.path.map(|mut path| {
            path.steps.push(name.shared().clone());
            path
        });
        let mut ty = if may_be_null { Ty::optional(ty.clone()) } else { ty.clone() };
        if let Some(path) = &path {
            ty = self.narrowed(ty, path);
        }
        let wholes = path.as_ref().and_then(|path| self.below_zero(path)).map(|number| (number, at));
        let code = Code::Field(Box::new(of.code), name.shared().clone());
        Checked { path, wholes: wholes.into_iter().collect(), ..Checked::new(code, ty, at) }
    }

    /// The constant at a path, where it is a number below zero and no condition around asks for it: one who asks may mean
    /// something by it.
    fn below_zero(&self, path: &Path) -> Option<i64> {
        let (root, fields) = path.steps.split_first().filter(|_| path.local.is_none())?;
        let value = fields.iter().try_fold(self.scope.constant(root)?, |value, field| value.field(field))?;
        let Value::Whole(number @ ..0) = value else { return None };
        let said = path.steps.join(".");
        let asks = |at: &At| self.text.get(at.start..at.end).is_some_and(|condition| condition.contains(&said));
        (!self.conditions.iter().any(asks)).then_some(*number)
    }

    fn no_fields(&mut self, of: Checked, field: Word<'s>) -> Checked {
        self.record_read(of.path.as_ref());
        let said = held(self.text, of.at);
        let name = field.text;
        let help = match &of.ty {
            Ty::Never => return Checked::new(of.code, Ty::Never, of.at),
            Ty::Optional(inner) if matches!(**inner, Ty::Map(_)) => {
                return self.wrong(optional(self.text, of.at, &of.ty));
            }
            Ty::List(item) if matches!(**item, Ty::Record(_)) => {
                Some(format!("write `{said}[0].{name}` for one of them, or `{said}.map(e, e.{name})` for all"))
            }
            _ => functions::find(name).map(|_| format!("`{name}` is a function: write `{said}.{name}(…)`")),
        };
        let message = format!("{} has no fields", shown(&of.ty));
        self.wrong(Wrong::new("rule::unknown_field", field.at, message).maybe_help(help))
    }

    fn index(&mut self, at: At, of: &Expr<'s>, index: &Expr<'s>) -> Checked {
        let of = self.trace(of);
        if let (Kind::Text(name), Some((record, may_be_null))) = (&index.kind, record_of(&of.ty)) {
            return self.field(at, of, &record, may_be_null, (name, index.at));
        }
        self.record_read(of.path.as_ref());
        if matches!((&index.kind, &of.ty), (Kind::Whole(..0), Ty::List(_))) {
            let said = held(self.text, of.at);
            let message = "elements are counted from the first, which is number 0";
            let wrong = Wrong::new("rule::bad_literal", index.at, message);
            return self.wrong(wrong.help(format!("write `{said}[size({said}) - 1]` for the last one")));
        }
        let index = self.check(index);
        let (wanted, ty) = match &of.ty {
            Ty::Never => return Checked::new(of.code, Ty::Never, at),
            Ty::List(item) => (Ty::Whole, (**item).clone()),
            Ty::Map(item) => (Ty::Text, (**item).clone()),
            Ty::Optional(_) | Ty::Null => return self.wrong(optional(self.text, of.at, &of.ty)),
            map @ Ty::Record(_) if values_of(map).is_some() => (Ty::Text, values_of(map).unwrap_or(Ty::Never)),
            Ty::Record(_) => {
                let wrong = Wrong::new("rule::wrong_type", index.at, "a field of a record is chosen by its name");
                return self.wrong(wrong.help(format!("write `{}.field`", held(self.text, of.at))));
            }
            ty => {
                let message = format!("expected a list or a map before `[`, found {}", shown(ty));
                return self.wrong(Wrong::new("rule::wrong_type", of.at, message));
            }
        };
        if !index.ty.fits(&wanted) {
            return self.wrong(mismatch(self.text, index.at, &index.ty, &wanted, ""));
        }
        let (of, index) = (Box::new(of.code), Box::new(index.code));
        Checked::new(if wanted == Ty::Whole { Code::Index(of, index) } else { Code::Key(of, index) }, ty, at)
    }

    /// Checks a condition; `what` says in a message what it is for.
    pub(super) fn condition(&mut self, expr: &Expr<'s>, what: &str) -> Checked {
        let checked = self.check(expr);
        if checked.ty.fits(&Ty::Bool) {
            return checked;
        }
        self.wrong(mismatch(self.text, checked.at, &checked.ty, &Ty::Bool, what))
    }

    fn not(&mut self, at: At, of: &Expr<'s>) -> Checked {
        let of = self.condition(of, "`!`: ");
        Checked { yes: of.no, no: of.yes, ..Checked::new(Code::Not(Box::new(of.code)), Ty::Bool, at) }
    }

    fn negate(&mut self, at: At, of: &Expr<'s>) -> Checked {
        let of = self.check(of);
        let apply: Apply = match &of.ty {
            Ty::Never => return of,
            Ty::Whole => arith::negate_whole,
            Ty::Decimal => arith::negate_decimal,
            ty => return self.wrong(mismatch(self.text, of.at, ty, &Ty::Decimal, "`-`: ")),
        };
        let ty = of.ty;
        Checked::new(Code::Call(apply, vec![of.code]), ty, at)
    }

    fn logic(&mut self, at: At, operator: Operator, sides: &(Expr<'s>, Expr<'s>)) -> Checked {
        let decides = operator == Operator::Or;
        let what = if decides { "`||`: " } else { "`&&`: " };
        let left = self.condition(&sides.0, what);
        let facts = if decides { &left.no } else { &left.yes };
        let right = self.given(left.at, facts, |checker| checker.condition(&sides.1, what));
        let both = |mut a: Vec<Path>, b: Vec<Path>| {
            a.extend(b);
            a
        };
        let (yes, no) =
            if decides { (Vec::new(), both(left.no, right.no)) } else { (both(left.yes, right.yes), Vec::new()) };
        let logic = Logic { decides, left: left.code, right: right.code };
        Checked { yes, no, ..Checked::new(Code::Logic(Box::new(logic)), Ty::Bool, at) }
    }

    fn binary(&mut self, at: At, operator: Operator, sides: &(Expr<'s>, Expr<'s>)) -> Checked {
        let (left, right) = (self.check(&sides.0), self.check(&sides.1));
        if operator == Operator::In
            && let (Ty::Choice(_), None, Kind::List(items)) = (&left.ty, left.literal(), &sides.1.kind)
            && let Some(wrong) = self.strange_item(at, &left, items)
        {
            return self.wrong(wrong);
        }
        match operators::binary(self.text, operator, at, &left, &right) {
            Err(wrong) => self.wrong(wrong),
            Ok((ty, apply)) => {
                let ty = match operator {
                    Operator::Add => self.lay(&[(&sides.0, &left), (&sides.1, &right)], ty),
                    _ => ty,
                };
                let (yes, no) = presence(operator, &left, &right);
                let sides = Box::new([left.code, right.code]);
                Checked { yes, no, ..Checked::new(Code::Two(apply, sides), ty, at) }
            }
        }
    }

    /// A text in `choice in ['a', 'b']` that is no word of the choice.
    fn strange_item(&self, at: At, choice: &Checked, items: &[Expr<'s>]) -> Option<Wrong> {
        items.iter().find_map(|item| match &item.kind {
            Kind::Text(text) => {
                let ty = Ty::Choice(Arc::from([text.clone()]));
                let strange = !super::types::can_equal(&choice.ty, &ty);
                let literal = Checked::new(Code::Constant(Value::Text(text.clone())), ty, item.at);
                strange.then(|| operators::never_equal(self.text, at, choice, &literal))
            }
            _ => None,
        })
    }

    fn choose(&mut self, at: At, parts: &(Expr<'s>, Expr<'s>, Expr<'s>)) -> Checked {
        let condition = self.condition(&parts.0, "before `?`: ");
        let mut chosen = self.given(condition.at, &condition.yes, |checker| checker.check(&parts.1));
        let mut otherwise = self.given(condition.at, &condition.no, |checker| checker.check(&parts.2));
        let mut wholes = std::mem::take(&mut chosen.wholes);
        wholes.append(&mut otherwise.wholes);
        let Some(ty) = chosen.ty.join(&otherwise.ty) else {
            let message =
                format!("either {} or {}, which have no type in common", shown(&chosen.ty), shown(&otherwise.ty));
            let wrong = Wrong::new("rule::wrong_type", chosen.at.to(otherwise.at), message);
            return self.wrong(wrong.maybe_help(chosen.ty.why_apart(&otherwise.ty)));
        };
        let ty = self.lay(&[(&parts.1, &chosen), (&parts.2, &otherwise)], ty);
        let code = Code::Choose(Box::new((condition.code, chosen.code, otherwise.code)));
        Checked { wholes, ..Checked::new(code, ty, at) }
    }

    /// `has(x.field)`: whether there is such a field and it is not null.
    pub(super) fn has(&mut self, at: At, expr: &Expr<'s>) -> Checked {
        let Kind::Select(_, field) = &expr.kind else {
            let wrong = Wrong::new("rule::wrong_type", expr.at, "`has` takes a field, such as `has(x.field)`");
            return self.wrong(wrong.help("write `x != null` to ask whether a value is there"));
        };
        // It may ask for what is not there.
        let selected = self.typed(expr);
        self.record_read(selected.path.as_ref());
        let code = match selected.code {
            Code::Field(of, name) => Code::HasField(of, name),
            Code::Key(of, _) => Code::HasKey(of, field.text.into()),
            code => return Checked::new(code, Ty::Never, at),
        };
        Checked { yes: selected.path.into_iter().collect(), ..Checked::new(code, Ty::Bool, at) }
    }
}

/// The record that fields are selected from, and whether it may be null.
fn record_of(ty: &Ty) -> Option<(Arc<RecordTy>, bool)> {
    match ty {
        Ty::Record(record) => Some((record.clone(), false)),
        Ty::Optional(inner) => record_of(inner).map(|(record, _)| (record, true)),
        _ => None,
    }
}

/// What `x == null` and `x != null` tell about `x`.
fn presence(operator: Operator, left: &Checked, right: &Checked) -> (Vec<Path>, Vec<Path>) {
    let compared = match (left.literal(), right.literal()) {
        (_, Some(Value::Null)) => left,
        (Some(Value::Null), _) => right,
        _ => return (Vec::new(), Vec::new()),
    };
    let path = compared.path.iter().cloned().collect();
    match operator {
        Operator::NotEqual => (path, Vec::new()),
        Operator::Equal => (Vec::new(), path),
        _ => (Vec::new(), Vec::new()),
    }
}
