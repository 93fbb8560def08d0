//! Money: whole RAO, written as TAO.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in RAO; one TAO is 10⁹ RAO. Parsed exactly from `0.25 TAO` or `250000000 RAO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rao(pub u64);

const RAO_PER_TAO: u64 = 1_000_000_000;
const DECIMALS: usize = 9;

impl Rao {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected an amount such as `0.25 TAO` or `250000000 RAO`, found `{text}`");
        let (number, unit) = text.trim().rsplit_once(' ').ok_or_else(wrong)?;
        let number = number.trim();
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let too_large = || format!("`{text}` is more than can be held ({} TAO)", u64::MAX / RAO_PER_TAO);
        match unit {
            "RAO" if digits(number) => number.parse().map(Self).map_err(|_| too_large()),
            "TAO" => {
                let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
                if !digits(whole) || !digits(part) {
                    return Err(wrong());
                }
                if part.len() > DECIMALS {
                    return Err(format!("`{text}` has more than {DECIMALS} decimals; one RAO is 0.000000001 TAO"));
                }
                let whole: u64 = whole.parse().map_err(|_| too_large())?;
                let part: u64 = format!("{part:0<DECIMALS$}").parse().map_err(|_| wrong())?;
                whole.checked_mul(RAO_PER_TAO).and_then(|rao| rao.checked_add(part)).map(Self).ok_or_else(too_large)
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Rao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:09}", self.0 % RAO_PER_TAO);
        let part = part.trim_end_matches('0');
        write!(f, "{}", self.0 / RAO_PER_TAO)?;
        if !part.is_empty() {
            write!(f, ".{part}")?;
        }
        f.write_str(" TAO")
    }
}
impl TryFrom<String> for Rao {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<Rao> for String {
    fn from(amount: Rao) -> Self {
        amount.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, rao) in [("0.25 TAO", 250_000_000), ("3 TAO", 3_000_000_000), ("0.000000001 TAO", 1), ("0 TAO", 0)] {
            assert_eq!(Rao::parse(text), Ok(Rao(rao)));
            assert_eq!(Rao(rao).to_string(), text);
        }
        assert_eq!(Rao::parse("7 RAO"), Ok(Rao(7)));
        for wrong in ["0.25", "TAO", "-1 TAO", "1e3 TAO", ".5 TAO", "0.0000000001 TAO", "99999999999 TAO", "1 tao"] {
            assert!(Rao::parse(wrong).is_err(), "{wrong}");
        }
    }
}
