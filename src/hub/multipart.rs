//! Files that are too large for one request, in parts. What has arrived is written down, so that no part is sent twice.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Hub, Progress,
    folder::Local,
    lfs::{Action, FORM, address},
    source::{self, Piece},
    trouble::Trouble,
};

const PARTS_MAX: u64 = 10_000;

/// How a file is sent in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    chunk: u64,
    /// Where it is said that all parts are there.
    done: String,
    /// Where each part goes.
    to: Vec<String>,
    /// By number from one, what the storage calls a part that it has.
    tags: BTreeMap<usize, String>,
}

impl Parts {
    /// Nothing where the file goes in one piece. What was begun before is gone on with.
    pub(super) fn of(what: &str, upload: &Action, size: u64, journal: &Journal) -> Result<Option<Self>, Trouble> {
        let Some(chunk) = upload.header.get("chunk_size") else { return Ok(None) };
        let chunk = chunk.as_u64().or_else(|| chunk.as_str()?.parse().ok()).filter(|chunk| *chunk > 0);
        let mut to: Vec<(u64, String)> = Vec::new();
        for (number, url) in &upload.header {
            if let (Ok(number), Some(url)) = (number.parse(), url.as_str()) {
                to.push((number, url.to_owned()));
            }
        }
        to.sort();
        let counted =
            chunk.map(|chunk| size.div_ceil(chunk)).filter(|count| *count <= PARTS_MAX && *count == to.len() as u64);
        let (Some(chunk), Some(_)) = (chunk, counted) else {
            let message = format!("expected an address for each part of {what}, found {} for {size} bytes", to.len());
            return Err(Trouble::bad(message, "check the address of the hub"));
        };
        let fresh = Self {
            chunk,
            done: upload.href.clone(),
            to: to.into_iter().map(|(_, url)| url).collect(),
            tags: BTreeMap::new(),
        };
        let goes_on = |begun: &Self| {
            let count = fresh.to.len();
            begun.chunk == chunk
                && begun.to.len() == count
                && begun.tags.keys().all(|number| (1..=count).contains(number))
        };
        let begun = journal.read().filter(goes_on);
        Ok(Some(begun.unwrap_or(fresh)))
    }
}

impl Hub {
    pub(super) async fn store_parts(
        &self,
        what: &str,
        file: &Local,
        sha256: &str,
        parts: Parts,
        journal: &Journal,
        progress: &Progress,
    ) -> Result<(), Trouble> {
        let piece = |index: usize| {
            let from = index as u64 * parts.chunk;
            Piece { from, len: parts.chunk.min(file.size - from) }
        };
        let missing: Vec<usize> = (0..parts.to.len()).filter(|index| !parts.tags.contains_key(&(index + 1))).collect();
        let here: u64 = parts.tags.keys().map(|number| piece(number - 1).len).sum();
        progress.add(here);
        let shared = Mutex::new(parts.clone());
        let sent = stream::iter(missing.into_iter().map(|index| {
            let (shared, to, piece) = (&shared, &parts.to[index], piece(index));
            async move {
                let tag = self.store_part(&format!("part {} of {what}", index + 1), file, to, piece, progress).await?;
                let mut parts = shared.lock().expect("nothing panics while it is held");
                parts.tags.insert(index + 1, tag);
                journal.write(&parts)?;
                Ok::<u64, Trouble>(piece.len)
            }
        }))
        .buffer_unordered(self.parallel)
        .try_fold(0, |sum, len| async move { Ok(sum + len) })
        .await;
        let told = match sent {
            Ok(_) => self.tell(what, sha256, &shared).await,
            Err(trouble) => Err(trouble),
        };
        if told.is_err() {
            let parts = shared.into_inner().expect("nothing panics while it is held");
            progress.take_back(parts.tags.keys().map(|number| piece(number - 1).len).sum());
        }
        told
    }

    async fn store_part(
        &self,
        what: &str,
        file: &Local,
        to: &str,
        piece: Piece,
        progress: &Progress,
    ) -> Result<String, Trouble> {
        let url = address(what, to)?;
        let mut patience = self.patience();
        loop {
            let (body, watch) = source::body(file, piece, self.pace.clone());
            let request = self.sender.put(url.clone()).body(body);
            match self.push(what, &url, request, Some(piece.len), &watch, Some(progress)).await {
                Err(fault) => patience.bear(fault).await?,
                Ok(response) => {
                    let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
                    if let Some(tag) = tag {
                        return Ok(tag.to_owned());
                    }
                    progress.take_back(piece.len);
                    let message = format!("expected an `ETag` for {what}, but the storage gave none");
                    return Err(Trouble::bad(message, "check the storage of the hub"));
                }
            }
        }
    }

    async fn tell(&self, what: &str, sha256: &str, parts: &Mutex<Parts>) -> Result<(), Trouble> {
        let (done, tags) = {
            let parts = parts.lock().expect("nothing panics while it is held");
            (parts.done.clone(), parts.tags.clone())
        };
        let tags: Vec<_> = tags.iter().map(|(number, tag)| json!({ "partNumber": number, "etag": tag })).collect();
        let url = address(what, &done)?;
        let asked = json!({ "oid": sha256, "parts": tags });
        self.post(&format!("that all parts of {what} are taken"), &url, FORM, &asked).await?;
        Ok(())
    }
}

/// Where it is written down which parts have arrived. It has addresses that let whoever knows them write into the storage, so
/// that only its owner may read it.
pub(super) struct Journal(Option<PathBuf>);

impl Journal {
    pub(super) fn of(folder: Option<&Path>, sha256: &str) -> Self {
        Self(folder.map(|folder| folder.join(format!("{sha256}.parts"))))
    }

    fn read(&self) -> Option<Parts> {
        serde_json::from_slice(&fs::read(self.0.as_ref()?).ok()?).ok()
    }

    fn write(&self, parts: &Parts) -> Result<(), Trouble> {
        let Some(path) = &self.0 else { return Ok(()) };
        let written = || -> io::Result<()> {
            use std::{io::Write, os::unix::fs::OpenOptionsExt};
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let next = path.with_extension("next");
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
            file.write_all(&serde_json::to_vec(parts)?)?;
            fs::rename(&next, path)
        };
        written().map_err(|error| Trouble::disk("write", path, &error))
    }

    /// It is over, or of no use any more.
    pub(super) fn forget(&self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}
