//! Whole repositories of the hub.

use std::{fs, time::Duration};

use axum::http::Method;
use god_flow::hub::{Hub, Kind, Progress, Settings, Snapshot, Trouble, Wanted, Why};

use super::{
    all, bytes, hub, names, settings,
    standin::{Fault, StandIn},
};

const MODEL: Wanted<'static> = Wanted { kind: Kind::Model, id: "o/m", revision: None, size_limit: None };

async fn with_model() -> (StandIn, Vec<u8>, tempfile::TempDir) {
    let it = StandIn::start().await;
    let weights = bytes(3_000_000, 1);
    it.put("models/o/m", &[("config.json", b"{}"), ("a/b/x.safetensors", &weights), ("empty", b"")]);
    (it, weights, tempfile::tempdir().unwrap())
}

async fn get(it: &StandIn, root: &tempfile::TempDir) -> Result<Snapshot, Trouble> {
    hub(it).snapshot(&MODEL, &root.path().join("m"), &Progress::default()).await
}

#[tokio::test]
async fn a_model_arrives_whole_at_one_commit() {
    let (it, weights, root) = with_model().await;
    it.pages_of(2);
    let progress = Progress::default();
    let done = hub(&it).snapshot(&MODEL, &root.path().join("m"), &progress).await.unwrap();
    let expected = [
        ("a/b/x.safetensors".to_owned(), weights),
        ("config.json".to_owned(), b"{}".to_vec()),
        ("empty".to_owned(), vec![]),
    ];
    assert_eq!(all(&root.path().join("m")), expected);
    assert_eq!((done.files, done.bytes, progress.done(), progress.total()), (3, 3_000_002, 3_000_002, 3_000_002));
    assert_eq!(names(root.path()), ["m"], "nothing is left beside it");
    // The branch moves on; what was pinned does not.
    it.put("models/o/m", &[("config.json", b"{\"new\": 1}")]);
    let again = Wanted { revision: Some(&done.revision), ..MODEL };
    let again = hub(&it).snapshot(&again, &root.path().join("n"), &progress).await.unwrap();
    assert_eq!(again, done);
    assert_eq!(all(&root.path().join("n")), expected);
}

#[tokio::test]
async fn the_token_is_shown_to_the_hub_alone() {
    let (it, _, root) = with_model().await;
    it.lock_up("models/o/m", true, false);
    get(&it, &root).await.unwrap();
    let seen = it.seen();
    assert!(seen.iter().any(|seen| seen.storage));
    for seen in seen {
        assert_eq!(seen.token, !seen.storage, "{seen:?}");
    }
}

#[tokio::test]
async fn data_sets_are_asked_for_where_they_are() {
    let it = StandIn::start().await;
    it.put("datasets/o/d", &[("train.json", b"[]")]);
    let root = tempfile::tempdir().unwrap();
    let wanted = Wanted { kind: Kind::Dataset, id: "o/d", ..MODEL };
    hub(&it).snapshot(&wanted, &root.path().join("d"), &Progress::default()).await.unwrap();
    assert_eq!(all(&root.path().join("d")), [("train.json".to_owned(), b"[]".to_vec())]);
}

#[tokio::test]
async fn what_breaks_off_is_gone_on_with() {
    for fault in [Fault::Cut(1_000_000), Fault::Stall(1_000_000)] {
        let (it, weights, root) = with_model().await;
        it.fault("/object/", 2, fault.clone());
        get(&it, &root).await.unwrap();
        assert_eq!(fs::read(root.path().join("m/a/b/x.safetensors")).unwrap(), weights);
        let ranges: Vec<_> = it.seen().into_iter().filter(|seen| seen.storage).map(|seen| seen.range).collect();
        assert_eq!(ranges.len(), 3, "{fault:?}");
        assert_eq!((&ranges[0], &ranges[2]), (&None, &Some("bytes=2000000-".to_owned())), "{fault:?}");
    }
}

