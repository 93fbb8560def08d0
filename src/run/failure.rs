//! Why attempts fail, and who is to blame: what the world does to an entrant is never held against them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::Retry;

/// What ended an attempt without a result. Each cause has its own budget of new attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The work's own program ended with an error.
    ExitCode,
    OutOfMemory,
    TimeLimit,
    /// The network or a service failed.
    Network,
    /// The host or a GPU of it was lost.
    HostLost,
    /// What was asked for cannot be done: it would fail again.
    Refused,
    /// What came out is not what the action gives.
    BadOutput,
    /// An expression had no result.
    Rule,
    /// It was stopped, because what it is a part of is over.
    Stopped,
}

/// Who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    Entrant,
    Host,
    Operator,
    Us,
}

impl Cause {
    /// Who is usually to blame for it.
    pub fn blame(self) -> Blame {
        match self {
            Self::ExitCode | Self::OutOfMemory | Self::TimeLimit | Self::Refused => Blame::Entrant,
            Self::Network | Self::HostLost => Blame::Host,
            // Whatever a model does, what its judge writes is the judge's.
            Self::BadOutput | Self::Rule | Self::Stopped => Blame::Operator,
        }
    }

    /// Whether it lies in the work itself, which may go better another time.
    pub fn is_of_the_work(self) -> bool {
        matches!(self, Self::ExitCode | Self::OutOfMemory | Self::TimeLimit | Self::BadOutput)
    }

    /// How many new attempts it is worth by itself.
    pub fn budget(self, retry: &Retry) -> u32 {
        match self {
            Self::ExitCode => retry.exit_code,
            Self::OutOfMemory => retry.out_of_memory,
            Self::TimeLimit => retry.time_limit,
            Self::Network => retry.network,
            Self::HostLost => retry.host_lost,
            Self::Refused | Self::BadOutput | Self::Rule | Self::Stopped => 0,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::ExitCode => "ended with an error",
            Self::OutOfMemory => "out of memory",
            Self::TimeLimit => "time limit reached",
            Self::Network => "network or service failure",
            Self::HostLost => "host lost",
            Self::Refused => "refused",
            Self::BadOutput => "bad output",
            Self::Rule => "an expression had no result",
            Self::Stopped => "stopped",
        }
    }
}

impl Blame {
    pub fn word(self) -> &'static str {
        match self {
            Self::Entrant => "entrant",
            Self::Host => "host",
            Self::Operator => "operator",
            Self::Us => "us",
        }
    }
}

/// A failure, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub cause: Cause,
    pub blame: Blame,
    /// What happened, in words; the last lines of a log, say.
    pub message: String,
}

impl Failure {
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // What a stranger's program wrote may be in it, and a terminal would do what that says.
        message.retain(|c| !c.is_control() || c == '\n');
        Self { cause, blame: cause.blame(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_terminals_nothing() {
        let failure = Failure::new(Cause::ExitCode, "a\u{1b}]0;title\u{7}b\u{9b}31mc\r\nd\u{8}é");
        assert_eq!(failure.message, "a]0;titleb31mc\ndé");
    }
}
