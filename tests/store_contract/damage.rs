//! What a store says when somebody has been at its tables, or at its connections.

use std::time::Duration;

use god_flow::{
    run::record::{Digest, verify},
    store::{self, Error},
};
use tokio::time::sleep;

use crate::{WORKFLOW, all, lease, new_run, place::Place, records};

pub(crate) async fn what_was_damaged_is_told(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    store.append(&fence, &records(&mut chain, 5)).await.unwrap();

    place.tamper("UPDATE event SET body = '{}' WHERE seq = 4").await;
    assert_eq!(verify(run.id, &all(&*store, run.id).await).unwrap_err().seq, 4);

    place.tamper("DELETE FROM event WHERE seq = 3").await;
    let error = store.page(run.id, 1, 10).await.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "event 3 of run {} is missing, the next one there is event 4".replace("{}", &run.id.to_string()).as_str()
        ),
        "{error}"
    );
    assert_eq!(store.page(run.id, 0, 3).await.unwrap().len(), 3);

    place.tamper("UPDATE workflow SET source = 'god_flow: 2'").await;
    let error = store.workflow(Digest::of(WORKFLOW)).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
}

pub(crate) async fn a_store_of_a_later_version_is_left_alone(place: &Place) {
    place.store().await;
    place
        .tamper("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1")
        .await;
    let error = store::open(&place.address()).await.err().unwrap();
    assert!(matches!(error, Error::Migration { .. }), "{error:?}");
}

/// As after a restart of the server, or a firewall that forgets quiet connections.
pub(crate) async fn a_connection_that_broke_is_replaced(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    if let Place::Postgres { schema, .. } = place {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ";
        place.tamper(&format!("{cut}'{schema}'")).await;
    }
    // What has just been used is not tried before it is used again.
    sleep(Duration::from_millis(1_100)).await;
    store.append(&fence, &records(&mut chain, 3)).await.unwrap();
    assert_eq!(all(&*store, run.id).await.len(), 4);
}
