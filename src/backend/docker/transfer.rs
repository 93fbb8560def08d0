//! What has to come to this host before a training, and what has to leave it afterwards.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value as Json;

use super::{host::HostFolder, job::Place, local};
use crate::{
    action::{
        download::Download,
        upload::Upload,
        vocabulary::{Files, Model},
    },
    backend::paths,
    base::Size,
    hub::{self, Cache, Hub, Kind, Progress, Trouble, Why},
    run::{Blame, Cause, Digest, Failure, Report},
};

/// How often it is told how far a transfer has come.
const TELL: Duration = Duration::from_secs(5);
/// The most that is uploaded where the step says no other number.
const UPLOAD_MAX: Size = Size(1 << 40);

/// Brings a model, data or a single file into the cache, unless they are there.
///
/// What lies on this host already may be named where code of this host may be.
pub(super) async fn download(place: &Place<'_>, what: &Download, log: &File) -> Report {
    let (hub, cache) = (place.hub, place.cache);
    let local = |address| local::path(address).filter(|_| place.allow_local);
    let progress = Progress::default();
    let mut bytes = 0;
    let most = what.size_limit.map(|size| size.0);
    let fetched = async {
        cache.ready().await?;
        let mut files = Files { model: None, dataset: None, file: None, datasets: Vec::new(), size_bytes: 0 };
        let left = |bytes: u64| most.map(|most| most.saturating_sub(bytes));
        if let Some(id) = &what.model {
            let revision = what.revision.as_deref();
            let key = match local(id) {
                Some(path) => on_this_host(cache, path, &mut bytes).await?,
                None => repository(hub, cache, Kind::Model, id, revision, most, &progress, &mut bytes).await?,
            };
            files.model = Some(key);
        }
        if let Some(data) = &what.dataset {
            let key = if let Some(path) = local(data) {
                on_this_host(cache, path, &mut bytes).await?
            } else if data.contains("://") {
                let wanted = hub::File { url: data, sha256: None, size_limit: left(bytes) };
                one_file(hub, cache, &wanted, &progress, &mut bytes).await?
            } else {
                repository(hub, cache, Kind::Dataset, data, None, left(bytes), &progress, &mut bytes).await?
            };
            files.dataset = Some(key);
        }
        if let Some(file) = &what.file {
            let wanted = hub::File { url: &file.url, sha256: Some(&file.sha256), size_limit: left(bytes) };
            files.file = Some(one_file(hub, cache, &wanted, &progress, &mut bytes).await?);
        }
        for id in &what.datasets {
            // What an entrant asks for may fail to arrive without harm.
            match repository(hub, cache, Kind::Dataset, id, None, left(bytes), &progress, &mut bytes).await {
                Ok(key) => files.datasets.push(key),
                Err(trouble) => say(log, &format!("left out: {trouble}")),
            }
        }
        files.size_bytes = bytes;
        Ok(files)
    };
    match while_told(fetched, &progress, log).await {
        Ok(files) => succeeded(&files),
        Err(trouble) => Report::Failed(failure(&trouble, Blame::Operator)),
    }
}

async fn on_this_host(cache: &Cache, path: &Path, bytes: &mut u64) -> Result<String, Trouble> {
    let (key, held) = local::take_in(cache, path).await?;
    *bytes += paths::size(held.path());
    Ok(key)
}

/// Uploads what training left, to the hub or to the folder in its place.
pub(super) async fn upload(hub: &Hub, host: &HostFolder, models: Option<&Path>, what: &Upload, log: &File) -> Report {
    let Some(folder) = host.output(&what.training.output) else {
        let why = format!("training left no folder `{}`, where its result is expected", what.training.output);
        return Report::Failed(Failure::new(Cause::Refused, why));
    };
    let journal = host.journal();
    let how = hub::Upload {
        base_model: Some(&what.base_model),
        subfolder: what.folder.as_deref(),
        size_limit: Some(what.size_limit.unwrap_or(UPLOAD_MAX).0),
        summary: "Upload what training left",
        journal: Some(&journal),
        ..hub::Upload::default()
    };
    // What cannot be uploaded is what the entrant's code left; what the hub says of it is not theirs.
    if let Err(trouble) = how.check(&folder).await {
        return Report::Failed(failure(&trouble, Blame::Entrant));
    }
    let progress = Progress::default();
    let uploaded = async {
        match models {
            Some(shelf) => hub::shelve(&folder, &what.repository, &how, shelf).await,
            None => hub.upload(&folder, &what.repository, &how, &progress).await,
        }
    };
    match while_told(uploaded, &progress, log).await {
        Ok(done) => {
            say(log, &format!("{} files, {} bytes, of which {} were sent", done.files, done.bytes, done.sent));
            succeeded(&Model { repository: what.repository.clone(), revision: done.revision })
        }
        Err(trouble) => Report::Failed(failure(&trouble, Blame::Operator)),
    }
}

