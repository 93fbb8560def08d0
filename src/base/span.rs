//! Lengths of time, in whole milliseconds.

use std::{fmt, time::Duration};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A length of time such as `1h30m`, `72h`, `3d`, `250ms`. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    pub const ZERO: Self = Self(0);
    /// Longest length that is held: about three hundred years, so that sums with a date cannot overflow.
    pub const MAX: Self = Self(10_000_000_000_000);

    pub fn from_millis(millis: u64) -> Option<Self> {
        (millis <= Self::MAX.0).then_some(Self(millis))
    }
    pub const fn from_secs(secs: u32) -> Self {
        Self(secs as u64 * 1_000)
    }
    pub const fn millis(self) -> u64 {
        self.0
    }
    pub fn hours(self) -> f64 {
        self.0 as f64 / 3_600_000.0
    }
    /// As the length between two moments.
    pub fn to_signed(self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
    pub fn to_std(self) -> Duration {
        Duration::from_millis(self.0)
    }
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_millis(self.0 + other.0)
    }
    pub fn saturating_add(self, other: Self) -> Self {
        Self((self.0 + other.0).min(Self::MAX.0))
    }

    /// In its two largest units, as a person wants it at a glance: `3d4h`, `12m5s`, `1.2s`, `250ms`.
    pub fn rough(self) -> String {
        const ROUGH: [(u64, u64); 4] = [(86_400_000, 3_600_000), (3_600_000, 60_000), (60_000, 1_000), (10_000, 1_000)];
        match ROUGH.iter().find(|(unit, _)| self.0 >= *unit) {
            Some((_, small)) => Self(self.0 - self.0 % small).to_string(),
            None if self.0 >= 1_000 && self.0 % 1_000 >= 100 => format!("{}.{}s", self.0 / 1_000, self.0 % 1_000 / 100),
            None if self.0 >= 1_000 => format!("{}s", self.0 / 1_000),
            None => self.to_string(),
        }
    }

    /// Reads numbers with units, largest unit first: `1h30m`, `1.5h`, `90s`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a length of time such as `90s`, `20m`, `1h30m` or `3d`, found `{text}`");
        let too_long = || format!("`{text}` is longer than {}", Self::MAX);
        let mut rest = text.trim();
        let mut total: u64 = 0;
        let mut unit_before = None;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let unit_end =
                rest[number_end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| number_end + at);
            let unit = UNITS.iter().position(|(name, _)| *name == &rest[number_end..unit_end]).ok_or_else(wrong)?;
            if unit_before.is_some_and(|before| before >= unit) {
                return Err(wrong());
            }
            unit_before = Some(unit);
            let millis = parse_scaled(&rest[..number_end], UNITS[unit].1).ok_or_else(wrong)?;
            total = total.checked_add(millis).filter(|t| *t <= Self::MAX.0).ok_or_else(too_long)?;
            rest = &rest[unit_end..];
        }
        Ok(Self(total))
    }
}

/// `1.5` times a unit, exactly; nothing when it is not a whole number of milliseconds.
fn parse_scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || part.len() > 9 || (number.contains('.') && part.is_empty()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let mut total = whole.checked_mul(unit)?;
    if !part.is_empty() {
        let scale = 10u64.checked_pow(u32::try_from(part.len()).ok()?)?;
        let scaled = part.parse::<u64>().ok()?.checked_mul(unit)?;
        if scaled % scale != 0 {
            return None;
        }
        total = total.checked_add(scaled / scale)?;
    }
    Some(total)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, millis) in UNITS.iter().skip(1) {
            if rest >= *millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}
impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_lengths_keep_two_units_at_most() {
        for (text, expected) in [
            ("3d4h5m", "3d4h"),
            ("1h0m59s", "1h"),
            ("12m5s250ms", "12m5s"),
            ("3m20s999ms", "3m20s"),
            ("10s999ms", "10s"),
            ("1s250ms", "1.2s"),
            ("5s3ms", "5s"),
            ("250ms", "250ms"),
            ("0s", "0s"),
        ] {
            assert_eq!(Span::parse(text).unwrap().rough(), expected, "{text}");
        }
    }

    #[test]
    fn lengths_of_time_read_and_print() {
        for (text, millis, printed) in [
            ("1h30m", 5_400_000, "1h30m"),
            ("90s", 90_000, "1m30s"),
            ("1.5h", 5_400_000, "1h30m"),
            ("72h", 259_200_000, "3d"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0s"),
            ("1w", 604_800_000, "7d"),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span.millis(), millis, "{text}");
            assert_eq!(span.to_string(), printed);
            assert_eq!(Span::parse(printed), Ok(span));
        }
        for wrong in ["", "5", "h", "1m1h", "1h1h", "-1h", "1..5h", "1.h", ".5h", "0.3ms", "99999999999w", "1 h", "1é"]
        {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }
}
