//! Images built from strangers' code: once on this host for the same code, Dockerfile and arguments.

use std::{fs::File, io::Write};

use futures_util::StreamExt;
use serde_json::Value as Json;

use super::{
    context,
    engine::{Built, Engine, Recipe, Trouble},
    host::HostFolder,
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
    let recipe = recipe(what, host);
    if let Some((id, bytes)) = engine.has_image(&recipe.name).await? {
        let _ = writeln!(log, "this host has built it already: {id}");
        return Ok(report(id, bytes, what.size_limit));
    }
    let tree = code::at(&host.code(), &what.code.tree);
    if !tree.is_dir() {
        return Ok(lost(&what.code.tree));
    }
    let mut parts = context::archive(&tree, &what.dockerfile);
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
                return Ok(Report::Failed(failure(&last, &why)));
            }
            Err(Trouble::Said { message, .. }) => return Ok(Report::Failed(failure(&last, &message))),
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

fn recipe(what: &Build, host: &HostFolder) -> Recipe {
    let text = serde_json::to_string(&(&what.dockerfile, &what.args, what.network)).unwrap_or_default();
    let digest = Digest::of(&text).to_string();
    Recipe {
        name: format!("god-flow/built:{}-{}", what.code.tree, &digest[..16]),
        dockerfile: what.dockerfile.clone(),
        args: what.args.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        network: what.network.unwrap_or(true),
        folder: host.label(),
    }
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

/// Why a build failed: the step that did, and the last that it said.
fn failure(last: &[String], why: &str) -> Failure {
    let about = |signs: &[&str]| signs.iter().any(|sign| why.contains(sign));
    let text = format!("the build failed: {why}{}{}", if last.is_empty() { "" } else { ": " }, last.join(" | "));
    if about(&["no space left", "disk quota"]) {
        Failure::new(Cause::HostLost, text)
    } else if about(&["dial tcp", "i/o timeout", "TLS handshake", "connection refused", "lookup "]) {
        Failure::new(Cause::Network, text)
    } else {
        Failure::new(Cause::ExitCode, text)
    }
}

/// What is held on a host may be gone: then the host is to blame, and the work is done again where it is.
fn lost(tree: &str) -> Report {
    let why = format!("the code `{tree}` is not on this host any more: retry the step that cloned it");
    Report::Failed(Failure { blame: Blame::Host, ..Failure::new(Cause::Refused, why) })
}
