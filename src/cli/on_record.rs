//! Who does a thing by hand and why: what every command asks for whose deed is recorded.

use super::{Exit, carry, out::Out, stored::Where};

/// Who says it and why, and where runs are kept.
#[derive(clap::Args)]
pub(super) struct OnRecord {
    /// Why; it is recorded, and must be said.
    #[arg(long)]
    why: Option<String>,
    /// Who; left out, `$USER` or `$LOGNAME`, or else `operator`.
    #[arg(long)]
    who: Option<String>,
    #[command(flatten)]
    pub(super) place: Where,
}

impl OnRecord {
    pub(super) fn why(&self, out: &Out) -> Result<&str, Exit> {
        match self.why.as_deref() {
            Some(why) if !why.trim().is_empty() => Ok(why),
            _ => Err(out.wrong("say why with --why \"…\": it is recorded for those who come after")),
        }
    }

    pub(super) fn who(&self) -> String {
        self.who.clone().unwrap_or_else(carry::user)
    }
}
