//! Carries out what moves money: in the ledger of the run's store, in the name of its driver.
//!
//! The driver hands it the attempts at actions of the ledger instead of to the backend, and takes their reports from it.
//! There is none where a run is simulated or its work is only played: then they go to the backend, which has no ledger.
//!
//! A charge is known by the run, the node and the entrant. Where nobody knows whether it was made, because the store went
//! away or this process died, it is asked for again under the same key, and the ledger tells.

use std::{collections::HashSet, sync::Arc, time::Duration};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use super::{Error, STORE_AWAY_MAX, STORE_PAUSE, full};
use crate::{
    action::{
        charge::{self, Charge, Charged},
        money::{self, Money},
        refund::{Refund, Refunded},
        register::{Fee, Reason, Refusal},
    },
    backend::{AttemptId, Backend, Work},
    base::Rao,
    run::{Blame, Cause, Event, Failure, Input, Report, Run, RunId, read},
    store::{
        self, Fence, Store,
        ledger::{self, Asked, By, Transfer, What},
    },
    workflow::Does,
};

pub(super) struct Teller {
    desk: Arc<Desk>,
    under_way: HashSet<AttemptId>,
    /// None of them outlives the session: whoever comes after asks again.
    tasks: JoinSet<Option<Input>>,
}

/// What the ledger says of a fee of nothing. It need not move.
const NOTHING_OWED: Transfer = Transfer::Refused(ledger::Refusal::Nothing);

/// What all attempts have in common.
pub(super) struct Desk {
    pub(super) store: Arc<dyn Store>,
    pub(super) fence: Fence,
    /// How the run is called.
    pub(super) name: Arc<str>,
    /// The run by which charges are known: this one, or the first of those that it does again. Who has paid in one of
    /// them does not pay in the next.
    pub(super) known_by: RunId,
}

impl Teller {
    /// The teller of a run; nothing where anything about it is made up.
    pub(super) async fn of(
        store: &Arc<dyn Store>,
        fence: &Fence,
        run: &Run,
        backend: &dyn Backend,
    ) -> Result<Option<Self>, Error> {
        if run.simulated || backend.is_made_up() {
            return Ok(None);
        }
        let known_by = first_of(&**store, fence.run(), run).await?;
        let desk = Desk { store: store.clone(), fence: fence.clone(), name: run.name.clone(), known_by };
        Ok(Some(Self { desk: Arc::new(desk), under_way: HashSet::new(), tasks: JoinSet::new() }))
    }

    /// Begins an attempt if it is one for the ledger, and says whether it is. Saying it again changes nothing.
    pub(super) fn ensure(&mut self, id: &AttemptId, work: Work<'_>) -> bool {
        let Does::Action { action, .. } = &work.run.plan.step(work.node).does else { return false };
        let Some(money) = money::read(action, &work.attempt.input) else { return false };
        if self.under_way.insert(id.clone()) {
            let (desk, id) = (self.desk.clone(), id.clone());
            self.tasks.spawn(async move {
                let done = match money {
                    Ok(money) => desk.done(&id, money).await,
                    Err(why) => Err(Trouble::Refused(why)),
                };
                let report = match done {
                    Ok(output) => Report::Succeeded { output },
                    Err(trouble) => Report::Failed(trouble.failure()?),
                };
                Some(Input::Report { node: id.node, attempt: id.number, report })
            });
        }
        true
    }

    /// Whether it has the attempt. What moves money is over in a moment, and is not stopped halfway.
    pub(super) fn has(&self, id: &AttemptId) -> bool {
        self.under_way.contains(id)
    }

    /// The next report; never, while nothing is under way.
    pub(super) async fn report(&mut self) -> Input {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Some(input))) => return input,
                // Whoever has taken the run over asks for what this one leaves.
                Some(Ok(None)) => {}
                Some(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// The first of the runs that a run does again, or the run itself.
async fn first_of(store: &dyn Store, this: RunId, run: &Run) -> Result<RunId, Error> {
    let (mut first, mut again) = (this, run.again.clone());
    while let Some(earlier) = again {
        first = earlier.run;
        let record = store.page(first, 0, 1).await?.pop();
        again = match record.as_ref().map(read).transpose()? {
            Some(Event::Created { again, .. }) => again,
            _ => None,
        };
    }
    Ok(first)
}

/// Why nothing is reported, or a failure is.
pub(super) enum Trouble {
    /// Another has taken the run over.
    Fenced,
    Store(store::Error),
    Refused(String),
}

impl Trouble {
    pub(super) fn failure(self) -> Option<Failure> {
        match self {
            Self::Fenced => None,
            Self::Store(error) => Some(Failure { blame: Blame::Us, ..Failure::new(Cause::Network, full(&error)) }),
            Self::Refused(why) => Some(Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, why) }),
        }
    }
}

