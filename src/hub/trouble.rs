//! What may go wrong on the way to the outside and back. Every part of the hub tells it in this one type, so that whoever
//! asked can decide by [`Why`] alone whose fault it is and whether another try may help.
//!
//! It never holds a token, nor the query of an address: that is where presigned addresses keep their secrets.

use std::{error::Error, fmt, io, path::Path};

use reqwest::{StatusCode, Url};

/// Which kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// There is no such repository, revision, file or folder.
    NotThere,
    /// The other side wants another token, or our own rules forbid it.
    NotAllowed,
    /// What came, or what was to be sent, is not what it has to be.
    Bad,
    /// It is larger than it may be.
    TooLarge,
    /// The other side is busy, slow, cut off or broken. Another try may help.
    Network,
    /// The disk of this host is full.
    DiskFull,
    /// A file or folder of this host cannot be read or written.
    Disk,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub why: Why,
    /// What was expected, what there was, and where.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// What was answered, if anything was.
    pub(super) status: Option<StatusCode>,
}

impl Trouble {
    pub fn new(why: Why, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { why, message: message.into(), help: help.into(), status: None }
    }

    /// Whether the same may go well later, without anybody's doing.
    pub fn may_pass(&self) -> bool {
        self.why == Why::Network
    }

    pub(super) fn answered(&self, status: StatusCode) -> bool {
        self.status == Some(status)
    }

    pub(super) fn bad(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Why::Bad, message, help)
    }

    pub(super) fn disk(doing: &str, path: &Path, error: &io::Error) -> Self {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let message = format!("cannot {doing} `{}`: {error}", path.display());
        if full {
            Self::new(Why::DiskFull, message, "free some space on that disk, or set a smaller budget for the cache")
        } else {
            Self::new(Why::Disk, message, "check the folder, its owner and its disk")
        }
    }

    /// A connection that could not be made, or broke.
    pub(super) fn network(doing: &str, url: &Url, error: reqwest::Error) -> Self {
        let message = format!("{doing} {}: {}", shown(url), causes(&error.without_url()));
        Self::new(Why::Network, message, "try again; if it stays, check the network of this host and the address")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Trouble {}

/// An address without what may be secret in it.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let shown = format!("{}://{host}{port}{}", url.scheme(), url.path());
    plain(&shown, 300)
}

/// A text of strangers as a short line without control characters.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let mut line: String = text.chars().filter(|c| !c.is_control()).take(longest).collect();
    if line.len() < text.len() && line.chars().count() == longest {
        line.push('…');
    }
    line
}

fn causes(error: &reqwest::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = inner.source();
    }
    plain(&said, 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        for (url, expected) in [
            ("https://u:pw@s3.example.org:9000/b/k.json?X-Amz-Signature=abc#f", "https://s3.example.org:9000/b/k.json"),
            ("http://[::1]/x?token=1", "http://[::1]/x"),
        ] {
            assert_eq!(shown(&Url::parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let path = Path::new("/x");
        assert_eq!(Trouble::disk("write", path, &io::ErrorKind::StorageFull.into()).why, Why::DiskFull);
        assert_eq!(Trouble::disk("write", path, &io::ErrorKind::PermissionDenied.into()).why, Why::Disk);
    }

    #[test]
    fn texts_of_strangers_are_short_and_plain() {
        assert_eq!(plain("a\u{1b}[31mb\nc", 9), "a[31mbc");
        assert_eq!(plain("abcdef", 3), "abc…");
    }
}
