//! What a scalar means, by the core schema of YAML 1.2, and how a text is spelled in its file.
//!
//! Called by the parse alone. `yes`, `no`, `on` and `off` are texts, as the core schema has it; numbers that
//! readers of YAML disagree about are refused rather than guessed.

use serde_yaml::granit_parser::ScalarStyle;

use super::tree::{Line, Node, Spelling, quoted};

/// A scalar that is refused: what is wrong, and what to write.
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) help: String,
}

/// The value of a scalar without quotes; nothing when it is a text.
pub(super) fn plain(text: &str) -> Result<Option<Node>, Refused> {
    Ok(Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        _ => return number(text),
    }))
}

fn number(text: &str) -> Result<Option<Node>, Refused> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(Refused {
            message: format!("expected a number that can be counted with, found `{text}`"),
            help: "leave the key out where there is no limit".into(),
        });
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            return i64::from_str_radix(digits, radix).map(|n| Some(Node::Whole(n))).map_err(|_| too_large(text));
        }
    }
    let (whole, rest) = split_digits(unsigned);
    let (part, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    let is_number = match rest.strip_prefix(['e', 'E']) {
        Some(power) => {
            let (digits, rest) = split_digits(power.strip_prefix(['-', '+']).unwrap_or(power));
            !digits.is_empty() && rest.is_empty()
        }
        None => rest.is_empty(),
    };
    if !is_number || (whole.is_empty() && part.is_empty()) {
        return Ok(None);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        let without = unsigned.trim_start_matches('0');
        let zero = if without.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
        let sign = if text.starts_with('-') { "-" } else { "" };
        return Err(Refused {
            message: format!(
                "the number {} starts with a zero, which readers of YAML take for different numbers",
                quoted(text)
            ),
            help: format!(
                "write {}, or put it in quotes where it is a text",
                quoted(&format!("{sign}{zero}{without}"))
            ),
        });
    }
    if whole.len() == unsigned.len() {
        return text.parse().map(|n| Some(Node::Whole(n))).map_err(|_| too_large(text));
    }
    let number: f64 = text.parse().map_err(|_| too_large(text))?;
    if number.is_finite() { Ok(Some(Node::Decimal(number))) } else { Err(too_large(text)) }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn too_large(text: &str) -> Refused {
    Refused {
        message: format!("the number {} is larger than can be held", quoted(text)),
        help: "put it in quotes where it is a text".into(),
    }
}

/// How `text` is spelled by the bytes `raw` of the file, which start at `start`.
pub(super) fn spelling(style: ScalarStyle, raw: &str, start: usize, text: &str) -> Spelling {
    let (inner, from) = match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            (raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default(), start + 1)
        }
        _ => (raw, start),
    };
    let in_file = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    if inner == text {
        return Spelling::Straight(in_file(from));
    }
    // White space around a line may be folded or stripped; what is between must stand as it is.
    let mut lines = Vec::new();
    let (mut in_inner, mut in_text) = (0, 0);
    for line in inner.split_inclusive('\n') {
        let content = line.trim_matches(WHITE);
        let indent = line.len() - line.trim_start_matches(WHITE).len();
        in_text += text[in_text..].len() - text[in_text..].trim_start_matches(WHITE).len();
        if !content.is_empty() {
            if !text[in_text..].starts_with(content) {
                return Spelling::Whole;
            }
            lines.push(Line {
                in_text: in_file(in_text),
                in_file: in_file(from + in_inner + indent),
                len: in_file(content.len()),
            });
            in_text += content.len();
        }
        in_inner += line.len();
    }
    let complete = text[in_text..].trim_start_matches(WHITE).is_empty();
    if complete && !lines.is_empty() { Spelling::Lines(lines.into()) } else { Spelling::Whole }
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Node>) {
        match plain(text) {
            Ok(node) => assert_eq!(node, expected, "{text}"),
            Err(refused) => panic!("{text}: {}", refused.message),
        }
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, node) in [
            ("", Node::Null),
            ("~", Node::Null),
            ("null", Node::Null),
            ("true", Node::Bool(true)),
            ("False", Node::Bool(false)),
            ("0", Node::Whole(0)),
            ("-0", Node::Whole(0)),
            ("+7", Node::Whole(7)),
            ("-12", Node::Whole(-12)),
            ("0x1F", Node::Whole(31)),
            ("0o17", Node::Whole(15)),
            ("9223372036854775807", Node::Whole(i64::MAX)),
            ("-9223372036854775808", Node::Whole(i64::MIN)),
            ("1.10", Node::Decimal(1.1)),
            (".5", Node::Decimal(0.5)),
            ("5.", Node::Decimal(5.0)),
            ("-1e3", Node::Decimal(-1000.0)),
            ("0.5", Node::Decimal(0.5)),
            ("0e1", Node::Decimal(0.0)),
        ] {
            check(text, Some(node));
        }
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "nULL",
            "tRUE",
            "1_000",
            "0b1",
            "1h",
            "14:00",
            "1e",
            "e5",
            ".",
            "-",
            "+",
            "-.",
            "1.2.3",
            "0x",
            "-0x1",
            "0xg",
            "0o8",
            "1xH100",
            ".e5",
            "é",
            "-.infinity",
            "+.nan",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn numbers_that_cannot_be_trusted_are_refused_with_what_to_write() {
        for (text, help) in [
            ("010", "write `10`, or put it in quotes where it is a text"),
            ("-007", "write `-7`, or put it in quotes where it is a text"),
            ("00", "write `0`, or put it in quotes where it is a text"),
            ("00.5", "write `0.5`, or put it in quotes where it is a text"),
            ("0123e4", "write `123e4`, or put it in quotes where it is a text"),
            ("9223372036854775808", "put it in quotes where it is a text"),
            ("0x8000000000000000", "put it in quotes where it is a text"),
            ("1e999", "put it in quotes where it is a text"),
            (".inf", "leave the key out where there is no limit"),
            ("-.INF", "leave the key out where there is no limit"),
            (".nan", "leave the key out where there is no limit"),
        ] {
            assert_eq!(plain(text).err().map(|refused| refused.help).as_deref(), Some(help), "{text}");
        }
    }
}
