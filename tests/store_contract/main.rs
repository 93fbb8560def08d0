//! What every store does, said once and tried on all three.
//!
//! PostgreSQL is tried where `GOD_FLOW_TEST_POSTGRES` holds the address of one; `scripts/services up` starts one.

#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

use god_flow::{
    run::record::{Chain, Digest, Record, RunId},
    store::{Error, Fence, LEASE_TTL, Pages, RunHeader, Store},
};
use jiff::Timestamp;
use uuid::Uuid;

mod damage;
mod events;
mod leases;
mod ledger;
mod place;
mod processes;
mod runs;

use place::Place;

/// One module of tests for each store; what `lasts` is only for those that outlive a process.
macro_rules! contract {
    (all: [$($file:ident::$test:ident),+ $(,)?], lasts: [$($lasting_file:ident::$lasting:ident),+ $(,)?]) => {
        contract!(memory, Some(Place::memory()), $($file::$test),+);
        contract!(sqlite, Some(Place::sqlite()), $($file::$test,)+ $($lasting_file::$lasting),+);
        contract!(postgres, Place::postgres().await, $($file::$test,)+ $($lasting_file::$lasting),+);
    };
    ($store:ident, $place:expr, $($file:ident::$test:ident),+) => {
        mod $store {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(place) = $place else { return };
                $file::$test(&place).await;
                place.remove().await;
            })+
        }
    };
}

contract! {
    all: [
        events::records_come_back_as_they_were,
        events::only_the_next_records_are_taken,
        events::records_are_taken_all_or_none,
        events::a_dropped_append_leaves_all_or_none,
        events::of_many_writers_one_wins,
        events::runs_are_read_page_by_page,
        events::runs_are_written_side_by_side,
        leases::of_many_drivers_one_wins,
        leases::an_older_driver_is_fenced_off,
        leases::a_lease_can_be_kept_and_given_back,
        leases::a_lease_from_a_clock_set_back_is_void,
        leases::who_drives_a_run_is_told_while_the_lease_is_in_force,
        ledger::money_moves_once_for_each_key,
        ledger::movements_and_balances_are_told,
        ledger::what_may_not_move_does_not,
        ledger::a_simulated_run_moves_nothing,
        ledger::an_older_driver_moves_nothing,
        ledger::no_balance_falls_below_zero,
        runs::runs_are_found_by_the_start_of_their_id_or_name,
        runs::runs_are_listed_newest_first,
        runs::runs_need_their_workflow_and_are_created_once,
        runs::what_is_not_there_is_told,
    ],
    lasts: [
        damage::a_connection_that_broke_is_replaced,
        damage::a_store_of_a_later_version_is_left_alone,
        damage::what_was_damaged_is_told,
        ledger::a_movement_is_never_changed,
        ledger::a_store_of_an_earlier_version_gets_a_ledger,
        ledger::many_processes_pay_from_one_account,
        processes::a_driver_that_slept_is_fenced_off,
        processes::a_killed_driver_is_followed_within_seconds,
        processes::many_processes_make_one_store,
    ]
}

const WORKFLOW: &str = "god_flow: 1\nworkflow: text\n";

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + second, 123_456_789).unwrap()
}

fn header(name: &str, second: i64) -> RunHeader {
    RunHeader {
        id: RunId::from(Uuid::now_v7()),
        name: name.into(),
        workflow: Digest::of(WORKFLOW),
        title: "text".into(),
        simulated: second % 2 == 0,
        created_at: at(second),
        state: "running".into(),
        ended_at: None,
        setup: String::new(),
    }
}

fn records(chain: &mut Chain, count: usize) -> Vec<Record> {
    let body = |seq: u64| format!(r#"{{"node":"rounds#2/match[pair-{seq}]/train","attempt":1}}"#);
    (0..count).map(|_| chain.record(at(chain.next() as i64), "node_started", body(chain.next()))).collect()
}

/// A run with one record, and its chain.
async fn new_run(store: &dyn Store) -> (RunHeader, Chain) {
    let run = header("brave-otter", 0);
    let mut chain = Chain::start(run.id);
    store.put_workflow(WORKFLOW).await.unwrap();
    store.create(&run, &records(&mut chain, 1)).await.unwrap();
    (run, chain)
}

async fn lease(store: &dyn Store, run: RunId, holder: &str) -> Result<Fence, Error> {
    store.lease(run, holder, LEASE_TTL, Timestamp::now()).await
}

async fn all(store: &dyn Store, run: RunId) -> Vec<Record> {
    let (mut pages, mut all) = (Pages::of(store, run, 0), Vec::new());
    while let Some(page) = pages.next().await.unwrap() {
        all.extend(page);
    }
    all
}
