//! Folders into repositories.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use axum::http::Method;
use god_flow::hub::{Hub, Kind, Progress, Secret, Settings, Trouble, Upload, Uploaded, Wanted, Why};

use super::{
    all, bytes, hub, names, settings,
    standin::{Fault, StandIn},
};

const TO: &str = "o/result";
const HOW: Upload<'static> = Upload {
    base_model: None,
    subfolder: None,
    private: false,
    replace_all: true,
    size_limit: None,
    summary: "Task 1",
    journal: None,
};

struct Given {
    it: StandIn,
    root: tempfile::TempDir,
}

async fn given() -> Given {
    let given = Given { it: StandIn::start().await, root: tempfile::tempdir().unwrap() };
    given.write("model.safetensors", &bytes(1_000_000, 1));
    given.write("config.json", b"{}");
    given.write("sub/second.safetensors", &bytes(300_000, 2));
    given.write("empty.bin", b"");
    given.write("optimizer.pt", &bytes(5_000, 3));
    given
}

impl Given {
    fn folder(&self) -> std::path::PathBuf {
        self.root.path().join("out")
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    async fn put(&self, how: &Upload<'_>) -> Result<Uploaded, Trouble> {
        let progress = Progress::default();
        let done = hub(&self.it).upload(&self.folder(), TO, how, &progress).await;
        if let Ok(done) = &done {
            assert_eq!((progress.done(), progress.total()), (done.bytes, done.bytes), "all of it is told");
        }
        done
    }

    fn there(&self) -> Vec<String> {
        self.it.look("models/o/result").1.into_keys().collect()
    }

    fn commits(&self) -> usize {
        self.it.look("models/o/result").0
    }
}

const ALL: [&str; 5] = [".gitattributes", "config.json", "empty.bin", "model.safetensors", "sub/second.safetensors"];

#[tokio::test]
async fn a_folder_is_there_afterwards_and_comes_back_the_same() {
    for parts in [None, Some(100_000)] {
        let given = given().await;
        parts.into_iter().for_each(|parts| given.it.parts_of(parts));
        let done = given.put(&HOW).await.unwrap();
        assert_eq!(given.there(), ALL);
        assert_eq!((done.files, done.bytes, done.sent), (4, 1_300_002, 1_300_002));
        assert!(!given.it.is_private("models/o/result"));
        let wanted = Wanted { kind: Kind::Model, id: TO, revision: Some(&done.revision), size_limit: None };
        let back = given.root.path().join("back");
        hub(&given.it).snapshot(&wanted, &back, &Progress::default()).await.unwrap();
        let mut sent = all(&given.folder());
        sent.retain(|(path, _)| path != "optimizer.pt");
        let mut came = all(&back);
        came.retain(|(path, _)| path != ".gitattributes");
        assert!(sent == came, "in parts of {parts:?}");
        for seen in given.it.seen() {
            let is_open = seen.storage || seen.path.starts_with("/complete/");
            assert!(seen.token || is_open, "{seen:?}");
            assert!(!(seen.token && seen.storage), "storage sees no token: {seen:?}");
        }
    }
}

#[tokio::test]
async fn twice_is_once() {
    let given = given().await;
    let first = given.put(&HOW).await.unwrap();
    given.it.heal();
    let second = given.put(&HOW).await.unwrap();
    assert_eq!((&second.revision, second.sent), (&first.revision, 0));
    assert_eq!(given.commits(), 2, "one that the hub makes, and ours");
    assert_eq!(given.it.count(&Method::PUT, ""), 0);
    // One file less and another one changed: one commit, in which only what is new is sent.
    fs::remove_file(given.folder().join("sub/second.safetensors")).unwrap();
    given.write("config.json", b"{\"a\": 1}");
    let third = given.put(&HOW).await.unwrap();
    assert_eq!((third.sent, given.commits()), (8, 3));
    assert_eq!(given.there(), ALL[..4]);
    // What is not to be replaced stays.
    fs::remove_file(given.folder().join("empty.bin")).unwrap();
    let kept = given.put(&Upload { replace_all: false, ..HOW }).await.unwrap();
    assert_eq!((kept.revision, given.there().len()), (third.revision, 4));
}

#[tokio::test]
async fn a_subfolder_is_all_that_is_replaced() {
    let given = given().await;
    given.it.put("models/o/result", &[("README.md", b"mine"), ("checkpoints/old.bin", b"1"), ("checkpoints2/x", b"2")]);
    let how = Upload { subfolder: Some("/checkpoints/"), ..HOW };
    given.put(&how).await.unwrap();
    let mut expected = vec!["README.md".to_owned(), "checkpoints2/x".to_owned()];
    expected.extend(ALL[1..].iter().map(|path| format!("checkpoints/{path}")));
    expected.sort();
    assert_eq!(given.there(), expected);
    for wrong in ["../x", "a/../../b", "a\0"] {
        let trouble = given.put(&Upload { subfolder: Some(wrong), ..HOW }).await.unwrap_err();
        assert_eq!(trouble.why, Why::Bad, "{wrong}");
    }
}

#[tokio::test]
async fn the_base_model_is_written_into_what_is_sent_only() {
    let given = given().await;
    given.write("adapter_config.json", br#"{"base_model_name_or_path": "/cache/models/x"}"#);
    given.write("README.md", b"---\nbase_model: /cache/models/x\n---\n# Result\n");
    let before = all(&given.folder());
    let how = Upload { base_model: Some("org/base"), ..HOW };
    let first = given.put(&how).await.unwrap();
    let read = |path: &str| String::from_utf8(given.it.read("models/o/result", path)).unwrap();
    assert_eq!(read("README.md"), "---\nbase_model: org/base\n---\n# Result\n");
    assert!(read("adapter_config.json").contains(r#""base_model_name_or_path": "org/base""#));
    assert!(all(&given.folder()) == before, "the folder is as it was");
    assert_eq!(given.put(&how).await.unwrap().revision, first.revision);
}

#[tokio::test]
async fn only_a_part_that_failed_is_sent_again() {
    let given = given().await;
    given.it.parts_of(100_000);
    for fault in [Fault::Status(500, vec![]), Fault::Stall(0)] {
        given.it.fault("/3", 1, fault);
    }
    given.put(&HOW).await.unwrap();
    assert_eq!(given.it.count(&Method::PUT, "/part/"), 10 + 3 + 2, "ten and three parts, and two tries more");
}

#[tokio::test]
async fn another_process_sends_only_the_parts_that_are_missing() {
    let given = given().await;
    given.it.parts_of(100_000);
    fs::remove_dir_all(given.folder().join("sub")).unwrap();
    given.it.fault("/7", 99, Fault::Status(500, vec![]));
    let journal = given.root.path().join("journal");
    let how = Upload { journal: Some(&journal), ..HOW };
    // One after the other, so that those before the seventh are there.
    let slow = || Hub::new(Settings { parallel: 1, ..settings(&given.it) }).unwrap();
    let trouble = slow().upload(&given.folder(), TO, &how, &Progress::default()).await.unwrap_err();
    assert_eq!(trouble.why, Why::Network, "{trouble}");
    let kept = journal.join(&names(&journal)[0]);
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
    given.it.heal();
    let progress = Progress::default();
    let done = slow().upload(&given.folder(), TO, &how, &progress).await.unwrap();
    assert_eq!(given.it.count(&Method::PUT, "/part/"), 4, "the seventh to the tenth");
    assert_eq!(progress.done(), done.bytes);
    assert_eq!(names(&journal), Vec::<String>::new(), "what is over is forgotten");
    assert_eq!(given.it.read("models/o/result", "model.safetensors"), bytes(1_000_000, 1));
}

#[tokio::test]
async fn parts_that_the_storage_has_forgotten_are_sent_anew() {
    let given = given().await;
    given.it.parts_of(100_000);
    let journal = given.root.path().join("journal");
    let how = Upload { journal: Some(&journal), ..HOW };
    given.it.fault("/complete/", 99, Fault::Status(500, vec![]));
    given.put(&how).await.unwrap_err();
    given.it.heal();
    given.it.forget_parts();
    given.put(&how).await.unwrap();
    assert_eq!(given.there(), ALL);
}

#[tokio::test]
async fn passing_troubles_pass() {
    for (at, fault) in [
        ("/revision/", Fault::Status(500, vec![])),
        ("/repos/create", Fault::Status(503, vec![])),
        ("/preupload/", Fault::Cut(2)),
        ("/objects/batch", Fault::Status(429, vec![("retry-after", "0".to_owned())])),
        ("/object/", Fault::Status(500, vec![])),
        ("/object/", Fault::Stall(0)),
        // A presigned address that has expired: the hub is asked for another.
        ("/object/", Fault::Status(403, vec![])),
        ("/verify/", Fault::Status(502, vec![])),
        ("/commit/", Fault::Status(500, vec![])),
        // The commit is made, but nobody hears of it.
        ("/commit/", Fault::Cut(5)),
    ] {
        let given = given().await;
        given.it.fault(at, 1, fault.clone());
        let done = given.put(&HOW).await;
        assert!(done.is_ok(), "{at} {fault:?}: {done:?}");
        assert_eq!((given.there(), given.commits()), (ALL.map(str::to_owned).to_vec(), 2), "{at} {fault:?}");
    }
}

#[tokio::test]
async fn what_was_sent_wrong_is_not_committed() {
    let given = given().await;
    let other = bytes(1_000_000, 9);
    // Somebody writes into the folder after the digests were taken: the size is the same, the content is not.
    given.it.fault("/object/", 1, Fault::Stall(0));
    let change = async {
        while given.it.count(&Method::PUT, "/object/") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        given.write("model.safetensors", &other);
        given.write("sub/second.safetensors", &other[..300_000]);
    };
    let (done, ()) = tokio::join!(given.put(&HOW), change);
    let trouble = done.unwrap_err();
    assert_eq!(trouble.why, Why::Bad, "{trouble}");
    assert_eq!(given.commits(), 1, "only the one that the hub makes");
}

#[tokio::test]
async fn what_is_too_large_is_not_begun() {
    let given = given().await;
    let how = Upload { size_limit: Some(1_000_000), ..HOW };
    assert_eq!(how.check(&given.folder()).await.unwrap_err().why, Why::TooLarge);
    assert_eq!(given.put(&how).await.unwrap_err().why, Why::TooLarge);
    assert!(given.it.seen().is_empty(), "the hub was not asked anything");
    HOW.check(&given.folder()).await.unwrap();
}

#[tokio::test]
async fn whoever_may_not_write_is_told() {
    let given = given().await;
    for token in [None, Secret::new("hf_of_somebody")] {
        let hub = Hub::new(Settings { token, ..settings(&given.it) }).unwrap();
        let trouble = hub.upload(&given.folder(), TO, &HOW, &Progress::default()).await.unwrap_err();
        assert_eq!(trouble.why, Why::NotAllowed, "{trouble}");
        // The stand-in repeats the headers that it was sent.
        assert!(!format!("{trouble:?}").contains("hf_of_somebody"), "{trouble:?}");
    }
    let trouble = hub(&given.it).upload(Path::new("/nowhere"), TO, &HOW, &Progress::default()).await.unwrap_err();
    assert_eq!(trouble.why, Why::NotThere);
    let trouble = hub(&given.it).upload(&given.folder(), "a/b/c", &HOW, &Progress::default()).await.unwrap_err();
    assert_eq!(trouble.why, Why::Bad);
    std::os::unix::fs::symlink("/etc/passwd", given.folder().join("link")).unwrap();
    assert_eq!(given.put(&HOW).await.unwrap_err().why, Why::Bad);
}

#[tokio::test]
async fn others_may_commit_meanwhile() {
    let given = given().await;
    given.it.fault("/commit/", 1, Fault::Stall(0));
    let other = async {
        while given.it.count(&Method::POST, "/commit/") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        given.it.put("models/o/result", &[("theirs", b"1")]);
    };
    let (done, ()) = tokio::join!(given.put(&HOW), other);
    done.unwrap();
    assert_eq!(given.there(), ALL[1..], "what others had there is replaced as well");
}

#[tokio::test]
async fn large_files_pass_in_little_memory() {
    const LARGE: u64 = 320 << 20;
    let it = StandIn::start().await;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    fs::create_dir(&folder).unwrap();
    fs::File::create(folder.join("x.safetensors")).unwrap().set_len(LARGE).unwrap();
    let patient =
        || Hub::new(Settings { parallel: 2, stall: std::time::Duration::from_secs(20), ..settings(&it) }).unwrap();
    let done = patient().upload(&folder, TO, &HOW, &Progress::default()).await.unwrap();
    let wanted = Wanted { kind: Kind::Model, id: TO, revision: Some(&done.revision), size_limit: None };
    patient().snapshot(&wanted, &root.path().join("back"), &Progress::default()).await.unwrap();
    assert_eq!(fs::metadata(root.path().join("back/x.safetensors")).unwrap().len(), LARGE);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.is_none_or(|peak| peak < 200 << 10), "{peak:?} KiB");
}
