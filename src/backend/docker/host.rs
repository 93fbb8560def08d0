//! The folders of this host that work shares: strangers' code, the cache of models and data, what training leaves.
//!
//! Results name what lies here by keys, never by paths, so that a recorded result is true on whichever host holds it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::super::paths;

/// Everyone may write into the folder for an attempt's outputs, for the image says who its program is; nobody else of this
/// host can reach it, for the folder around it is ours alone.
const OPEN: u32 = 0o777;
const OURS: u32 = 0o700;

#[derive(Clone, Debug)]
pub(super) struct HostFolder(PathBuf);

impl HostFolder {
    /// Below the folder for the files of all runs.
    pub(super) fn below(folder: &Path) -> Self {
        // The engine takes whole paths only.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self(folder.join("host"))
    }

    /// Checkouts, by their keys.
    pub(super) fn code(&self) -> PathBuf {
        self.0.join("code")
    }

    /// Models and data, by their keys.
    pub(super) fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// How far uploads have come.
    pub(super) fn journal(&self) -> PathBuf {
        self.0.join("uploads")
    }

    /// What only this host knows: names are made of it that nobody is to guess.
    pub(super) fn secret(&self) -> io::Result<String> {
        paths::secret(&self.0)
    }

    pub(super) fn place(&self) -> io::Result<Arc<str>> {
        paths::place(&self.0)
    }

    /// The output folder of an attempt, made where it is not there.
    pub(super) fn make_output(&self, attempt: &str) -> io::Result<PathBuf> {
        let folder = self.0.join("outputs").join(attempt);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(OPEN))?;
        fs::set_permissions(self.0.join("outputs"), fs::Permissions::from_mode(OURS))?;
        Ok(folder)
    }

    /// What tells images that were built for this folder from those for another.
    pub(super) fn label(&self) -> String {
        self.0.display().to_string()
    }

    /// The output folders of all attempts, by the names of these.
    pub(super) fn outputs(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let all = match fs::read_dir(self.0.join("outputs")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            all => all?.collect::<io::Result<Vec<_>>>()?,
        };
        Ok(all.into_iter().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
    }

    /// Throws away what an attempt left.
    pub(super) fn remove_output(&self, attempt: &str) -> io::Result<()> {
        fs::remove_dir_all(self.0.join("outputs").join(attempt))?;
        self.clear(attempt)
    }

    /// What a training left, by its key; nothing where a link stands on the way there.
    pub(super) fn output(&self, key: &str) -> Option<PathBuf> {
        below(&self.0.join("outputs"), key)
    }

    /// Where something lies that is held under a key, and whether it belongs to one attempt alone.
    pub(super) fn held(&self, key: &str) -> Option<(PathBuf, bool)> {
        let output = self.output(key).map(|path| (path, true));
        output.or_else(|| below(&self.code(), key).map(|path| (path, false)))
    }

    /// What an attempt sees of the cache: a folder of its own, in which each of its things has a place to be mounted at.
    pub(super) fn make_view(&self, attempt: &str) -> io::Result<PathBuf> {
        let folder = self.0.join("views").join(attempt);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Takes away what only the attempt itself needed.
    pub(super) fn clear(&self, attempt: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.0.join("views").join(attempt)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A path below a folder. Strangers write there: a link of theirs leads nowhere.
fn below(root: &Path, key: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for part in Path::new(key).components() {
        let Component::Normal(name) = part else { return None };
        path.push(name);
        fs::symlink_metadata(&path).ok().filter(|found| !found.is_symlink())?;
    }
    (path != root).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_host_has_one_secret_that_only_its_owner_reads() {
        let place = tempfile::tempdir().unwrap();
        let host = HostFolder::below(place.path());
        let first = host.secret().unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(host.secret().unwrap(), first);
        let mode = fs::metadata(place.path().join("host/secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(HostFolder::below(other.path()).secret().unwrap(), first);
    }

    #[test]
    fn nothing_is_reached_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let host = HostFolder::below(place.path());
        let folder = host.make_output("attempt").unwrap();
        fs::create_dir_all(folder.join("task/out")).unwrap();
        symlink("/etc", folder.join("link")).unwrap();
        for (key, is_held) in [
            ("attempt", true),
            ("attempt/task/out", true),
            ("attempt/link", false),
            ("attempt/link/ssl", false),
            ("attempt/../attempt", false),
            ("/etc", false),
            ("attempt/nothing", false),
            ("", false),
        ] {
            assert_eq!(host.output(key).is_some(), is_held, "{key}");
            assert_eq!(host.held(key).is_some(), is_held, "{key}");
        }
    }
}
