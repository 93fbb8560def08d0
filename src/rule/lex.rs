//! Text → tokens. Knows where a `${…}` ends, since only a lexer can tell a brace from a brace in quotes.

use std::sync::Arc;

use super::wrong::Wrong;

/// Some bytes of the text that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl At {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
    pub(super) fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    /// Up to 2⁶³, which only a minus before it brings into range.
    Whole(u64),
    Decimal(f64),
    Text(Arc<str>),
    Name(&'s str),
    Sign(&'static str),
    End,
}

/// Where the expression ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    EndOfText,
    /// The `}` that closes a `${`.
    Brace,
}

/// Longer signs stand before their beginnings.
const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "+", "-", "*",
    "/", "%", "=",
];

/// The tokens from `from` on, closed by `End`, and the place after the last of them (and its brace).
pub(super) fn tokens(text: &str, from: usize, until: Until) -> Result<(Vec<(Token<'_>, At)>, usize), Wrong> {
    let mut found = Vec::with_capacity(16);
    let mut lexer = Lexer { text, at: from };
    let mut braces = 0usize;
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        match token {
            Token::End if until == Until::Brace => {
                let opening = At::new(from.saturating_sub(2), from);
                return Err(Wrong::new(
                    "rule::unclosed",
                    opening,
                    "expected a `}` that closes this `${`, found the end",
                )
                .help("write `$${` for a `${` that is meant as text"));
            }
            Token::Sign("{") => braces += 1,
            Token::Sign("}") if braces == 0 && until == Until::Brace => {
                found.push((Token::End, At::new(start, start)));
                return Ok((found, lexer.at));
            }
            Token::Sign("}") => braces = braces.saturating_sub(1),
            _ => {}
        }
        let ended = token == Token::End;
        found.push((token, At::new(start, lexer.at)));
        if ended {
            return Ok((found, lexer.at));
        }
    }
}

