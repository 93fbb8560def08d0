//! `hold`: stops here, for somebody to decide.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `hold` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// What there is to decide.
    pub why: String,
    /// Whether it stops; without it, it always does.
    #[serde(default)]
    pub when: Option<bool>,
}

/// What `hold` gives.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Whether it may go on, which is so whenever this is read.
    pub go_on: bool,
    /// What somebody has chosen, where there was something to choose from.
    pub chosen: Option<Vec<String>>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Held>);

pub(super) fn action() -> Action {
    Action::pure::<Hold, Held>(
        "hold",
        "Fails with a reason. With `on_failure: hold` the run waits there until an operator has decided.",
        |input| {
            decide(input, &GIVES, |it: Hold| if it.when.unwrap_or(true) { Err(it.why) } else { Ok(Held { go_on: true, chosen: None }) })
        },
    )
    .example("look:\n  hold: { why: more than half of the trainings failed, when: \"${!complete.complete}\" }\n  on_failure: hold\n")
}

#[cfg(test)]
mod tests {
    use crate::base::Value;

    #[test]
    fn it_stops_with_its_reason_unless_told_not_to() {
        let run = |when: Value| {
            let input = Value::record([("why", Value::text("look at it")), ("when", when)]);
            super::action().decide(&input, crate::base::Seed(1), "hold").unwrap().map(|it| it.to_json())
        };
        assert_eq!(run(Value::Null), Err("look at it".into()));
        assert_eq!(run(Value::Bool(true)), Err("look at it".into()));
        assert_eq!(run(Value::Bool(false)), Ok(serde_json::json!({"go_on": true, "chosen": null})));
    }
}
