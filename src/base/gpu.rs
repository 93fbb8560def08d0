//! What a step asks of the GPUs: how many, of which kinds.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::limits::GPUS_MAX;

/// A model of GPU by its short name, such as `H100`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GpuKind(Arc<str>);

impl GpuKind {
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let starts_well = text.starts_with(|c: char| c.is_ascii_uppercase());
        // No maker writes a letter O behind a digit, and nobody sees the difference.
        let mut behind_digit = false;
        let meant: String = text
            .chars()
            .map(|c| {
                let c = if c == 'O' && behind_digit { '0' } else { c };
                behind_digit = c.is_ascii_digit();
                c
            })
            .collect();
        if meant != text {
            Err(format!("`{text}` has a letter O behind a digit; did you mean `{meant}`?"))
        } else if starts_well && text.len() <= 24 && text.chars().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(format!("expected a kind of GPU such as `H100` or `A100`, found `{text}`"))
        }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `2xH100`, or `1xH100|H200` where any of several kinds will do. All GPUs of one request are on one host.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GpuRequest {
    count: u32,
    /// Acceptable kinds, the author's preference first; never empty.
    kinds: Arc<[GpuKind]>,
}

impl GpuRequest {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected GPUs such as `2xH100` or `1xH100|H200`, found `{text}`");
        let (count, kinds) = text.trim().split_once('x').ok_or_else(wrong)?;
        let count: u32 = count.parse().map_err(|_| wrong())?;
        if count == 0 || count > GPUS_MAX {
            return Err(format!(
                "expected 1 to {GPUS_MAX} GPUs, found {count}; leave `gpus` out for a step that needs none"
            ));
        }
        let kinds = kinds
            .split('|')
            .map(|kind| GpuKind::parse(kind).map_err(|why| if why.contains("did you mean") { why } else { wrong() }));
        let kinds = kinds.collect::<Result<Arc<[_]>, _>>()?;
        if kinds.iter().enumerate().any(|(i, kind)| kinds[..i].contains(kind)) {
            return Err(format!("`{text}` names a kind of GPU twice"));
        }
        Ok(Self { count, kinds })
    }
    pub fn count(&self) -> u32 {
        self.count
    }
    pub fn kinds(&self) -> &[GpuKind] {
        &self.kinds
    }
    /// The request with another number of GPUs of the same kinds.
    pub fn with_count(&self, count: u32) -> Option<Self> {
        (1..=GPUS_MAX).contains(&count).then(|| Self { count, kinds: self.kinds.clone() })
    }
}

impl fmt::Display for GpuKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for GpuKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Display for GpuRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.count)?;
        for (i, kind) in self.kinds.iter().enumerate() {
            write!(f, "{}{kind}", if i == 0 { "" } else { "|" })?;
        }
        Ok(())
    }
}
impl fmt::Debug for GpuRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl TryFrom<String> for GpuKind {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<GpuKind> for String {
    fn from(kind: GpuKind) -> Self {
        kind.0.as_ref().into()
    }
}
impl TryFrom<String> for GpuRequest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<GpuRequest> for String {
    fn from(request: GpuRequest) -> Self {
        request.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_requests_read_and_print() {
        for text in ["1xH100", "8xH100", "2xH100|H200", "4xRTX_4090"] {
            assert_eq!(GpuRequest::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "H100", "0xH100", "x", "2x", "2xh100", "2xH100|", "2xH100|H100", "-1xH100", "99999xH100"] {
            assert!(GpuRequest::parse(wrong).is_err(), "{wrong}");
        }
        for (wrong, meant) in [("1xH1OO", "`H100`"), ("1xH10O", "`H100`"), ("4xRTX_4O9O", "`RTX_4090`")] {
            assert!(GpuRequest::parse(wrong).unwrap_err().contains(&format!("did you mean {meant}")), "{wrong}");
        }
    }
}