#[tokio::test]
async fn another_process_goes_on_with_what_a_crash_has_left() {
    let (it, weights, root) = with_model().await;
    it.fault("/object/", 99, Fault::Cut(100_000));
    assert_eq!(get(&it, &root).await.unwrap_err().why, Why::Network);
    assert!(!root.path().join("m").exists(), "it appears whole or not at all");
    it.heal();
    get(&it, &root).await.unwrap();
    let ranges: Vec<_> = it.seen().into_iter().filter(|seen| seen.storage).map(|seen| seen.range).collect();
    assert_eq!(ranges, [Some("bytes=500000-".to_owned())], "five tries brought as many pieces");
    assert_eq!(fs::read(root.path().join("m/a/b/x.safetensors")).unwrap(), weights);
    assert_eq!(names(root.path()), ["m"]);
}

#[tokio::test]
async fn what_a_crash_has_spoilt_is_fetched_anew() {
    let (it, weights, root) = with_model().await;
    it.fault("/object/", 99, Fault::Cut(100_000));
    get(&it, &root).await.unwrap_err();
    let staging = root.path().join(&names(root.path())[0]).join("parts");
    for part in names(&staging) {
        let path = staging.join(part);
        let len = fs::metadata(&path).unwrap().len() as usize;
        fs::write(path, vec![0; len]).unwrap();
    }
    it.heal();
    get(&it, &root).await.unwrap();
    assert_eq!(fs::read(root.path().join("m/a/b/x.safetensors")).unwrap(), weights);
}

#[tokio::test]
async fn wrong_bytes_never_arrive() {
    for (at, file) in [("/object/", "x.safetensors"), ("config.json", "config.json")] {
        let (it, _, root) = with_model().await;
        it.fault(at, 99, Fault::Wrong);
        let trouble = get(&it, &root).await.unwrap_err();
        assert_eq!(trouble.why, Why::Bad, "{trouble}");
        assert!(trouble.message.contains(file) && trouble.message.contains("digest"), "{trouble}");
        assert!(!root.path().join("m").exists());
    }
}

#[tokio::test]
async fn passing_troubles_pass() {
    let retry_after = || vec![("retry-after", "0".to_owned())];
    for (at, times, fault) in [
        ("/tree/", 3, Fault::Status(500, vec![])),
        ("/revision/", 1, Fault::Status(429, retry_after())),
        ("/resolve/", 4, Fault::Status(503, retry_after())),
        ("/revision/", 1, Fault::Stall(3)),
        ("/tree/", 1, Fault::Cut(3)),
    ] {
        let (it, _, root) = with_model().await;
        it.fault(at, times, fault.clone());
        let done = get(&it, &root).await;
        assert!(done.is_ok(), "{at} {fault:?}: {done:?}");
    }
}

