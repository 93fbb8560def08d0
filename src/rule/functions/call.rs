//! A call whose arguments are checked: what the typing of a function asks about them.

use std::ops::RangeInclusive;

use super::FunctionDoc;
use crate::{
    base::{Ty, Value},
    rule::{
        check::Checked,
        lex::At,
        operators,
        types::{is_number, is_scalar, is_text, mismatch, optional, ordered, shown, writing_help},
        wrong::Wrong,
    },
};

pub(in crate::rule) struct Call<'a> {
    pub(in crate::rule) text: &'a str,
    pub(in crate::rule) doc: &'static FunctionDoc,
    pub(in crate::rule) at: At,
    pub(in crate::rule) arguments: &'a [Checked],
}

impl Call<'_> {
    pub(super) fn takes(&self, count: RangeInclusive<usize>) -> Result<(), Wrong> {
        if count.contains(&self.arguments.len()) {
            return Ok(());
        }
        Err(argument_count(self.doc, self.at, self.arguments.len()))
    }

    pub(super) fn ty(&self, i: usize) -> &Ty {
        self.arguments.get(i).map_or(&Ty::Never, |argument| &argument.ty)
    }
    fn at(&self, i: usize) -> At {
        self.arguments.get(i).map_or(self.at, |argument| argument.at)
    }
    pub(super) fn literal(&self, i: usize) -> Option<&Value> {
        self.arguments.get(i).and_then(Checked::literal)
    }

    /// The argument is not what it should be; `wanted` says what that is.
    pub(super) fn wrong(&self, i: usize, wanted: &str) -> Wrong {
        let ty = self.ty(i);
        if matches!(ty, Ty::Optional(_) | Ty::Null) {
            return optional(self.text, self.at(i), ty);
        }
        let message = format!("`{}`: expected {wanted}, found {}", self.doc.name, shown(ty));
        Wrong::new("rule::wrong_type", self.at(i), message).help(format!("the function is {}", self.doc.signature))
    }

    /// The literal argument cannot be read as what it should be.
    pub(super) fn bad_literal(&self, i: usize, why: String) -> Wrong {
        Wrong::new("rule::bad_literal", self.at(i), why)
    }

    /// A whole number that is as large as it may be, as far as that is known; `what` it is stands in a message.
    pub(super) fn whole(&self, i: usize, what: &str, good: RangeInclusive<i64>) -> Result<(), Wrong> {
        self.want(i, &Ty::Whole)?;
        let known = self.arguments.get(i).map(|argument| argument.wholes.as_slice()).unwrap_or_default();
        let Some((number, at)) = known.iter().find(|(number, _)| !good.contains(number)) else { return Ok(()) };
        let message = format!("`{}`: expected {what}, found {number}", self.doc.name);
        let wrong = Wrong::new("rule::bad_literal", *at, message);
        Err(wrong.help(format!("the function is {}", self.doc.signature)))
    }
    /// A divisor that is written out as zero.
    pub(super) fn divisor(&self, i: usize) -> Result<(), Wrong> {
        self.arguments.get(i).map_or(Ok(()), operators::divisor)
    }
    pub(super) fn want(&self, i: usize, wanted: &Ty) -> Result<(), Wrong> {
        if self.ty(i).fits(wanted) {
            return Ok(());
        }
        Err(mismatch(self.text, self.at(i), self.ty(i), wanted, &format!("`{}`: ", self.doc.name)))
    }
    /// A whole or a decimal number.
    pub(super) fn number(&self, i: usize) -> Result<Ty, Wrong> {
        match self.ty(i) {
            Ty::Never => Ok(Ty::Never),
            ty if is_number(ty) => Ok(ty.clone()),
            _ => Err(self.wrong(i, "a number")),
        }
    }
    pub(super) fn text(&self, i: usize) -> Result<(), Wrong> {
        match self.ty(i) {
            Ty::Never => Ok(()),
            ty if is_text(ty) => Ok(()),
            _ => self.want(i, &Ty::Text),
        }
    }
    /// The type of the items of a list.
    pub(super) fn items(&self, i: usize) -> Result<Ty, Wrong> {
        match self.ty(i) {
            Ty::Never => Ok(Ty::Never),
            Ty::List(item) => Ok((**item).clone()),
            _ => Err(self.wrong(i, "a list")),
        }
    }
    pub(super) fn scalars(&self, i: usize) -> Result<(), Wrong> {
        match self.items(i)? {
            Ty::Never => Ok(()),
            item if is_scalar(&item) => Ok(()),
            item if lacks_or(&item) => Err(self.nulls(i)),
            _ => Err(self.wrong(i, "a list of texts, numbers or amounts")),
        }
    }
    /// The argument can equal no item of the list.
    pub(super) fn never_in(&self, i: usize, item: &Ty) -> Wrong {
        let message = format!("`{}`: no {} ever equals {}", self.doc.name, shown(item), shown(self.ty(i)));
        Wrong::new("rule::never_equal", self.at(i), message).maybe_help(writing_help(self.ty(i), item))
    }
    /// The items of a list may be null, and must not be.
    pub(super) fn nulls(&self, i: usize) -> Wrong {
        let message = format!("`{}`: expected items that are never null, found {}", self.doc.name, shown(self.ty(i)));
        Wrong::new("rule::optional", self.at(i), message).help("write `present(…)` around the list to leave nulls out")
    }

    /// The type in which all arguments, or the items of the only one, are ordered.
    pub(super) fn ordered(&self) -> Result<Ty, Wrong> {
        const WANTED: &str = "numbers, texts, durations, times or amounts of one kind";
        if self.arguments.len() == 1 {
            let item = self.items(0)?;
            if lacks_or(&item) {
                return Err(self.nulls(0));
            }
            return ordered(&item, &item).ok_or_else(|| self.wrong(0, &format!("a list of {WANTED}")));
        }
        let mut ty = Ty::Never;
        for i in 0..self.arguments.len() {
            ty =
                ordered(&ty, self.ty(i)).filter(|ty| ordered(ty, ty).is_some()).ok_or_else(|| self.wrong(i, WANTED))?;
        }
        Ok(ty)
    }
}

pub(in crate::rule) fn argument_count(doc: &FunctionDoc, at: At, found: usize) -> Wrong {
    let message = format!("`{}` does not take {found} argument{}", doc.name, if found == 1 { "" } else { "s" });
    Wrong::new("rule::argument_count", at, message).help(format!("the function is {}", doc.signature))
}

/// Whether its values may be null, so that an `or` is wanted.
fn lacks_or(item: &Ty) -> bool {
    matches!(item, Ty::Optional(_) | Ty::Null)
}
