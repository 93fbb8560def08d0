//! Who does a thing by hand and why: what every command asks for whose deed is recorded.

use super::{Exit, carry, out::Out, stored::Where};

/// Who says it and why, and where runs are kept.
#[derive(clap::Args)]
pub(super) struct OnRecord {
    /// Why; it is recorded.
    #[arg(long)]
    why: String,
    /// Who; left out, the user of this system.
    #[arg(long)]
    who: Option<String>,
    #[command(flatten)]
    pub(super) place: Where,
}

impl OnRecord {
    pub(super) fn why(&self, out: &Out) -> Result<&str, Exit> {
        if self.why.trim().is_empty() {
            return Err(out.wrong("--why is recorded for those who come after: say why"));
        }
        Ok(&self.why)
    }

    pub(super) fn who(&self) -> String {
        self.who.clone().unwrap_or_else(carry::user)
    }
}
