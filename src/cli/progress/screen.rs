//! The picture on a terminal: drawn over the one before.

use super::seen::{Row, Seen, over};

/// Cells of a bar.
const BAR: usize = 12;
/// Where the counts begin, at most.
const NAMES_MAX: usize = 36;

/// What is drawn now.
#[derive(Default)]
pub(super) struct Screen {
    lines: usize,
}

impl Screen {
    /// The characters that replace the last picture.
    pub(super) fn draw(&mut self, seen: &Seen, colour: bool, unicode: bool) -> String {
        let (width, height) = size();
        let mut lines = vec![bold(&cut(&seen.head, width), colour)];
        let rows = folded(&seen.rows, height.saturating_sub(3 + seen.remarks.len()).max(3));
        let names = rows.iter().map(|row| 2 * row.depth + row.name.chars().count()).max().unwrap_or(0).min(NAMES_MAX);
        lines.extend(rows.iter().map(|row| cut(&line(row, names, unicode), width)));
        let hidden = seen.rows.iter().filter(|row| row.counts.total() > 0).count().saturating_sub(rows.len());
        if hidden > 0 {
            lines.push(format!("  {hidden} more steps are folded away"));
        }
        lines.extend(seen.remarks.iter().map(|remark| cut(&format!("  {remark}"), width)));
        let mut text = self.clear();
        self.lines = lines.len();
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Takes the picture away.
    pub(super) fn clear(&mut self) -> String {
        match std::mem::take(&mut self.lines) {
            0 => String::new(),
            lines => format!("\u{1b}[{lines}A\u{1b}[J"),
        }
    }

    /// Leaves the picture where it is.
    pub(super) fn leave(&mut self) {
        self.lines = 0;
    }
}

/// The rows that say something now: what is below a step that is over or has not begun says nothing more than the step.
/// Where there are still too many for the screen, the deepest go first.
fn folded(rows: &[Row], most: usize) -> Vec<&Row> {
    let mut shown: Vec<&Row> = Vec::new();
    let mut quiet_above: Option<usize> = None;
    for row in rows {
        if quiet_above.is_some_and(|depth| row.depth > depth) {
            continue;
        }
        let is_quiet = row.counts.running == 0 && row.counts.held == 0 && row.counts.failed == 0;
        quiet_above = is_quiet.then_some(row.depth);
        if row.counts.total() > 0 {
            shown.push(row);
        }
    }
    while shown.len() > most {
        let deepest = shown.iter().map(|row| row.depth).max().unwrap_or(0);
        if deepest == 0 {
            shown.truncate(most);
        }
        shown.retain(|row| row.depth < deepest || deepest == 0);
    }
    shown
}

fn line(row: &Row, names: usize, unicode: bool) -> String {
    let name = format!("{}{}", "  ".repeat(row.depth), row.name);
    let (total, over) = (row.counts.total(), over(&row.counts));
    let full = (BAR * over).checked_div(total).unwrap_or(0);
    let (on, off) = if unicode { ("█", "░") } else { ("#", ".") };
    let bar = format!("{}{}", on.repeat(full), off.repeat(BAR - full));
    format!("  {:<names$}  {bar} {}", cut(&name, names), row.counts.words())
}

fn bold(text: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.into() }
}

/// As much as fits on a line, for a line that wraps could not be drawn over. What steers a terminal is left out.
fn cut(text: &str, width: usize) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(width).collect();
    if text.chars().count() > width {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(unix)]
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 20 && size.ws_row > 4 => (usize::from(size.ws_col) - 1, usize::from(size.ws_row)),
        _ => (79, 24),
    }
}

#[cfg(not(unix))]
fn size() -> (usize, usize) {
    (79, 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Counts;

    fn row(depth: usize, name: &str, counts: Counts) -> Row {
        Row { depth, path: name.into(), name: name.into(), counts, is_pure: false }
    }
    fn running(running: usize) -> Counts {
        Counts { running, done: 1, waiting: 2, ..Counts::default() }
    }
    fn done() -> Counts {
        Counts { done: 3, ..Counts::default() }
    }

    #[test]
    fn what_is_over_is_folded_and_the_deepest_go_first() {
        let rows = [
            row(0, "field", done()),
            row(1, "fee", done()),
            row(0, "rounds", running(1)),
            row(1, "match", running(2)),
            row(2, "train", running(9)),
            row(0, "boss", Counts { waiting: 1, ..Counts::default() }),
            row(1, "inner", Counts::default()),
        ];
        let names = |most| folded(&rows, most).iter().map(|row| row.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names(20), ["field", "rounds", "match", "train", "boss"]);
        assert_eq!(names(4), ["field", "rounds", "match", "boss"]);
        assert_eq!(names(3), ["field", "rounds", "boss"]);
        assert_eq!(names(2), ["field", "rounds"]);
    }

    #[test]
    fn a_picture_replaces_the_one_before() {
        let seen = Seen { head: "head\u{1b}[31m".into(), rows: vec![row(0, "a", done())], remarks: vec!["x".into()] };
        let mut screen = Screen::default();
        let first = screen.draw(&seen, false, false);
        assert_eq!(first, "head[31m\n  a  ############ 3 done\n  x\n");
        assert_eq!(screen.draw(&seen, false, false), format!("\u{1b}[3A\u{1b}[J{first}"));
        screen.leave();
        assert_eq!(screen.draw(&seen, false, false), first);
    }
}
