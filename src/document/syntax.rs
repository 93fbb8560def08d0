//! Syntax errors of the YAML parser in our own words, pointed at what the author has to change.
//!
//! Called by the parse alone. The parser names over eighty kinds; those that people meet have their own
//! sentence, and every other falls into a group that says what was being read.

use std::ops::Range;

use serde_yaml::granit_parser::ErrorKind;

use crate::base::{Mistake, Place, SourceId};

const CODE: &str = "document::syntax";
const QUOTE: &str = "put the whole text in double quotes";
const INDENT: &str = "indent with spaces; keys of one mapping start in the same column";

/// The mistake behind a syntax error that the parser met at byte `at`, where a character starts.
pub(super) fn mistake(source: SourceId, text: &str, at: usize, kind: &ErrorKind) -> Mistake {
    let at = match kind {
        // In a block of text the parser names the start of the line.
        ErrorKind::UnexpectedCharacter { character } => at + text[at..].find(*character).unwrap_or(0),
        _ => at,
    };
    let (message, help, bytes) = words(text, at, kind);
    Mistake::new(CODE, Place::new(source, bytes), message).help(help)
}

/// The mistake of a bracket at byte `open` that was not closed on its line, met at byte `at` of a later one.
pub(super) fn unclosed(source: SourceId, text: &str, open: usize, at: usize) -> Option<Mistake> {
    let (bracket, close) = if text[open..].starts_with('[') { ('[', ']') } else { ('{', '}') };
    text.get(open..at)?.contains('\n').then(|| {
        let message = format!("expected `{close}` to close the `{bracket}` opened here");
        Mistake::new(CODE, Place::new(source, open..open + 1), message)
            .help("close it after its last item")
            .related(Place::new(source, word(text, at)), "this cannot stand inside it")
    })
}

