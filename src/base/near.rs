//! "Did you mean": the nearest of the names that there are.

use super::limits::NEAR_NAMES_MAX;

/// The candidate that `wrong` was probably meant to be, if one is near.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = match wrong.chars().count() {
        0 => return None,
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .take(NEAR_NAMES_MAX)
        .filter(|candidate| candidate.len().abs_diff(wrong.len()) <= 4 * reach)
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// The sentence for a help line: the nearest name, or else all there are.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(wrong, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all = list(candidates);
    (!all.is_empty()).then(|| format!("there are {all}"))
}

/// `a, b, c`, cut short when it gets long.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 24;
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(SHOWN_MAX).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("trian", ["train", "build"]), Some("train"));
        assert_eq!(nearest("lss", ["id", "loss"]), Some("loss"));
        assert_eq!(nearest("abc", ["xyz", "id"]), None);
        assert_eq!(did_you_mean("zzzzz", ["id", "loss"]).as_deref(), Some("there are id, loss"));
    }
}
