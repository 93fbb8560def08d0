//! Amounts of memory and disk, in bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes such as `110GB` or `16GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl Size {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a size such as `16GiB`, `110GB` or `512MiB`, found `{text}`");
        let text = text.trim();
        let number_end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == text[number_end..].trim_start()).ok_or_else(wrong)?;
        let number: u64 = text[..number_end].parse().map_err(|_| wrong())?;
        number.checked_mul(*bytes).map(Self).ok_or_else(|| format!("`{text}` is more than can be held"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) =
            UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes)).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}
impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print() {
        for (text, bytes) in [("16GiB", 16 << 30), ("110GB", 110_000_000_000), ("1B", 1), ("1500MB", 1_500_000_000)] {
            assert_eq!(Size::parse(text), Ok(Size(bytes)));
            assert_eq!(Size::parse(&Size(bytes).to_string()), Ok(Size(bytes)));
        }
        for wrong in ["", "16", "GiB", "1.5GB", "-1B", "16gb", "99999999999TiB"] {
            assert!(Size::parse(wrong).is_err(), "{wrong}");
        }
    }
}
