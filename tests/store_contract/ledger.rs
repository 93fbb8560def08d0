//! Money: it moves once for each key, no balance falls below zero, and what was moved stays.

use std::{process::Stdio, sync::Arc};

use god_flow::{
    base::{Coldkey, Rao, limits::BALANCE_RAO_MAX},
    store::{
        self, Error, Fence, RunHeader, Store,
        ledger::{Asked, By, Kind, Refusal, Transfer, What},
    },
};
use tokio::{process::Command, task::JoinSet};

use crate::{WORKFLOW, at, header, lease, place::Place};

const ADA: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

fn asked(what: What<'_>, amount: u64) -> Asked<'_> {
    Asked { what, amount: Rao(amount), who: "operator", why: "a test", at: at(7) }
}

async fn transfer(store: &dyn Store, what: What<'_>, amount: u64) -> Transfer {
    store.ledger().transfer(&asked(what, amount)).await.unwrap()
}

async fn credit(store: &dyn Store, key: &str, account: &str, amount: u64) -> Transfer {
    transfer(store, What::Credit { key, account: &Coldkey::parse(account).unwrap() }, amount).await
}

async fn charge(store: &dyn Store, fence: &Fence, key: &str, account: &str, amount: u64) -> Transfer {
    transfer(store, What::Charge { key, account, by: By { fence, node: "field/charge" } }, amount).await
}

async fn balance(store: &dyn Store, account: &str) -> Option<u64> {
    let balances = store.ledger().balances(Some(&[account.to_owned()])).await.unwrap();
    balances.first().map(|it| it.balance.0)
}

/// A run that somebody drives; odd ones are real.
async fn driven(store: &dyn Store, second: i64) -> (RunHeader, Fence) {
    store.put_workflow(WORKFLOW).await.unwrap();
    let run = header("brave-otter", second);
    store.create(&run, &[]).await.unwrap();
    let fence = lease(store, run.id, "a").await.unwrap();
    (run, fence)
}

#[track_caller]
fn made(transfer: &Transfer) -> u64 {
    match transfer {
        Transfer::Made(movement) => movement.number,
        other => panic!("expected it to be made, found {other:?}"),
    }
}

#[track_caller]
fn made_before(transfer: &Transfer) -> u64 {
    match transfer {
        Transfer::MadeBefore(movement) => movement.number,
        other => panic!("expected it to be made before, found {other:?}"),
    }
}

#[track_caller]
fn refused(transfer: Transfer) -> Refusal {
    match transfer {
        Transfer::Refused(why) => why,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

pub(crate) async fn money_moves_once_for_each_key(place: &Place) {
    let store = &*place.store().await;
    let (_, fence) = driven(store, 1).await;
    let first = made(&credit(store, "k", ADA, 10).await);
    assert_eq!(made_before(&credit(&*place.store().await, "k", ADA, 10).await), first);
    for (account, amount) in [(ADA, 11), (BOB, 10)] {
        let Refusal::OtherMovement(other) = refused(credit(store, "k", account, amount).await) else {
            panic!("the key stands for another movement")
        };
        assert_eq!((other.number, other.account.as_str(), other.amount), (first, ADA, Rao(10)));
    }
    // A key is one for each kind of movement.
    let charged = made(&charge(store, &fence, "k", ADA, 4).await);
    assert_eq!(made_before(&charge(store, &fence, "k", ADA, 4).await), charged);
    assert!(matches!(refused(charge(store, &fence, "k", ADA, 5).await), Refusal::OtherMovement(_)));
    assert_eq!(balance(store, ADA).await, Some(6));

    let refund = |charge: &'static str| What::Refund { charge, by: None };
    assert_eq!(refused(transfer(store, refund("x"), 1).await), Refusal::NoSuchCharge { key: "x".into() });
    let more = Refusal::MoreThanCharged { charged: Rao(4), asked: Rao(5) };
    assert_eq!(refused(transfer(store, refund("k"), 5).await), more);
    let by = Some(By { fence: &fence, node: "field/refund" });
    let refunded = made(&transfer(store, What::Refund { charge: "k", by }, 4).await);
    assert_eq!(made_before(&transfer(store, refund("k"), 4).await), refunded);
    assert!(matches!(refused(transfer(store, refund("k"), 1).await), Refusal::OtherMovement(_)));
    assert_eq!(refused(charge(store, &fence, "k", ADA, 4).await), Refusal::GivenBack { key: "k".into() });
    assert_eq!((balance(store, ADA).await, balance(store, BOB).await), (Some(10), None));
}

pub(crate) async fn movements_and_balances_are_told(place: &Place) {
    let store = &*place.store().await;
    let (run, fence) = driven(store, 1).await;
    credit(store, "a", ADA, 10).await;
    credit(store, "b", BOB, 20).await;
    charge(store, &fence, "c", ADA, 3).await;
    transfer(store, What::Refund { charge: "c", by: Some(By { fence: &fence, node: "back" }) }, 2).await;

    let ledger = store.ledger();
    let told = |account, run, max| async move {
        let movements = ledger.movements(account, run, max).await.unwrap();
        movements.into_iter().map(|it| (it.kind, it.key, it.amount.0)).collect::<Vec<_>>()
    };
    let (a, b) = ((Kind::Credit, "a".to_owned(), 10), (Kind::Credit, "b".to_owned(), 20));
    let (c, d) = ((Kind::Charge, "c".to_owned(), 3), (Kind::Refund, "c".to_owned(), 2));
    assert_eq!(told(None, None, 9).await, [d.clone(), c.clone(), b.clone(), a.clone()]);
    assert_eq!(told(None, None, 2).await, [d.clone(), c.clone()]);
    assert_eq!(told(Some(ADA), None, usize::MAX).await, [d.clone(), c.clone(), a]);
    assert_eq!(told(None, Some(run.id), 9).await, [d.clone(), c.clone()]);
    assert_eq!(told(Some(ADA), Some(run.id), 9).await, [d, c]);
    assert_eq!(told(Some(BOB), Some(run.id), 9).await, []);

    let last = ledger.movements(None, None, 1).await.unwrap().remove(0);
    assert_eq!((last.run, last.node.as_deref(), last.at), (Some(run.id), Some("back"), at(7)));
    assert_eq!((last.who.as_str(), last.why.as_str()), ("operator", "a test"));

    let all = ledger.balances(None).await.unwrap();
    let sums = |it: &store::ledger::Balance| (it.balance.0, it.credited.0, it.charged.0, it.refunded.0, it.movements);
    assert_eq!(all.iter().map(|it| it.account.as_str()).collect::<Vec<_>>(), [BOB, ADA]);
    assert_eq!(all.iter().map(sums).collect::<Vec<_>>(), [(20, 20, 0, 0, 1), (9, 10, 3, 2, 3)]);
    let named = [ADA, "nobody", ADA].map(str::to_owned);
    assert_eq!(ledger.balances(Some(&named)).await.unwrap(), all[1..]);
}

pub(crate) async fn what_may_not_move_does_not(place: &Place) {
    let store = &*place.store().await;
    let (_, fence) = driven(store, 1).await;
    let less = |has, asked| Refusal::TooLittle { account: ADA.into(), has: Rao(has), asked: Rao(asked) };
    assert_eq!(refused(charge(store, &fence, "k", ADA, 1).await), less(0, 1));
    assert_eq!(refused(credit(store, "k", ADA, 0).await), Refusal::Nothing);
    made(&credit(store, "k", ADA, BALANCE_RAO_MAX).await);
    let most = Refusal::TooMuch { account: ADA.into() };
    assert_eq!(refused(credit(store, "l", ADA, 1).await), most);
    assert_eq!(refused(credit(store, "l", BOB, u64::MAX).await), Refusal::TooMuch { account: BOB.into() });
    assert_eq!(refused(charge(store, &fence, "k", ADA, u64::MAX).await), less(BALANCE_RAO_MAX, u64::MAX));
    let long = "k".repeat(3_000);
    assert_eq!(refused(credit(store, &long, ADA, 1).await), Refusal::TooLong { what: "key", bytes: 3_000 });
    let longest = "'\u{1f600}".repeat(409);
    made(&charge(store, &fence, &longest, ADA, 1).await);
    made_before(&charge(store, &fence, &longest, ADA, 1).await);
    assert_eq!(store.ledger().movements(None, None, 9).await.unwrap().len(), 2);
}

pub(crate) async fn a_simulated_run_moves_nothing(place: &Place) {
    let store = &*place.store().await;
    let (real, real_fence) = driven(store, 1).await;
    let (made_up, fence) = driven(store, 2).await;
    assert_eq!((real.simulated, made_up.simulated), (false, true));
    credit(store, "k", ADA, 10).await;
    charge(store, &real_fence, "k", ADA, 4).await;
    let simulated = Refusal::Simulated { run: made_up.id };
    assert_eq!(refused(charge(store, &fence, "l", ADA, 4).await), simulated);
    assert_eq!(refused(charge(store, &fence, "k", ADA, 4).await), simulated);
    let by = Some(By { fence: &fence, node: "back" });
    assert_eq!(refused(transfer(store, What::Refund { charge: "k", by }, 4).await), simulated);
    assert_eq!(balance(store, ADA).await, Some(6));
}

pub(crate) async fn an_older_driver_moves_nothing(place: &Place) {
    let store = &*place.store().await;
    let (run, older) = driven(store, 1).await;
    credit(store, "k", ADA, 10).await;
    made(&charge(store, &older, "first", ADA, 1).await);
    store.release(older.clone()).await.unwrap();
    let newer = lease(store, run.id, "b").await.unwrap();
    for key in ["first", "second"] {
        let what = What::Charge { key, account: ADA, by: By { fence: &older, node: "n" } };
        let error = store.ledger().transfer(&asked(what, 1)).await.unwrap_err();
        assert!(matches!(error, Error::Fenced { run: of } if of == run.id), "{error:?}");
    }
    // What the older one has charged the newer one does not charge again.
    made_before(&charge(store, &newer, "first", ADA, 1).await);
    made(&charge(store, &newer, "second", ADA, 1).await);
    assert_eq!(balance(store, ADA).await, Some(8));

    let elsewhere = Place::memory().store().await;
    let what = What::Charge { key: "k", account: ADA, by: By { fence: &newer, node: "n" } };
    let error = elsewhere.ledger().transfer(&asked(what, 1)).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchRun { run: of } if of == run.id), "{error:?}");
}

/// Twelve handles ask at once for more than there is, each key twice.
pub(crate) async fn no_balance_falls_below_zero(place: &Place) {
    let (_, fence) = driven(&*place.store().await, 1).await;
    credit(&*place.store().await, "k", ADA, 50).await;
    let fence = Arc::new(fence);
    let mut payers = JoinSet::new();
    for payer in 0..12 {
        let (store, fence) = (place.store().await, fence.clone());
        payers.spawn(async move {
            let mut moved = 0;
            for number in 0..10 {
                let key = format!("{}/{number}", payer / 2);
                moved += u64::from(matches!(charge(&*store, &fence, &key, ADA, 1).await, Transfer::Made(_)));
            }
            moved
        });
    }
    let moved: u64 = payers.join_all().await.into_iter().sum();
    let store = place.store().await;
    assert_eq!((moved, balance(&*store, ADA).await), (50, Some(0)));
    assert_eq!(store.ledger().movements(Some(ADA), None, usize::MAX).await.unwrap().len(), 51);
}

const ADDRESS: &str = "GOD_FLOW_LEDGER_ADDRESS";

/// This is also the life of a payer in a process of its own, where the environment says so.
#[tokio::test]
async fn a_payer_pays_while_there_is_money() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let store = store::open(&address).await.unwrap();
    let (run, fence) = driven(&*store, 1).await;
    for number in 0..30 {
        let answer = charge(&*store, &fence, &format!("{}/{number}", run.id), ADA, 1).await;
        let is_poor = matches!(&answer, Transfer::Refused(Refusal::TooLittle { has: Rao(0), .. }));
        assert!(is_poor || matches!(answer, Transfer::Made(_)), "{answer:?}");
    }
}

