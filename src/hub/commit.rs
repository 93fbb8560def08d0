//! Repositories of the hub as they are written to: made, asked how files are to be stored, and committed to.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use reqwest::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    Hub, Kind,
    ask::parsed,
    folder::{Content, Local},
    source::{Watch, streamed},
    trouble::{Trouble, Why},
};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
/// Files that one question about their storage may name.
const ASKED_MAX: usize = 256;
/// Bytes of a file by which the hub tells text from other content.
const SAMPLE: usize = 512;
/// Bytes of a file that may stand in the commit itself, whatever the hub says.
const INLINE_MAX: u64 = 10 << 20;

/// How the hub wants a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the commit.
    Inline,
    /// In the storage for large files.
    Large,
    /// Not at all.
    Ignored,
}

/// One line of a commit.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Inline(Local),
    Large { path: String, sha256: String, size: u64 },
    Delete(String),
}

#[derive(Deserialize)]
struct Answer {
    files: Vec<Asked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    path: String,
    upload_mode: String,
    #[serde(default)]
    should_ignore: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Committed {
    commit_oid: String,
}

impl Hub {
    /// The newest commit of a repository that is made if it is not there. Nothing where it has none.
    pub(super) async fn repository(&self, id: &str, private: bool) -> Result<Option<String>, Trouble> {
        match self.pin(Kind::Model, id, None).await {
            Ok(commit) => return Ok(Some(commit)),
            Err(trouble) if trouble.why == Why::NotThere => {}
            Err(trouble) => return Err(trouble),
        }
        let (owner, name) = id.split_once('/').map_or((None, id), |(owner, name)| (Some(owner), name));
        let url = self.at(&["api", "repos", "create"]);
        let asked = json!({ "name": name, "organization": owner, "private": private });
        match self.post(&format!("a new repository `{id}`"), &url, JSON, &asked).await {
            Ok(_) => {}
            // Somebody else was quicker, or a lost answer was ours.
            Err(trouble) if trouble.answered(StatusCode::CONFLICT) => {}
            Err(trouble) => return Err(trouble),
        }
        match self.pin(Kind::Model, id, None).await {
            Ok(commit) => Ok(Some(commit)),
            Err(trouble) if trouble.why == Why::NotThere => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// How the hub wants each file.
    pub(super) async fn modes(&self, id: &str, files: &[Local]) -> Result<BTreeMap<String, Mode>, Trouble> {
        let mut parts = vec!["api", "models"];
        parts.extend(id.split('/'));
        parts.extend(["preupload", "main"]);
        let url = self.at(&parts);
        let what = format!("how `{id}` stores files");
        let mut modes = BTreeMap::new();
        for some in files.chunks(ASKED_MAX) {
            let mut asked = Vec::new();
            for file in some {
                let sample = BASE64.encode(begin(file, SAMPLE as u64).await?);
                asked.push(json!({ "path": file.path, "size": file.size, "sample": sample }));
            }
            let answer = self.post(&what, &url, JSON, &json!({ "files": asked })).await?;
            let answer: Answer = parsed(&what, &url, &answer)?;
            for file in answer.files {
                let mode = match file.upload_mode.as_str() {
                    _ if file.should_ignore => Mode::Ignored,
                    "lfs" => Mode::Large,
                    _ => Mode::Inline,
                };
                modes.insert(file.path, mode);
            }
        }
        for file in files {
            let Some(mode) = modes.get_mut(&file.path) else {
                let message = format!("expected {what}, but nothing is said of `{}`", file.path);
                return Err(Trouble::bad(message, "check the address of the hub"));
            };
            // Storage takes nothing that is empty, and a commit nothing that is large.
            match mode {
                Mode::Large if file.size == 0 => *mode = Mode::Inline,
                Mode::Inline if file.size > INLINE_MAX => *mode = Mode::Large,
                _ => {}
            }
        }
        Ok(modes)
    }

    /// Commits on top of `parent`, and gives the new commit. Nothing where somebody else has committed meanwhile, or a try
    /// whose answer was lost: what there is to do must then be found anew.
    pub(super) async fn commit(
        &self,
        id: &str,
        parent: Option<&str>,
        summary: &str,
        changes: &[Change],
    ) -> Result<Option<String>, Trouble> {
        let mut parts = vec!["api", "models"];
        parts.extend(id.split('/'));
        parts.extend(["commit", "main"]);
        let url = self.at(&parts);
        let what = format!("a commit to `{id}`");
        let mut header = json!({ "summary": summary, "description": "" });
        if let Some(parent) = parent {
            header["parentCommit"] = parent.into();
        }
        let mut patience = self.patience();
        loop {
            let watch = Watch::default();
            let (to, from) = mpsc::channel(1);
            let lines = write(header.clone(), changes.to_vec(), to, watch.clone());
            let request = self.sender.post(url.clone()).header(header::CONTENT_TYPE, NDJSON);
            let request = match &self.token {
                Some(token) => token.shown_to(&self.endpoint, &url, request),
                None => request,
            };
            let request = request.body(streamed(from, self.pace.clone(), watch.clone()));
            let once = async {
                let (response, ()) = tokio::join!(self.push(&what, &url, request, None, &watch, None), lines);
                self.read(&what, &url, response?).await
            };
            match once.await {
                Ok(answer) => {
                    let done: Committed = parsed(&what, &url, &answer)?;
                    return Ok(Some(done.commit_oid));
                }
                Err(fault) if fault.trouble.answered(StatusCode::PRECONDITION_FAILED) => return Ok(None),
                Err(fault) => patience.bear(fault).await?,
            }
        }
    }
}

/// The lines of a commit, each made when the last is on its way, so that never more than one file is in memory.
async fn write(header: Value, changes: Vec<Change>, to: mpsc::Sender<std::io::Result<Bytes>>, watch: Watch) {
    let line = |key: &str, value: Value| Ok(Bytes::from(format!("{}\n", json!({ "key": key, "value": value }))));
    if to.send(line("header", header)).await.is_err() {
        return;
    }
    for change in changes {
        let line = match change {
            Change::Delete(path) => line("deletedFile", json!({ "path": path })),
            Change::Large { path, sha256, size } => {
                line("lfsFile", json!({ "path": path, "algo": "sha256", "oid": sha256, "size": size }))
            }
            Change::Inline(file) => match begin(&file, file.size).await {
                Ok(content) => {
                    let content = BASE64.encode(content);
                    line("file", json!({ "path": file.path, "content": content, "encoding": "base64" }))
                }
                Err(trouble) => {
                    let error = std::io::Error::other(trouble.message.clone());
                    watch.fail(trouble);
                    Err(error)
                }
            },
        };
        if to.send(line).await.is_err() {
            return;
        }
    }
}

/// The first bytes of a file.
async fn begin(file: &Local, most: u64) -> Result<Bytes, Trouble> {
    let (path, size) = match &file.content {
        Content::Memory(bytes) => return Ok(bytes.slice(..bytes.len().min(most as usize))),
        Content::Disk(path) => (path.clone(), file.size),
    };
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut bytes = Vec::new();
        let read = Content::open(&path, size)?.take(most.min(size)).read_to_end(&mut bytes);
        read.map_err(|error| Trouble::disk("read", &path, &error))?;
        Ok(Bytes::from(bytes))
    });
    read.await.unwrap_or_else(|error| Err(Trouble::new(Why::Disk, error.to_string(), "try again")))
}
