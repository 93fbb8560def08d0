//! The ledger of a store in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Asked, Balance, Error, Kind, Known, Ledger, Movement, RunId, Transfer, decide};
use crate::store::{MemoryStore, nanos};

#[async_trait]
impl Ledger for MemoryStore {
    async fn transfer(&self, asked: &Asked<'_>) -> Result<Transfer, Error> {
        nanos(asked.at)?;
        let mut held = self.held();
        let mut known = Known::default();
        if let Some(by) = asked.what.by() {
            known.simulated = held.fenced(by.fence)?.header.simulated;
        }
        let made = |kind: Kind, key: &str| held.movements.iter().find(|it| it.kind == kind && it.key == key).cloned();
        known.same = made(asked.what.kind(), asked.what.key());
        known.other = asked.other().and_then(|(kind, key)| made(kind, key));
        if let Some(account) = asked.account(known.other.as_ref()) {
            known.account = balances(&held.movements).remove(account);
        }
        Ok(match decide(asked, known) {
            Err(answer) => answer,
            Ok(mut new) => {
                new.number = held.movements.len() as u64 + 1;
                held.movements.push((*new).clone());
                Transfer::Made(new)
            }
        })
    }

    async fn balances(&self, of: Option<&[String]>) -> Result<Vec<Balance>, Error> {
        let all = balances(&self.held().movements);
        Ok(all.into_values().filter(|it| of.is_none_or(|of| of.contains(&it.account))).collect())
    }

    async fn movements(&self, account: Option<&str>, run: Option<RunId>, max: usize) -> Result<Vec<Movement>, Error> {
        let held = self.held();
        let fits = |it: &&Movement| {
            account.is_none_or(|account| it.account == account) && run.is_none_or(|run| it.run == Some(run))
        };
        Ok(held.movements.iter().rev().filter(fits).take(max).cloned().collect())
    }
}

/// The sums of movements. They are in the order in which they were made, so that no sum falls below zero on the way.
fn balances(movements: &[Movement]) -> BTreeMap<String, Balance> {
    let mut balances: BTreeMap<String, Balance> = BTreeMap::new();
    for it in movements {
        let sums = balances.entry(it.account.clone()).or_insert_with(|| Balance::none(&it.account));
        sums.movements += 1;
        match it.kind {
            Kind::Credit => sums.credited.0 += it.amount.0,
            Kind::Charge => sums.charged.0 += it.amount.0,
            Kind::Refund => sums.refunded.0 += it.amount.0,
        }
        sums.balance.0 = sums.credited.0 + sums.refunded.0 - sums.charged.0;
    }
    balances
}
