//! Single files from any address.

use std::fs;

use god_flow::hub::{File, Hub, Progress, Reach, Settings, Trouble, Why};
use sha2::{Digest, Sha256};

use super::{
    bytes, hub, names, settings,
    standin::{Fault, StandIn, hex},
};

struct Given {
    it: StandIn,
    content: Vec<u8>,
    sha256: String,
    url: String,
    root: tempfile::TempDir,
}

async fn given() -> Given {
    let it = StandIn::start().await;
    let content = bytes(2_000_000, 7);
    let url = it.put_plain("train.json", &content);
    Given { it, sha256: hex(&Sha256::digest(&content)), content, url, root: tempfile::tempdir().unwrap() }
}

impl Given {
    async fn get(&self, file: File<'_>) -> Result<u64, Trouble> {
        hub(&self.it).file(&file, &self.root.path().join("in/train.json"), &Progress::default()).await
    }

    fn file(&self) -> File<'_> {
        File { url: &self.url, sha256: Some(&self.sha256), size_limit: None }
    }

    fn has_arrived(&self) -> bool {
        let whole = fs::read(self.root.path().join("in/train.json")).is_ok_and(|found| found == self.content);
        whole && names(&self.root.path().join("in")) == ["train.json"]
    }
}

#[tokio::test]
async fn a_file_arrives_verified_or_as_it_comes() {
    for with_sum in [true, false] {
        let given = given().await;
        let file = File { sha256: given.file().sha256.filter(|_| with_sum), ..given.file() };
        let progress = Progress::default();
        let into = given.root.path().join("in/train.json");
        assert_eq!(hub(&given.it).file(&file, &into, &progress).await, Ok(2_000_000));
        assert!(given.has_arrived());
        assert_eq!((progress.done(), progress.total()), (2_000_000, 2_000_000));
        assert!(given.it.seen().iter().all(|seen| !seen.token), "strangers see no token");
    }
}

#[tokio::test]
async fn a_cut_off_file_is_gone_on_with_while_it_is_the_same() {
    for with_sum in [true, false] {
        let given = given().await;
        given.it.fault("/plain/", 2, Fault::Cut(500_000));
        let file = File { sha256: given.file().sha256.filter(|_| with_sum), ..given.file() };
        given.get(file).await.unwrap();
        assert!(given.has_arrived());
        let ranges: Vec<_> = given.it.seen().into_iter().map(|seen| seen.range).collect();
        assert_eq!(ranges, [None, Some("bytes=500000-".to_owned()), Some("bytes=1000000-".to_owned())]);
    }
    // Without a sum, what changes meanwhile is taken from its beginning.
    let given = given().await;
    given.it.fault("/plain/", 1, Fault::Cut(500_000));
    given.it.fault("/plain/", 1, Fault::Stall(100));
    let other = bytes(2_000_000, 8);
    let change = async {
        while given.it.seen().len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        given.it.put_plain("train.json", &other);
    };
    let (done, ()) = tokio::join!(given.get(File { sha256: None, ..given.file() }), change);
    done.unwrap();
    assert!(fs::read(given.root.path().join("in/train.json")).unwrap() == other, "nothing of the old one is in it");
}

#[tokio::test]
async fn what_is_another_file_or_too_large_is_refused() {
    let given = given().await;
    let other = hex(&Sha256::digest(b"other"));
    for (file, why) in [
        (File { sha256: Some(&other), ..given.file() }, Why::Bad),
        (File { sha256: Some("00"), ..given.file() }, Why::Bad),
        (File { size_limit: Some(1_999_999), ..given.file() }, Why::TooLarge),
        (File { url: "no address?token=secret", ..given.file() }, Why::Bad),
        (File { url: "file:///etc/passwd", ..given.file() }, Why::NotAllowed),
    ] {
        let trouble = given.get(file).await.unwrap_err();
        assert_eq!(trouble.why, why, "{file:?}: {trouble}");
        assert!(!trouble.message.contains("secret"), "{trouble}");
        assert!(!given.root.path().join("in/train.json").exists());
    }
    let url = given.url.replace("train.json", "none.json");
    assert_eq!(given.get(File { url: &url, ..given.file() }).await.unwrap_err().why, Why::NotThere);
}

#[tokio::test]
async fn addresses_inside_are_reached_only_if_allowed() {
    let given = given().await;
    let public = Hub::new(Settings { reach: Reach::Public, ..settings(&given.it) }).unwrap();
    let into = given.root.path().join("x");
    let inside = given.url.replace("http:", "https:");
    let named = inside.replace("127.0.0.1", "localhost");
    for (url, why) in [(&given.url, Why::NotAllowed), (&inside, Why::NotAllowed), (&named, Why::Network)] {
        let file = File { url, ..given.file() };
        let trouble = public.file(&file, &into, &Progress::default()).await.unwrap_err();
        assert_eq!(trouble.why, why, "{trouble}");
    }
    assert!(given.it.seen().is_empty(), "nobody was asked");
}
