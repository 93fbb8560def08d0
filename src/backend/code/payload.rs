//! What hides in a file of code: lines that nobody writes, payloads that are encoded, and code that runs what it decodes.

use std::collections::HashSet;

use crate::action::clone::Readable;

/// How many different signs an encoded text has at least; a line of dashes has one.
const DIFFERENT: usize = 12;
const DIFFERENT_OF_HEX: usize = 8;
/// Signs of a line that belongs to a payload which is spread over several.
const PART: usize = 40;
/// Calls that run a text.
const RUNNERS: [&str; 3] = ["exec", "eval", "compile"];
/// Words of calls that make a text out of something else.
const DECODERS: [&str; 13] = [
    "b64decode",
    "b32decode",
    "b16decode",
    "a85decode",
    "b85decode",
    "fromhex",
    "unhexlify",
    "decompress",
    "marshal",
    "rot13",
    "rot_13",
    "decodebytes",
    "base64 -d",
];
/// Shells that are given what was decoded.
const SHELLS: [&str; 4] = ["| sh", "| bash", "|sh", "|bash"];

/// What is hidden in a text: lines from 1, and what it is.
pub(super) fn hidden_in(text: &str, rule: &Readable) -> Vec<(Option<usize>, String)> {
    let mut found = Vec::new();
    // A payload over several lines: where it began, and how many signs it has so far.
    let mut spread: Option<(usize, usize)> = None;
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        let mut tell = |why: String| found.push((Some(at), why));
        if is_long(line.len(), rule.line_most) && is_long(line.chars().count(), rule.line_most) {
            tell(format!("a line of {} signs, where {} are the most", line.chars().count(), rule.line_most));
        }
        if longest_encoded(line).is_some_and(|signs| is_long(signs, rule.encoded_most)) {
            tell("an encoded payload".into());
        } else if escapes(line).saturating_mul(4) as u64 > rule.encoded_most {
            tell("a text of nothing but escapes".into());
        }
        if let Some(why) = runs_what_it_decodes(line) {
            tell(why.into());
        }
        if line.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
            tell("signs that turn the direction of writing, so that it reads otherwise than it runs".into());
        }
        let bare = line.trim_matches(|c: char| c.is_whitespace() || "\"'\\+,()".contains(c));
        spread = match spread {
            _ if bare.len() < PART || longest_encoded(bare) != Some(bare.len()) => None,
            None => Some((at, bare.len())),
            Some((from, signs)) => {
                if !is_long(signs, rule.encoded_most) && is_long(signs + bare.len(), rule.encoded_most) {
                    found.push((Some(from), "an encoded payload over several lines".into()));
                }
                Some((from, signs + bare.len()))
            }
        };
    }
    found
}

fn is_long(signs: usize, most: u64) -> bool {
    signs as u64 > most
}

/// The longest part of a line that is encoded in base 64 or 16.
fn longest_encoded(line: &str) -> Option<usize> {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let parts = line.split(|c| !is_sign(c)).filter(|part| part.len() >= PART);
    parts.filter(|part| is_encoded(part)).map(str::len).max()
}

fn is_encoded(part: &str) -> bool {
    let different = part.bytes().collect::<HashSet<u8>>().len();
    let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has = |is: fn(&u8) -> bool| part.bytes().any(|byte| is(&byte));
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    if is_hex { different >= DIFFERENT_OF_HEX } else { is_mixed && different >= DIFFERENT }
}

/// How many `\x…` stand one behind the other at most.
fn escapes(line: &str) -> usize {
    let (mut most, mut now, mut rest) = (0, 0, line);
    while let Some(at) = rest.find("\\x") {
        now = if at == 0 { now + 1 } else { 1 };
        most = most.max(now);
        let end = rest.char_indices().map(|(at, _)| at).find(|it| *it >= at + 4).unwrap_or(rest.len());
        rest = &rest[end..];
    }
    most
}

fn runs_what_it_decodes(line: &str) -> Option<&'static str> {
    let code = line.split('#').next().unwrap_or(line);
    let decodes = || DECODERS.iter().any(|decoder| code.contains(decoder));
    if code.contains("marshal.loads") {
        return Some("it loads compiled Python");
    }
    if RUNNERS.iter().any(|runner| calls(code, runner)) && decodes() {
        return Some("it runs what it decodes");
    }
    (SHELLS.iter().any(|shell| code.contains(shell)) && decodes()).then_some("it runs what it decodes")
}

/// Whether a function of that name is called, and no method: `model.eval()` is none.
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].trim_start();
        after.starts_with('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Option<usize>, String)> {
        hidden_in(text, &Readable { line_most: 5_000, encoded_most: 1_000, except: Vec::new() })
    }

    #[test]
    fn what_is_hidden_is_told_with_its_line() {
        let mixed = "aGVsbG8gd29ybGQx";
        let parts = format!("    \"{}\"\n", mixed.repeat(4));
        for (text, line, words) in [
            (format!("import os\nx = \"{}\"\n", mixed.repeat(100)), 2, "an encoded payload"),
            (format!("x = '{}'", "00ff12ab34cd".repeat(100)), 1, "an encoded payload"),
            (format!("x = (\n{})\n", parts.repeat(20)), 2, "over several lines"),
            (format!("x = \"{}\"", "\\x41".repeat(300)), 1, "nothing but escapes"),
            (format!("a={}", "b + ".repeat(2_000)), 1, "a line of 8002 signs"),
            ("\nexec(zlib.decompress(base64.b64decode(x)))".into(), 2, "runs what it decodes"),
            ("eval (codecs.decode(x, 'rot13'))".into(), 1, "runs what it decodes"),
            ("echo $X | base64 -d | sh".into(), 1, "runs what it decodes"),
            ("f = marshal.loads(x)".into(), 1, "loads compiled Python"),
            ("a = 'x\u{202e}y'".into(), 1, "direction of writing"),
        ] {
            let found = found(&text);
            assert!(found.iter().any(|(at, why)| *at == Some(line) && why.contains(words)), "{words}: {found:?}");
        }
    }

    #[test]
    fn what_people_write_is_not() {
        for text in [
            "model.eval()\nx = base64.b64decode(image)\n".to_owned(),
            "model = torch.compile(model)  # b64decode\n".into(),
            "exec(reward_function, names)\n".into(),
            format!("# {}\n", "-".repeat(3_000)),
            "commit = \"0123456789abcdef0123456789abcdef01234567\"\n".repeat(100),
            format!("words = [{}]\n", "\"some words\", ".repeat(200)),
            "RUN pip install torch==2.4.0 --index-url https://download.pytorch.org/whl/cu124\n".into(),
            "re.compile(r\"\\x41\\x42\").sub(decompress(a), b)\n".into(),
        ] {
            assert_eq!(found(&text), [], "{text}");
        }
    }
}
