//! Digests by which content is known: SHA-256 for large files, and the SHA-1 that git gives to small ones.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What content has to come out as. Digits are small hexadecimal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha256(String),
    /// Of a git blob; it counts the size in.
    Blob(String, u64),
}

impl Digest {
    pub(super) fn sha256(digits: &str) -> Option<Self> {
        is_hex(digits, 64).then(|| Self::Sha256(digits.to_ascii_lowercase()))
    }

    pub(super) fn blob(digits: &str, size: u64) -> Option<Self> {
        is_hex(digits, 40).then(|| Self::Blob(digits.to_ascii_lowercase(), size))
    }

    pub(super) fn digits(&self) -> &str {
        match self {
            Self::Sha256(digits) | Self::Blob(digits, _) => digits,
        }
    }
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Content on its way to its digest.
pub(super) enum Hasher {
    Sha256(Sha256),
    Blob(Sha1),
}

impl Hasher {
    /// For content that is to come out as `wanted`; SHA-256 where nothing is known.
    pub(super) fn towards(wanted: Option<&Digest>) -> Self {
        match wanted {
            Some(Digest::Blob(_, size)) => Self::blob(*size),
            _ => Self::Sha256(Sha256::new()),
        }
    }

    pub(super) fn blob(size: u64) -> Self {
        Self::Blob(Sha1::new_with_prefix(format!("blob {size}\0")))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Blob(hash) => hash.update(bytes),
        }
    }

    /// The digits.
    pub(super) fn end(self) -> String {
        match self {
            Self::Sha256(hash) => digits(&hash.finalize()),
            Self::Blob(hash) => digits(&hash.finalize()),
        }
    }
}

pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_git_and_of_the_hub() {
        let of = |mut hasher: Hasher, text: &str| {
            hasher.update(text.as_bytes());
            hasher.end()
        };
        // `printf 'hello\n' | git hash-object --stdin`, and `sha256sum` of the same.
        assert_eq!(of(Hasher::blob(6), "hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        let sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(of(Hasher::towards(None), "hello\n"), sum);
        assert_eq!(Digest::sha256(&sum.to_uppercase()), Some(Digest::Sha256(sum.to_owned())));
        assert_eq!(Digest::sha256("00"), None);
        assert_eq!(Digest::blob(sum, 6), None);
    }
}
