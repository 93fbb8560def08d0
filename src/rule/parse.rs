//! Tokens → `Expr`, by operator precedence. Nesting is limited, so no text can exhaust the stack.

use super::{
    ast::{Expr, Kind, Operator, Word},
    lex::{At, Token, Until, tokens},
    wrong::Wrong,
};
use crate::base::limits::{RULE_DEPTH_MAX, RULE_LENGTH_MAX, RULE_LINKS_MAX};

/// Reads a whole text as one expression.
pub(super) fn parse(text: &str) -> Result<Expr<'_>, Wrong> {
    within_length(text, At::new(0, text.len()))?;
    let (tokens, _) = tokens(text, 0, Until::EndOfText)?;
    parse_tokens(tokens)
}

/// Reads the expression of a `${…}` that opened just before `from`, and tells where its brace ends.
/// The first part is the end, known even when the expression is wrong; nothing when no end was found.
pub(super) fn parse_part(text: &str, from: usize) -> (Option<usize>, Result<Expr<'_>, Wrong>) {
    match tokens(text, from, Until::Brace) {
        Err(wrong) => (None, Err(wrong)),
        Ok((tokens, end)) => {
            let inner = At::new(from, end - 1);
            let parsed = within_length(&text[from..end - 1], inner).and_then(|()| parse_tokens(tokens));
            (Some(end), parsed)
        }
    }
}

fn within_length(text: &str, at: At) -> Result<(), Wrong> {
    // Bytes are never fewer than characters, so most texts need no count.
    if text.len() <= RULE_LENGTH_MAX || text.chars().count() <= RULE_LENGTH_MAX {
        return Ok(());
    }
    let message = format!("expected at most {RULE_LENGTH_MAX} characters, found {}", text.chars().count());
    Err(Wrong::new("rule::too_long", at, message)
        .help("give a part of it to a `value` step of its own, and read that here"))
}

fn parse_tokens(tokens: Vec<(Token<'_>, At)>) -> Result<Expr<'_>, Wrong> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let expr = parser.whole()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.wrong("an operator or the end")),
    }
}

