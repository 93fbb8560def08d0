//! Appending records and reading them back.

use std::{sync::Arc, time::Duration};

use god_flow::{
    base::limits::EVENT_BYTES_MAX,
    run::record::{Record, verify},
    store::{Error, LEASE_TTL, PAGE_RECORDS, Pages, Store},
};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{all, at, header, lease, new_run, place::Place, records};

pub(crate) async fn records_come_back_as_they_were(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let mut log = all(&*store, run.id).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    for count in [1, 0, 2, 4, 5, 16, 63, 64, 65, 300] {
        let batch = records(&mut chain, count);
        store.append(&fence, &batch).await.unwrap();
        log.extend(batch);
    }
    let odd = [
        (Timestamp::new(-5_000_000_000, -1).unwrap(), "", String::new()),
        (Timestamp::UNIX_EPOCH, "é ' \" \\ ; --", "\u{1}\u{fffd}😀'); DROP TABLE event; --".into()),
        (at(0), "largest", "é".repeat(EVENT_BYTES_MAX / 2)),
    ];
    let odd: Vec<Record> = odd.into_iter().map(|(at, kind, body)| chain.record(at, kind, body)).collect();
    store.append(&fence, &odd).await.unwrap();
    log.extend(odd);

    for handle in [store, place.store().await] {
        let read = all(&*handle, run.id).await;
        assert_eq!(read.len(), log.len());
        assert!(read == log, "some record has changed");
        verify(run.id, &read).unwrap();
        assert_eq!(handle.header(run.id).await.unwrap(), run);
    }
}

pub(crate) async fn only_the_next_records_are_taken(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    let next = records(&mut chain, 6);
    store.append(&fence, &next[..2]).await.unwrap();
    let gap = [next[2].clone(), next[4].clone()];
    for (wrong, expected, found) in [(&next[..2], 3, 1), (&next[1..4], 3, 2), (&next[3..], 3, 4), (&gap[..], 4, 5)] {
        match store.append(&fence, wrong).await {
            Err(Error::Conflict { run: of, expected: e, found: f }) => {
                assert_eq!((of, e, f), (run.id, expected, found));
            }
            other => panic!("expected a conflict at {found}, found {other:?}"),
        }
    }
    store.append(&fence, &next[2..]).await.unwrap();
    assert_eq!(all(&*store, run.id).await.len(), 7);

    let late = header("late", 1);
    let error = store.create(&late, &next[..1]).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 0, found: 1, .. }), "{error:?}");
    assert!(matches!(store.header(late.id).await, Err(Error::NoSuchRun { .. })));
}

pub(crate) async fn records_are_taken_all_or_none(place: &Place) {
    let store = place.store().await;
    let (run, chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    let with_last = |at: Timestamp, body: String| {
        let mut chain = chain.clone();
        let mut batch = records(&mut chain, 70);
        batch.push(chain.record(at, "last", body));
        batch
    };
    let too_large = with_last(at(0), "x".repeat(EVENT_BYTES_MAX + 1));
    let error = store.append(&fence, &too_large).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { seq: 71, bytes } if bytes == EVENT_BYTES_MAX + 1), "{error:?}");
    let out_of_time = with_last(Timestamp::MAX, String::new());
    let error = store.append(&fence, &out_of_time).await.unwrap_err();
    assert!(matches!(error, Error::OutOfTime { .. }), "{error:?}");
    assert_eq!(all(&*store, run.id).await.len(), 1);
    store.append(&fence, &with_last(at(0), String::new())).await.unwrap();
    assert_eq!(all(&*store, run.id).await.len(), 72);
}

/// As when the driver is shut down in the middle of a turn.
pub(crate) async fn a_dropped_append_leaves_all_or_none(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    for micros in (0..2_000).step_by(100) {
        let before = chain.clone();
        let batch = records(&mut chain, 70);
        let done = timeout(Duration::from_micros(micros), store.append(&fence, &batch)).await;
        // What was dropped may still be on its way to the disk; a new lease comes after it.
        store.renew(&fence, LEASE_TTL, Timestamp::now()).await.unwrap();
        let kept = store.page(run.id, before.next(), PAGE_RECORDS).await.unwrap();
        match done {
            Ok(done) => {
                done.unwrap();
                assert_eq!(kept, batch, "after {micros} µs");
            }
            Err(_) => assert!(kept.is_empty() || kept == batch, "{} of 70 after {micros} µs", kept.len()),
        }
        if kept.is_empty() {
            chain = before;
        }
    }
    verify(run.id, &all(&*store, run.id).await).unwrap();
}

pub(crate) async fn of_many_writers_one_wins(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    for _ in 0..5 {
        let mut attempts = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let (store, fence, mut chain) = (place.store().await, fence.clone(), chain.clone());
            let body = format!("writer {writer}");
            let batch: Vec<Record> = (0..3).map(|_| chain.record(at(0), "written", &*body)).collect();
            attempts.spawn(async move { (store.append(&fence, &batch).await, chain) });
        }
        let mut won = Vec::new();
        for (done, after) in attempts.join_all().await {
            match done {
                Ok(()) => won.push(after),
                Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(won.len(), 1);
        chain = won.remove(0);
    }
    let log = all(&*store, run.id).await;
    assert_eq!(log.len(), 16);
    verify(run.id, &log).unwrap();
}

pub(crate) async fn runs_are_read_page_by_page(place: &Place) {
    let store = place.store().await;
    let (run, mut chain) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    let count = 2 * PAGE_RECORDS;
    store.append(&fence, &records(&mut chain, count - 1)).await.unwrap();
    for (from, max, expected) in [
        (0, 0, 0..0),
        (0, 3, 0..3),
        (5, 1, 5..6),
        (count as u64 - 1, 7, count as u64 - 1..count as u64),
        (count as u64, 7, 0..0),
        (u64::MAX, usize::MAX, 0..0),
        (0, usize::MAX, 0..count as u64),
    ] {
        let page = store.page(run.id, from, max).await.unwrap();
        let seqs: Vec<u64> = page.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, expected.collect::<Vec<_>>(), "from {from}, at most {max}");
    }
    for from in [0, 1, 1_999, 2_000, 3_000] {
        let mut pages = Pages::of(&*store, run.id, from);
        let mut next = from;
        while let Some(page) = pages.next().await.unwrap() {
            assert!(page.len() <= PAGE_RECORDS && page[0].seq == next);
            next += page.len() as u64;
        }
        assert_eq!(next, (count as u64).max(from));
    }
}

pub(crate) async fn runs_are_written_side_by_side(place: &Place) {
    let mut drivers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store: Arc<dyn Store> = place.store().await;
        drivers.spawn(async move {
            let (run, mut chain) = new_run(&*store).await;
            let fence = lease(&*store, run.id, "a").await.unwrap();
            for _ in 0..40 {
                store.append(&fence, &records(&mut chain, 3)).await.unwrap();
            }
            let log = all(&*store, run.id).await;
            verify(run.id, &log).unwrap();
            assert_eq!(log.len(), 121);
        });
    }
    drivers.join_all().await;
}
