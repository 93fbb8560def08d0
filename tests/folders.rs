//! Where local commands run: in the folder in which their run was started, from wherever it is taken up; and what is said
//! where a folder or a word is not there.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A folder in which runs are started, another one, and a store in neither.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("here/sub")).unwrap();
        fs::create_dir(folder.path().join("there")).unwrap();
        let place = Self { folder };
        fs::write(place.at("here/w.yaml"), format!("god_flow: 1\nworkflow: w\nsteps:\n{steps}")).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        // As the commands will see it: the folder for temporary files may be a link.
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn call(&self, from: &str, line: &str, env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(line.split_whitespace()).current_dir(self.at(from)).stdin(Stdio::null());
        command.env_remove("GOD_FLOW_ALLOW_PROCESS").env("GOD_FLOW_STORE", self.at("runs.db"));
        command.envs(env.iter().copied()).output().unwrap()
    }

    #[track_caller]
    fn ends(&self, from: &str, line: &str, exit: i32) -> String {
        let output = self.call(from, line, &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{line}: {told}");
        if exit == 0 { String::from_utf8(output.stdout).unwrap() } else { told }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

const HELD: &str = "  a: { process: { shell: 'test -e ok' }, on_failure: hold }\n  \
                    b: { needs: [a], process: { shell: pwd } }\n  \
                    c: { needs: [a], process: { shell: pwd, dir: sub } }\n";

#[test]
fn a_run_that_is_taken_up_elsewhere_goes_on_in_the_folder_where_it_was_started() {
    let place = Place::new(HELD);
    place.ends("here", "run w.yaml --name w --allow-process", 4);
    let shown_held = place.ends("there", "show w", 0);
    assert!(
        shown_held
            .contains("no process drives it; decide about what is held, and then take it up with: god-flow resume w"),
        "{shown_held}"
    );
    fs::write(place.at("here/ok"), "").unwrap();
    place.ends("there", "decide w a retry --why again", 0);
    place.ends("there", "resume w --allow-process", 0);
    assert_eq!(place.ends("there", "logs w b", 0).trim_end(), shown(&place.at("here")));
    assert_eq!(place.ends("there", "logs w c", 0).trim_end(), shown(&place.at("here/sub")));
    // A run that does it again keeps the folder too.
    let again = place.ends("there", "retry w b --name again", 0);
    assert_eq!(again.trim(), "again");
    place.ends("there", "resume again --allow-process", 0);
    assert_eq!(place.ends("there", "logs again b", 0).trim_end(), shown(&place.at("here")));
}

#[test]
fn that_the_folder_of_a_run_is_gone_is_said_before_anything_starts() {
    let place = Place::new(HELD);
    place.ends("here", "run w.yaml --name w --allow-process", 4);
    place.ends("there", "decide w a retry --why again", 0);
    let events = place.ends("there", "events w", 0);
    let here = shown(&place.at("here"));
    fs::rename(place.at("here"), place.at("moved")).unwrap();
    let told = place.ends("there", "resume w --allow-process", 3);
    assert!(told.contains(&here) && told.contains("not there: make it again"), "{told}");
    assert_eq!(place.ends("there", "events w", 0), events, "nothing has begun");
    fs::rename(place.at("moved"), place.at("here")).unwrap();
    fs::write(place.at("here/ok"), "").unwrap();
    place.ends("there", "resume w --allow-process", 0);
}

#[test]
fn a_folder_of_a_step_that_is_not_there_is_named() {
    let place = Place::new("  a: { process: { shell: 'true', dir: nowhere } }\n");
    let told = place.ends("here", "run w.yaml --allow-process", 1);
    let why = format!("the folder that it runs in is not there: {}", shown(&place.at("here/nowhere")));
    assert!(told.contains(&why), "{told}");
}

#[test]
fn leave_for_local_commands_is_a_plain_yes_or_no() {
    let place = Place::new("  a: { process: { shell: 'true' } }\n");
    for (word, exit) in
        [("1", 0), ("yes", 0), ("TRUE", 0), ("on", 0), ("", 3), ("0", 3), ("no", 3), ("off", 3), ("maybe", 2), ("2", 2)]
    {
        let output = place.call("here", "run w.yaml", &[("GOD_FLOW_ALLOW_PROCESS", word)]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{word}: {told}");
        assert_eq!(told.contains("expected `1`, `true`, `yes` or `on`"), exit == 2, "{word}: {told}");
    }
    place.ends("here", "run w.yaml", 3);
    place.ends("here", "run w.yaml --allow-process", 0);
}

#[test]
fn what_is_recorded_by_hand_asks_why_in_plain_words() {
    let place = Place::new(HELD);
    place.ends("here", "run w.yaml --name w --allow-process", 4);
    for line in ["decide w a retry", "decide w a retry --why=", "cancel w", "pause w", "drain w here", "undrain w here"]
    {
        let told = place.ends("here", line, 2);
        assert!(told.contains("say why with --why"), "{line}: {told}");
    }
    for (line, says) in [
        ("decide --help", "left out, `$USER` or `$LOGNAME`, or else `operator`"),
        ("run --help", "in containers of its Docker engine"),
    ] {
        let help = place.ends("here", line, 0);
        assert!(help.contains(says), "{line}: {help}");
    }
}

#[test]
fn what_a_store_says_is_told_once() {
    let place = Place::new(HELD);
    fs::write(place.at("text"), "this is no database, and long enough to be seen as none\n".repeat(20)).unwrap();
    for (address, says) in [("text", "file is not a database"), ("there", "unable to open database file")] {
        let told = place.ends("here", &format!("runs --store {}", shown(&place.at(address))), 1);
        assert_eq!(told.matches(says).count(), 1, "{told}");
    }
}
