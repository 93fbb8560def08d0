//! `charge`: fees, taken from the balances of those who owe them.
//!
//! Whoever drives the run takes them from the ledger, each once: its key is made of the run, the node and the entrant, and
//! never of the attempt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    entry::made_up,
    register::{Fee, Refusal},
};

/// What `charge` takes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// The fees, each with the coldkey that pays it, in the order in which they are taken.
    pub fees: Vec<Fee>,
    /// What they are for; it stands in the ledger.
    pub why: Option<String>,
}

/// What `charge` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Charged {
    /// The fees that were taken, now or before.
    pub charged: Vec<Fee>,
    /// Those whose balance was too low; nothing was taken for them.
    pub refused: Vec<Refusal>,
    /// What tells these charges from all others; `refund` asks for it.
    pub receipt: String,
}

/// The key of a charge in the ledger.
pub fn key(receipt: &str, hotkey: &str) -> String {
    format!("{receipt}/{hotkey}")
}

pub(super) fn action() -> Action {
    Action::ledger::<Charge, Charged>(
        "charge",
        "Takes fees from balances in the ledger, each once, however often the step is tried. Whoever has too little is told and \
         not charged.",
        |input, node| made_up(input, |it: Charge| made_up_charges(it, node)),
    )
    .example(
        "paying:\n  charge:\n    fees: [{ hotkey: 5Fh, coldkey: 5Ck, amount: 0.25 TAO }]\n    why: the fee of the text tournament\n",
    )
}

/// No receipt of the ledger begins like this one, so that nothing real is ever given back for it.
fn made_up_charges(it: Charge, node: &str) -> Charged {
    Charged { charged: it.fees, refused: Vec::new(), receipt: format!("made-up/{node}") }
}
