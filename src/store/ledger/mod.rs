//! The ledger: what accounts have, which is the sum of movements that are never changed.
//!
//! It lies beside the runs in the same store. `cli` credits it by hand; the driver charges for runs and gives back. It never
//! looks at what is paid for.
//!
//! Money moves once: each kind of movement is made once for each key, and whoever asks again is told what was made. No
//! balance falls below zero, however many ask at once. What moves for a run shows the fence of its driver, and of a run
//! that is only simulated nothing ever moves.

mod memory;
mod postgres;
mod sql;
mod sqlite;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::{Error, Fence};
use crate::{
    base::{
        Coldkey, Rao,
        limits::{BALANCE_RAO_MAX, MOVEMENT_TEXT_MAX},
    },
    run::record::RunId,
};

/// The ledger of a store.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes a movement, unless it was made before or may not be. An error leaves open whether it was made only where the
    /// store was [`Error::Unreachable`]; asking again tells.
    async fn transfer(&self, asked: &Asked<'_>) -> Result<Transfer, Error>;

    /// The accounts that ever had a movement, or those of them that are named, in the order of their texts.
    async fn balances(&self, of: Option<&[String]>) -> Result<Vec<Balance>, Error>;

    /// At most `max` movements, the newest first: of one account, of one run, or of both.
    async fn movements(&self, account: Option<&str>, run: Option<RunId>, max: usize) -> Result<Vec<Movement>, Error>;
}

/// The way that money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Into an account.
    Credit,
    /// Out of it, for a run.
    Charge,
    /// Back into it.
    Refund,
}

/// A movement that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Movement {
    /// Counts all movements of the ledger, with gaps.
    pub number: u64,
    pub kind: Kind,
    /// What tells it from the others of its kind; that of a refund is the key of the charge.
    pub key: String,
    pub account: String,
    pub amount: Rao,
    /// The run that it was made for; nothing where somebody made it by hand.
    pub run: Option<RunId>,
    pub node: Option<String>,
    pub who: String,
    pub why: String,
    pub at: Timestamp,
}

/// A movement that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub what: What<'a>,
    pub amount: Rao,
    pub who: &'a str,
    pub why: &'a str,
    pub at: Timestamp,
}

/// Which movement is asked for. What has no driver's fence is made by hand, and nobody is charged by hand.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    Credit { key: &'a str, account: &'a Coldkey },
    Charge { key: &'a str, account: &'a str, by: By<'a> },
    Refund { charge: &'a str, by: Option<By<'a>> },
}

/// The node of a run that moves money, and the proof that whoever says so drives the run.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    pub fence: &'a Fence,
    pub node: &'a str,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    Made(Box<Movement>),
    /// It was made before; nothing has moved now.
    MadeBefore(Box<Movement>),
    Refused(Refusal),
}

/// Why money does not move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{account} has {has}, which is less than {asked}")]
    TooLittle { account: String, has: Rao, asked: Rao },
    #[error("{account} would have been given more than there can be, which is {most}", most = Rao(BALANCE_RAO_MAX))]
    TooMuch { account: String },
    #[error("expected an amount above nothing")]
    Nothing,
    #[error("there was no charge with the key `{key}`")]
    NoSuchCharge { key: String },
    #[error("the charge was {charged}, and {asked} is more")]
    MoreThanCharged { charged: Rao, asked: Rao },
    #[error("the charge with the key `{key}` was given back, and one key is charged once")]
    GivenBack { key: String },
    #[error("the key `{}` was used for another {}: {} of {}", .0.key, .0.kind, .0.amount, .0.account)]
    OtherMovement(Box<Movement>),
    #[error("run {run} is simulated, and no money ever moves for one")]
    Simulated { run: RunId },
    #[error("the {what} has {bytes} bytes, expected at most {MOVEMENT_TEXT_MAX}")]
    TooLong { what: &'static str, bytes: usize },
}

