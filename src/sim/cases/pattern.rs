//! Which nodes a pattern means.

/// Whether an id fits a pattern: `*` stands for anything but a `/`, `**` for anything.
pub(super) fn fits(pattern: &str, id: &str) -> bool {
    let Some(star) = pattern.find('*') else { return pattern == id };
    let (before, rest) = pattern.split_at(star);
    let Some(id) = id.strip_prefix(before) else { return false };
    let (rest, any) = match rest.strip_prefix("**") {
        Some(rest) => (rest, true),
        None => (&rest[1..], false),
    };
    let reach = if any { id.len() } else { id.find('/').unwrap_or(id.len()) };
    let ends = id.char_indices().map(|(at, _)| at).chain([id.len()]).take_while(|at| *at <= reach);
    ends.into_iter().any(|end| fits(rest, &id[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_a_part_or_for_all() {
        for (pattern, id, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b[x]", true),
            ("a/*", "a/b/c", false),
            ("**/train", "a#1/b[k.v]/train", true),
            ("**/train", "train", false),
            ("rounds#*/draw", "rounds#12/draw", true),
            ("a/**", "a/b/c", true),
            ("*[x]*", "b[x]", true),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, id), expected, "{pattern} {id}");
        }
    }
}
