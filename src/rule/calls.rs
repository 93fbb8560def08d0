//! Checks calls: of functions of the language, of the host, and of macros.

use super::{
    ast::{Expr, Kind as Node, Word},
    check::{Checked, Checker},
    code::{Code, How, Walk},
    functions::{self, Call, Function, Kind},
    lex::At,
    scope::Signature,
    types::{mismatch, optional, ordered, shown, values_of},
    wrong::Wrong,
};
use crate::base::{Ty, near};

impl<'s> Checker<'_, 's> {
    pub(super) fn call(&mut self, at: At, word: Word<'s>, arguments: &[Expr<'s>]) -> Checked {
        if let Some(function) = functions::find(word.text) {
            return match (&function.kind, arguments) {
                (Kind::Plain(typing), _) => {
                    let arguments: Vec<Checked> = arguments.iter().map(|argument| self.check(argument)).collect();
                    let call = Call { text: self.text, doc: &function.doc, at: word.at, arguments: &arguments };
                    match typing(&call) {
                        Err(wrong) => self.wrong(wrong),
                        Ok((ty, apply)) => {
                            let codes = arguments.into_iter().map(|argument| argument.code).collect();
                            Checked::new(Code::Call(apply, codes), ty, at)
                        }
                    }
                }
                (Kind::Has, [field]) => self.has(at, field),
                (Kind::Or, [value, default]) => self.or(at, value, default),
                (Kind::Walk(how), [list, name, body]) => self.walk(at, *how, list, name, None, body),
                (Kind::Walk(How::Map), [list, name, only, body]) => {
                    self.walk(at, How::Map, list, name, Some(only), body)
                }
                _ => self.argument_count(function, word.at, arguments.len()),
            };
        }
        match self.scope.function(word.text) {
            Some(signature) => self.host(at, word, signature, arguments),
            None => self.unknown_function(word, arguments),
        }
    }

    fn argument_count(&mut self, function: &'static Function, at: At, found: usize) -> Checked {
        self.wrong(functions::argument_count(&function.doc, at, found))
    }

    fn unknown_function(&mut self, word: Word<'s>, arguments: &[Expr<'s>]) -> Checked {
        for argument in arguments {
            self.check(argument);
        }
        let help = match functions::elsewhere(word.text) {
            Some(here) if here.contains(['`', ';']) => Some(format!("write {here}")),
            Some(here) => Some(format!("write `{here}`")),
            None => {
                let own = functions::functions().map(|doc| doc.name);
                let host = self.scope.functions().map(|signature| signature.name.as_str());
                near::nearest(word.text, own.chain(host)).map(|near| format!("did you mean `{near}`?"))
            }
        };
        let message = format!("there is no function `{}`", word.text);
        self.wrong(Wrong::new("rule::unknown_function", word.at, message).maybe_help(help))
    }

    fn host(&mut self, at: At, word: Word<'s>, signature: &Signature, arguments: &[Expr<'s>]) -> Checked {
        self.asked += 1;
        let arguments: Vec<Checked> = arguments.iter().map(|argument| self.check(argument)).collect();
        if arguments.len() != signature.takes.len() {
            let takes: Vec<String> =
                signature.takes.iter().map(|(name, ty)| format!("{name}: {}", shown(ty))).collect();
            let plural = if takes.len() == 1 { "" } else { "s" };
            let message = format!("`{}` takes {} argument{plural}, found {}", word.text, takes.len(), arguments.len());
            let help =
                format!("the function is {}({}) -> {}", signature.name, takes.join(", "), shown(&signature.gives));
            return self.wrong(Wrong::new("rule::argument_count", word.at, message).help(help));
        }
        let mut fits = true;
        for (argument, (name, wanted)) in arguments.iter().zip(&signature.takes) {
            if !argument.ty.fits(wanted) {
                fits = false;
                let what = format!("`{name}` of `{}`: ", signature.name);
                self.wrong(mismatch(self.text, argument.at, &argument.ty, wanted, &what));
            }
        }
        if !self.calls.contains(&signature.name) {
            self.calls.push(signature.name.clone());
        }
        let ty = if fits { signature.gives.clone() } else { Ty::Never };
        let codes = arguments.into_iter().map(|argument| argument.code).collect();
        Checked::new(Code::Host(signature.name.clone(), codes), ty, at)
    }

    fn or(&mut self, at: At, value: &Expr<'s>, default: &Expr<'s>) -> Checked {
        let written = (value, default);
        let (value, default) = (self.check(value), self.check(default));
        let inner = match &value.ty {
            Ty::Optional(inner) => (**inner).clone(),
            Ty::Null => Ty::Never,
            ty => ty.clone(),
        };
        match inner.join(&default.ty) {
            Some(ty) => {
                let ty = self.lay(&[(written.0, &value), (written.1, &default)], ty);
                Checked::new(Code::Default(Box::new((value.code, default.code))), ty, at)
            }
            None => self.wrong(mismatch(self.text, default.at, &default.ty, &inner, "the default: ")),
        }
    }

    fn walk(
        &mut self,
        at: At,
        how: How,
        list: &Expr<'s>,
        name: &Expr<'s>,
        only: Option<&Expr<'s>>,
        body: &Expr<'s>,
    ) -> Checked {
        let list = self.check(list);
        let (keys, item) = match &list.ty {
            Ty::Never => (false, Ty::Never),
            Ty::List(item) => (false, (**item).clone()),
            map if values_of(map).is_some() => (true, Ty::Text),
            Ty::Optional(_) | Ty::Null => (false, self.wrong(optional(self.text, list.at, &list.ty)).ty),
            ty => {
                let message = format!("expected a list, found {}", shown(ty));
                (false, self.wrong(Wrong::new("rule::wrong_type", list.at, message)).ty)
            }
        };
        let Node::Name(name) = name.kind else {
            let message = "expected a name for the item, such as `e`";
            return self.wrong(Wrong::new("rule::syntax", name.at, message));
        };
        let (local, only, body) = self.bound(name, item.clone(), |checker, local| {
            let only = only.map(|only| checker.condition(only, "the condition: "));
            let body = match how {
                How::Map => checker.check(body),
                How::SortBy | How::SortByDescending | How::MinBy | How::MaxBy => checker.key(body),
                _ => checker.condition(body, "the condition: "),
            };
            (local, only, body)
        });
        let ty = match how {
            How::Map => Ty::list(body.ty),
            How::Filter | How::SortBy | How::SortByDescending => Ty::list(item),
            How::All | How::Exists | How::ExistsOne => Ty::Bool,
            How::Count => Ty::Whole,
            How::MinBy | How::MaxBy => item,
        };
        let only = only.map(|only| only.code);
        let walk = Walk { how, list: list.code, keys, local, only, body: body.code };
        Checked::new(Code::Walk(Box::new(walk)), ty, at)
    }

    /// What items are ordered by.
    fn key(&mut self, key: &Expr<'s>) -> Checked {
        let key = self.check(key);
        match &key.ty {
            ty if ordered(ty, ty).is_some() => key,
            Ty::Optional(_) | Ty::Null => self.wrong(optional(self.text, key.at, &key.ty)),
            ty => {
                let message =
                    format!("expected a number, a text, a time or an amount to order by, found {}", shown(ty));
                self.wrong(Wrong::new("rule::wrong_type", key.at, message))
            }
        }
    }
}
