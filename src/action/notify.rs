//! `notify`: tells people outside, by a web-hook.
//!
//! The address of a web-hook is a secret, so that a workflow says only which environment variable of the engine holds it:
//! it is in no file, no record and no list of processes. A made-up world records what would be told and tells nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Action, Expect, process::Call};
use crate::base::{Span, scalar};

/// The name of the action.
pub const NOTIFY: &str = "notify";
/// How much is told at once; services refuse longer messages, most of them shorter ones.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// The command of this program that sends a message.
pub const COMMAND: &str = "send-message";
/// The environment variable that carries the message to the command that sends it.
pub const MESSAGE: &str = "GOD_FLOW_MESSAGE";

/// What `notify` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// What is told.
    pub text: String,
    /// The environment variable of the engine that holds the address of the web-hook.
    #[schemars(schema_with = "scalar::variable")]
    pub to: String,
    /// The field of the message that holds the text: `content` for Discord, which is usual, and `text` for Slack.
    #[serde(default)]
    pub field: Option<String>,
}

/// What `notify` gives: nothing, since nobody answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Told {}

pub(super) fn action() -> Action {
    Action::work::<Notify, Told>(
        NOTIFY,
        "Tells people outside by a web-hook, whose address an environment variable holds. A mock run records what it would \
         tell, and tells nobody.",
        Expect::Span(Span::from_secs(2)),
    )
    .example(
        "tell:\n  notify:\n    text: \"${champion.hotkey} has the title\"\n    to: GOD_FLOW_WEB_HOOK\n  retry: { exit_code: 2 }\n  \
         on_failure: result\n",
    )
}

/// The command of this program that tells it, without the program's own path. The address is read where it is used.
pub fn call(input: &Json) -> Result<Call, String> {
    let Notify { text, to, field } = super::entry::read(input.clone())?;
    scalar::read_scalar("variable", &to).unwrap_or(Ok(()))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("what is told has {} bytes, and at most {TEXT_BYTES_MAX} are sent", text.len()));
    }
    let message = json!({ field.unwrap_or_else(|| "content".into()): text }).to_string();
    Ok(Call { command: vec![COMMAND.into(), to], env: vec![(MESSAGE.into(), message)], dir: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_in_no_argument_and_no_record() {
        let found = call(&json!({"text": "a \"b\" \\ c\nd", "to": "HOOK", "field": "text"})).unwrap();
        assert_eq!(found.env, [(MESSAGE.to_owned(), r#"{"text":"a \"b\" \\ c\nd"}"#.to_owned())]);
        assert_eq!(found.command, ["send-message", "HOOK"]);
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for (input, expected) in [
            (json!({"text": "a", "to": "https://example.org/hook"}), "expected the name of an environment variable"),
            (json!({"text": "a", "to": "HOOK; rm"}), "expected the name of an environment variable"),
            (json!({"text": "x".repeat(TEXT_BYTES_MAX + 1), "to": "HOOK"}), "what is told has 16385 bytes"),
            (json!({"to": "HOOK"}), "text"),
        ] {
            let why = call(&input).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