fn words(text: &str, at: usize, kind: &ErrorKind) -> (String, String, Range<usize>) {
    use ErrorKind as K;
    let here = word(text, at);
    let found = found(text, at);
    let (message, help, bytes): (String, &str, Range<usize>) = match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabAtBlockScalarStart
        | K::TabInPlainScalar => {
            ("expected spaces, found a tab".into(), "indent with spaces; YAML takes no tabs there", tab(text, at))
        }
        K::UnclosedFlowCollection { open } => {
            let close = if *open == '[' { ']' } else { '}' };
            (format!("expected `{close}` to close the `{open}` opened here"), "close it after its last item", here)
        }
        K::MismatchedFlowCollectionEnd { open, close } => {
            let right = if *open == '[' { ']' } else { '}' };
            let message = format!("expected `{right}` to close the `{open}` opened here, found `{close}`");
            (message, "close each bracket with its own kind", here)
        }
        K::MisplacedFlowCollectionEnd => {
            (format!("{found} closes nothing"), "leave it out, or put the text in double quotes", here)
        }
        K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator if expression(text, at) => (
            "an expression between `{ }` or `[ ]` needs quotes".into(),
            "put it in double quotes: `\"${…}\"`",
            at.saturating_sub(1)..here.end,
        ),
        K::ExpectedFlowMappingSeparator => (
            format!("expected `,` or `}}`, found {found}"),
            "put `,` between the entries, and a text with `,`, `[` or `{` in quotes",
            here,
        ),
        K::ExpectedFlowSequenceSeparator => (
            format!("expected `,` or `]`, found {found}"),
            "put `,` between the items, and a text with `,`, `[` or `{` in quotes",
            here,
        ),
        K::MappingValueNotAllowed if unspaced_colon(text, at).is_some() => {
            let bytes = unspaced_colon(text, at).unwrap_or(here);
            ("expected a space after `:`".into(), "write `key: value`", bytes)
        }
        K::MappingValueNotAllowed if is_below_a_value(text, at) => (
            format!("expected no key below a value, found {}", line_of(text, line_start(text, at))),
            "leave out the value on the line above, or start this key in the column of the one above",
            line_start(text, at)..rest_of_line(text, at).end,
        ),
        K::MappingValueNotAllowed | K::InvalidColonPlacement | K::FlowMappingValueAdjacentCollection => (
            "expected a value, found a second `:`".into(),
            "put a text that holds `: ` in double quotes; start a new key on a line of its own, in the column of the keys above",
            here,
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey | K::ExpectedBlockMappingKey if holds_key(text, at) => {
            ("this line is indented like none of the lines above".into(), INDENT, rest_of_line(text, at))
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey | K::ExpectedBlockMappingKey => (
            format!("expected `key: value`, found {}", line_of(text, at)),
            "write a `:` and a space after the key; keys of one mapping start in the same column",
            rest_of_line(text, at),
        ),
        K::ExpectedBlockSequenceEntry => (
            format!("expected `- item`, found {}", line_of(text, at)),
            "items of one list start with `-` in the same column",
            rest_of_line(text, at),
        ),
        K::BlockSequenceEntryNotAllowed | K::BlockEntryInFlowCollection | K::InvalidBlockEntryWhitespace => (
            "a `-` starts no list item here".into(),
            "start a list on a line of its own, or put the text in double quotes",
            here,
        ),
        K::MappingKeyNotAllowed => ("expected a value, found a key".into(), INDENT, here),
        K::InvalidMappingValueWhitespace => ("expected a space after `:`".into(), "write `key: value`", here),
        K::InvalidIndentation | K::ExpectedDocumentStart | K::InvalidFlowScalarIndent | K::InvalidBlockScalarIndent => {
            ("this line is indented like none of the lines above".into(), INDENT, rest_of_line(text, at))
        }
        K::UnclosedQuotedScalar | K::InvalidQuotedScalarIndent | K::DocumentIndicatorInQuotedScalar => (
            "expected a quote to close the one opened here".into(),
            "close the quote; inside double quotes write `\\\"`, inside single quotes `''`",
            quote_before(text, at),
        ),
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => (
            format!("expected the end of the line after a quoted text, found {found}"),
            "put all of it inside the quotes",
            here,
        ),
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => (
            "a `\\` in double quotes starts no character that is known".into(),
            "write `\\\\` for a backslash, or use single quotes, where `\\` is a plain character",
            rest_of_line(text, at),
        ),
        K::CommentInterceptedScalar => (
            "a comment stands between the lines of a text".into(),
            "put the comment above the text, or the text in quotes",
            here,
        ),
        K::CommentNotSeparated => {
            ("expected a space before `#`".into(), "put a space before a comment, or the text in quotes", here)
        }
        K::DirectiveDisallowed => (
            format!("directives such as {} are not read", line_of(text, at)),
            "leave the line out",
            rest_of_line(text, at),
        ),
        K::MissingAnchorOrAliasName => (format!("a text cannot start with {found}"), QUOTE, here),
        K::BomInsideDocument => {
            ("a byte-order mark stands inside the document".into(), "remove the invisible character U+FEFF", here)
        }
        K::UnexpectedCharacter { character } if character.is_control() => (
            format!("the character U+{:04X} cannot stand in a document", u32::from(*character)),
            "remove it; inside double quotes it can be written as an escape",
            here,
        ),
        K::UnexpectedCharacter { character } => (format!("a text cannot start with `{character}`"), QUOTE, here),
        K::ZeroBlockScalarIndent | K::InvalidBlockScalarHeader => {
            ("expected the end of the line after `|` or `>`".into(), "start the text on the next line, indented", here)
        }
        K::InvalidDocumentEnd => ("expected nothing after `...`".into(), "leave `...` out", here),
        K::PlainScalarStartsWithDashFlowIndicator => ("a text cannot start with `-` there".into(), QUOTE, here),
        other if tells_of_tag(other) => {
            ("tags are not read".into(), "leave the tag out; put a text that starts with `!` in quotes", here)
        }
        K::UnexpectedEof
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::UnexpectedEofBlockSequence
        | K::UnexpectedEofBlockMapping => {
            ("expected more, found the end of the file".into(), "finish the last entry", here)
        }
        _ => (format!("expected a value, found {found}"), QUOTE, here),
    };
    (message, help.into(), bytes)
}

fn tells_of_tag(kind: &ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(
        kind,
        K::UndeclaredTagHandle
            | K::ExpectedTagBang
            | K::InvalidGlobalTagCharacter
            | K::InvalidTagTerminator
            | K::MissingTagUri
            | K::UnclosedVerbatimTag
            | K::InvalidTagEscape
            | K::InvalidTagUtf8LeadingByte
            | K::InvalidTagUtf8TrailingByte
            | K::InvalidTagUtf8
    )
}

/// Whether `${` stands at `at`, its `$` read as a text of its own.
fn expression(text: &str, at: usize) -> bool {
    text[at..].starts_with('{') && text[..at].ends_with('$')
}

/// Where the first character of the line of `at` is that is no space.
fn line_start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    start + text[start..].len() - text[start..].trim_start_matches(' ').len()
}

