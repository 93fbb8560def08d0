//! A folder into a repository of the hub, in one commit. Doing it twice leaves one copy, and sends nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Hub, Kind, Progress,
    commit::{Change, Mode},
    digest::Hasher,
    folder::{Content, Local, gather},
    patch::patch,
    tree::{Entry, check_id, check_path},
    trouble::{Trouble, Why, plain},
};

/// Times that somebody else may commit while we do.
const OVERTAKEN_MAX: usize = 5;

/// How a folder is uploaded.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// What the model was trained from, to be written into the model card and the settings of an adapter.
    pub base_model: Option<&'a str>,
    /// The folder of the repository that it goes to; the repository itself when left out.
    pub subfolder: Option<&'a str>,
    /// Whether a repository that is made here is private.
    pub private: bool,
    /// Deletes, in the same commit, what is there and is not uploaded.
    pub replace_all: bool,
    /// The most that all files together may weigh.
    pub size_limit: Option<u64>,
    /// What the commit says.
    pub summary: &'a str,
    /// A folder of our own in which it is written down how far large files have come.
    pub journal: Option<&'a Path>,
}

impl Default for Upload<'_> {
    fn default() -> Self {
        let (size_limit, summary) = (None, "Upload");
        Self {
            base_model: None,
            subfolder: None,
            private: false,
            replace_all: true,
            size_limit,
            summary,
            journal: None,
        }
    }
}

impl Upload<'_> {
    /// Whether a folder can be uploaded at all: what is wrong with it is whose work it is to blame for.
    pub async fn check(&self, folder: &Path) -> Result<(), Trouble> {
        prepare(folder, self).await.map(drop)
    }
}

/// What there is in the repository now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The commit that has all of it.
    pub revision: String,
    pub files: usize,
    pub bytes: u64,
    /// Bytes that had to be sent: what is there already is not.
    pub sent: u64,
}

impl Hub {
    /// Uploads a folder that nobody writes into any more.
    pub async fn upload(
        &self,
        folder: &Path,
        repository: &str,
        how: &Upload<'_>,
        progress: &Progress,
    ) -> Result<Uploaded, Trouble> {
        check_id(Kind::Model, repository)?;
        let files = prepare(folder, how).await?;
        progress.expect(files.iter().map(|file| file.size).sum());
        let mut ready: BTreeMap<String, Change> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut sent = 0;
        let mut head = self.repository(repository, how.private).await?;
        let modes = self.modes(repository, &files).await?;
        let files: Vec<Local> =
            files.into_iter().filter(|file| modes.get(&file.path) != Some(&Mode::Ignored)).collect();
        let done = |revision: String, sent| Uploaded {
            revision,
            files: files.len(),
            bytes: files.iter().map(|file| file.size).sum(),
            sent,
        };
        for _ in 0..OVERTAKEN_MAX {
            let there = match &head {
                Some(commit) => self.tree(Kind::Model, repository, commit).await?,
                None => BTreeMap::new(),
            };
            let mut changes = deleted(how, &files, &there);
            // By numbers, since closures over references would keep this from being a task.
            let settled = stream::iter((0..files.len()).map(|at| {
                let file = &files[at];
                let (known, there, mode) = (ready.get(&file.path).cloned(), there.get(&file.path), modes[&file.path]);
                async move {
                    if is_same(file, there).await? {
                        return Ok((None, 0));
                    }
                    match known {
                        Some(change) => Ok((Some(change), 0)),
                        None => self.settle(repository, file, mode, how.journal, progress).await,
                    }
                }
            }));
            let settled: Vec<_> = settled.buffered(self.parallel).try_collect().await?;
            for (file, (change, bytes)) in files.iter().zip(settled) {
                sent += bytes;
                if seen.insert(file.path.clone()) && change.is_none() {
                    progress.add(file.size);
                }
                if let Some(change) = change {
                    ready.insert(file.path.clone(), change.clone());
                    changes.push(change);
                }
            }
            if let (Some(head), true) = (&head, changes.is_empty()) {
                return Ok(done(head.clone(), sent));
            }
            if let Some(commit) = self.commit(repository, head.as_deref(), how.summary, &changes).await? {
                return Ok(done(commit, sent));
            }
            head = Some(self.pin(Kind::Model, repository, None).await?);
        }
        let message =
            format!("expected to commit to `{repository}`, but others did so {OVERTAKEN_MAX} times meanwhile");
        Err(Trouble::new(Why::Network, message, "try again when nobody else writes there"))
    }

