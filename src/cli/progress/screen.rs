//! The picture on a terminal: drawn over the one before, and never larger than the terminal.

use super::{
    fold::{Line, folded},
    seen::Seen,
};

/// Cells of a bar, where there is room for one.
const BAR: usize = 12;
/// Terminals that are narrower have no room for bars.
const BARS_FROM: usize = 60;
/// Where the counts begin, at most.
const NAMES_MAX: usize = 36;

/// What is drawn now.
#[derive(Default)]
pub(super) struct Screen {
    lines: usize,
    /// What was said by the way and still holds.
    pub(super) footer: Option<String>,
}

/// How much room there is, and what it can show.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) colour: bool,
    pub(super) unicode: bool,
}

impl Screen {
    /// The characters that replace the last picture.
    pub(super) fn draw(&mut self, seen: &Seen, look: Look) -> String {
        let lines = self.picture(seen, look);
        let mut text = self.clear();
        self.lines = lines.len();
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn picture(&self, seen: &Seen, look: Look) -> Vec<String> {
        let Look { width, colour, .. } = look;
        // The cursor stands below the picture.
        let height = look.height.saturating_sub(1).max(2);
        // Between its parts, and only a part that is too long within.
        let parts: Vec<String> = seen.head.iter().flat_map(|part| words(part, "", width)).collect();
        let mut head = wrapped(&parts, " · ", width);
        head.truncate((height / 3).max(1));
        let mut footer: Vec<String> = self.footer.iter().flat_map(|said| words(said, "", width)).collect();
        footer.truncate((height / 3).max(1));
        let room = height.saturating_sub(head.len() + footer.len());
        let wanted = folded(seen, usize::MAX).lines.len();
        // The steps come first; what is told of them has a third at least.
        let remarks = remarks(&seen.remarks, room.saturating_sub(wanted).max(room / 3), width);
        let rows = folded(seen, room.saturating_sub(remarks.len()));
        let names = rows.lines.iter().map(|line| 2 * line.depth + line.name.chars().count()).max().unwrap_or(0);
        let names = names.min(NAMES_MAX).min(width / 2);
        let mut lines: Vec<String> = head.iter().map(|line| bold(line, colour)).collect();
        lines.extend(rows.note.map(|note| cut(&format!("  {note}"), width)));
        lines.extend(rows.lines.iter().map(|row| cut(&line(row, names, look), width)));
        lines.extend(remarks);
        lines.extend(footer.iter().map(|line| bold(line, colour)));
        lines.truncate(height);
        lines
    }

    /// Takes the picture away.
    pub(super) fn clear(&mut self) -> String {
        match std::mem::take(&mut self.lines) {
            0 => String::new(),
            // Keys that were pressed may have moved the cursor along its line.
            lines => format!("\r\u{1b}[{lines}A\u{1b}[J"),
        }
    }

    /// Leaves the picture where it is.
    pub(super) fn leave(&mut self) {
        self.lines = 0;
    }
}

/// What is told of steps: each on as many lines as it takes where there is room, or else cut, and what has no room counted.
fn remarks(remarks: &[String], most: usize, width: usize) -> Vec<String> {
    let all: Vec<String> = remarks.iter().flat_map(|remark| words(remark, "  ", width)).collect();
    if all.len() <= most {
        return all;
    }
    let mut some: Vec<String> = remarks.iter().map(|remark| cut(&format!("  {remark}"), width)).collect();
    if some.len() > most {
        some.truncate(most.saturating_sub(1));
        let more = remarks.len() - some.len();
        some.extend((most > 0).then(|| cut(&format!("  and {more} more to tell of"), width)));
    }
    some
}

fn line(row: &Line<'_>, names: usize, look: Look) -> String {
    let (indent, name) = ("  ".repeat(row.depth), printable(row.name));
    let name = format!("{indent}{}", cut_before(&name, names.saturating_sub(indent.len())));
    let bar = if look.width >= BARS_FROM { bar(row, look.unicode) } else { String::new() };
    format!("  {name:<names$}  {bar}{}", row.counts.words())
}

fn bar(row: &Line<'_>, unicode: bool) -> String {
    let full = (BAR * row.counts.over()).checked_div(row.counts.total()).unwrap_or(0);
    let (on, off) = if unicode { ("█", "░") } else { ("#", ".") };
    format!("{}{} ", on.repeat(full), off.repeat(BAR - full))
}

fn bold(text: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.into() }
}

/// Parts in lines, each as full as it gets.
fn wrapped(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts.iter().map(|part| printable(part)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.chars().count() + part.chars().count() <= width => {
                line.push_str(between);
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines.iter().map(|line| cut(line, width)).collect()
}

/// A sentence in lines; those after the first are moved in.
fn words(text: &str, indent: &str, width: usize) -> Vec<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let lines = wrapped(&words, " ", width.saturating_sub(indent.len() + 2));
    lines.iter().enumerate().map(|(at, line)| format!("{indent}{}{line}", if at > 0 { "  " } else { "" })).collect()
}

/// Without what steers a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// As much as fits on a line, for a line that wraps could not be drawn over.
fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut shown: String = text.chars().take(width.saturating_sub(1)).collect();
    shown.push('…');
    shown
}