#[tokio::test]
async fn troubles_that_stay_are_told_apart() {
    let after_long = vec![("retry-after", "120".to_owned())];
    for (at, fault, why, said) in [
        ("/tree/", Fault::Status(500, vec![]), Why::Network, "500"),
        ("/tree/", Fault::Status(429, after_long), Why::Network, "wait for 120 s"),
        ("/tree/", Fault::Status(403, vec![]), Why::NotAllowed, "403"),
        ("/tree/", Fault::Status(418, vec![]), Why::Bad, "418"),
        ("/object/", Fault::Status(403, vec![]), Why::NotAllowed, "403"),
        ("/tree/", Fault::Status(302, vec![("location", "ftp://x/y".to_owned())]), Why::Bad, "ftp"),
    ] {
        let (it, _, root) = with_model().await;
        it.fault(at, 99, fault.clone());
        let trouble = get(&it, &root).await.unwrap_err();
        assert_eq!(trouble.why, why, "{at} {fault:?}: {trouble}");
        assert!(trouble.message.contains(said), "{at} {fault:?}: {trouble}");
        assert!(!trouble.message.contains("secret"), "{trouble}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said_so() {
    let (it, _, root) = with_model().await;
    it.put("models/o/gated", &[("x", b"1")]);
    it.lock_up("models/o/gated", false, true);
    let into = root.path().join("m");
    let absent = "0123456789012345678901234567890123456789";
    for (wanted, why) in [
        (Wanted { id: "o/none", ..MODEL }, Why::NotThere),
        (Wanted { revision: Some("v9"), ..MODEL }, Why::NotThere),
        (Wanted { revision: Some(absent), ..MODEL }, Why::NotThere),
        (Wanted { id: "o/gated", ..MODEL }, Why::NotAllowed),
        (Wanted { id: "../m", ..MODEL }, Why::Bad),
        (Wanted { revision: Some(".."), ..MODEL }, Why::Bad),
        (Wanted { size_limit: Some(3_000_001), ..MODEL }, Why::TooLarge),
    ] {
        let trouble = hub(&it).snapshot(&wanted, &into, &Progress::default()).await.unwrap_err();
        assert_eq!(trouble.why, why, "{wanted:?}: {trouble}");
        assert_eq!(names(root.path()), Vec::<String>::new(), "{wanted:?}");
    }
    assert_eq!(it.count(&Method::GET, "/resolve/"), 0, "nothing was fetched for it");
    // A private one is not there for whoever has no token.
    it.lock_up("models/o/m", true, false);
    let stranger = Hub::new(Settings { token: None, ..settings(&it) }).unwrap();
    let trouble = stranger.snapshot(&MODEL, &into, &Progress::default()).await.unwrap_err();
    assert_eq!(trouble.why, Why::NotThere);
    assert!(trouble.help.contains("token"), "{}", trouble.help);
    let nobody = Hub::new(Settings { endpoint: "http://127.0.0.1:1".to_owned(), ..settings(&it) }).unwrap();
    assert_eq!(nobody.pin(Kind::Model, "o/m", None).await.unwrap_err().why, Why::Network);
}

#[tokio::test]
async fn hostile_names_lead_nowhere() {
    for name in ["../x", "/etc/x", "a/../../x", "a\0b", ".git/config"] {
        let (it, _, root) = with_model().await;
        it.put("models/o/m", &[("fine", b"1"), (name, b"2")]);
        let trouble = get(&it, &root).await.unwrap_err();
        assert_eq!(trouble.why, Why::Bad, "{name:?}");
        assert_eq!(names(root.path()), Vec::<String>::new(), "{name:?}");
    }
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let (it, _, root) = with_model().await;
    fs::create_dir(root.path().join("m")).unwrap();
    fs::write(root.path().join("m/mine"), "1").unwrap();
    let trouble = get(&it, &root).await.unwrap_err();
    assert_eq!(trouble.why, Why::Disk);
    assert_eq!(names(&root.path().join("m")), ["mine"]);
}

#[tokio::test]
async fn a_rate_is_kept_to() {
    let (it, _, root) = with_model().await;
    let slow = Hub::new(Settings { bytes_per_second: Some(3_000_000), ..settings(&it) }).unwrap();
    let begun = std::time::Instant::now();
    slow.snapshot(&MODEL, &root.path().join("m"), &Progress::default()).await.unwrap();
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn progress_is_seen_while_it_goes_on() {
    let (it, _, root) = with_model().await;
    it.fault("/object/", 1, Fault::Stall(1_000_000));
    let progress = Progress::default();
    let hub = hub(&it);
    let into = root.path().join("m");
    let snapshot = hub.snapshot(&MODEL, &into, &progress);
    let look = async {
        while progress.done() < 1_000_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (progress.done(), progress.total())
    };
    let (done, seen) = tokio::join!(snapshot, look);
    done.unwrap();
    assert!(seen.0 < 3_000_002 && seen.1 == 3_000_002, "{seen:?}");
    assert_eq!(progress.done(), 3_000_002);
}
