//! Texts as the checks of source code see them.

/// The lines of a text, whatever they are ended by. The end of the last line begins no other.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    const ENDS: [char; 9] = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}'];
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |c: char| ENDS.contains(&c) || c == '\u{2029}';
        let Some((at, end)) = rest.char_indices().find(|(_, c)| is_end(*c)) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..at];
        let after = &rest[at + end.len_utf8()..];
        rest = if end == '\r' { after.strip_prefix('\n').unwrap_or(after) } else { after };
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_end_in_many_ways() {
        for (text, expected) in [
            ("", &[][..]),
            ("\n\n", &["", ""][..]),
            ("a\r\nb\rc\u{2028}d", &["a", "b", "c", "d"][..]),
            ("a\n", &["a"][..]),
        ] {
            assert_eq!(super::lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }
}
