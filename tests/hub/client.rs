//! The stand-in held against the official client, where that one is installed.

use std::{fs, process::Stdio};

use god_flow::hub::{Kind, Progress, Upload, Wanted};
use tokio::process::Command;

use super::{
    all, bytes, hub,
    standin::{StandIn, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "what is left out is said")]
async fn the_official_client_understands_the_same() {
    let python = || {
        let mut python = Command::new("python3");
        python.stdin(Stdio::null()).stderr(Stdio::inherit());
        python
    };
    let found = python().args(["-c", "import huggingface_hub"]).stderr(Stdio::null()).status().await;
    if !found.is_ok_and(|found| found.success()) {
        eprintln!("left out: python3 has no huggingface_hub");
        return;
    }
    let it = StandIn::start().await;
    it.parts_of(100_000);
    let root = tempfile::tempdir().unwrap();
    let ours = root.path().join("ours");
    fs::create_dir_all(ours.join("sub")).unwrap();
    fs::write(ours.join("model.safetensors"), bytes(250_000, 1)).unwrap();
    fs::write(ours.join("sub/config.json"), "{}").unwrap();
    let hub = hub(&it);
    hub.upload(&ours, "o/ours", &Upload::default(), &Progress::default()).await.unwrap();
    // It downloads what we have uploaded, and uploads the same from there.
    let status = python()
        .arg("tests/hub/client.py")
        .arg(root.path())
        .env("HF_ENDPOINT", it.endpoint())
        .env("HF_TOKEN", TOKEN)
        .env("HF_HOME", root.path().join("home"))
        .env("HF_HUB_DISABLE_XET", "1")
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .status()
        .await;
    assert!(status.unwrap().success());
    let wanted = Wanted { kind: Kind::Model, id: "o/theirs", revision: None, size_limit: None };
    hub.snapshot(&wanted, &root.path().join("back"), &Progress::default()).await.unwrap();
    let mut back = all(&root.path().join("back"));
    back.retain(|(path, _)| path != ".gitattributes");
    assert!(back == all(&ours));
}
