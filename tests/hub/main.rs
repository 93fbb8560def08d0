//! Transfers against a stand-in for the hub: what arrives, what is sent, and what happens when something goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod cache;
mod client;
mod doctor;
mod download;
#[path = "../engine/mod.rs"]
mod engine;
mod files;
mod standin;
mod tournament;
#[path = "../engine/trainer.rs"]
mod trainer;
mod upload;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use god_flow::hub::{Cache, Hub, Kind, Progress, Reach, Secret, Settings, Upload, Wanted};
use standin::{StandIn, TOKEN};

/// A hub that is asked with little patience.
fn hub(it: &StandIn) -> Hub {
    Hub::new(settings(it)).unwrap()
}

fn settings(it: &StandIn) -> Settings {
    Settings {
        endpoint: it.endpoint(),
        token: Secret::new(TOKEN),
        reach: Reach::Anywhere,
        patience: Duration::from_millis(900),
        stall: Duration::from_millis(400),
        ..Settings::default()
    }
}

/// The same bytes for the same number, and no two alike.
fn bytes(len: usize, number: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[1] ^ number).collect()
}

/// All files below a folder, with their content.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// Names right below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Backends carry transfers out beside one another, as tasks of their own.
#[tokio::test(flavor = "multi_thread")]
async fn transfers_may_be_tasks() {
    let it = StandIn::start().await;
    it.put("models/o/m", &[("config.json", b"{}")]);
    let root = tempfile::tempdir().unwrap();
    let (hub, out) = (Arc::new(hub(&it)), root.path().join("out"));
    fs::create_dir(&out).unwrap();
    fs::write(out.join("x.bin"), bytes(2_000, 1)).unwrap();
    let sends = Arc::clone(&hub);
    let sent = tokio::spawn(async move {
        sends.upload(&out, "o/r", &Upload::default(), &Progress::default()).await.unwrap();
    });
    let cache = Cache::open(&root.path().join("cache"), None).await.unwrap();
    let came = tokio::spawn(async move {
        let wanted = Wanted { kind: Kind::Model, id: "o/m", revision: None, size_limit: None };
        let make = |path: PathBuf| {
            let hub = Arc::clone(&hub);
            async move { hub.snapshot(&wanted, &path, &Progress::default()).await.map(drop) }
        };
        let held = cache.get("o/m", make).await.unwrap();
        fs::read(held.path().join("config.json")).unwrap()
    });
    sent.await.unwrap();
    assert_eq!(came.await.unwrap(), b"{}");
}
