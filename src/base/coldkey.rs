//! Coldkeys: the addresses that own balances.

use std::fmt;

use super::ss58;

/// An address as the chain writes it: 48 letters and digits of base 58, of which the first is a `5` and the last
/// tell slips of the pen.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coldkey(String);

const LENGTH: usize = 48;
/// Letters and digits that are not used, because each looks like another.
const UNUSED: [char; 4] = ['0', 'O', 'I', 'l'];

impl Coldkey {
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a coldkey such as `5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY`";
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_alphanumeric() || UNUSED.contains(c)) {
            return Err(format!("{EXPECTED}, found `{text}`: `{}` is never in one", odd.escape_debug()));
        }
        match text.len() {
            LENGTH if text.starts_with('5') => match ss58::check(text) {
                Ok(()) => Ok(Self(text.into())),
                Err(why) => Err(format!("{EXPECTED}, found `{text}`: {why}")),
            },
            LENGTH => Err(format!("{EXPECTED}, found `{text}`: it does not begin with `5`")),
            0 => Err(format!("{EXPECTED}, found nothing")),
            found => Err(format!("{EXPECTED}, found `{text}`: it has {found} characters and not {LENGTH}")),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Coldkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Coldkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in
            ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "5GU4Xkd3dCGTU3s8VLcHGc5wsD5M8XyxDca5yDQhYm1mVXFu"]
        {
            assert_eq!(Coldkey::parse(good).map(|it| it.to_string()), Ok(good.to_owned()));
        }
        for (wrong, why) in [
            ("", "found nothing"),
            ("5Grwva", "it has 6 characters and not 48"),
            ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQ0", "`0` is never in one"),
            (" GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "` ` is never in one"),
            ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutYQ", "its checksum is wrong: one of its letters is"),
            ("6GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "does not begin with `5`"),
        ] {
            let error = Coldkey::parse(wrong).unwrap_err();
            assert!(error.ends_with(why), "{wrong}: {error}");
        }
    }
}
