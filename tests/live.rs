//! The built program against a run that another process of it drives: what is followed, what is told, what is refused.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder with a workflow of two steps, of which the first goes on until there is a file `go`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go").display().to_string();
        let steps = format!(
            "god_flow: 1\nworkflow: live\nsteps:\n  a: {{ process: {{ shell: 'echo one; until [ -e {go} ]; do sleep 0.05; \
             done; echo two' }} }}\n  b: {{ needs: [a], process: {{ shell: 'echo three' }} }}\n"
        );
        std::fs::write(folder.path().join("live.yaml"), steps).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self, line: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(line).current_dir(self.path()).env("GOD_FLOW_STORE", "runs.db").env("USER", "ada");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts the run, and waits until its first step has said something.
    fn run(&self, name: &str) -> Child {
        let run = self.start(&["run", "live.yaml", "--allow-process", "--name", name]);
        wait_for("the first step", || text(&self.call(&["logs", name, "a"])).contains("one"));
        run
    }

    fn call(&self, line: &[&str]) -> Output {
        ended(self.start(line))
    }

    fn fine(&self, line: &[&str]) -> String {
        let output = self.call(line);
        assert_eq!(output.status.code(), Some(0), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    }

    fn refused(&self, line: &[&str], says: &str) {
        let output = self.call(line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{line:?}: {told}");
        assert!(told.contains(says), "{line:?}: {told}");
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn ended(mut child: Child) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it hangs: {:?}", child.wait_with_output().unwrap());
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_is_followed_paused_and_resumed_while_another_process_drives_it() {
    let place = Place::new();
    let run = place.run("live");
    let (events, logs) = (place.start(&["events", "live", "-f"]), place.start(&["logs", "live", "a", "-f"]));
    place.fine(&["pause", "live", "--why", "lunch"]);
    place.refused(&["pause", "live", "--why", "lunch"], "paused already");
    std::fs::write(place.path().join("go"), "").unwrap();
    wait_for("the end of the first step", || place.fine(&["events", "live"]).contains("attempt_succeeded"));
    assert!(!place.fine(&["events", "live"]).contains("\"node\":\"b\""), "nothing new starts");
    assert!(place.fine(&["explain", "live", "b"]).contains("pause"));
    let resumed = place.start(&["resume", "live", "--allow-process"]);

    let run = ended(run);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(ended(resumed).status.code(), Some(0));
    assert_eq!(text(&ended(logs)), "one\ntwo\n");
    let events = text(&ended(events));
    assert_eq!(events, place.fine(&["events", "live"]), "what was followed is what is there");
    let kinds: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(kinds.len() > 6 && events.lines().last().unwrap().contains("finished"), "{events}");
    place.refused(&["cancel", "live", "--why", "too late"], "over");
    place.fine(&["verify", "live"]);
}

#[test]
fn a_host_is_drained_and_a_run_is_cancelled_while_another_process_drives_it() {
    let place = Place::new();
    let run = place.run("live");
    place.refused(&["drain", "live", "there", "--why", "its disk is replaced"], "no host `there`");
    place.fine(&["drain", "live", "here", "--why", "its disk is replaced"]);
    place.refused(&["drain", "live", "here", "--why", "again"], "draining already");
    std::fs::write(place.path().join("go"), "").unwrap();
    wait_for("the end of the first step", || place.fine(&["events", "live"]).contains("attempt_succeeded"));
    assert!(place.fine(&["explain", "live", "b"]).contains("draining"));
    assert!(!place.fine(&["events", "live"]).contains("\"node\":\"b\""), "nothing new starts there");
    place.fine(&["cancel", "live", "--why", "wrong inputs", "--who", "eve"]);
    let run = ended(run);
    assert_eq!(run.status.code(), Some(5), "{}", String::from_utf8_lossy(&run.stderr));
    let events = place.fine(&["events", "live"]);
    assert!(events.contains("eve") && events.contains("its disk is replaced"), "{events}");
}

#[test]
fn a_host_that_is_given_back_takes_part_again() {
    let place = Place::new();
    let run = place.run("live");
    place.fine(&["drain", "live", "here", "--why", "its disk is replaced"]);
    std::fs::write(place.path().join("go"), "").unwrap();
    wait_for("the end of the first step", || place.fine(&["events", "live"]).contains("attempt_succeeded"));
    place.fine(&["undrain", "live", "here", "--why", "it has a new disk"]);
    assert_eq!(ended(run).status.code(), Some(0));
    assert_eq!(place.fine(&["logs", "live", "b"]), "three\n");
}

/// What was said beside the data.
fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_whose_driver_was_killed_is_told_as_interrupted_and_how_it_is_taken_up() {
    let place = Place::new();
    let mut run = place.run("live");
    assert!(place.fine(&["runs"]).contains("running"));
    assert!(place.fine(&["show", "live"]).contains("live: running"));
    assert!(place.fine(&["explain", "live", "a"]).contains("attempt 1 runs on here"));
    let (events, logs) = (place.start(&["events", "live", "-f"]), place.start(&["logs", "live", "a", "-f"]));
    run.kill().unwrap();
    run.wait().unwrap();

    let resume = "god-flow resume live --store runs.db --allow-process";
    for (what, followed) in [("events", ended(events)), ("logs", ended(logs))] {
        assert_eq!(followed.status.code(), Some(5), "{what}: {}", told(&followed));
        assert!(told(&followed).contains(resume), "{what}: {}", told(&followed));
    }
    let runs = place.call(&["runs"]);
    assert!(text(&runs).contains("interrupted") && !text(&runs).contains("running"), "{}", text(&runs));
    assert!(told(&runs).contains(resume), "{}", told(&runs));
    let listed: serde_json::Value = serde_json::from_str(&place.fine(&["runs", "--json"])).unwrap();
    assert_eq!((&listed[0]["state"], &listed[0]["driver"]), (&"interrupted".into(), &serde_json::Value::Null));
    for line in [&["show", "live"][..], &["show", "live", "a"], &["explain", "live", "a"], &["explain", "live", "b"]] {
        let text = place.fine(line);
        assert!(!text.contains("running") && !text.contains(" runs on "), "{line:?}: {text}");
        assert!(text.contains("no process drives") && text.contains(resume), "{line:?}: {text}");
    }
    assert!(place.fine(&["show", "live"]).contains("live: interrupted"));

    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(place.call(&["resume", "live", "--allow-process"]).status.code(), Some(0));
    assert_eq!(place.fine(&["logs", "live", "a", "-f"]), "one\ntwo\n");
    for line in [&["runs"][..], &["show", "live"], &["explain", "live", "a"]] {
        let output = place.call(line);
        assert!(!text(&output).contains("no process") && told(&output).is_empty(), "{line:?}: {output:?}");
    }
}

#[test]
fn a_run_that_another_process_takes_over_is_followed_to_its_end() {
    let place = Place::new();
    let mut run = place.run("live");
    let resumed = place.start(&["resume", "live", "--allow-process"]);
    let events = place.start(&["events", "live", "-f"]);
    run.kill().unwrap();
    run.wait().unwrap();
    // Long after the dead driver's lease.
    thread::sleep(Duration::from_secs(8));
    assert!(place.fine(&["runs"]).contains("running"));
    assert!(place.fine(&["show", "live"]).contains("live: running"));
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(ended(resumed).status.code(), Some(0));
    let events = ended(events);
    assert_eq!(events.status.code(), Some(0), "{}", told(&events));
    assert!(text(&events).contains("finished"));
}

#[test]
fn a_run_that_nobody_has_begun_is_no_interrupted_one() {
    let place = Place::new();
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(ended(place.run("live")).status.code(), Some(0));
    let again = place.call(&["retry", "live", "b", "--name", "again"]);
    let resume = "god-flow resume again --store runs.db --allow-process";
    assert!(told(&again).contains(resume), "{}", told(&again));
    let shown = place.fine(&["show", "again"]);
    assert!(shown.starts_with("again  live: not started"), "{shown}");
    assert!(shown.contains(" 0.0 GPU-hours used"), "no time below zero: {shown}");
    assert!(shown.contains(resume), "{shown}");
    assert!(place.fine(&["runs"]).contains("waiting for a driver"));
}

#[test]
fn what_is_said_on_the_first_signal_stays_on_the_terminal() {
    let place = Place::new();
    let go = place.path().join("go");
    let line =
        format!("echo $$ > pid; exec {} run live.yaml --allow-process --name live", env!("CARGO_BIN_EXE_god-flow"));
    let mut command = Command::new("script");
    command.args(["-qec", &format!("stty rows 10 cols 40; {line}"), "/dev/null"]).current_dir(place.path());
    command.env("GOD_FLOW_STORE", "runs.db").env("TERM", "xterm").env("SHELL", "/bin/sh");
    let Ok(run) = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        let told = "left out: what a terminal shows, for there is no `script` here that makes one\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
        return;
    };
    wait_for("the first step", || text(&place.call(&["logs", "live", "a"])).contains("one"));
    let pid = std::fs::read_to_string(place.path().join("pid")).unwrap();
    assert!(Command::new("kill").args(["-INT", pid.trim()]).status().unwrap().success());
    thread::sleep(Duration::from_secs(1));
    std::fs::write(go, "").unwrap();
    let seen = text(&ended(run));
    // Each picture begins where the one before is taken away.
    let pictures: Vec<&str> = seen.split("\u{1b}[J").collect();
    let leaving = pictures.iter().filter(|picture| picture.contains("leaves at once")).count();
    assert!(leaving >= 3, "it is gone with the next picture: {pictures:#?}");
    for picture in &pictures {
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.len() <= 10 || picture.contains("left live"), "{picture}");
    }
    assert!(seen.contains("left live before it was over"), "{seen}");
}

#[test]
fn what_ended_in_its_time_while_nobody_drove_the_run_is_no_time_limit() {
    let place = Place::new();
    let steps = "god_flow: 1\nworkflow: live\nsteps:\n  a: { process: { shell: 'echo one; sleep 1; echo two' }, \
                 time_limit: 3s }\n";
    std::fs::write(place.path().join("live.yaml"), steps).unwrap();
    let mut run = place.run("live");
    run.kill().unwrap();
    run.wait().unwrap();
    thread::sleep(Duration::from_secs(4));
    let resumed = place.call(&["resume", "live", "--allow-process"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", told(&resumed));
    assert_eq!(place.fine(&["logs", "live", "a"]), "one\ntwo\n");
    place.fine(&["verify", "live"]);
}

#[test]
fn what_was_stopped_for_its_time_limit_stays_so_when_the_driver_dies_before_it_is_told() {
    let place = Place::new();
    let steps = "god_flow: 1\nworkflow: live\nsteps:\n  a: { process: { shell: 'trap \"sleep 1; exit 0\" TERM; echo one; \
                 while true; do sleep 0.05; done' }, time_limit: 1s }\n";
    std::fs::write(place.path().join("live.yaml"), steps).unwrap();
    let mut run = place.run("live");
    wait_for("the time limit", || place.fine(&["events", "live"]).contains("overtime"));
    run.kill().unwrap();
    run.wait().unwrap();
    thread::sleep(Duration::from_secs(2));
    let resumed = place.call(&["resume", "live", "--allow-process"]);
    assert_eq!(resumed.status.code(), Some(1), "{}", told(&resumed));
    assert!(told(&resumed).contains("time limit"), "{}", told(&resumed));
}

#[test]
fn an_interrupted_run_that_others_wait_for_is_told_with_what_to_do() {
    let place = Place::new();
    let steps = std::fs::read_to_string(place.path().join("live.yaml")).unwrap();
    let schedule = "schedule: { every: day, at: \"00:00\", window: 24h, one_at_a_time: true }\nsteps:";
    std::fs::write(place.path().join("live.yaml"), steps.replacen("steps:", schedule, 1)).unwrap();
    let mut run = place.run("live");
    let due = place.call(&["due", "live.yaml"]);
    assert!(told(&due).contains("`live` waits for live (running)"), "{}", told(&due));
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of the lease", || place.fine(&["runs"]).contains("interrupted"));
    let resume =
        "interrupted; no process drives it; take it up with: god-flow resume live --store runs.db --allow-process";
    let due = place.call(&["due", "live.yaml"]);
    assert!(told(&due).contains(resume), "{}", told(&due));
    let waiting = place.start(&["run", "live.yaml", "--allow-process", "--when-due"]);
    thread::sleep(Duration::from_secs(1));
    assert!(Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap().success());
    let waiting = ended(waiting);
    assert!(told(&waiting).contains(resume), "{}", told(&waiting));
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(place.call(&["resume", "live", "--allow-process"]).status.code(), Some(0));
}
