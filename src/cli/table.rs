//! Columns of text, and moments as people read them.

use jiff::Timestamp;

use crate::base::Size;

/// Rows under a line of names; the last column is as wide as it is.
pub(super) fn table(names: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let names = names.iter().map(|name| name.to_uppercase()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(names).chain(rows).collect();
    let columns = rows[0].len();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A moment to the second.
pub(super) fn moment(at: Timestamp) -> String {
    let whole = at.as_second();
    Timestamp::from_second(whole).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// A text in a width, cut at its end.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// An amount in the largest unit that it is one of at least.
pub(super) fn rough(bytes: u64) -> String {
    let unit = [1 << 40, 1 << 30, 1 << 20, 1 << 10].into_iter().find(|unit| bytes >= *unit).unwrap_or(1);
    Size(bytes / unit * unit).to_string()
}
