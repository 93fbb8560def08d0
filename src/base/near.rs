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
    let small = wrong.to_lowercase();
    candidates
        .into_iter()
        .take(NEAR_NAMES_MAX)
        .filter(|candidate| candidate.len().abs_diff(wrong.len()) <= 4 * reach)
        .map(|candidate| (strsim::damerau_levenshtein(&small, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether one name is the other with a slip of the pen in it: much nearer than a name that may be offered. Names that are
/// told apart by a number, by one whole word of several or by another letter of a short word are so on purpose.
pub fn is_slip(one: &str, other: &str) -> bool {
    let no_digits = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    if one.len() + other.len() > no_digits(one).len() + no_digits(other).len() && no_digits(one) == no_digits(other) {
        return false;
    }
    let words = || one.split('_').zip(other.split('_'));
    if one.contains('_') && one.matches('_').count() == other.matches('_').count() {
        return one != other && words().all(|(one, other)| one == other || is_slip_in_word(one, other));
    }
    is_slip_in_word(one, other)
}

fn is_slip_in_word(one: &str, other: &str) -> bool {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let edits = strsim::damerau_levenshtein(one, other);
    let lengths = [one, other].map(|word| word.chars().count());
    let is_short = lengths[0].min(lengths[1]) <= 6;
    // `win` and `won` are two words; `cod` and `code` are hardly. So are `minimum` and `maximum`.
    let near = edits == 1 && !(is_short && lengths[0] == lengths[1]);
    nearest(one, [other]).is_some() && (near || letters(one) == letters(other))
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

/// A number that was written with a comma before its decimals, as it is written here. `75,000` may be thousands.
pub fn with_point(text: &str) -> Option<String> {
    let (whole, part) = text.trim().split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(part) && (part.len() != 3 || whole == "0");
    is_one.then(|| format!("{whole}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_is_told_from_thousands() {
        for (text, expected) in [
            ("0,8", Some("0.8")),
            ("-1,25", Some("-1.25")),
            ("0,125", Some("0.125")),
            ("75,000", None),
            ("1,2,3", None),
            ("a,b", None),
        ] {
            assert_eq!(with_point(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_slip_is_told_from_a_name_of_its_own() {
        for (one, other, expected) in [
            ("cod", "code", true),
            ("bonsu", "bonus", true),
            ("nmae", "name", true),
            ("size_byte", "size_bytes", true),
            ("at_lesat", "at_least", true),
            ("atleast", "at_least", true),
            ("wins", "ties", false),
            ("min_loss", "max_loss", false),
            ("start_at", "stop_at", false),
            ("lr_1", "lr_2", false),
            ("gpu", "gpu2", false),
            ("gpu", "cpu", false),
            ("minimum", "maximum", false),
            ("minimum_loss", "maximum_loss", false),
            ("include", "exclude", false),
            ("ascending", "descending", false),
            ("tuesday", "thursday", false),
            ("weight", "height", false),
            ("sunday", "monday", false),
            ("threshild", "threshold", true),
            ("won", "win", false),
            ("text", "test", false),
            ("lost", "loss", false),
            ("priority", "priorty", true),
            ("winer", "winner", true),
            ("a", "b", false),
        ] {
            assert_eq!((is_slip(one, other), is_slip(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("trian", ["train", "build"]), Some("train"));
        assert_eq!(nearest("lss", ["id", "loss"]), Some("loss"));
        assert_eq!(nearest("TRAIN", ["build", "train"]), Some("train"));
        assert_eq!(nearest("abc", ["xyz", "id"]), None);
        assert_eq!(did_you_mean("zzzzz", ["id", "loss"]).as_deref(), Some("there are id, loss"));
    }
}