/// A part, unless it makes the tree deeper than the checker and the evaluation may recurse.
fn made(at: At, kind: Kind<'_>) -> Result<Expr<'_>, Wrong> {
    let expr = Expr::new(at, kind);
    if expr.depth <= RULE_LINKS_MAX {
        return Ok(expr);
    }
    let message = format!("expected at most {RULE_LINKS_MAX} operators, selects and calls in a row");
    Err(Wrong::new("rule::too_deep", at, message).help("give a part of it a name of its own"))
}

struct Parser<'s> {
    /// Never empty: the last one is `End`.
    tokens: Vec<(Token<'s>, At)>,
    at: usize,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &Token<'s> {
        &self.tokens[self.at].0
    }
    /// Whether that name was read last.
    fn follows(&self, name: &str) -> bool {
        self.at.checked_sub(1).is_some_and(|before| self.tokens[before].0 == Token::Name(name))
    }
    fn place(&self) -> At {
        self.tokens[self.at].1
    }
    /// Takes the token; `End` stays.
    fn next(&mut self) -> (Token<'s>, At) {
        let taken = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        taken
    }
    fn take(&mut self, sign: &str) -> Option<At> {
        (matches!(self.peek(), Token::Sign(found) if *found == sign)).then(|| self.next().1)
    }
    fn expect(&mut self, sign: &str, opening: At) -> Result<At, Wrong> {
        if let Some(at) = self.take(sign) {
            return Ok(at);
        }
        if *self.peek() == Token::End {
            let message = format!("expected a `{sign}` that closes this, found the end");
            return Err(Wrong::new("rule::unclosed", opening, message));
        }
        Err(self.wrong(&format!("`{sign}`")))
    }

    fn wrong(&self, expected: &str) -> Wrong {
        let (found, help) = match self.peek() {
            Token::End => ("the end".to_owned(), None),
            Token::Whole(number) => (format!("`{number}`"), None),
            Token::Decimal(number) => (format!("`{number}`"), None),
            Token::Text(text) => (format!("the text '{text}'"), None),
            Token::Sign(sign) => (format!("`{sign}`"), None),
            Token::Name(name) => {
                let operator = match *name {
                    "and" => Some("&&"),
                    "or" => Some("||"),
                    "not" => Some("!"),
                    "if" | "then" | "else" => Some("condition ? a : b"),
                    "is" => Some("=="),
                    _ if self.follows("not") => Some("!"),
                    _ => None,
                };
                (format!("`{name}`"), operator.map(|operator| format!("write `{operator}`")))
            }
        };
        Wrong::new("rule::syntax", self.place(), format!("expected {expected}, found {found}")).maybe_help(help)
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth == RULE_DEPTH_MAX {
            let message = format!("expected at most {RULE_DEPTH_MAX} levels of nesting");
            return Err(
                Wrong::new("rule::too_deep", self.place(), message).help("give the inner part a name of its own")
            );
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// An expression with its `? :`. A chain of them is read in a loop: it is long, not deep.
    fn whole(&mut self) -> Result<Expr<'s>, Wrong> {
        let mut choices = Vec::new();
        let mut last = self.binary(1)?;
        while let Some(opening) = self.take("?") {
            let chosen = self.deeper(Self::whole)?;
            self.expect(":", opening)?;
            choices.push((last, chosen));
            last = self.binary(1)?;
        }
        choices.into_iter().rev().try_fold(last, |otherwise, (condition, chosen)| {
            let at = condition.at.to(otherwise.at);
            made(at, Kind::Choose(Box::new((condition, chosen, otherwise))))
        })
    }

    fn binary(&mut self, tightest: u8) -> Result<Expr<'s>, Wrong> {
        let mut left = self.unary()?;
        loop {
            let sign = match self.peek() {
                Token::Sign(sign) => *sign,
                Token::Name("in") => "in",
                _ => return Ok(left),
            };
            let Some((operator, binding)) = Operator::of(sign).filter(|(_, binding)| *binding >= tightest) else {
                return Ok(left);
            };
            self.next();
            let right = self.binary(binding + 1)?;
            left = made(left.at.to(right.at), Kind::Binary(operator, Box::new((left, right))))?;
        }
    }

    fn unary(&mut self) -> Result<Expr<'s>, Wrong> {
        if let Some(at) = self.take("!") {
            let inner = self.deeper(Self::unary)?;
            return made(at.to(inner.at), Kind::Not(Box::new(inner)));
        }
        if let Some(at) = self.take("-") {
            // A minus belongs to its number, so that the smallest whole number can be written.
            if matches!(self.peek(), Token::Whole(_) | Token::Decimal(_)) {
                let number = self.number(true, at)?;
                return self.after(number);
            }
            let inner = self.deeper(Self::unary)?;
            return made(at.to(inner.at), Kind::Negate(Box::new(inner)));
        }
        let first = self.first()?;
        self.after(first)
    }

    fn number(&mut self, negative: bool, start: At) -> Result<Expr<'s>, Wrong> {
        let (token, at) = self.next();
        let at = start.to(at);
        let kind = match token {
            Token::Decimal(number) => Kind::Decimal(if negative { -number } else { number }),
            Token::Whole(number) => {
                let number = if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() };
                Kind::Whole(number.ok_or_else(|| {
                    let message = format!("expected a whole number from {} to {}", i64::MIN, i64::MAX);
                    Wrong::new("rule::syntax", at, message)
                })?)
            }
            _ => return Err(self.wrong("a number")),
        };
        made(at, kind)
    }

    fn first(&mut self) -> Result<Expr<'s>, Wrong> {
        let start = self.place();
        match self.peek() {
            Token::Whole(_) | Token::Decimal(_) => self.number(false, start),
            Token::Text(text) => {
                let kind = Kind::Text(text.clone());
                self.next();
                made(start, kind)
            }
            Token::Name("in") => Err(self.wrong("a value")),
            Token::Name(name) => {
                let name = *name;
                self.next();
                let kind = match name {
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    "null" => Kind::Null,
                    _ if self.take("(").is_some() => {
                        let mut arguments = Vec::new();
                        let end = self.items(")", start, &mut arguments)?;
                        return made(start.to(end), Kind::Call(Word { text: name, at: start }, arguments));
                    }
                    _ => Kind::Name(name),
                };
                made(start, kind)
            }
            Token::Sign("(") => {
                self.next();
                let inner = self.deeper(Self::whole)?;
                let end = self.expect(")", start)?;
                Ok(Expr { at: start.to(end), ..inner })
            }
            Token::Sign("[") => {
                self.next();
                let mut items = Vec::new();
                let end = self.items("]", start, &mut items)?;
                made(start.to(end), Kind::List(items))
            }
            Token::Sign("{") => {
                self.next();
                self.record(start)
            }
            _ => Err(self.wrong("a value")),
        }
    }

    /// Selects, calls and indexes that follow a value.
    fn after(&mut self, mut value: Expr<'s>) -> Result<Expr<'s>, Wrong> {
        loop {
            if self.take(".").is_some() {
                let (token, at) = self.next();
                let Token::Name(text) = token else {
                    self.at -= usize::from(token != Token::End);
                    return Err(self.wrong("the name of a field or of a function after the `.`"));
                };
                let word = Word { text, at };
                value = if self.take("(").is_some() {
                    let start = value.at;
                    let mut arguments = vec![value];
                    let end = self.items(")", at, &mut arguments)?;
                    made(start.to(end), Kind::Call(word, arguments))?
                } else {
                    made(value.at.to(at), Kind::Select(Box::new(value), word))?
                };
            } else if let Some(opening) = self.take("[") {
                let index = self.deeper(Self::whole)?;
                let end = self.expect("]", opening)?;
                value = made(value.at.to(end), Kind::Index(Box::new(value), Box::new(index)))?;
            } else {
                return Ok(value);
            }
        }
    }

    /// What stands between brackets, commas between; a list may end with a comma, a call may not.
    fn items(&mut self, close: &str, opening: At, items: &mut Vec<Expr<'s>>) -> Result<At, Wrong> {
        let before = items.len();
        loop {
            if (items.len() == before || close == "]")
                && let Some(end) = self.take(close)
            {
                return Ok(end);
            }
            items.push(self.deeper(Self::whole)?);
            if self.take(",").is_none() {
                return self.expect(close, opening);
            }
        }
    }

    fn record(&mut self, start: At) -> Result<Expr<'s>, Wrong> {
        let mut entries = Vec::new();
        loop {
            if let Some(end) = self.take("}") {
                return made(start.to(end), Kind::Record(entries));
            }
            let key = self.deeper(Self::whole)?;
            self.expect(":", start)?;
            let value = self.deeper(Self::whole)?;
            entries.push((key, value));
            if self.take(",").is_none() {
                let end = self.expect("}", start)?;
                return made(start.to(end), Kind::Record(entries));
            }
        }
    }
}
