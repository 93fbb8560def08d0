//! Web-hooks: a real run sends its message once and keeps the address to itself; a mock run records it and sends nothing.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};

const WORKFLOW: &str = "\
god_flow: 1
workflow: news
steps:
  tell:
    notify: { text: \"Ada \\\"the first\\\" \\\\ has\\nthe title\", to: NEWS_HOOK }
gives: { done: true }
";

fn run(folder: &Path, options: &[&str], hook: Option<&str>) -> Output {
    fs::write(folder.join("news.yaml"), WORKFLOW).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.current_dir(folder).args(["run", "news.yaml"]).args(options).env_remove("NEWS_HOOK");
    hook.map(|hook| command.env("NEWS_HOOK", hook));
    command.output().unwrap()
}

/// A web-hook that answers the first who asks, and gives what it was sent.
fn hook() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook/secret-token", listener.local_addr().unwrap());
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let (mut heard, mut part) = (Vec::new(), [0; 4_096]);
        while !String::from_utf8_lossy(&heard).contains("title\"}") {
            match stream.read(&mut part) {
                Ok(count @ 1..) => heard.extend_from_slice(&part[..count]),
                _ => break,
            }
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8(heard).unwrap()
    });
    (address, heard)
}

/// All that lies below a folder, as one text.
fn all_of(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| {
        if path.is_dir() { all_of(&path) } else { String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned() }
    });
    texts.collect()
}

#[test]
fn a_real_run_tells_it_and_keeps_the_address_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (address, heard) = hook();
    let output = run(folder.path(), &["--backend", "process", "--allow-process"], Some(&address));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let heard = heard.join().unwrap();
    assert!(heard.starts_with("POST /hook/secret-token "), "{heard}");
    assert!(heard.to_lowercase().contains("content-type: application/json"), "{heard}");
    assert!(heard.ends_with(r#"{"content":"Ada \"the first\" \\ has\nthe title"}"#), "{heard}");
    let kept = all_of(folder.path());
    assert!(kept.contains("the title") && !kept.contains("secret-token"), "the address was written down");
}

#[test]
fn a_mock_run_records_it_and_tells_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let output = run(folder.path(), &["--backend", "mock", "--speed", "max"], Some(&address));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(listener.accept().is_err(), "a mock run has told somebody");
    assert!(all_of(folder.path()).contains("the title"), "what would be told is recorded");
}

#[test]
fn what_is_missing_is_said() {
    for (hook, options, expected) in [
        (None, &["--backend", "process", "--allow-process"][..], "the environment variable NEWS_HOOK is not set"),
        (
            Some("ftp://example.org/secret-token"),
            &["--backend", "process", "--allow-process"],
            "the environment variable NEWS_HOOK holds no address that begins with https:// or http://",
        ),
        (None, &["--backend", "process"], "allow it with --allow-process"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), options, hook);
        let told = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!output.status.success() && told.contains(expected), "{told}");
        assert!(!told.contains("secret-token"), "{told}");
    }
}
