//! A whole repository at one commit, in a folder that appears all at once.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Hub, Kind, Progress,
    digest::is_hex,
    fetch::Behind,
    sink::blocking,
    tree::{Entry, check_id},
    trouble::{Trouble, Why},
};

/// Which repository is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub kind: Kind,
    pub id: &'a str,
    /// A branch, tag or commit; the newest of `main` when left out.
    pub revision: Option<&'a str>,
    /// The most that all its files together may have.
    pub size_limit: Option<u64>,
}

/// What has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit.
    pub revision: String,
    pub bytes: u64,
    pub files: usize,
}

impl Hub {
    /// Brings a repository into a folder that is not there yet. Whoever calls it twice at once for the same folder is to
    /// lock it, as [`super::Cache`] does.
    pub async fn snapshot(&self, wanted: &Wanted<'_>, into: &Path, progress: &Progress) -> Result<Snapshot, Trouble> {
        let &Wanted { kind, id, revision, .. } = wanted;
        check_id(kind, id)?;
        let commit = match revision {
            Some(commit) if is_hex(commit, 40) => commit.to_ascii_lowercase(),
            _ => self.pin(kind, id, revision).await?,
        };
        let files = self.tree(kind, id, &commit).await?;
        let bytes = weigh(wanted, &commit, &files)?;
        let staging = prepare(into, &commit, bytes).await?;
        progress.expect(bytes);
        // By numbers, since closures over references would keep this from being a task.
        let list: Vec<_> = files.iter().collect();
        let all = stream::iter((0..list.len()).map(|at| {
            let (commit, staging, (path, entry)) = (&commit, &staging, list[at]);
            async move { self.one(wanted, commit, path, entry, staging, progress).await }
        }));
        all.buffer_unordered(self.parallel).try_collect::<()>().await?;
        let done = Snapshot { revision: commit, bytes, files: files.len() };
        finish(staging, into.to_owned()).await?;
        Ok(done)
    }

    /// One file of it. A whole one is moved away from the partial ones, and is looked at again by whoever finds it later.
    async fn one(
        &self,
        wanted: &Wanted<'_>,
        commit: &str,
        path: &str,
        entry: &Entry,
        staging: &Staging,
        progress: &Progress,
    ) -> Result<(), Trouble> {
        let what = format!("`{path}` of {} `{}`", wanted.kind, wanted.id);
        let place = staging.files.join(path);
        let partial = staging.partial(path);
        let url = self.resolve(wanted.kind, wanted.id, commit, path);
        let behind = Behind {
            what: &what,
            url: &url,
            client: &self.client,
            size: Some(entry.size),
            size_limit: None,
            digest: Some(entry.digest.clone()),
        };
        let (from, to) = (place.clone(), partial.clone());
        let readied = blocking(move || {
            if let Some(folder) = from.parent() {
                fs::create_dir_all(folder)?;
            }
            // What was whole before a crash of the machine may not be so any more: it is verified as any partial one is.
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        readied.await.map_err(|error| Trouble::disk("write", &place, &error))?;
        self.fetch(&behind, &partial, progress).await?;
        let moved = tokio::fs::rename(&partial, &place).await;
        moved.map_err(|error| Trouble::disk("write", &place, &error))
    }
}

/// Where a snapshot grows, beside the folder that it becomes.
struct Staging {
    root: PathBuf,
    files: PathBuf,
    parts: PathBuf,
}

impl Staging {
    fn partial(&self, path: &str) -> PathBuf {
        let mut hash = super::digest::Hasher::towards(None);
        hash.update(path.as_bytes());
        self.parts.join(hash.end())
    }
}

/// The bytes of all files, if they are not too many.
fn weigh(wanted: &Wanted<'_>, commit: &str, files: &BTreeMap<String, Entry>) -> Result<u64, Trouble> {
    let bytes = files.values().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size)).unwrap_or(u64::MAX);
    let of = format!("{} `{}` at `{commit}`", wanted.kind, wanted.id);
    if let Some(limit) = wanted.size_limit.filter(|limit| bytes > *limit) {
        let message = format!("expected at most {limit} bytes in {of}, found {bytes}");
        return Err(Trouble::new(Why::TooLarge, message, "choose a smaller one, or raise the limit"));
    }
    if files.is_empty() {
        return Err(Trouble::new(
            Why::NotThere,
            format!("expected files in {of}, found none"),
            "choose another revision",
        ));
    }
    Ok(bytes)
}

async fn prepare(into: &Path, commit: &str, bytes: u64) -> Result<Staging, Trouble> {
    let (Some(folder), Some(name)) = (into.parent().map(Path::to_owned), into.file_name()) else {
        let message = format!("expected the path of a folder to download into, found `{}`", into.display());
        return Err(Trouble::bad(message, "give a path with a name at its end"));
    };
    let mine = format!(".{}.{}.partial", name.to_string_lossy(), &commit[..12]);
    let root = folder.join(&mine);
    let others = format!(".{}.", name.to_string_lossy());
    let staging = Staging { files: root.join("files"), parts: root.join("parts"), root };
    let (files, parts, target) = (staging.files.clone(), staging.parts.clone(), into.to_owned());
    let prepared = blocking(move || {
        if fs::read_dir(&target).is_ok_and(|mut found| found.next().is_some()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already, and not empty"));
        }
        fs::create_dir_all(&files)?;
        fs::create_dir_all(&parts)?;
        // What other revisions have left half-made is of no use any more.
        for entry in fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left = name.strip_prefix(&others).is_some_and(is_mark) && name != mine;
            if is_left {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok((space(&folder)?, weight(&parts)? + weight(&files)?))
    });
    let (free, here) = prepared.await.map_err(|error| Trouble::disk("write into", into, &error))?;
    enough(free, bytes.saturating_sub(here), into)?;
    Ok(staging)
}

fn is_mark(rest: &str) -> bool {
    rest.strip_suffix(".partial").is_some_and(|commit| is_hex(commit, 12))
}

async fn finish(staging: Staging, into: PathBuf) -> Result<(), Trouble> {
    let target = into.clone();
    let moved = blocking(move || {
        fs::rename(&staging.files, &target)?;
        fs::remove_dir_all(&staging.root)
    });
    moved.await.map_err(|error| Trouble::disk("write", &into, &error))
}

/// Bytes that whoever is not the administrator may still write.
pub(super) fn space(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

pub(super) fn enough(free: u64, needed: u64, into: &Path) -> Result<(), Trouble> {
    if needed <= free {
        return Ok(());
    }
    let message = format!("expected {needed} bytes of free space for `{}`, found {free}", into.display());
    Err(Trouble::new(Why::DiskFull, message, "free some space on that disk, or set a smaller budget for the cache"))
}

/// Bytes of a file, or of all files below a folder. Links count for nothing.
pub(super) fn weight(path: &Path) -> io::Result<u64> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Ok(if found.is_file() { found.len() } else { 0 });
    }
    fs::read_dir(path)?.try_fold(0, |sum, entry| Ok(sum + weight(&entry?.path())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_that_is_not_there_is_missed_before_it_is_needed() {
        let here = Path::new(".");
        assert!(enough(space(here).unwrap(), 0, here).is_ok());
        let trouble = enough(10, 11, here).unwrap_err();
        assert_eq!((trouble.why, trouble.message.contains("11 bytes")), (Why::DiskFull, true));
    }

    #[test]
    fn only_what_other_snapshots_left_is_theirs() {
        assert!(is_mark("0123456789ab.partial"));
        assert!(!is_mark("partial") && !is_mark("xyz.partial") && !is_mark("0123456789ab"));
    }
}
