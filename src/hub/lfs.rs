//! Large files into the hub's storage, by the protocol of git LFS: asked for by digest, sent where the hub says, verified.

use std::path::Path;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Hub, Progress,
    ask::parsed,
    folder::Local,
    multipart::{Journal, Parts},
    source::{self, Piece},
    trouble::{Trouble, Why, plain},
};

pub(super) const FORM: &str = "application/vnd.git-lfs+json";

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    actions: Option<Actions>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    #[serde(default)]
    upload: Option<Action>,
    #[serde(default)]
    verify: Option<Action>,
}

/// Something to be done at an address, with headers, which for several parts are the addresses of those.
#[derive(Deserialize)]
pub(super) struct Action {
    pub(super) href: String,
    #[serde(default)]
    pub(super) header: Map<String, Value>,
}

impl Hub {
    /// Sees to it that the storage of a repository has this content; gives the bytes that were sent.
    pub(super) async fn store(
        &self,
        repository: &str,
        file: &Local,
        sha256: &str,
        journal: Option<&Path>,
        progress: &Progress,
    ) -> Result<u64, Trouble> {
        let what = format!("`{}` for `{repository}`", file.path);
        let journal = Journal::of(journal, sha256);
        let mut is_last = false;
        loop {
            let Some(actions) = self.actions(&what, repository, sha256, file.size).await? else {
                journal.forget();
                progress.add(file.size);
                return Ok(0);
            };
            let Some(upload) = actions.upload else {
                let message = format!("expected where to send {what}, but the hub does not say it");
                return Err(Trouble::bad(message, "check the address of the hub"));
            };
            let sent = match Parts::of(&what, &upload, file.size, &journal)? {
                Some(parts) => self.store_parts(&what, file, sha256, parts, &journal, progress).await,
                None => self.store_whole(&what, file, &upload, progress).await,
            };
            match sent {
                Ok(()) => {}
                // Addresses that the hub gives out end after a while, and parts are thrown away: it gives out others.
                Err(trouble) if !is_last && matches!(trouble.why, Why::NotAllowed | Why::NotThere | Why::Bad) => {
                    journal.forget();
                    is_last = true;
                    continue;
                }
                Err(trouble) => return Err(trouble),
            }
            if let Some(verify) = &actions.verify {
                let url = address(&what, &verify.href)?;
                self.post(&format!("that {what} is whole"), &url, FORM, &json!({ "oid": sha256, "size": file.size }))
                    .await?;
            }
            journal.forget();
            return Ok(file.size);
        }
    }

    /// What to do for it; nothing where it is there already.
    async fn actions(&self, what: &str, repository: &str, sha256: &str, size: u64) -> Result<Option<Actions>, Trouble> {
        let (owner, name) = repository.split_once('/').map_or((None, repository), |(owner, name)| (Some(owner), name));
        let name = format!("{name}.git");
        let parts: Vec<&str> = owner.into_iter().chain([name.as_str(), "info", "lfs", "objects", "batch"]).collect();
        let url = self.at(&parts);
        let asked = json!({
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{ "oid": sha256, "size": size }],
            "hash_algo": "sha256",
            "ref": { "name": "main" },
        });
        let purpose = format!("where to send {what}");
        let answer = self.post(&purpose, &url, FORM, &asked).await?;
        let batch: Batch = parsed(&purpose, &url, &answer)?;
        let Some(object) = batch.objects.into_iter().next() else {
            return Err(Trouble::bad(
                format!("expected {purpose}, but the hub does not say it"),
                "check the address of the hub",
            ));
        };
        if let Some(Refusal { code, message }) = object.error {
            let why = match code {
                401 | 403 => Why::NotAllowed,
                404 | 410 => Why::NotThere,
                413 => Why::TooLarge,
                429 | 500.. => Why::Network,
                _ => Why::Bad,
            };
            let message = format!("expected {purpose}, but the hub answered {code}: {}", plain(&message, 200));
            return Err(Trouble::new(why, message, "check the file, and what the token may do"));
        }
        Ok(object.actions)
    }

    async fn store_whole(&self, what: &str, file: &Local, to: &Action, progress: &Progress) -> Result<(), Trouble> {
        let url = address(what, &to.href)?;
        let mut patience = self.patience();
        loop {
            let (body, watch) = source::body(file, Piece { from: 0, len: file.size }, self.pace.clone());
            let mut request = self.sender.put(url.clone()).body(body);
            for (name, value) in &to.header {
                if let Some(value) = value.as_str() {
                    request = request.header(name, value);
                }
            }
            match self.push(what, &url, request, Some(file.size), &watch, Some(progress)).await {
                Ok(_) => return Ok(()),
                Err(fault) => patience.bear(fault).await?,
            }
        }
    }
}

/// An address that the hub has given out.
pub(super) fn address(what: &str, href: &str) -> Result<Url, Trouble> {
    let found = Url::parse(href).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    found.ok_or_else(|| {
        Trouble::bad(format!("expected an address for {what}, but the hub gave none"), "check the address of the hub")
    })
}