impl Desk {
    pub(super) async fn done(&self, id: &AttemptId, money: Money) -> Result<Json, Trouble> {
        let output = match money {
            Money::Charge(charge) => serde_json::to_value(self.charge(id, charge).await?),
            Money::Refund(refund) => serde_json::to_value(self.refund(id, refund).await?),
            Money::Balance(balance) => Ok(self.balances(&balance.accounts).await?),
        };
        Ok(output.expect("it has text keys"))
    }

    async fn charge(&self, id: &AttemptId, it: Charge) -> Result<Charged, Trouble> {
        let receipt = format!("{}/{}", self.known_by, id.node);
        let why = it.why.unwrap_or_else(|| format!("charged by {}", self.name));
        let mut charged = Charged { charged: Vec::new(), refused: Vec::new(), receipt };
        for fee in it.fees {
            let key = charge::key(&charged.receipt, &fee.hotkey);
            let by = By { fence: &self.fence, node: &id.node };
            let what = What::Charge { key: &key, account: &fee.coldkey, by };
            match self.transfer(what, &fee, &why).await? {
                Transfer::Made(_) | Transfer::MadeBefore(_) | NOTHING_OWED => charged.charged.push(fee),
                Transfer::Refused(ledger::Refusal::TooLittle { .. }) => {
                    charged.refused.push(Refusal { hotkey: fee.hotkey, code: Reason::BalanceTooLow });
                }
                Transfer::Refused(why) => return Err(refused(&fee, &why)),
            }
        }
        Ok(charged)
    }

    async fn refund(&self, id: &AttemptId, it: Refund) -> Result<Refunded, Trouble> {
        let why = it.why.unwrap_or_else(|| format!("given back by {}", self.name));
        let mut refunded = Refunded { refunded: Vec::new() };
        for fee in it.fees {
            let charge = charge::key(&it.receipt, &fee.hotkey);
            let by = Some(By { fence: &self.fence, node: &id.node });
            match self.transfer(What::Refund { charge: &charge, by }, &fee, &why).await? {
                Transfer::Made(_) | Transfer::MadeBefore(_) | NOTHING_OWED => refunded.refunded.push(fee),
                Transfer::Refused(why) => return Err(refused(&fee, &why)),
            }
        }
        Ok(refunded)
    }

    async fn balances(&self, accounts: &[String]) -> Result<Json, Trouble> {
        let known = self.insist(|| self.store.ledger().balances(Some(accounts))).await?;
        let mut balances: IndexMap<&str, Rao> = accounts.iter().map(|it| (it.as_str(), Rao(0))).collect();
        for it in &known {
            balances.insert(&it.account, it.balance);
        }
        Ok(json!({ "balances": balances }))
    }

    async fn transfer(&self, what: What<'_>, fee: &Fee, why: &str) -> Result<Transfer, Trouble> {
        let asked = Asked { what, amount: fee.amount, who: &self.name, why, at: Timestamp::now() };
        self.insist(|| self.store.ledger().transfer(&asked)).await
    }

    /// Asks until the store answers, for as long as a driver waits for one.
    async fn insist<T, F: Future<Output = Result<T, store::Error>>>(&self, ask: impl Fn() -> F) -> Result<T, Trouble> {
        let (mut pause, mut away) = (STORE_PAUSE.0, Duration::ZERO);
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(store::Error::Fenced { .. }) => return Err(Trouble::Fenced),
                Err(store::Error::Unreachable { .. }) if away < STORE_AWAY_MAX => {
                    tokio::time::sleep(pause).await;
                    away += pause;
                    pause = STORE_PAUSE.1.min(pause * 2);
                }
                Err(error) => return Err(Trouble::Store(error)),
            }
        }
    }
}

fn refused(fee: &Fee, why: &ledger::Refusal) -> Trouble {
    Trouble::Refused(format!("the fee of {}: {why}", fee.hotkey))
}
