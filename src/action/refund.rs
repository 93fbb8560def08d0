//! `refund`: fees that are given back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::made_up, register::Fee};

/// What `refund` takes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The receipt of the step that charged the fees.
    pub receipt: String,
    /// What is given back, and to whom: of each fee as much as was charged, or less.
    pub fees: Vec<Fee>,
    /// Why; it stands in the ledger.
    pub why: Option<String>,
}

/// What `refund` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refunded {
    /// The fees that were given back, now or before.
    pub refunded: Vec<Fee>,
}

pub(super) fn action() -> Action {
    Action::ledger::<Refund, Refunded>(
        "refund",
        "Gives fees back that a `charge` step took, each once, and never more than was taken.",
        |input, _| made_up(input, |it: Refund| Refunded { refunded: it.fees }),
    )
    .example(
        "giving_back:\n  refund:\n    receipt: \"${paying.receipt}\"\n    fees: \"${paying.charged}\"\n    why: too few take part\n",
    )
}
