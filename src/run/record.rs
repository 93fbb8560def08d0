//! Records: the events of a run in the order in which they happened, each bound to all before it by a hash.
//!
//! The core builds records, the store keeps them, whoever audits a run checks them. What an event means is not known
//! here: its body is text.

use std::{fmt, str::FromStr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One event of a run. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// 0 for the first of its run; there are no gaps.
    pub seq: u64,
    pub at: Timestamp,
    /// A short word by which events are told apart without reading their bodies.
    pub kind: Arc<str>,
    /// The event as JSON text.
    pub body: Arc<str>,
    /// See [`chain`].
    pub hash: Digest,
}

/// The end of a run's records so far: what the next one must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    next: u64,
    hash: Digest,
}

impl Chain {
    /// Before the first record. Chains of different runs differ from the start, so records cannot move between runs.
    pub fn start(run: RunId) -> Self {
        Self { next: 0, hash: Digest::of_parts(&[b"god-flow run", run.as_bytes()]) }
    }
    /// After a record that is trusted.
    pub fn after(record: &Record) -> Self {
        Self { next: record.seq + 1, hash: record.hash }
    }
    pub fn next(&self) -> u64 {
        self.next
    }
    /// Makes the next record.
    pub fn record(&mut self, at: Timestamp, kind: impl Into<Arc<str>>, body: impl Into<Arc<str>>) -> Record {
        let (kind, body) = (kind.into(), body.into());
        let hash = chain(&self.hash, self.next, at, &kind, &body);
        let record = Record { seq: self.next, at, kind, body, hash };
        *self = Self::after(&record);
        record
    }
    /// Takes the next record if it is the one that was made here.
    pub fn check(&mut self, record: &Record) -> Result<(), Broken> {
        if record.seq != self.next {
            let why = format!("expected event {}, found event {}", self.next, record.seq);
            return Err(Broken { seq: self.next, why });
        }
        let hash = chain(&self.hash, record.seq, record.at, &record.kind, &record.body);
        if record.hash != hash {
            let why = format!("expected the hash {hash}, found {}", record.hash);
            return Err(Broken { seq: record.seq, why });
        }
        *self = Self::after(record);
        Ok(())
    }
}

/// The hash of a record: SHA-256 of the hash before it and all it holds, each text with its length.
pub fn chain(previous: &Digest, seq: u64, at: Timestamp, kind: &str, body: &str) -> Digest {
    Digest::of_parts(&[
        &previous.0,
        &seq.to_be_bytes(),
        &at.as_nanosecond().to_be_bytes(),
        kind.as_bytes(),
        body.as_bytes(),
    ])
}

/// Checks that the records are all those of the run, from its first on, as they were made.
pub fn verify<'r>(run: RunId, records: impl IntoIterator<Item = &'r Record>) -> Result<(), Broken> {
    let mut chain = Chain::start(run);
    records.into_iter().try_for_each(|record| chain.check(record))
}

/// A record that is not what was recorded, or is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} is not as it was recorded: {why}")]
pub struct Broken {
    pub seq: u64,
    pub why: String,
}

/// A run's identity: a UUID of version 7, so that sorting by id is sorting by time of creation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(Uuid);

impl RunId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}
impl From<Uuid> for RunId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}
impl FromStr for RunId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| format!("expected a run's id such as `0198c5f2-7c1e-7d3a-9b54-3f0e8a6d2c71`, found `{text}`"))
    }
}
impl TryFrom<String> for RunId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}
impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}
impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a text, such as a workflow's.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
    /// The digest of several parts, each after its length, so that no two lists of parts read the same.
    fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
impl FromStr for Digest {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a digest of 64 hexadecimal digits, found `{text}`");
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(last: u8) -> RunId {
        RunId::from_bytes([1, 152, 197, 242, 124, 30, 125, 58, 155, 84, 63, 14, 138, 109, 44, last])
    }
    fn log(run: RunId, bodies: &[&str]) -> Vec<Record> {
        let mut chain = Chain::start(run);
        let at = |i: usize| Timestamp::new(1_790_000_000, i as i32).unwrap();
        bodies.iter().enumerate().map(|(i, body)| chain.record(at(i), "node_started", *body)).collect()
    }

    /// Hashes are for ever: logs written by one version are checked by all later ones.
    #[test]
    fn hashes_never_change() {
        let records = log(run(1), &["{}", r#"{"node":"a"}"#]);
        let hashes: Vec<String> = records.iter().map(|record| record.hash.to_string()).collect();
        assert_eq!(
            hashes,
            [
                "873a91427da13a01ff88fdeb7d71530864056cddd54a0d6511f3e88611941c99",
                "0b5433c3d2e048fef589c2d009454494fdf7d6d02576445b0403f96abe986c67"
            ]
        );
    }

    type Change = fn(&mut Vec<Record>);

    #[test]
    fn whatever_is_changed_in_a_log_is_found() {
        let good = log(run(1), &["a", "b", "c", "d"]);
        assert_eq!(verify(run(1), &good), Ok(()));
        let changes: [(u64, &str, Change); 9] = [
            (1, "body", |log| log[1].body = "x".into()),
            (1, "kind", |log| log[1].kind = "x".into()),
            (1, "at", |log| log[1].at = Timestamp::UNIX_EPOCH),
            (1, "hash", |log| log[1].hash = Digest::of("x")),
            (1, "seq", |log| log[1].seq = 7),
            (1, "one lost", |log| drop(log.remove(1))),
            (1, "one twice", |log| log.insert(1, log[0].clone())),
            (2, "two swapped", |log| log.swap(2, 3)),
            (0, "first lost", |log| drop(log.remove(0))),
        ];
        for (seq, what, change) in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(verify(run(1), &bad).unwrap_err().seq, seq, "{what}");
        }
        assert_eq!(verify(run(2), &good).unwrap_err().seq, 0, "records of another run");
    }

    #[test]
    fn a_chain_goes_on_after_its_last_record() {
        let whole = log(run(1), &["a", "b"]);
        let mut chain = Chain::after(&whole[0]);
        assert_eq!(chain.record(whole[1].at, "node_started", "b"), whole[1]);
    }

    #[test]
    fn texts_of_ids_and_digests_read_back() {
        assert_eq!(run(9).to_string().parse(), Ok(run(9)));
        let digest = Digest::of("text");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "0198", "é".repeat(32).as_str(), &"g".repeat(64)] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn moving_text_between_kind_and_body_changes_the_hash(text in "[ab]{2,8}", cut in 0usize..8, other in 0usize..8) {
            let (cut, other) = (cut.min(text.len()), other.min(text.len()));
            let hash = |cut: usize| chain(&Digest::of(""), 0, Timestamp::UNIX_EPOCH, &text[..cut], &text[cut..]);
            prop_assert_eq!(hash(cut) == hash(other), cut == other);
        }
    }
}
