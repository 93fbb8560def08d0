//! Calls of other commands, as this program advises them: complete, so that they can be pasted into a shell.

use super::{settings, setup::Setup};
use crate::store::RunHeader;

/// A command about a run. `address` is the store as it was named in this call.
pub(super) fn about(command: &str, run: &RunHeader, address: Option<&str>) -> String {
    let mut call = format!("god-flow {command} {}", quoted(&run.name));
    // What the settings say holds for the next call too, but a variable may have been set for this one alone. The address
    // of a server may hold a password.
    let of_variable = || settings::get().store.as_deref().filter(|_| settings::get().from("store").is_variable());
    if let Some(address) = address.or_else(of_variable).filter(|address| !address.contains("://")) {
        call.push_str(&format!(" --store {}", quoted(address)));
    }
    let runs_commands = serde_json::from_str::<Setup>(&run.setup).is_ok_and(|setup| setup.runs_commands());
    if command == "resume" && runs_commands {
        call.push_str(" --allow-process");
    }
    call
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=');
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
