//! `run --when-due`, as people call it: it waits for the window, starts once, and leaves when it is told to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

const ALWAYS: &str = "{ every: day, at: \"00:00\", window: 24h }";

/// A folder with a workflow under a schedule, and the store beside it.
fn folder(schedule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schedule = if schedule.is_empty() { String::new() } else { format!("schedule: {schedule}\n") };
    let text = format!("god_flow: 1\nworkflow: hourly\n{schedule}steps: {{ one: {{ value: 1 }} }}\n");
    fs::write(folder.path().join("hourly.yaml"), text).unwrap();
    folder
}

fn call(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.current_dir(folder).args(line.split_whitespace()).env_remove("GOD_FLOW_STORE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(folder: &Path, line: &str) -> Output {
    call(folder, line).output().unwrap()
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn runs(folder: &Path) -> usize {
    let listed = done(folder, "runs --json");
    let listed: Json = serde_json::from_slice(&listed.stdout).unwrap();
    listed.as_array().unwrap().len()
}

#[test]
fn a_window_is_started_once_by_all_who_wait() {
    let folder = folder(ALWAYS);
    let mut waiting: Vec<Child> =
        (0..3).map(|_| call(folder.path(), "run hourly.yaml --when-due").spawn().unwrap()).collect();
    let begun = Instant::now();
    let started = loop {
        if let Some(i) = waiting.iter_mut().position(|child| child.try_wait().unwrap().is_some()) {
            break waiting.remove(i).wait_with_output().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nobody starts the window");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(started.status.code(), Some(0), "{}", said(&started));
    // The others have seen by then that the window has had its run, and wait for that of tomorrow.
    std::thread::sleep(Duration::from_secs(3));
    for child in waiting {
        interrupt(&child);
        let left = child.wait_with_output().unwrap();
        assert_eq!(left.status.code(), Some(5), "{}", said(&left));
        assert!(
            said(&left).contains("waiting until then") && said(&left).contains("nothing was started"),
            "{}",
            said(&left)
        );
    }
    assert_eq!(runs(folder.path()), 1);
}

#[test]
fn a_gap_is_waited_for() {
    let folder = folder("{ every: gap, gap: 3s }");
    let first = done(folder.path(), "run hourly.yaml");
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let begun = Instant::now();
    let second = done(folder.path(), "run hourly.yaml --when-due");
    assert_eq!(second.status.code(), Some(0), "{}", said(&second));
    assert!(said(&second).contains("`hourly` is due at"), "{}", said(&second));
    assert!(begun.elapsed() > Duration::from_secs(1), "it did not wait: {:?}", begun.elapsed());
    assert_eq!(runs(folder.path()), 2);
}

#[test]
fn what_is_to_be_repeated_is_started_in_the_window_that_has_had_a_run() {
    let folder = folder("{ every: day, at: \"00:00\", window: 24h, again: 3s }");
    let path = folder.path().join("hourly.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}inputs: {{ few: {{ type: bool }} }}\ngives: {{ again: \"${{inputs.few}}\" }}\n"))
        .unwrap();
    fs::write(folder.path().join("few.yaml"), "few: true\n").unwrap();
    fs::write(folder.path().join("enough.yaml"), "few: false\n").unwrap();
    let first = done(folder.path(), "run hourly.yaml --inputs few.yaml");
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let begun = Instant::now();
    let second = done(folder.path(), "run hourly.yaml --inputs enough.yaml --when-due");
    assert_eq!(second.status.code(), Some(0), "{}", said(&second));
    assert!(begun.elapsed() > Duration::from_secs(1), "it did not wait: {:?}", begun.elapsed());
    let listed = String::from_utf8(done(folder.path(), "runs").stdout).unwrap();
    assert!(listed.contains("to be repeated"), "{listed}");
    let due: Json = serde_json::from_slice(&done(folder.path(), "due hourly.yaml --json").stdout).unwrap();
    assert_eq!(due[0]["start"], false, "{due}");
}

#[test]
fn at_full_speed_a_mock_run_begins_at_the_time_of_the_window() {
    let folder = folder("{ every: gap, gap: 72h }");
    for line in ["run hourly.yaml --backend mock --speed max", "run hourly.yaml --backend mock --speed max --when-due"]
    {
        let output = done(folder.path(), line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", said(&output));
    }
    let moments = |run: &Json| run["ended_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let listed: Json = serde_json::from_slice(&done(folder.path(), "runs --json").stdout).unwrap();
    let mut ended: Vec<jiff::Timestamp> = listed.as_array().unwrap().iter().map(moments).collect();
    ended.sort_unstable();
    assert!(ended[1].duration_since(ended[0]).as_hours() >= 71, "{ended:?}");
}

#[test]
fn what_has_no_schedule_is_never_due() {
    let folder = folder("");
    let output = done(folder.path(), "run hourly.yaml --when-due");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("has no `schedule:`"), "{}", said(&output));
    assert_eq!(runs(folder.path()), 0);
}