/// The last line above that of `at` that is neither empty nor a comment: its first byte, and the line.
fn line_above(text: &str, at: usize) -> Option<(usize, &str)> {
    let mut end = text[..at].rfind('\n')?;
    // Whoever leaves a thousand lines empty is not helped by a better message.
    for _ in 0..1_000 {
        let start = text[..end].rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..end].trim_end();
        let content = line.trim_start();
        if !content.is_empty() && !content.starts_with('#') {
            return Some((start + line.len() - content.len(), content));
        }
        end = start.checked_sub(1)?;
    }
    None
}

/// The `:` of a key on the line above that has no space behind it, so that it is none.
fn unspaced_colon(text: &str, at: usize) -> Option<Range<usize>> {
    let (start, line) = line_above(text, at)?;
    let key = line.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let is_key =
        key > 0 && line[key..].starts_with(':') && !line[key + 1..].starts_with([' ', '/']) && line.len() > key + 1;
    is_key.then_some(start + key..start + key + 1)
}

/// Whether the `:` at `at` is of a key that stands below, and further right than, a key with its value.
fn is_below_a_value(text: &str, at: usize) -> bool {
    let start = line_start(text, at);
    let column = |at: usize| at - text[..at].rfind('\n').map_or(0, |end| end + 1);
    let is_first = !text[start..at].contains(": ");
    is_first && line_above(text, at).is_some_and(|(above, line)| line.contains(": ") && column(above) < column(start))
}

fn holds_key(text: &str, at: usize) -> bool {
    let line = &text[rest_of_line(text, at)];
    line.contains(": ") || line.ends_with(':')
}

/// One character, or a word of letters and digits.
fn word(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let letters = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let one = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r')).map_or(0, char::len_utf8);
    at..at + letters.max(one)
}

fn found(text: &str, at: usize) -> String {
    match text[at..].chars().next() {
        None => "the end of the file".into(),
        Some('\n' | '\r') => "the end of the line".into(),
        Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
        Some(_) => super::tree::quoted(&text[word(text, at)]),
    }
}

fn rest_of_line(text: &str, at: usize) -> Range<usize> {
    let line = text[at..].lines().next().unwrap_or_default();
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    at..at + line.len()
}

fn line_of(text: &str, at: usize) -> String {
    match &text[rest_of_line(text, at)] {
        "" => found(text, at),
        line => super::tree::quoted(line),
    }
}

/// The tab that the parser stopped at or has just passed.
fn tab(text: &str, at: usize) -> Range<usize> {
    let before = text[..at].trim_end_matches(' ').len();
    match text[at..].find(|c| c != ' ') {
        _ if text[..before].ends_with('\t') => before - 1..before,
        Some(skipped) if text[at + skipped..].starts_with('\t') => at + skipped..at + skipped + 1,
        _ => word(text, at),
    }
}

/// The quote that was probably left open: the last one that stands where a value may start.
fn quote_before(text: &str, at: usize) -> Range<usize> {
    if text[at..].starts_with(['"', '\'']) {
        return at..at + 1;
    }
    let starts_value = |at: usize| text[..at].chars().next_back().is_none_or(|c| " \t\n\r[{,:".contains(c));
    let quote =
        text[..at].rmatch_indices(['"', '\'']).map(|(quote, _)| quote).take(1_000).find(|quote| starts_value(*quote));
    quote.map_or_else(|| word(text, at), |quote| quote..quote + 1)
}
