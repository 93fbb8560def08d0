//! `god-flow doctor`: whether what runs need is there, and what to do where it is not.
//!
//! It changes nothing, and prints no secret. What it looks at stands in `checks`.

mod checks;

use serde::Serialize;

use super::{Exit, carry, out::Out, table};

#[derive(clap::Args)]
pub(super) struct Args {}

/// How something stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    state: State,
    expected: String,
    found: String,
    /// What to do about it.
    help: Option<String>,
}

impl Check {
    fn new(name: &'static str, state: State, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name, state, expected: expected.into(), found: found.into(), help: None }
    }

    fn ok(name: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, expected, found)
    }

    fn warn(name: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Warn, expected, found)
    }

    fn fail(name: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Fail, expected, found)
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

pub(super) fn run(_: &Args, out: &Out) -> Exit {
    let checks = carry::block_on(checks::all());
    let failed = checks.iter().filter(|it| it.state == State::Fail).count();
    let exit = if out.json {
        out.json_data(&serde_json::json!({ "fine": failed == 0, "checks": checks }))
    } else {
        let mut text = String::new();
        let width = checks.iter().map(|it| it.name.len()).max().unwrap_or(0);
        for Check { name, state, expected, found, help } in &checks {
            text.push_str(&format!("{:<4}  {name:<width$}  {found}\n", state.word()));
            if *state != State::Ok {
                text.push_str(&format!("      {:<width$}  expected {expected}\n", ""));
            }
            if let Some(help) = help {
                text.push_str(&format!("      {:<width$}  to do: {help}\n", ""));
            }
        }
        out.data(&text)
    };
    match (exit, failed) {
        (Exit::Fine, 0) => Exit::Fine,
        (Exit::Fine, 1) => out.failure("one check failed"),
        (Exit::Fine, failed) => out.failure(&format!("{failed} checks failed")),
        (exit, _) => exit,
    }
}

/// An amount of bytes as people read it.
fn amount(bytes: u64) -> String {
    table::rough(bytes)
}