pub(crate) async fn many_processes_pay_from_one_account(place: &Place) {
    let store = place.store().await;
    credit(&*store, "k", ADA, 100).await;
    let mut payers = Vec::new();
    for _ in 0..5 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "ledger::a_payer_pays_while_there_is_money"]).env(ADDRESS, place.address());
        payers.push(command.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap());
    }
    for mut payer in payers {
        assert!(payer.wait().await.unwrap().success());
    }
    let sums = store.ledger().balances(None).await.unwrap();
    assert_eq!((sums[0].balance, sums[0].charged, sums[0].movements), (Rao(0), Rao(100), 101));
}

pub(crate) async fn a_movement_is_never_changed(place: &Place) {
    let store = place.store().await;
    credit(&*store, "k", ADA, 10).await;
    for statement in ["UPDATE movement SET amount = 11", "DELETE FROM movement"] {
        let error = place.try_to_tamper(statement).await.unwrap_err().to_string();
        assert!(error.contains("a movement is never"), "{error}");
    }
    assert_eq!(balance(&*store, ADA).await, Some(10));
}

pub(crate) async fn a_store_of_an_earlier_version_gets_a_ledger(place: &Place) {
    let (run, _) = driven(&*place.store().await, 1).await;
    place.tamper("DROP TABLE movement").await;
    if let Place::Postgres { .. } = place {
        place.tamper("DROP FUNCTION movement_stays").await;
    }
    place.tamper("DELETE FROM _sqlx_migrations WHERE version = 3").await;
    let store = place.store().await;
    made(&credit(&*store, "k", ADA, 10).await);
    assert_eq!(store.header(run.id).await.unwrap(), run);
}
