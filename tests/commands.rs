//! Local commands by the built program: what ends with them, what the host lacks, and runs that go on in the background.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

struct Place(tempfile::TempDir);

impl Place {
    fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.yaml"), format!("god_flow: 1\nworkflow: commands\nsteps:\n{steps}"))
            .unwrap();
        Self(folder)
    }

    /// Calls the program by a shell; its exit, and what it says on both ways.
    fn shell(&self, script: &str) -> (i32, String) {
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(self.0.path())
            .env("G", env!("CARGO_BIN_EXE_god-flow"))
            .env("GOD_FLOW_STORE", "runs.db")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
    }

    fn says(&self, script: &str, exit: i32, words: &[&str]) -> String {
        let (found, said) = self.shell(script);
        assert_eq!(found, exit, "`{script}`: {said}");
        words.iter().for_each(|words| assert!(said.contains(words), "`{script}` does not say `{words}`: {said}"));
        said
    }

    fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            let events = self.shell("$G events r; $G show r").1;
            assert!(began.elapsed() < Duration::from_mins(1), "{what}: {events}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn what_a_command_began_ends_with_it_when_its_time_is_over() {
    let ignores = "(trap '' TERM; sleep 3; echo x > ghost) & sleep 60";
    let place =
        Place::new(&format!("  a: {{ process: {{ shell: \"{ignores}\" }}, time_limit: 1s, on_failure: result }}\n"));
    place.says("$G run w.yaml --allow-process --name r", 0, &[]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(!place.0.path().join("ghost").exists(), "it went on when its time was over");
}

#[test]
fn a_host_without_room_for_another_command_is_to_blame_itself() {
    let place = Place::new(
        "  a: { for_each: { i: '${range(60)}', key: '${text(i)}' }, process: { shell: 'sleep 2' }, retry: { host_lost: 50, wait: 100ms, factor: 1 } }\n",
    );
    place.says("ulimit -n 64; $G run w.yaml --allow-process --name r -j 60 --ahead 0", 0, &[]);
    let said = place.says("$G events r", 0, &["host_lost", "Too many open files"]);
    assert!(!said.contains("\"blame\":\"operator\""), "{said}");
}

#[test]
fn a_run_without_commands_goes_on_in_the_background_and_what_is_refused_there_is_told_here() {
    let place = Place::new("  a: { value: 1 }\n");
    place.says("$G run w.yaml --detach --name r", 0, &["r"]);
    place.wait_for("it is over", || place.shell("$G show r").1.contains("succeeded"));
    let place = Place::new("  a: { process: { shell: 'sleep 0.1' } }\n");
    place.says(
        "mkdir d; cp w.yaml d; (cd d; GOD_FLOW_STORE=../runs.db $G run w.yaml --allow-process --name r --detach)",
        0,
        &[],
    );
    place.wait_for("it is over", || place.shell("$G show r").1.contains("succeeded"));
}

#[test]
fn resume_in_the_background_takes_its_options_along_and_nothing_is_done_twice_beside_it() {
    let place = Place::new(
        "  a: { for_each: { i: '${range(6)}', key: '${text(i)}' }, process: { shell: 'until [ -e go ]; do sleep 0.05; done' } }\n",
    );
    place.says("$G run w.yaml --allow-process --name r -j 1 --detach", 0, &[]);
    let running =
        |count: usize| place.shell("$G show r --json").1.replace(' ', "").contains(&format!("\"running\":{count},"));
    place.wait_for("one runs", || running(1));
    place.says("$G retry r 'a[1]'", 3, &["is driven by", "done twice", "god-flow cancel r"]);
    place.says(
        "kill -9 $(pgrep -f \"resume $($G runs --json | grep -o '[0-9a-f-]\\{36\\}' | head -1) --apart\")",
        0,
        &[],
    );
    place.says("$G resume r --allow-process --detach -j 6", 0, &[]);
    place.wait_for("all run", || running(6));
    std::fs::write(place.0.path().join("go"), "").unwrap();
    place.wait_for("it is over", || place.shell("$G show r").1.contains("succeeded"));
}

#[test]
fn verify_takes_a_run_before_a_file_of_its_name_and_says_what_is_no_export() {
    let place = Place::new("  a: { value: 1 }\n");
    place.says("$G run w.yaml --name r", 0, &[]);
    place.says("$G export r > whole.export", 0, &[]);
    place.says("echo x > r; $G verify r", 0, &["sound"]);
    place.says("$G verify whole.export", 0, &["sound"]);
    place.says("$G verify w.yaml", 1, &["is no export of a run"]);
    place.says("$G verify ./none.json", 1, &["cannot read ./none.json"]);
}

#[test]
fn a_variable_has_a_name() {
    let place = Place::new("  a: { process: { shell: 'true', env: { 'A=B': c } } }\n");
    place.says("$G run w.yaml --allow-process --name r", 1, &["`env` has the name `A=B`"]);
}

#[test]
fn what_was_begun_elsewhere_is_lost_with_its_host_and_not_taken_for_new() {
    let place = Place::new("  a: { process: { shell: 'echo x >> began; until [ -e go ]; do sleep 0.05; done' } }\n");
    let began = || std::fs::read_to_string(place.0.path().join("began")).unwrap_or_default().lines().count();
    place.says("$G run w.yaml --allow-process --name r --detach", 0, &[]);
    place.wait_for("it has begun", || began() == 1);
    place.says(
        "kill -9 $(pgrep -f \"resume $($G runs --json | grep -o '[0-9a-f-]\\{36\\}' | head -1) --apart\")",
        0,
        &[],
    );
    place.says("mkdir there; mv attempts host there; $G resume r --allow-process --detach", 0, &[]);
    place.wait_for("it has begun again", || began() == 2);
    place.says("$G events r", 0, &["host_lost", "\"attempt\":2"]);
    std::fs::write(place.0.path().join("go"), "").unwrap();
    place.wait_for("it is over", || place.shell("$G show r").1.contains("succeeded"));
}

#[test]
fn a_store_that_cannot_be_opened_is_told_the_same_by_every_command() {
    let place = Place::new("  a: { value: 1 }\n");
    for (store, exit) in [("mysql://host/runs", 2), ("postgres://127.0.0.1:1/runs", 1), ("w.yaml", 1)] {
        let said = place.says(&format!("$G runs --store {store}"), exit, &[]);
        for call in ["run w.yaml", "show r", "resume r", "ledger balance"] {
            assert_eq!(place.says(&format!("$G {call} --store {store}"), exit, &[]), said, "{call}");
        }
    }
}
