//! What a host keeps for all who need it.

use std::{
    fs,
    future::{Ready, ready},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use god_flow::hub::{Cache, Trouble, Why};

use super::names;

async fn cache(root: &Path, budget: Option<u64>) -> Cache {
    Cache::open(root, budget).await.unwrap()
}

/// Makes an entry of so many bytes.
fn made(path: PathBuf, bytes: usize) -> Ready<Result<(), Trouble>> {
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("x"), vec![0; bytes]).unwrap();
    ready(Ok(()))
}

/// Waits until nobody looks after entries any more, which uses them for a moment, and for the clock of the files to go on.
async fn all_kept(root: &Path) {
    let entries = root.join("entries");
    while !names(&entries).iter().all(|name| entries.join(name).join("kept").exists()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(15)).await;
}

async fn has(cache: &Cache, key: &str) -> bool {
    let again = AtomicUsize::new(0);
    let _held = cache
        .get(key, |path| {
            again.fetch_add(1, Ordering::Relaxed);
            made(path, 1)
        })
        .await
        .unwrap();
    again.into_inner() == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_need_the_same_make_it_once() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache(root.path(), None).await;
    let times = AtomicUsize::new(0);
    let one = || async {
        cache
            .get("model o/m@1", |path| {
                times.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    made(path, 5).await
                }
            })
            .await
            .unwrap()
    };
    let held = futures_util::future::join_all((0..16).map(|_| one())).await;
    assert_eq!(times.load(Ordering::Relaxed), 1);
    assert_eq!(held.iter().filter(|held| held.is_fresh()).count(), 1);
    for held in &held {
        assert_eq!(fs::read(held.path().join("x")).unwrap(), [0; 5]);
    }
    assert!(cache.hold("model o/m@1").unwrap().is_some());
    assert!(cache.hold("model o/m@2").unwrap().is_none());
}

#[tokio::test]
async fn where_one_fails_the_next_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache(root.path(), None).await;
    let failed = cache
        .get("k", |path| async move {
            fs::write(path, "half").unwrap();
            Err(Trouble::new(Why::Network, "cut off", ""))
        })
        .await;
    assert_eq!(failed.unwrap_err().why, Why::Network);
    assert!(cache.hold("k").unwrap().is_none());
    let done = cache.get("k", |path| async move {
        assert_eq!(fs::read(&path).unwrap(), b"half");
        fs::write(path, "whole").unwrap();
        Ok(())
    });
    assert_eq!(fs::read(done.await.unwrap().path()).unwrap(), b"whole");
}

#[tokio::test]
async fn what_was_used_longest_ago_goes_first_and_what_is_in_use_stays() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache(root.path(), Some(250)).await;
    let held = cache.get("a", |path| made(path, 100)).await.unwrap();
    for key in ["b", "c", "d"] {
        drop(cache.get(key, |path| made(path, 100)).await.unwrap());
        all_kept(root.path()).await;
        if key == "b" {
            assert!(has(&cache, "a").await);
        }
    }
    assert!(cache.hold("a").unwrap().is_some(), "it is in use");
    assert!(cache.hold("b").unwrap().is_none() && cache.hold("c").unwrap().is_none());
    assert!(cache.hold("d").unwrap().is_some());
    // What nobody holds any more goes as well, even through another cache on the same folder.
    drop(held);
    tokio::time::sleep(Duration::from_millis(15)).await;
    let other = self::cache(root.path(), Some(250)).await;
    assert!(has(&other, "d").await);
    all_kept(root.path()).await;
    drop(other.get("e", |path| made(path, 200)).await.unwrap());
    assert!(other.hold("a").unwrap().is_none() && other.hold("e").unwrap().is_some());
    assert!(fs::read_dir(root.path().join("locks")).unwrap().count() <= 2, "locks go with what they lock");
}

#[tokio::test]
async fn a_full_disk_is_freed_of_what_nobody_uses() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache(root.path(), None).await;
    let full = |path: PathBuf| {
        let is_full = names(&root.path().join("entries")).iter().any(|name| name.starts_with("old"));
        async move {
            if is_full {
                return Err(Trouble::new(Why::DiskFull, "no space", ""));
            }
            made(path, 1).await
        }
    };
    let held = cache.get("old", |path| made(path, 100)).await.unwrap();
    all_kept(root.path()).await;
    assert_eq!(cache.get("new", full).await.unwrap_err().why, Why::DiskFull, "it is in use");
    drop(held);
    assert!(cache.get("new", full).await.is_ok());
}

#[tokio::test]
async fn what_a_crash_leaves_is_no_entry() {
    let root = tempfile::tempdir().unwrap();
    let first = cache(root.path(), None).await;
    drop(first.get("spoilt", |path| made(path, 10)).await.unwrap());
    drop(first.get("fine", |path| made(path, 10)).await.unwrap());
    let entry = |name: &str| {
        let names = names(&root.path().join("entries"));
        root.path().join("entries").join(names.iter().find(|it| it.starts_with(name)).unwrap())
    };
    // Both are from before a crash of the machine, and only one is known to have reached the disk.
    for name in ["spoilt", "fine"] {
        let place = entry(name).join("entry.json");
        all_kept(root.path()).await;
        let mut said: serde_json::Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
        said["boot"] = "before".into();
        fs::write(place, said.to_string()).unwrap();
    }
    fs::remove_file(entry("spoilt").join("kept")).unwrap();
    // Half-made long ago, half thrown away, and half-made just now.
    let making = root.path().join("making");
    for name in ["long-ago", "just-now"] {
        fs::create_dir(making.join(name)).unwrap();
        fs::write(making.join(name).join("content"), "half").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(48);
    for path in [making.join("long-ago/content"), making.join("long-ago")] {
        fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
    }
    fs::create_dir_all(root.path().join("entries/thrown/content")).unwrap();
    let second = cache(root.path(), None).await;
    assert_eq!(names(&making), ["just-now"]);
    assert_eq!(names(&root.path().join("entries")).len(), 1);
    assert!(second.hold("fine").unwrap().is_some());
    assert!(!has(&second, "spoilt").await);
}

#[tokio::test]
async fn keys_are_kept_apart() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache(root.path(), None).await;
    let long = "x".repeat(5_000);
    let keys = ["a/b", "a-b", "../../a", ".", "", "ä", &long];
    for key in keys {
        assert!(!has(&cache, key).await, "{key}");
    }
    assert_eq!(names(&root.path().join("entries")).len(), keys.len());
    assert_eq!(names(root.path()), ["entries", "locks", "making"]);
}
