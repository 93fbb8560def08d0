//! Strangers' code, brought onto this host: one commit of a repository, and nothing of it that could reach beyond its folder.
//!
//! Nothing of it is run here: no hooks, no filters, no submodules.

mod address;
mod git;
mod payload;
mod readable;
mod tree;
mod words;

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    action::{
        clone,
        dedup::digest::{Digested, LeftOut, Sources, digest},
        register::{LicenceRule, State, text_digest},
    },
    base::Size,
    run::Digest,
};

/// Bytes of a checkout where the step says no other number.
const SIZE_MAX: Size = Size(1 << 30);

/// Why code cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// What they named is not there, or is nothing that we take.
    #[error("{0}")]
    Theirs(String),
    #[error("{0}")]
    Network(String),
    /// This host cannot.
    #[error("{0}")]
    Host(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Host(format!("the folder for code: {error}"))
    }
}

/// Makes the code be there, in a folder of its own below the one for all code, and gives the key that it is found by.
///
/// Repositories of this host may be named where it is allowed, as for a rehearsal.
pub(super) async fn fetch(
    wanted: &clone::Clone,
    folder: &Path,
    allow_local: bool,
    say: &fs::File,
) -> Result<String, Trouble> {
    let address = address::read(&wanted.repository, allow_local).map_err(Trouble::Theirs)?;
    let commit = address::commit(&wanted.commit).map_err(Trouble::Theirs)?;
    let key = key(&address, commit);
    let there = at(folder, &key);
    if !there.exists() {
        fs::create_dir_all(folder)?;
        sweep(folder)?;
        // Whoever else fetches the same does it in another place, and the first to be ready stays.
        let (made, _lock) = place(folder)?;
        let most = wanted.size_limit.unwrap_or(SIZE_MAX);
        let tree = git::lay_out(&address, commit, most, made.path(), allow_local, say).await?;
        let looked_at = tree.clone();
        let looked = tokio::task::spawn_blocking(move || tree::look_through(&looked_at)).await;
        looked.map_err(|error| Trouble::Host(error.to_string()))?.map_err(Trouble::Theirs)?;
        match fs::rename(&tree, &there) {
            Ok(()) => {}
            Err(_) if there.exists() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(file) = wanted.require.iter().find(|file| !tree::has(&there, file)) {
        return Err(Trouble::Theirs(format!("expected the file `{file}` in {address} at {commit}, found none")));
    }
    let (it, licence, readable) = (there.clone(), wanted.licence.clone(), wanted.readable.clone());
    let checked = tokio::task::spawn_blocking(move || checked(&it, licence.as_ref(), readable.as_ref()));
    let said = checked.await.map_err(|error| Trouble::Host(error.to_string()))??;
    for file in &wanted.require {
        say_so(say, &format!("`{file}` is there"));
    }
    said.iter().for_each(|line| say_so(say, line));
    Ok(key)
}

/// A log that cannot be written stops nothing.
fn say_so(mut log: &File, line: &str) {
    let _ = writeln!(log, "{line}");
}

/// Looks whether a checkout is what its step asks for, and says in lines what was found.
fn checked(
    tree: &Path,
    licence: Option<&LicenceRule>,
    readable: Option<&clone::Readable>,
) -> Result<Vec<String>, Trouble> {
    let mut said = Vec::new();
    if let Some(rule) = licence.filter(|rule| rule.at == State::Commit) {
        let names = rule.licences.iter().chain(&rule.notices);
        let digests = names.filter_map(|name| Some((name.clone(), text_digest(&tree::text(tree, name)?))));
        if let Some(why) = rule.why_not_kept(&digests.collect()) {
            return Err(Trouble::Theirs(why));
        }
        let kept = if rule.reference.is_empty() {
            "the licence and the notice may be any"
        } else {
            "licence and notice are kept"
        };
        said.push(kept.to_owned());
    }
    if let Some(rule) = readable {
        let files = readable::look_through(tree, rule)?.map_err(Trouble::Theirs)?;
        said.push(format!("{files} files, all of them readable"));
    }
    Ok(said)
}

/// The digest of the sources of a checkout that is there.
pub(super) async fn sources(folder: &Path, key: &str, without: &LeftOut) -> Result<Digested, Trouble> {
    let (root, without) = (at(folder, key), without.clone());
    let read = move || tree::texts(&root, &without).map(|files| digest(&Sources { files, without }));
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| Trouble::Host(error.to_string()))?;
    Ok(read?)
}

/// What the names of folders begin with in which code is fetched.
const FETCHING: &str = ".fetching-";

/// A folder to fetch into, and its lock, which ends with this process.
fn place(folder: &Path) -> io::Result<(TempDir, File)> {
    loop {
        let made = tempfile::Builder::new().prefix(FETCHING).tempdir_in(folder)?;
        if let Some(lock) = absent(File::open(made.path()))? {
            lock.lock()?;
            // Another may have swept it before it was locked.
            if made.path().exists() {
                return Ok((made, lock));
            }
        }
    }
}

/// Throws away what processes that are gone have left of their fetches.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(FETCHING) {
            continue;
        }
        let Some(lock) = absent(File::open(entry.path()))? else { continue };
        match lock.try_lock() {
            Ok(()) => drop(absent(fs::remove_dir_all(entry.path()))?),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Nothing where it is not there any more.
fn absent<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Whether a checkout has a plain file of that name.
pub(super) fn has(root: &Path, file: &str) -> bool {
    tree::has(root, file)
}

/// The folder of the code with that key.
pub(super) fn at(folder: &Path, key: &str) -> PathBuf {
    folder.join(key)
}

/// The same code has the same key, whoever asks for it.
fn key(address: &str, commit: &str) -> String {
    let digest = Digest::of(address).to_string();
    format!("{}-{}", &commit[..12], &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_fetch_is_swept_and_what_goes_on_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (alive, _lock) = place(folder.path()).unwrap();
        // Its lock went with the process that was killed, and its folder stayed.
        let left = place(folder.path()).unwrap().0.keep();
        for name in [alive.path(), &left, &folder.path().join("0123456789ab-0123456789abcdef")] {
            fs::create_dir_all(name.join("tree/src")).unwrap();
        }
        sweep(folder.path()).unwrap();
        assert!(alive.path().join("tree/src").exists());
        assert!(!left.exists());
        assert!(folder.path().join("0123456789ab-0123456789abcdef").exists(), "code that is whole stays");
    }
}
