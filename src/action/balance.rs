//! `balance`: what coldkeys have.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::made_up};
use crate::base::{Rao, limits::BALANCE_RAO_MAX};

/// What `balance` takes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The coldkeys.
    pub accounts: Vec<String>,
}

/// What `balance` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Balances {
    /// What each of them has; nothing where the ledger does not know it.
    pub balances: IndexMap<String, Rao>,
}

pub(super) fn action() -> Action {
    Action::ledger::<Balance, Balances>(
        "balance",
        "Tells what coldkeys have in the ledger at that moment.",
        |input, _| made_up(input, plenty),
    )
    .example("held:\n  balance:\n    accounts: [5Ck, 5Dm]\n")
}

fn plenty(it: Balance) -> Balances {
    Balances { balances: it.accounts.into_iter().map(|account| (account, Rao(BALANCE_RAO_MAX))).collect() }
}
