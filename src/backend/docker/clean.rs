//! What is left on this host when runs are over: containers and networks after a crash, images that were built, and what
//! trainings left. Only what carries our label, or has the name of one of our attempts, is ever found.
//!
//! Which of it may go is for the caller to say, who knows the runs.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    engine::{Engine, Labelled, Trouble},
    host::HostFolder,
    shape::LABEL,
};
use crate::{backend::paths, run::RunId};

/// What kind of thing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Container,
    Network,
    Image,
    /// The folder for what an attempt leaves.
    Output,
}

/// Something that is left.
#[derive(Clone, Debug, Serialize)]
pub struct Leftover {
    pub kind: Kind,
    pub name: String,
    /// The digest of an image, by which results name it.
    pub id: String,
    /// Whose it is; images are for all runs.
    pub run: Option<RunId>,
    pub made: Timestamp,
    /// How large it is, as far as that is known.
    pub bytes: u64,
}

/// What work on this host has left.
pub struct Leftovers {
    host: HostFolder,
}

impl Leftovers {
    /// Below the folder for the files of all runs.
    pub fn below(folder: &Path) -> Self {
        Self { host: HostFolder::below(folder) }
    }

    /// What trainings left.
    pub fn of_host(&self) -> std::io::Result<Vec<Leftover>> {
        let outputs = self.host.outputs()?.into_iter().filter_map(|(name, path)| {
            let run = name.strip_prefix(LABEL)?.strip_prefix('-')?.get(..36)?.parse().ok()?;
            let made = path.metadata().ok()?.modified().ok()?;
            let made = Timestamp::try_from(made).ok()?;
            Some(Leftover {
                kind: Kind::Output,
                id: String::new(),
                run: Some(run),
                made,
                bytes: paths::size(&path),
                name,
            })
        });
        Ok(outputs.collect())
    }

    /// What an engine has of runs, and the images that were built for this folder.
    pub async fn of_engine(&self, address: &str) -> Result<Vec<Leftover>, String> {
        let engine = Engine::at(address)?;
        let found = async {
            let labelled = [
                (Kind::Container, engine.containers(&format!("{LABEL}.run")).await?),
                (Kind::Network, engine.networks(&format!("{LABEL}.run")).await?),
                (Kind::Image, engine.images(&format!("{LABEL}.folder={}", self.host.label())).await?),
            ];
            Ok::<_, Trouble>(labelled.into_iter().flat_map(|(kind, all)| all.into_iter().map(move |it| (kind, it))))
        };
        let leftover = |(kind, it): (Kind, Labelled)| {
            // Whoever wrote a Dockerfile may have put labels there: images are for all runs.
            let run = it.labels.get(&format!("{LABEL}.run")).filter(|_| kind != Kind::Image);
            let run = run.and_then(|run| run.parse().ok());
            Leftover { kind, name: it.name, id: it.id, run, made: it.made, bytes: it.bytes }
        };
        let is_ours = |(kind, it): &(Kind, Labelled)| {
            let run = it.labels.get(&format!("{LABEL}.run"));
            *kind == Kind::Image || run.is_some_and(|run| it.name.starts_with(&format!("{LABEL}-{run}-")))
        };
        Ok(found.await.map_err(|trouble| trouble.to_string())?.filter(is_ours).map(leftover).collect())
    }

    /// Removes one of them. Gives whether it is gone: an image in which something runs stays.
    pub async fn remove(&self, it: &Leftover, address: &str) -> Result<bool, String> {
        if it.kind == Kind::Output {
            return self.host.remove_output(&it.name).map(|()| true).map_err(|error| error.to_string());
        }
        let engine = Engine::at(address)?;
        let removed = async {
            match it.kind {
                Kind::Container => engine.remove(&it.name).await?,
                Kind::Network => engine.remove_network(&it.name).await?,
                Kind::Image => {
                    engine.remove_image(&it.name).await?;
                    return Ok(engine.has_image(&it.name).await?.is_none());
                }
                Kind::Output => {}
            }
            Ok::<_, Trouble>(true)
        };
        removed.await.map_err(|trouble| trouble.to_string())
    }
}
