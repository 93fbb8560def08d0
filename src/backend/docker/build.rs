//! Images built from strangers' code: once on this host for the same code, Dockerfile and arguments.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use futures_util::StreamExt;
use serde_json::Value as Json;

use super::{
    blame, context,
    dockerfile::{self, OURS},
    engine::{Built, Engine, Recipe, Trouble},
    host::HostFolder,
    left_out::{LeftOut, Unread},
    restart::Life,
};
use crate::{
    action::{build::Build, vocabulary::Image},
    backend::code,
    base::Size,
    run::{Blame, Cause, Digest, Failure, Report},
};

/// Lines of the end of a build that tell why it failed.
const LINES: usize = 4;

/// Builds the image, or finds it built.
pub(super) async fn build(engine: &Engine, what: &Build, host: &HostFolder, mut log: &File) -> Result<Report, Trouble> {
    let recipe = match recipe(what, host) {
        Ok(recipe) => recipe,
        Err(error) => {
            return Ok(Report::Failed(Failure::new(Cause::HostLost, format!("the folder of this host: {error}"))));
        }
    };
    if let Some((id, bytes)) = engine.has_image(&recipe.name).await? {
        let _ = writeln!(log, "this host has built it already: {id}");
        return Ok(report(id, bytes, what.size_limit));
    }
    let tree = code::at(&host.code(), &what.code.tree);
    if !tree.is_dir() {
        return Ok(lost(&what.code.tree));
    }
    let left_out = match looked_through(&tree, &recipe) {
        Ok(left_out) => left_out,
        Err(failure) => return Ok(Report::Failed(failure)),
    };
    let life = engine.life().await;
    let mut parts = context::archive(&tree, &what.dockerfile, left_out);
    let parts = futures_util::stream::poll_fn(move |context| parts.poll_recv(context));
    let mut words = Box::pin(engine.build(&recipe, parts));
    let mut last: Vec<String> = Vec::new();
    while let Some(word) = words.next().await {
        match word {
            Ok(Built::Says(text)) => {
                // A log that cannot be kept stops no build.
                let _ = log.write_all(text.as_bytes());
                last.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
                last.drain(..last.len().saturating_sub(LINES));
            }
            Ok(Built::Failed(why)) => {
                let _ = writeln!(log, "{why}");
                return Ok(Report::Failed(judged(engine, life.as_ref(), &why, &last).await));
            }
            Err(Trouble::Said { message, .. }) => {
                return Ok(Report::Failed(judged(engine, life.as_ref(), &message, &last).await));
            }
            Err(away) => return Err(away),
        }
    }
    match engine.has_image(&recipe.name).await? {
        Some((id, bytes)) => {
            let report = report(id, bytes, what.size_limit);
            if matches!(report, Report::Failed(_)) {
                engine.remove_image(&recipe.name).await?;
            }
            Ok(report)
        }
        None => {
            Ok(Report::Failed(Failure::new(Cause::HostLost, "the engine has no image after the build that made it")))
        }
    }
}

/// Why a build failed. An engine that is ended ends what it builds.
async fn judged(engine: &Engine, life: Option<&Life>, why: &str, last: &[String]) -> Failure {
    if engine.life().await.as_ref() == life {
        return blame::of_build(why, last);
    }
    Failure::new(Cause::HostLost, format!("the Docker engine was restarted during the build: {why}"))
}

fn recipe(what: &Build, host: &HostFolder) -> io::Result<Recipe> {
    let text = serde_json::to_string(&(&what.code.tree, &what.dockerfile, &what.args, what.network))?;
    // Nobody whose code is built here is to know how another's image is called.
    let secret = host.secret()?;
    let digest = Digest::of(&format!("{secret}{}", Digest::of(&format!("{secret}{text}")))).to_string();
    Ok(Recipe {
        name: format!("{OURS}built:{}", &digest[..40]),
        dockerfile: what.dockerfile.clone(),
        args: what.args.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        network: what.network.unwrap_or(true),
        folder: host.label(),
    })
}

/// What is left out of the files of a checkout, if it can be built.
fn looked_through(tree: &Path, recipe: &Recipe) -> Result<LeftOut, Failure> {
    let refused = |why: String| Failure::new(Cause::Refused, why);
    let unread = |error: io::Error| Failure::new(Cause::HostLost, format!("the files to build from: {error}"));
    let left_out = LeftOut::of(tree).map_err(|why| match why {
        Unread::Theirs(why) => refused(why),
        Unread::Disk(error) => unread(error),
    })?;
    // What the engine cannot read either it says itself.
    if code::has(tree, &recipe.dockerfile) {
        let text = fs::read(tree.join(&recipe.dockerfile)).map_err(unread)?;
        dockerfile::look_through(&String::from_utf8_lossy(&text), &recipe.args).map_err(refused)?;
    }
    Ok(left_out)
}

fn report(id: String, size_bytes: u64, most: Option<Size>) -> Report {
    match most {
        Some(most) if size_bytes > most.0 => {
            let why = format!("expected an image of at most {most}, found one of {}", Size(size_bytes));
            Report::Failed(Failure::new(Cause::Refused, why))
        }
        _ => Report::Succeeded { output: serde_json::to_value(Image { id, size_bytes }).unwrap_or(Json::Null) },
    }
}

/// What is held on a host may be gone: then the host is to blame, and the work is done again where it is.
fn lost(tree: &str) -> Report {
    let why = format!("the code `{tree}` is not on this host any more: retry the step that cloned it");
    Report::Failed(Failure { blame: Blame::Host, ..Failure::new(Cause::Refused, why) })
}
