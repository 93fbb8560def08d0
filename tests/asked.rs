//! Inputs that an address says: a run asks once and keeps what was said; whoever only looks at the file asks nobody.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A server that gives everybody who asks the same answer, and how often it was asked.
fn server(status: &'static str, body: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/catalogue.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 4_096]).unwrap();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (address, asked)
}

fn workflow(from: &str, ty: &str) -> String {
    format!(
        "god_flow: 1\nworkflow: picks\ninputs:\n  catalogue: {{ type: \"{ty}\", from: \"{from}\" }}\nsteps:\n  \
         models: {{ value: \"${{inputs.catalogue.models.or([]).map(m, m.id)}}\" }}\ngives: {{ models: \"${{models}}\" }}\n"
    )
}

fn call(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.current_dir(folder).args(arguments).env("NO_COLOR", "1").env("COLUMNS", "200");
    command.env("NO_PROXY", "127.0.0.1").output().unwrap()
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy);
    both.concat().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn in_folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("picks.yaml"), text).unwrap();
    folder
}

const MODELS: &str = r#"{"models": [{"id": "org/far-away", "params_b": 3}]}"#;
const RUN: [&str; 7] = ["run", "picks.yaml", "--backend", "mock", "--speed", "max", "--name=first"];

#[test]
fn a_run_asks_once_and_keeps_what_was_said() {
    let (address, asked) = server("200 OK", MODELS.into());
    let folder = in_folder(&workflow(&address, "catalogue?"));
    let ran = call(folder.path(), &RUN);
    assert!(ran.status.success() && said(&ran).contains("org/far-away"), "{}", said(&ran));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for later in [
        &["verify", "first"][..],
        &["show", "first"],
        &["events", "first"],
        &["retry", "first", "models", "--name", "again"],
        &["resume", "again"],
        &["retry", "first", "models", "--with", "picks.yaml", "--name", "new"],
        &["resume", "new"],
    ] {
        let told = call(folder.path(), later);
        assert!(told.status.success(), "{later:?}: {}", said(&told));
        let shows = ["events", "resume"].contains(&later[0]);
        assert!(!shows || said(&told).contains("org/far-away"), "{later:?}: {}", said(&told));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody asks again");
}

#[test]
fn who_only_looks_at_the_file_asks_nobody() {
    let (address, asked) = server("200 OK", MODELS.into());
    let folder = in_folder(&workflow(&address, "catalogue?"));
    let inputs = folder.path().join("inputs.json");
    fs::write(&inputs, r#"{"catalogue": {"models": [{"id": "org/here", "params_b": 3}]}}"#).unwrap();
    for (arguments, expected) in [
        (&["check", "picks.yaml"][..], ""),
        (&["plan", "picks.yaml"], "the input `catalogue` is left out here; --inputs FILE gives it"),
        (&["simulate", "picks.yaml"], "only a run asks http://127.0.0.1:"),
        (&["rules", "picks.yaml"], ""),
        (&["graph", "picks.yaml"], ""),
    ] {
        let told = call(folder.path(), arguments);
        assert!(told.status.success() && said(&told).contains(expected), "{arguments:?}: {}", said(&told));
    }
    let given = call(folder.path(), &["plan", "picks.yaml", "--inputs", "inputs.json"]);
    assert!(!said(&given).contains("only a run asks"), "{}", said(&given));
    let ran = call(folder.path(), &[&RUN[..], &["--inputs", "inputs.json"]].concat());
    assert!(ran.status.success() && said(&ran).contains("org/here"), "{}", said(&ran));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_wrong_with_an_answer_is_told_before_anything_is_kept() {
    let large = format!("{{\"models\": [], \"x\": \"{}\"}}", "x".repeat(1 << 20));
    for (status, body, expected) in [
        ("404 Not Found", String::new(), "the server answered 404 Not Found"),
        ("200 OK", "{\"models\": [".into(), "catalogue.json:1:"),
        ("200 OK", large, "it has more than 1048576 bytes"),
        ("200 OK", r#"{"models": [{"id": 3}]}"#.into(), "catalogue.json:1:"),
        ("200 OK", r#"{"modles": []}"#.into(), "models"),
    ] {
        let (address, _) = server(status, body);
        let folder = in_folder(&workflow(&address, "catalogue?"));
        let ran = call(folder.path(), &RUN);
        assert_eq!(ran.status.code(), Some(2), "{status}: {}", said(&ran));
        assert!(said(&ran).contains(expected), "{expected}: {}", said(&ran));
        assert!(!folder.path().join(".god-flow").exists(), "{status}: nothing was begun");
    }
    for (from, expected) in [
        ("https://name:word@example.org/c.json", "leave the name and the password out"),
        ("http://127.0.0.1:1/c.json", "cannot connect"),
    ] {
        let folder = in_folder(&workflow(from, "catalogue?"));
        let ran = call(folder.path(), &RUN);
        assert!(!ran.status.success() && said(&ran).contains(expected), "{from}: {}", said(&ran));
    }
    let folder = in_folder(&workflow("http://127.0.0.1:1/c.json", "catalogue"));
    let planned = call(folder.path(), &["simulate", "picks.yaml"]);
    assert!(!planned.status.success() && said(&planned).contains("catalogue"), "{}", said(&planned));
}

#[test]
fn only_what_is_left_open_after_the_merge_is_asked() {
    let (open, open_asked) = server("200 OK", MODELS.into());
    let (given, given_asked) = server("200 OK", MODELS.into());
    let (base, base_asked) = server("200 OK", MODELS.into());
    let folder = in_folder(&format!(
        "god_flow: 1\nworkflow: picks\ninputs:\n  a: {{ type: catalogue, from: \"{open}\" }}\n  b: {{ type: catalogue, from: \"{given}\" }}\n  \
         c: {{ type: catalogue, from: \"{base}\" }}\n  d: {{ type: catalogue, from: here.json }}\nsteps:\n  models: {{ value: \
         \"${{(inputs.a.models.or([]) + inputs.b.models.or([]) + inputs.c.models.or([]) + inputs.d.models.or([])).map(m, m.id)}}\" }}\n\
         gives: {{ models: \"${{models}}\" }}\n"
    ));
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let models = |id: &str| format!(r#"{{"models": [{{"id": "org/{id}", "params_b": 3}}]}}"#);
    write("here.json", &models("base-file"));
    write("other.json", &models("variant-file"));
    write("inputs.json", &format!(r#"{{"b": {}}}"#, models("given")));
    write(
        "variant.yaml",
        &format!(
            "god_flow: 1\nextends: picks.yaml\nworkflow: variant\ninputs: {{ c: {{ from: other.json }}, d: {{ from: \"{open}\" }} }}\n"
        ),
    );
    let ran = call(folder.path(), &["run", "variant.yaml", "--backend=mock", "--speed=max", "--inputs=inputs.json"]);
    let told = said(&ran);
    assert!(ran.status.success(), "{told}");
    for word in ["org/far-away", "org/given", "org/variant-file"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!told.contains("base-file"), "{told}");
    let count = |asked: &AtomicUsize| asked.load(Ordering::Relaxed);
    assert_eq!((count(&open_asked), count(&given_asked), count(&base_asked)), (2, 0, 0));
}

#[test]
fn a_name_that_is_taken_is_refused_before_anybody_is_asked() {
    let (address, asked) = server("200 OK", MODELS.into());
    let folder = in_folder(&workflow(&address, "catalogue?"));
    assert!(call(folder.path(), &RUN).status.success());
    for more in [&RUN[..], &["run", "picks.yaml", "--backend=mock", "--speed=max", "--name=a b"]] {
        let again = call(folder.path(), more);
        assert_eq!(again.status.code(), Some(3), "{}", said(&again));
        assert!(["a run is called first already", "found \"a b\""].iter().any(|words| said(&again).contains(words)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody is asked for a run that cannot be");
}

#[test]
fn what_is_due_later_is_asked_when_it_is_due() {
    let (address, asked) = server("200 OK", MODELS.into());
    let later = workflow(&address, "catalogue").replace("steps:", "schedule: { every: gap, gap: 3s }\nsteps:");
    let folder = in_folder(&later);
    let due = ["run", "picks.yaml", "--backend=mock", "--entrants=3", "--when-due"];
    let ran = call(folder.path(), &due);
    assert!(ran.status.success() && said(&ran).contains("org/far-away"), "{}", said(&ran));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    waiting.current_dir(folder.path()).args(due).env("NO_PROXY", "127.0.0.1");
    let mut waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = waiting.stderr.take().unwrap();
    let mut told = Vec::new();
    while !String::from_utf8_lossy(&told).contains("waiting until then") {
        let mut some = [0; 512];
        let count = stderr.read(&mut some).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&some[..count]);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "it is not due yet");
    assert!(waiting.wait_with_output().unwrap().status.success());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
