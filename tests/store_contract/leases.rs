//! Who may append, and from when on no more.

use std::time::Duration;

use god_flow::store::{Error, LEASE_TTL, LEASE_TTL_MAX, RunHeader};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::{all, at, header, lease, new_run, place::Place, records};

pub(crate) async fn of_many_drivers_one_wins(place: &Place) {
    let (run, _) = new_run(&*place.store().await).await;
    let mut attempts = tokio::task::JoinSet::new();
    for driver in 0..6 {
        let store = place.store().await;
        attempts.spawn(async move { (driver, lease(&*store, run.id, &format!("driver {driver}")).await) });
    }
    let attempts = attempts.join_all().await;
    let won: Vec<i32> = attempts.iter().filter(|(_, fence)| fence.is_ok()).map(|(driver, _)| *driver).collect();
    let [winner] = won[..] else { panic!("expected one winner, found {won:?}") };
    for (_, lost) in attempts {
        match lost {
            Ok(_) => {}
            Err(Error::Held { by, .. }) => assert_eq!(by, format!("driver {winner}")),
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub(crate) async fn an_older_driver_is_fenced_off(place: &Place) {
    let (old, new) = (place.store().await, place.store().await);
    let (run, mut chain) = new_run(&*old).await;
    let ttl = Duration::from_millis(500);
    let older = old.lease(run.id, "old", ttl, Timestamp::now()).await.unwrap();
    old.append(&older, &records(&mut chain, 1)).await.unwrap();
    let started = Instant::now();
    let newer = loop {
        match lease(&*new, run.id, "new").await {
            Ok(fence) => break fence,
            Err(Error::Held { by, until, .. }) => {
                assert_eq!(by, "old");
                let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
                assert!(left <= ttl, "{left:?}");
                sleep(left).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    };
    assert!(started.elapsed() > ttl / 2, "the lease was broken after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());

    let next = records(&mut chain.clone(), 1);
    let fenced = |error: Error| assert!(matches!(error, Error::Fenced { run: of } if of == run.id), "{error:?}");
    fenced(old.append(&older, &next).await.unwrap_err());
    fenced(old.append(&older, &next[..0]).await.unwrap_err());
    fenced(old.renew(&older, ttl, Timestamp::now()).await.unwrap_err());
    fenced(old.summarize(&older, "lost", None).await.unwrap_err());
    old.release(older).await.unwrap();
    let error = lease(&*old, run.id, "third").await.unwrap_err();
    assert!(matches!(&error, Error::Held { by, .. } if by == "new"), "{error:?}");
    new.append(&newer, &next).await.unwrap();
    assert_eq!(new.header(run.id).await.unwrap().state, "running");
    assert_eq!(all(&*old, run.id).await.len(), 3);
}

pub(crate) async fn a_lease_can_be_kept_and_given_back(place: &Place) {
    let (store, other) = (place.store().await, place.store().await);
    let (run, mut chain) = new_run(&*store).await;
    let ttl = Duration::from_secs(1);
    let fence = store.lease(run.id, "a", ttl, Timestamp::now()).await.unwrap();
    for _ in 0..4 {
        sleep(ttl / 2).await;
        store.renew(&fence, ttl, Timestamp::now()).await.unwrap();
        assert!(matches!(lease(&*other, run.id, "b").await, Err(Error::Held { .. })));
    }
    let ended_at = Some(at(9));
    store.summarize(&fence, "ended", ended_at).await.unwrap();
    assert_eq!(other.header(run.id).await.unwrap(), RunHeader { state: "ended".into(), ended_at, ..run.clone() });
    store.release(fence).await.unwrap();
    let fence = lease(&*other, run.id, "b").await.unwrap();
    other.append(&fence, &records(&mut chain, 1)).await.unwrap();

    // A lease that has run out still holds for as long as nobody else wants the run.
    other.renew(&fence, Duration::ZERO, Timestamp::now()).await.unwrap();
    other.append(&fence, &records(&mut chain, 1)).await.unwrap();
    other.renew(&fence, LEASE_TTL, Timestamp::now()).await.unwrap();
    assert!(matches!(lease(&*store, run.id, "a").await, Err(Error::Held { .. })));
}

pub(crate) async fn a_lease_from_a_clock_set_back_is_void(place: &Place) {
    if place.has_its_own_clock() {
        return;
    }
    let store = place.store().await;
    let (run, _) = new_run(&*store).await;
    let take = async |second: i64| store.lease(run.id, "a", LEASE_TTL, at(second)).await;
    take(1_000).await.unwrap();
    assert!(matches!(take(999).await, Err(Error::Held { .. })), "a second back");
    assert!(matches!(take(1_003).await, Err(Error::Held { .. })));
    take(1_004).await.unwrap();
    take(1_004 - LEASE_TTL_MAX.as_secs() as i64).await.unwrap();
}

pub(crate) async fn who_drives_a_run_is_told_while_the_lease_is_in_force(place: &Place) {
    let (store, other) = (place.store().await, place.store().await);
    let (run, _) = new_run(&*store).await;
    let driver = async || other.driver(run.id, Timestamp::now()).await.unwrap();
    assert_eq!(driver().await, None, "nobody has begun");
    let ttl = Duration::from_millis(400);
    let fence = store.lease(run.id, "a", ttl, Timestamp::now()).await.unwrap();
    assert_eq!(driver().await.as_deref(), Some("a"));
    store.summarize(&fence, "running", None).await.unwrap();
    sleep(ttl + Duration::from_millis(50)).await;
    assert_eq!(driver().await, None, "it died without a word");
    assert_eq!(store.header(run.id).await.unwrap().state, "running", "which the run itself does not know");
    store.renew(&fence, LEASE_TTL, Timestamp::now()).await.unwrap();
    assert_eq!(driver().await.as_deref(), Some("a"), "it only slept");
    store.release(fence).await.unwrap();
    assert_eq!(driver().await, None, "it has left");

    let nobody = header("nobody", 0).id;
    let error = other.driver(nobody, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchRun { run } if run == nobody), "{error:?}");
    if !place.has_its_own_clock() {
        let fence = store.lease(run.id, "a", LEASE_TTL, at(1_000)).await.unwrap();
        let at_second = async |second: i64| other.driver(run.id, at(second)).await.unwrap();
        assert_eq!(at_second(1_003).await.as_deref(), Some("a"));
        assert_eq!(at_second(1_004).await, None);
        assert_eq!(at_second(1_004 - LEASE_TTL_MAX.as_secs() as i64 - 1).await, None, "by a clock set back");
        store.release(fence).await.unwrap();
    }
}