fn succeeded(output: &impl Serialize) -> Report {
    Report::Succeeded { output: serde_json::to_value(output).unwrap_or(Json::Null) }
}

#[expect(clippy::too_many_arguments, reason = "all of them are of one transfer")]
async fn repository(
    hub: &Hub,
    cache: &Cache,
    kind: Kind,
    id: &str,
    revision: Option<&str>,
    most: Option<u64>,
    progress: &Progress,
    bytes: &mut u64,
) -> Result<String, Trouble> {
    let commit = hub.pin(kind, id, revision).await?;
    let word = match kind {
        Kind::Model => "model",
        Kind::Dataset => "dataset",
    };
    let key = format!("{word}:{id}@{commit}");
    let commit = commit.as_str();
    let make = |into: PathBuf| async move {
        let wanted = hub::Wanted { kind, id, revision: Some(commit), size_limit: most };
        hub.snapshot(&wanted, &into, progress).await.map(drop)
    };
    *bytes += paths::size(cache.get(&key, make).await?.path());
    Ok(key)
}

async fn one_file(
    hub: &Hub,
    cache: &Cache,
    wanted: &hub::File<'_>,
    progress: &Progress,
    bytes: &mut u64,
) -> Result<String, Trouble> {
    // The same content is the same file, wherever it comes from; without its digest only the same address is.
    let key = format!("file:{}", wanted.sha256.map_or_else(|| Digest::of(wanted.url).to_string(), str::to_owned));
    let make = |into: PathBuf| async move { hub.file(wanted, &into, progress).await.map(drop) };
    *bytes += paths::size(cache.get(&key, make).await?.path());
    Ok(key)
}

/// Follows a transfer, and says from time to time how far it has come.
async fn while_told<T>(transfer: impl Future<Output = T>, progress: &Progress, log: &File) -> T {
    let mut transfer = std::pin::pin!(transfer);
    let mut told = 0;
    loop {
        tokio::select! {
            done = &mut transfer => return done,
            () = tokio::time::sleep(TELL) => if progress.done() != told {
                told = progress.done();
                say(log, &format!("{told} of {} bytes", progress.total()));
            },
        }
    }
}

fn say(mut log: &File, line: &str) {
    // A log that cannot be written stops no transfer.
    let _ = writeln!(log, "{line}");
}

/// Whose fault it is that something could not be moved; `theirs` of what was asked for.
fn failure(trouble: &Trouble, theirs: Blame) -> Failure {
    let words = format!("{trouble}: {}", trouble.help);
    match trouble.why {
        Why::NotThere | Why::Bad | Why::TooLarge => Failure { blame: theirs, ..Failure::new(Cause::Refused, words) },
        Why::NotAllowed => Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, words) },
        Why::Network => Failure::new(Cause::Network, words),
        Why::DiskFull | Why::Disk => Failure::new(Cause::HostLost, words),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, net::TcpListener};

    use serde_json::json;

    use super::*;
    use crate::action;

    /// A hub that has nothing.
    fn empty_hub() -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Hub::new(hub::Settings { endpoint, token: hub::Secret::new("hf_a"), ..hub::Settings::default() }).unwrap()
    }

    #[tokio::test]
    async fn what_the_hub_refuses_is_not_the_entrants_and_what_they_left_is() {
        let place = tempfile::tempdir().unwrap();
        let host = HostFolder::below(place.path());
        let folder = host.make_output("attempt").unwrap();
        fs::write(folder.join("model.safetensors"), [0; 2_000]).unwrap();
        let what = json!({
            "training": { "output": "attempt", "took": "1m", "cut_short": false }, "repository": "o/m",
            "base_model": "o/base"
        });
        let what = action::upload::call(&what).unwrap();
        let log = tempfile::tempfile().unwrap();
        let hub = empty_hub();
        let blame = async || match upload(&hub, &host, None, &what, &log).await {
            Report::Failed(failure) => failure.blame,
            other => panic!("{other:?}"),
        };
        assert_eq!(blame().await, Blame::Operator);
        std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
        assert_eq!(blame().await, Blame::Entrant);
    }
}