struct Lexer<'s> {
    text: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'s str {
        let start = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|b| b != b'\n');
        }
    }

    fn token(&mut self) -> Result<Token<'s>, Wrong> {
        let Some(first) = self.peek() else {
            return Ok(Token::End);
        };
        match first {
            b'0'..=b'9' => self.number(),
            b'.' if self.text.as_bytes().get(self.at + 1).is_some_and(u8::is_ascii_digit) => self.number(),
            b'\'' | b'"' => self.quoted(false),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let next = self.text.as_bytes().get(self.at + 1);
                if matches!(first, b'r' | b'R') && matches!(next, Some(b'\'' | b'"')) {
                    self.at += 1;
                    return self.quoted(true);
                }
                Ok(Token::Name(self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_')))
            }
            _ => self.sign(),
        }
    }

    fn sign(&mut self) -> Result<Token<'s>, Wrong> {
        let start = self.at;
        let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) else {
            let found = self.rest().chars().next().unwrap_or_default();
            let at = At::new(start, start + found.len_utf8());
            let help = match found {
                '^' => Some("write `pow(x, n)`"),
                '&' => Some("write `&&`"),
                '|' => Some("write `||`"),
                '‘' | '’' | '“' | '”' | '`' => Some("write plain quotes: `'text'`"),
                '$' => Some("names stand in an expression as they are, without `${…}`"),
                ';' => Some("an expression is one value; leave the `;` out"),
                _ => None,
            };
            return Err(Wrong::new("rule::syntax", at, format!("`{found}` has no meaning in an expression"))
                .maybe_help(help.map(str::to_owned)));
        };
        if self.rest().starts_with("**") {
            let at = At::new(start, start + 2);
            return Err(
                Wrong::new("rule::syntax", at, "`**` has no meaning in an expression").help("write `pow(x, n)`")
            );
        }
        self.at += sign.len();
        if *sign == "=" {
            return Err(Wrong::new("rule::syntax", At::new(start, self.at), "expected an operator, found `=`")
                .help("write `==` to compare"));
        }
        Ok(Token::Sign(sign))
    }

    fn number(&mut self) -> Result<Token<'s>, Wrong> {
        let start = self.at;
        let wrong = |end: usize, message: String| Wrong::new("rule::syntax", At::new(start, end), message);
        let too_large = |end: usize| wrong(end, format!("`{}` is larger than any number here", &self.text[start..end]));
        if self.rest().starts_with("0x") {
            self.at += 2;
            let digits = self.take_while(|b| b.is_ascii_hexdigit());
            let end = self.at;
            if digits.is_empty() {
                return Err(wrong(end, "expected digits after `0x`".into()));
            }
            return u64::from_str_radix(digits, 16).map(Token::Whole).map_err(|_| too_large(end));
        }
        self.take_while(|b| b.is_ascii_digit());
        let mut decimal = false;
        let bytes = self.text.as_bytes();
        if self.peek() == Some(b'.') && bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            decimal = true;
            self.at += 1;
            self.take_while(|b| b.is_ascii_digit());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(self.at + 1), Some(b'+' | b'-')));
            if bytes.get(self.at + 1 + sign).is_some_and(u8::is_ascii_digit) {
                decimal = true;
                self.at += 1 + sign;
                self.take_while(|b| b.is_ascii_digit());
            }
        }
        let end = self.at;
        if self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
            let found = &self.text[start..self.at];
            return Err(wrong(self.at, format!("expected a number, found `{found}`"))
                .help("units are written in quotes: `duration('1h30m')`, `tao('0.25 TAO')`, `bytes('16GiB')`"));
        }
        let digits = &self.text[start..end];
        if decimal {
            let number: f64 = digits.parse().map_err(|_| wrong(end, format!("expected a number, found `{digits}`")))?;
            return if number.is_finite() { Ok(Token::Decimal(number)) } else { Err(too_large(end)) };
        }
        digits.parse().map(Token::Whole).map_err(|_| too_large(end))
    }

    /// `'…'`, `"…"`, and each of them tripled; `raw` texts know no escapes.
    fn quoted(&mut self, raw: bool) -> Result<Token<'s>, Wrong> {
        let start = self.at;
        let quote = if self.rest().starts_with('\'') { '\'' } else { '"' };
        let triple = if quote == '\'' { "'''" } else { "\"\"\"" };
        let close = if self.rest().starts_with(triple) { triple } else { &triple[..1] };
        let unclosed = At::new(start, start + close.len());
        self.at += close.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(close) {
                self.at += close.len();
                return Ok(Token::Text(text.into()));
            }
            match self.rest().chars().next() {
                Some('\\') if !raw => text.push(self.escape()?),
                Some(c) if close.len() == 3 || !matches!(c, '\n' | '\r') => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
                _ => {
                    let message = format!("expected a `{close}` that closes this text, found the end");
                    return Err(Wrong::new("rule::unclosed", unclosed, message));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let start = self.at;
        let kind = self.rest()[1..].chars().next();
        self.at += 1 + kind.map_or(0, char::len_utf8);
        let digits = match kind {
            Some('x' | 'X') => (2, 16),
            Some('u') => (4, 16),
            Some('U') => (8, 16),
            Some('0'..='3') => {
                self.at -= 1;
                (3, 8)
            }
            _ => (0, 0),
        };
        let known = match (kind, digits) {
            (Some(c @ ('\\' | '\'' | '"' | '`' | '?')), _) => Some(c),
            (Some('a'), _) => Some('\u{7}'),
            (Some('b'), _) => Some('\u{8}'),
            (Some('f'), _) => Some('\u{c}'),
            (Some('n'), _) => Some('\n'),
            (Some('r'), _) => Some('\r'),
            (Some('t'), _) => Some('\t'),
            (Some('v'), _) => Some('\u{b}'),
            (_, (0, _)) => None,
            (_, (length, radix)) => {
                let code = self.rest().get(..length).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
                self.at += code.map_or(0, str::len);
                code.and_then(|code| u32::from_str_radix(code, radix).ok()).and_then(char::from_u32)
            }
        };
        known.ok_or_else(|| {
            let message = format!("`{}` is no escape of a text", &self.text[start..self.at]);
            Wrong::new("rule::syntax", At::new(start, self.at), message)
                .help("write `\\\\` for a backslash, or a raw text: `r'\\d'`")
        })
    }
}
