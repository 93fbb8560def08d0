//! `god-flow send-message`: tells one message to a web-hook, for a `notify` step. Nobody calls it by hand.
//!
//! The address comes from an environment variable and goes nowhere but to the connection: not into an argument, a log or an
//! event.

use std::time::Duration;

use super::{Exit, carry, out::Out};
use crate::{action::notify::MESSAGE, hub};

/// How long a web-hook may take.
const TIME: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(super) struct Args {
    /// The environment variable that holds the address.
    to: String,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let to = &args.to;
    let address = std::env::var(to).unwrap_or_default();
    if address.is_empty() {
        return out.failure(&format!("the environment variable {to} is not set"));
    }
    if !(address.starts_with("https://") || address.starts_with("http://")) {
        return out
            .failure(&format!("the environment variable {to} holds no address that begins with https:// or http://"));
    }
    let Ok(message) = std::env::var(MESSAGE) else { return out.failure("there is no message") };
    match carry::block_on(hub::text::post(&address, message, TIME)) {
        Ok(()) => Exit::Fine,
        Err(why) => out.failure(&format!("the web-hook that {to} names was not told: {why}")),
    }
}
