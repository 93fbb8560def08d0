//! A workflow that is good but for a few edits, such as people and programs make: lines that are gone, doubled, moved
//! or indented otherwise, words that stand where others should. Random bytes hardly ever get past the first checks;
//! these do.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::FILES;

/// Every word and sign of the given files.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let words: BTreeSet<&str> = FILES.iter().flat_map(|(_, text)| words(text)).collect();
    let more =
        ["null", "0", "-1", "9223372036854775807", "1e308", "\"${", "}\"", "[]", "{}", "~", "|", ">", "- ", "? "];
    words.into_iter().chain(more).collect()
});

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_').flat_map(|word| {
        let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').len();
        [&word[..end], &word[end..]].into_iter().filter(|part| !part.is_empty())
    })
}

/// Edits that are made at most, so that something of the workflow is left.
const EDITS_MAX: usize = 8;

/// The workflow that some bytes mean: the first names a file, and every four after it an edit.
pub fn edited(bytes: &[u8]) -> String {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut lines: Vec<String> = FILES[*first as usize % FILES.len()].1.lines().map(Into::into).collect();
    for edit in rest.chunks_exact(4).take(EDITS_MAX) {
        let &[what, at, place, by] = edit else { continue };
        edit_line(&mut lines, what, at as usize, place as usize, by as usize);
    }
    lines.join("\n")
}

fn edit_line(lines: &mut Vec<String>, what: u8, at: usize, place: usize, by: usize) {
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    let line = &mut lines[at % count];
    match what % 8 {
        0 => drop(lines.remove(at % count)),
        1 => {
            let line = lines[at % count].clone();
            lines.insert((place << 8 | by) % (count + 1), line);
        }
        2 => lines.swap(at % count, (place << 8 | by) % count),
        3 => {
            let text = line.trim_start().to_string();
            *line = " ".repeat(by % 12) + &text;
        }
        4 | 5 => {
            let word = WORDS[(by << 3 | what as usize >> 5) % WORDS.len()];
            let mut parts: Vec<&str> = words(line).collect();
            match parts.len() {
                0 => parts.push(word),
                of if what % 8 == 4 => parts[place % of] = word,
                of => parts.insert(place % (of + 1), word),
            }
            *line = parts.concat();
        }
        6 => {
            let parts: Vec<&str> = words(line).collect();
            let gone = place % parts.len().max(1);
            *line = parts.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, part)| *part).collect();
        }
        _ => {
            let other: Vec<&str> = FILES[place % FILES.len()].1.lines().collect();
            let other = other[by % other.len()].to_string();
            lines.insert(at % (count + 1), other);
        }
    }
}