/// What an account has, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    pub account: String,
    pub balance: Rao,
    pub credited: Rao,
    pub charged: Rao,
    pub refunded: Rao,
    pub movements: u64,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Credit, Self::Charge, Self::Refund];

    pub fn word(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Charge => "charge",
            Self::Refund => "refund",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Balance {
    /// That of an account before its first movement.
    pub fn none(account: &str) -> Self {
        let none = Rao(0);
        Self { account: account.into(), balance: none, credited: none, charged: none, refunded: none, movements: 0 }
    }
}

impl<'a> What<'a> {
    fn kind(&self) -> Kind {
        match self {
            Self::Credit { .. } => Kind::Credit,
            Self::Charge { .. } => Kind::Charge,
            Self::Refund { .. } => Kind::Refund,
        }
    }

    fn key(&self) -> &'a str {
        match self {
            Self::Credit { key, .. } | Self::Charge { key, .. } => key,
            Self::Refund { charge, .. } => charge,
        }
    }

    fn by(&self) -> Option<By<'a>> {
        match self {
            Self::Credit { .. } => None,
            Self::Charge { by, .. } => Some(*by),
            Self::Refund { by, .. } => *by,
        }
    }
}

/// What a store looks up before it lets money move, and keeps from changing until it has moved.
#[derive(Debug, Default)]
struct Known {
    /// The movement of that kind and key.
    same: Option<Movement>,
    /// For a charge its refund, for a refund its charge.
    other: Option<Movement>,
    /// What the account has, and how it came to that; nothing before its first movement.
    account: Option<Balance>,
    /// Whether the run is simulated, where there is one.
    simulated: bool,
}

impl Asked<'_> {
    /// The kind and key of the other movement that matters for this one.
    fn other(&self) -> Option<(Kind, &str)> {
        match self.what {
            What::Credit { .. } => None,
            What::Charge { key, .. } => Some((Kind::Refund, key)),
            What::Refund { charge, .. } => Some((Kind::Charge, charge)),
        }
    }

    /// Whose balance it is about; nothing for the refund of a charge that never was.
    fn account<'k>(&'k self, other: Option<&'k Movement>) -> Option<&'k str> {
        match self.what {
            What::Credit { account, .. } => Some(account.as_str()),
            What::Charge { account, .. } => Some(account),
            What::Refund { .. } => other.map(|charge| charge.account.as_str()),
        }
    }
}

/// The movement that is to be made, still without a number; or what there is to say instead. All stores decide by this.
fn decide(asked: &Asked<'_>, known: Known) -> Result<Box<Movement>, Transfer> {
    let refused = |why| Err(Transfer::Refused(why));
    let (key, by) = (asked.what.key(), asked.what.by());
    let texts =
        [("key", key), ("name of who", asked.who), ("reason", asked.why), ("node", by.map_or("", |by| by.node))];
    if let Some((what, text)) = texts.into_iter().find(|(_, text)| text.len() > MOVEMENT_TEXT_MAX) {
        return refused(Refusal::TooLong { what, bytes: text.len() });
    }
    if let Some(by) = by.filter(|_| known.simulated) {
        return refused(Refusal::Simulated { run: by.fence.run });
    }
    if asked.amount == Rao(0) {
        return refused(Refusal::Nothing);
    }
    let Some(account) = asked.account(known.other.as_ref()).map(str::to_owned) else {
        return refused(Refusal::NoSuchCharge { key: key.into() });
    };
    if let Some(same) = known.same {
        let is_it = same.account == account && same.amount == asked.amount;
        return match (asked.what, known.other) {
            _ if !is_it => refused(Refusal::OtherMovement(Box::new(same))),
            (What::Charge { .. }, Some(_)) => refused(Refusal::GivenBack { key: key.into() }),
            _ => Err(Transfer::MadeBefore(Box::new(same))),
        };
    }
    let sums = known.account.unwrap_or_else(|| Balance::none(&account));
    match (asked.what, &known.other) {
        (What::Charge { .. }, _) if asked.amount > sums.balance => {
            return refused(Refusal::TooLittle { account, has: sums.balance, asked: asked.amount });
        }
        (What::Charge { .. }, _) => {}
        (What::Refund { .. }, Some(charge)) if asked.amount > charge.amount => {
            return refused(Refusal::MoreThanCharged { charged: charge.amount, asked: asked.amount });
        }
        // Of all that ever came in, so that no sum overflows.
        (What::Refund { .. } | What::Credit { .. }, _) => {
            let before = sums.credited.0 + sums.refunded.0;
            if asked.amount.0 > BALANCE_RAO_MAX - before.min(BALANCE_RAO_MAX) {
                return refused(Refusal::TooMuch { account });
            }
        }
    }
    Ok(Box::new(Movement {
        number: 0,
        kind: asked.what.kind(),
        key: key.into(),
        account,
        amount: asked.amount,
        run: by.map(|by| by.fence.run),
        node: by.map(|by| by.node.into()),
        who: asked.who.into(),
        why: asked.why.into(),
        at: asked.at,
    }))
}
