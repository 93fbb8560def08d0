//! The built program with commands that are ordered ahead: what waits passes for nothing else, and is taken back when
//! nothing is to begin.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    fmt::Write,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

struct Place(tempfile::TempDir);

impl Place {
    /// A folder with a workflow of such shell scripts, which need nothing of each other.
    fn new(steps: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "god_flow: 1\nworkflow: ahead\nsteps:\n".to_owned();
        for (name, shell) in steps {
            writeln!(text, "  {name}: {{ process: {{ shell: '{shell}' }} }}").unwrap();
        }
        std::fs::write(folder.path().join("ahead.yaml"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn start(&self, line: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(line).current_dir(self.path()).env("GOD_FLOW_STORE", "runs.db");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self, more: &[&str]) -> Child {
        self.start(&[&["run", "ahead.yaml", "--allow-process", "--name", "ahead"], more].concat())
    }

    fn fine(&self, line: &[&str]) -> String {
        let output = ended(self.start(line));
        assert_eq!(output.status.code(), Some(0), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the commands have written into a file, by lines.
    fn written(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} never comes");
        thread::sleep(Duration::from_millis(20));
    }
}

fn ended(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

const WAITS: &str = "echo begun >> a; until [ -e go ]; do sleep 0.02; done";

#[test]
fn what_is_ordered_is_told_as_such_and_a_pause_takes_it_back() {
    let place = Place::new(&[("a", WAITS), ("b", "echo b >> done"), ("c", "echo c >> done"), ("d", "echo d >> done")]);
    let run = place.run(&["--jobs", "1", "--ahead", "2"]);
    wait_for("the first command", || !place.written("a").is_empty());
    let shown = place.fine(&["show", "ahead"]);
    for row in ["a  1 running", "b  1 ordered", "c  1 ordered", "d  1 waiting"] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    let why = place.fine(&["explain", "ahead", "b"]);
    assert!(why.contains("waits on here for one that runs to end; it is the next to begin there"), "{why}");
    place.fine(&["pause", "ahead", "--why", "lunch"]);
    wait_for("what was ordered", || place.fine(&["events", "ahead"]).matches("attempt_withdrawn").count() == 2);
    std::fs::write(place.path().join("go"), "").unwrap();
    wait_for("the end of the first step", || place.fine(&["events", "ahead"]).contains("attempt_succeeded"));
    assert_eq!(place.written("done"), [""; 0], "nothing begins during a pause");
    place.fine(&["resume", "ahead", "--allow-process"]);
    assert_eq!(ended(run).status.code(), Some(0));
    let mut done = place.written("done");
    done.sort();
    assert_eq!(done, ["b", "c", "d"]);
    place.fine(&["verify", "ahead"]);
}

#[test]
fn what_is_ordered_does_not_begin_when_what_runs_fails() {
    let place = Place::new(&[("a", &format!("{WAITS}; exit 3")), ("b", "echo b >> done"), ("c", "echo c >> done")]);
    let run = place.run(&["--jobs", "1", "--ahead", "2"]);
    wait_for("the first command", || !place.written("a").is_empty());
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(ended(run).status.code(), Some(1));
    assert_eq!(place.written("done"), [""; 0]);
    assert_eq!(place.fine(&["events", "ahead"]).matches("attempt_withdrawn").count(), 2);
    place.fine(&["verify", "ahead"]);
}

#[test]
fn no_more_run_at_once_than_may_also_when_another_process_takes_the_run_up() {
    // Each command counts those that run, itself among them.
    let counts = "mkdir -p on; : > on/$$; ls on | wc -l >> counts; echo $GOD_FLOW_NODE >> done; sleep 0.1; rm on/$$";
    let names: Vec<String> = (0..24).map(|at| format!("s{at}")).collect();
    let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), counts)).collect();
    let place = Place::new(&steps);
    let mut run = place.run(&["--jobs", "2", "--ahead", "8"]);
    for _ in 0..3 {
        let before = place.written("done").len();
        wait_for("some commands", || place.written("done").len() > before + 3);
        run.kill().unwrap();
        run.wait().unwrap();
        run = place.start(&["resume", "ahead", "--allow-process"]);
    }
    assert_eq!(ended(run).status.code(), Some(0));
    let mut done = place.written("done");
    done.sort();
    let mut all = names.clone();
    all.sort();
    assert_eq!(done, all, "every command runs once");
    let most = place.written("counts").iter().filter_map(|it| it.trim().parse::<u32>().ok()).max();
    assert_eq!(most, Some(2));
    place.fine(&["verify", "ahead"]);
}

#[test]
fn where_nothing_is_to_be_ordered_ahead_nothing_waits_at_the_host() {
    let place = Place::new(&[("a", WAITS), ("b", "echo b >> done")]);
    let run = place.run(&["--jobs", "1", "--ahead", "0"]);
    wait_for("the first command", || !place.written("a").is_empty());
    assert!(place.fine(&["show", "ahead"]).contains("b  1 waiting"));
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(ended(run).status.code(), Some(0));
    assert_eq!(place.written("done"), ["b"]);
}

#[test]
fn what_is_ordered_does_not_begin_when_what_ran_has_failed_without_an_engine() {
    for before in [true, false] {
        let place = Place::new(&[
            ("a", &format!("{WAITS}; echo over >> over; exit 3")),
            ("b", "echo b >> done"),
            ("c", "echo c >> done"),
        ]);
        let mut run = place.run(&["--jobs", "1", "--ahead", "2"]);
        wait_for("the first command", || !place.written("a").is_empty());
        run.kill().unwrap();
        run.wait().unwrap();
        let ends = || std::fs::write(place.path().join("go"), "").unwrap();
        if before {
            ends();
            wait_for("its end", || !place.written("over").is_empty());
        }
        let again = place.start(&["resume", "ahead", "--allow-process"]);
        if !before {
            wait_for("the next driver", || place.fine(&["runs"]).contains("running"));
            thread::sleep(Duration::from_millis(200));
            ends();
        }
        assert_eq!(ended(again).status.code(), Some(1));
        assert_eq!(place.written("done"), [""; 0], "it ended before somebody took it up: {before}");
        place.fine(&["verify", "ahead"]);
    }
}

#[test]
fn what_never_began_is_not_lost_with_the_keeper() {
    let place = Place::new(&[
        ("a", &format!("echo $PPID > keeper; {WAITS}")),
        ("b", "test -e go && echo b >> done"),
        ("c", "test -e go && echo c >> done"),
    ]);
    let run = place.run(&["--jobs", "1", "--ahead", "2"]);
    wait_for("the first command", || !place.written("a").is_empty());
    let keeper = place.written("keeper").concat();
    assert!(Command::new("kill").args(["-9", &keeper]).status().unwrap().success());
    // While the first still runs nothing else may.
    thread::sleep(Duration::from_millis(300));
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(ended(run).status.code(), Some(0));
    assert_eq!(place.written("done"), ["b", "c"]);
    let events = place.fine(&["events", "ahead"]);
    // How the one that ran ended nobody knows, so that it is done again.
    assert_eq!(events.matches("attempt_failed").count(), 1, "{events}");
    assert_eq!(events.matches("attempt_withdrawn").count(), 0, "{events}");
    assert_eq!(place.written("a").len(), 2);
    place.fine(&["verify", "ahead"]);
}

#[test]
fn a_cancel_that_nobody_obeys_yet_says_what_runs_on() {
    let place = Place::new(&[("a", WAITS), ("b", "echo b >> done")]);
    let mut run = place.run(&["--jobs", "1", "--ahead", "2"]);
    wait_for("the first command", || !place.written("a").is_empty());
    run.kill().unwrap();
    run.wait().unwrap();
    let said = ended(place.start(&["cancel", "ahead", "--why", "enough"]));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let words = "no process drives ahead: it is cancelled when it is taken up, and 1 attempt may run on until then: \
                 god-flow resume ahead";
    assert!(said.contains(words), "{said}");
    assert!(place.fine(&["show", "ahead"]).contains("ahead: stopping"));
    assert_eq!(ended(place.start(&["resume", "ahead", "--allow-process"])).status.code(), Some(5));
    let said = ended(place.start(&["cancel", "ahead", "--why", "once more"]));
    assert!(String::from_utf8_lossy(&said.stderr).contains("the run is over"), "{said:?}");
    assert_eq!(place.written("done"), [""; 0]);
}

#[test]
fn where_the_files_of_attempts_are_gone_it_is_said_which() {
    let place = Place::new(&[("a", &format!("rm -rf $(dirname $GOD_FLOW_OUTPUTS); {WAITS}")), ("b", "echo b >> done")]);
    let run = place.run(&["--jobs", "1", "--ahead", "0"]);
    wait_for("the first command", || !place.written("a").is_empty());
    std::fs::write(place.path().join("go"), "").unwrap();
    let output = ended(run);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("its files in /"), "{said}");
}