/// The end of a name: its last step tells most.
fn cut_before(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.into();
    }
    let end: String = text.chars().skip(count + 1 - width.max(1)).collect();
    format!("…{end}")
}

/// Columns and rows of the terminal, less the last column, which some terminals wrap behind.
#[cfg(unix)]
pub(super) fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 1 && size.ws_row > 0 => (usize::from(size.ws_col) - 1, usize::from(size.ws_row)),
        _ => (79, 24),
    }
}

#[cfg(not(unix))]
pub(super) fn size() -> (usize, usize) {
    (79, 24)
}

#[cfg(test)]
mod tests {
    use super::{super::seen::Row, *};
    use crate::view::Counts;

    fn row(path: &str, counts: Counts) -> Row {
        let name = path.rsplit('/').next().unwrap_or(path).to_string();
        Row { depth: path.matches('/').count(), path: path.into(), name, counts, ready: 0, is_pure: false }
    }
    fn done(path: &str) -> Row {
        row(path, Counts { done: 3, ..Counts::default() })
    }
    fn look(width: usize, height: usize) -> Look {
        Look { width, height, colour: false, unicode: false }
    }
    fn large() -> Seen {
        let head = ["brisk-pebble · text (mock)", "running 16h22m", "12 of 303 done, 2 failed", "3 of 32 GPUs"];
        let rows = (0..2_000).map(|i| match i {
            1_000 => row("rounds/matches", Counts { running: 4, ..Counts::default() }),
            1_001 => row("rounds/matches/train", Counts { running: 3, failed: 2, ..Counts::default() }),
            _ => done(&format!("step-{i}")),
        });
        let remarks = (0..9).map(|i| format!("slow: node-{i} has taken 3m, 1m were expected of it"));
        Seen { head: head.map(String::from).into(), rows: rows.collect(), remarks: remarks.collect() }
    }

    #[test]
    fn a_picture_replaces_the_one_before() {
        let seen = Seen { head: vec!["head\u{1b}[31m".into()], rows: vec![done("a")], remarks: vec!["x".into()] };
        let mut screen = Screen::default();
        let first = screen.draw(&seen, look(79, 24));
        assert_eq!(first, "head[31m\n  a  ############ 3 done\n  x\n");
        assert_eq!(screen.draw(&seen, look(79, 24)), format!("\r\u{1b}[3A\u{1b}[J{first}"));
        screen.leave();
        assert_eq!(screen.draw(&seen, look(79, 24)), first);
        screen.leave();
        screen.footer = Some("leaving".into());
        assert_eq!(screen.draw(&Seen::default(), look(79, 24)), "leaving\n");
        assert_eq!(screen.draw(&seen, look(79, 24)), format!("\r\u{1b}[1A\u{1b}[J{first}leaving\n"));
    }

    #[test]
    fn a_picture_fits_and_shows_what_runs_however_small_the_terminal_is() {
        for (width, height) in [(199, 60), (79, 24), (59, 12), (39, 10), (39, 5), (19, 3)] {
            let mut screen = Screen { footer: Some("leaving: once more leaves at once".into()), ..Screen::default() };
            let picture = screen.draw(&large(), look(width, height));
            let lines: Vec<&str> = picture.lines().collect();
            assert!(lines.len() < height.max(3), "{width}x{height}:\n{picture}");
            let widest = lines.iter().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{width}x{height}:\n{picture}");
            assert!(height < 5 || picture.contains("train"), "{width}x{height}:\n{picture}");
            assert!(height < 10 || picture.contains("2 failed, 3 running"), "{width}x{height}:\n{picture}");
            assert!(height < 10 || picture.contains("steps done"), "{width}x{height}:\n{picture}");
            assert!(picture.contains("leaving"), "{width}x{height}:\n{picture}");
        }
    }

    #[test]
    fn a_head_is_broken_between_its_parts() {
        let picture = Screen::default().draw(&large(), look(39, 30));
        let head: Vec<&str> = picture.lines().take(3).collect();
        assert_eq!(head, ["brisk-pebble · text (mock)", "running 16h22m", "12 of 303 done, 2 failed · 3 of 32 GPUs"]);
        let head = vec!["a · b".into(), "14 of 24 done, 1 failed, 1 held, 1 abandoned".into()];
        let seen = Seen { head, rows: Vec::new(), remarks: Vec::new() };
        let picture = Screen::default().draw(&seen, look(39, 30));
        assert_eq!(picture, "a · b\n14 of 24 done, 1 failed, 1 held, 1\n  abandoned\n");
    }

    #[test]
    fn what_is_told_is_broken_where_there_is_room_and_counted_where_there_is_none() {
        let told = ["held for a decision: a", "one that is too long"].map(String::from);
        let all = ["  held for a", "    decision: a", "  one that is", "    too long"];
        assert_eq!(remarks(&told, 4, 16), all);
        assert_eq!(remarks(&told, 3, 16), ["  held for a de…", "  one that is t…"]);
        assert_eq!(remarks(&told, 1, 30), ["  and 2 more to tell of"]);
        assert!(remarks(&told, 0, 16).is_empty());
    }
}
