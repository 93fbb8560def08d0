//! `god-flow try`: one action alone, on an input from a file.

use super::{Exit, files, out::Out};
use crate::{
    action::{Takes, catalogue, find},
    base::{Seed, Value, near},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An action that is a function of its input: `god-flow actions` lists them.
    action: String,

    /// The file with what it takes, in YAML or JSON, or `-` for stdin.
    #[arg(long, value_name = "FILE")]
    with: String,

    /// The seed of actions that draw.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let Some(action) = find(&args.action) else {
        let help = near::did_you_mean(&args.action, catalogue().iter().map(|action| action.name)).unwrap_or_default();
        return out.wrong(&format!("there is no action `{}`; {help}", args.action));
    };
    if !action.is_pure() {
        let what = if action.is_of_ledger() { "is done in the ledger, for a run" } else { "is work for a backend" };
        return out.wrong(&format!("`{}` {what}; only functions of their input can be tried", args.action));
    }
    let input = match files::value(&args.with) {
        Ok(json) => match &action.takes {
            Takes::Fields { ty, .. } => Value::from_json(&json, ty),
            Takes::Anything => Ok(Value::untyped(&json)),
        },
        Err(why) => return out.wrong(&why),
    };
    let input = match input {
        Ok(input) => input,
        Err(why) => return out.wrong(&format!("{}: {why}", args.with)),
    };
    match action.decide(&input, Seed(args.seed), &args.action) {
        Some(Ok(output)) if out.json => out.json_data(&output.to_json()),
        Some(Ok(output)) => out.data(&shown(&output.to_json())),
        Some(Err(why)) => out.failure(&why),
        None => out.failure("it decides nothing"),
    }
}

/// A line for each field, its value as JSON.
fn shown(output: &serde_json::Value) -> String {
    match output.as_object() {
        Some(fields) => fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect(),
        None => format!("{output}\n"),
    }
}
