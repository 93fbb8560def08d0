//! Models and data that lie on this host already, as for a rehearsal: taken into the cache like any other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    hub::{Cache, Held, Trouble, Why},
    run::Digest,
};

/// The path of an address of this host.
pub(super) fn path(address: &str) -> Option<&Path> {
    address.strip_prefix("file://").map(Path::new).filter(|path| path.is_absolute())
}

/// Copies a file or a folder into the cache, unless it is there as it is now; gives its key and what keeps it there.
pub(super) async fn take_in(cache: &Cache, path: &Path) -> Result<(String, Held), Trouble> {
    let wrong = |error: io::Error| {
        let message =
            format!("expected a file or a folder at `{}`, found none that can be read: {error}", path.display());
        Trouble::new(Why::NotThere, message, "give the path of one")
    };
    let key = format!("local:{}", Digest::of(&listing(path).map_err(wrong)?));
    let held = cache.get(&key, |into: PathBuf| async move {
        let from = path.to_owned();
        let copied = tokio::task::spawn_blocking(move || copy(&from, &into)).await;
        copied.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
            let message = format!("cannot copy `{}` into the cache: {error}", path.display());
            Trouble::new(Why::Disk, message, "check the folder, its owner and its disk")
        })
    });
    let held = held.await?;
    Ok((key, held))
}

/// What there is, by its names, sizes and times.
fn listing(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    let time = found.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    let mut text = format!("{} {} {}\n", path.display(), found.len(), time.as_nanos());
    for entry in inside(path, &found)? {
        text.push_str(&listing(&entry)?);
    }
    Ok(text)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::metadata(from)?;
    if !found.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in inside(from, &found)? {
        if let Some(name) = entry.file_name() {
            copy(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

fn inside(path: &Path, found: &fs::Metadata) -> io::Result<Vec<PathBuf>> {
    if !found.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_changed_is_taken_in_again() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(&place.path().join("cache"), None).await.unwrap();
        let model = place.path().join("model");
        fs::create_dir_all(model.join("inner")).unwrap();
        fs::write(model.join("inner/a"), "one").unwrap();
        let (first, held) = take_in(&cache, &model).await.unwrap();
        assert!(held.is_fresh());
        assert_eq!(fs::read_to_string(held.path().join("inner/a")).unwrap(), "one");
        drop(held);
        let (again, held) = take_in(&cache, &model).await.unwrap();
        assert!(again == first && !held.is_fresh());
        fs::write(model.join("inner/b"), "two").unwrap();
        assert_ne!(take_in(&cache, &model).await.unwrap().0, first);
        let trouble = take_in(&cache, &place.path().join("none")).await.unwrap_err();
        assert_eq!(trouble.why, Why::NotThere);
    }
}