    /// Makes the content of a file ready for a commit.
    async fn settle(
        &self,
        repository: &str,
        file: &Local,
        mode: Mode,
        journal: Option<&Path>,
        progress: &Progress,
    ) -> Result<(Option<Change>, u64), Trouble> {
        if mode != Mode::Large {
            progress.add(file.size);
            return Ok((Some(Change::Inline(file.clone())), file.size));
        }
        let sha256 = hashed(file, Hasher::towards(None)).await?;
        let sent = self.store(repository, file, &sha256, journal, progress).await?;
        Ok((Some(Change::Large { path: file.path.clone(), sha256, size: file.size }), sent))
    }
}

/// The files as they shall be in the repository.
pub(super) async fn prepare(folder: &Path, how: &Upload<'_>) -> Result<Vec<Local>, Trouble> {
    let below = how.subfolder.map(|below| below.trim_matches('/')).filter(|below| !below.is_empty());
    if let Some(Err(said)) = below.map(check_path) {
        let below = plain(below.unwrap_or_default(), 120);
        let message = format!("expected a folder of the repository such as `checkpoints`, found `{below}`, {said}");
        return Err(Trouble::bad(message, "write it without `..`"));
    }
    let (folder, base_model) = (folder.to_owned(), how.base_model.map(str::to_owned));
    let below = below.map(|below| format!("{below}/")).unwrap_or_default();
    let most = how.size_limit;
    let prepared = tokio::task::spawn_blocking(move || {
        let mut files = gather(&folder)?;
        let size = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
        if let Some(most) = most.filter(|most| size > *most) {
            let message = format!("expected at most {most} bytes in `{}`, found {size}", folder.display());
            return Err(Trouble::new(Why::TooLarge, message, "leave less, or raise the limit"));
        }
        if let Some(base_model) = &base_model {
            patch(&mut files, base_model, below.is_empty())?;
        }
        files.iter_mut().for_each(|file| file.path.insert_str(0, &below));
        Ok(files)
    });
    prepared.await.unwrap_or_else(|error| Err(Trouble::new(Why::Disk, error.to_string(), "try again")))
}

/// What is to go: all that the folder it is uploaded to has, but for what is uploaded, and for the hub's own settings.
fn deleted(how: &Upload<'_>, files: &[Local], there: &BTreeMap<String, Entry>) -> Vec<Change> {
    if !how.replace_all {
        return Vec::new();
    }
    let below = how.subfolder.map(|below| below.trim_matches('/')).filter(|below| !below.is_empty());
    let is_below =
        |path: &str| below.is_none_or(|below| path.strip_prefix(below).is_some_and(|rest| rest.starts_with('/')));
    let mut gone = there.keys().filter(|path| is_below(path) && *path != ".gitattributes").cloned().collect::<Vec<_>>();
    gone.retain(|path| files.binary_search_by(|file| file.path.as_str().cmp(path)).is_err());
    gone.into_iter().map(Change::Delete).collect()
}

/// Whether the repository has just this content.
async fn is_same(file: &Local, there: Option<&Entry>) -> Result<bool, Trouble> {
    let Some(there) = there.filter(|it| it.size == file.size) else { return Ok(false) };
    let found = hashed(file, Hasher::towards(Some(&there.digest))).await?;
    Ok(there.digest.digits() == found)
}

async fn hashed(file: &Local, mut hasher: Hasher) -> Result<String, Trouble> {
    let path: PathBuf = match &file.content {
        Content::Disk(path) => path.clone(),
        Content::Memory(bytes) => {
            hasher.update(bytes);
            return Ok(hasher.end());
        }
    };
    let size = file.size;
    // Whoever waits for it may be gone before it is done.
    let waits = Arc::new(());
    let waiting = Arc::downgrade(&waits);
    let hashed = tokio::task::spawn_blocking(move || {
        let mut opened = Content::open(&path, size)?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            match opened.read(&mut buffer) {
                _ if waiting.strong_count() == 0 => return Ok(String::new()),
                Ok(0) => return Ok(hasher.end()),
                Ok(read) => hasher.update(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::disk("read", &path, &error)),
            }
        }
    });
    let hashed = hashed.await.unwrap_or_else(|error| Err(Trouble::new(Why::Disk, error.to_string(), "try again")));
    drop(waits);
    hashed
}
