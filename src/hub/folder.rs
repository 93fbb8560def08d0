//! What of a folder is uploaded: plain files, without what only the trainer needs.
//!
//! The folder comes from an entrant, so that its names, links and sizes are a stranger's.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    tree::check_path,
    trouble::{Trouble, Why, plain},
};

/// Files that one upload may have.
const FILES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 32;
/// Bytes above which a file has to be there, and not only to be said to be.
const HOLLOW_MIN: u64 = 1 << 30;
/// A folder without a file above this holds no model.
const SMALL_MAX: u64 = 1_024;

/// What only the one who goes on training needs.
const LEFT_OUT: [&str; 6] =
    ["trainer_state.json", "training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt"];

/// A file to be uploaded.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// In the repository.
    pub(super) path: String,
    pub(super) content: Content,
    pub(super) size: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Disk(PathBuf),
    /// Written anew on the way.
    Memory(Bytes),
}

impl Content {
    /// Opens a file, but never what a link leads to, nor one that is not what it was.
    pub(super) fn open(path: &Path, size: u64) -> Result<fs::File, Trouble> {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened = fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
        let file = opened.map_err(|error| Trouble::disk("read", path, &error))?;
        let found = file.metadata().map_err(|error| Trouble::disk("read", path, &error))?;
        if found.is_file() && found.len() == size {
            return Ok(file);
        }
        let message =
            format!("expected {size} bytes in `{}`, found {}: it has changed meanwhile", path.display(), found.len());
        Err(Trouble::bad(message, "upload a folder that nobody writes into any more"))
    }
}

/// All files to be uploaded, in the order of their paths, from the folder or the one in it that holds the model.
pub(super) fn gather(folder: &Path) -> Result<Vec<Local>, Trouble> {
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let message = format!("expected a folder to upload at `{}`, found something else", folder.display());
            return Err(Trouble::bad(message, "write results into a plain folder"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("expected a folder to upload at `{}`, found nothing", folder.display());
            return Err(Trouble::new(Why::NotThere, message, "write results into the output folder"));
        }
        Err(error) => return Err(Trouble::disk("read", folder, &error)),
    }
    let root = with_model(folder).map_err(|error| Trouble::disk("read", folder, &error))?;
    let mut files = Vec::new();
    walk(&root, &root, 0, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.iter().all(|file| file.size <= SMALL_MAX) {
        let found = if files.is_empty() { "none" } else { "only smaller ones" };
        let message = format!("expected files of more than {SMALL_MAX} bytes in `{}`, found {found}", root.display());
        return Err(Trouble::bad(message, "save the trained model into the output folder"));
    }
    Ok(files)
}

/// The folder itself, unless the weights are in a folder right below it: then that one, and of several the last checkpoint.
fn with_model(folder: &Path) -> io::Result<PathBuf> {
    if has_weights(folder)? {
        return Ok(folder.to_owned());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && has_weights(&entry.path())? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let step: u64 = name[name.len() - digits..].parse().unwrap_or(0);
            found.push((step, name, entry.path()));
        }
    }
    Ok(found.into_iter().max().map_or_else(|| folder.to_owned(), |(_, _, path)| path))
}

fn has_weights(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if Path::new(&entry?.file_name()).extension().is_some_and(|end| end == "safetensors") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<Local>) -> Result<(), Trouble> {
    let unreadable = |error: io::Error| Trouble::disk("read", folder, &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let place = entry.path();
        let shown = plain(&place.display().to_string(), 200);
        let refused = |found: &str| {
            Trouble::bad(
                format!("expected plain files and folders, found {found} at `{shown}`"),
                "remove it from the results",
            )
        };
        let below =
            place.strip_prefix(root).ok().and_then(Path::to_str).ok_or_else(|| refused("a name that is no text"))?;
        if entry.file_name() == ".git" || below == ".cache/huggingface" {
            continue;
        }
        check_path(below).map_err(|said| refused(&format!("a name {said}")))?;
        let found = fs::symlink_metadata(&place).map_err(unreadable)?;
        if found.is_symlink() {
            return Err(refused("a symbolic link"));
        } else if found.is_dir() {
            if depth == DEPTH_MAX {
                return Err(refused(&format!("more than {DEPTH_MAX} folders inside one another")));
            }
            walk(root, &place, depth + 1, files)?;
        } else if !found.is_file() {
            return Err(refused("a special file"));
        } else if is_hollow(&found) {
            return Err(refused(&format!("a file of {} bytes of which hardly any is on the disk", found.len())));
        } else if !is_left_out(&entry.file_name().to_string_lossy()) {
            files.push(Local { path: below.to_owned(), content: Content::Disk(place), size: found.len() });
        }
        if files.len() > FILES_MAX {
            return Err(refused(&format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

/// Whether a file only looks as if it were large: it would be read for days.
fn is_hollow(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.len() > HOLLOW_MIN && found.blocks().saturating_mul(512) < found.len() / 16
}

fn is_left_out(name: &str) -> bool {
    let is_state = |rest: &str| rest.strip_suffix(".pth").is_some();
    LEFT_OUT.contains(&name) || name.strip_prefix("rng_state").is_some_and(is_state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, usize)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, size) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![b'x'; *size]).unwrap();
        }
        root
    }

    fn paths(root: &Path) -> Vec<String> {
        gather(root).unwrap().into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn what_only_trainers_need_is_left_out() {
        let root = folder(&[
            ("model.safetensors", 2_000),
            ("a/b.json", 1),
            ("optimizer.pt", 5_000),
            ("a/rng_state_0.pth", 9),
            ("training_args.bin", 9),
            (".git/config", 9),
            (".gitattributes", 9),
        ]);
        assert_eq!(paths(root.path()), [".gitattributes", "a/b.json", "model.safetensors"]);
    }

    #[test]
    fn a_folder_with_the_weights_is_taken_instead() {
        let two =
            folder(&[("checkpoint-9/m.safetensors", 2_000), ("checkpoint-10/m.safetensors", 2_001), ("log.txt", 1)]);
        let taken = gather(two.path()).unwrap();
        assert_eq!((taken.len(), taken[0].path.as_str(), taken[0].size), (1, "m.safetensors", 2_001));
        let own = folder(&[("checkpoint-9/m.safetensors", 2_000), ("m.safetensors", 2_001)]);
        assert_eq!(paths(own.path()), ["checkpoint-9/m.safetensors", "m.safetensors"]);
    }

    #[test]
    fn nothing_of_use_is_said_so() {
        for (files, why, said) in [
            (&[][..], Why::Bad, "found none"),
            (&[("README.md", 1_024)], Why::Bad, "only smaller ones"),
            (&[("optimizer.pt", 9_000)], Why::Bad, "found none"),
            (&[(".git/pack", 9_000)], Why::Bad, "found none"),
        ] {
            let trouble = gather(folder(files).path()).unwrap_err();
            assert_eq!(trouble.why, why);
            assert!(trouble.message.contains(said), "{trouble}");
        }
        assert_eq!(gather(Path::new("/nowhere/at/all")).unwrap_err().why, Why::NotThere);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_read() {
        let root = folder(&[("m.safetensors", 2_000)]);
        let file = fs::File::create(root.path().join("large.safetensors")).unwrap();
        file.set_len(14 << 40).unwrap();
        let trouble = gather(root.path()).unwrap_err();
        assert_eq!(trouble.why, Why::Bad);
        assert!(trouble.message.contains("hardly any is on the disk"), "{trouble}");
    }

    #[test]
    fn links_and_special_files_are_refused() {
        for special in ["link", "dangling", "socket", "folder"] {
            let root = folder(&[("m.safetensors", 2_000)]);
            let place = root.path().join("x");
            match special {
                "link" => std::os::unix::fs::symlink("/etc/passwd", &place).unwrap(),
                "dangling" => std::os::unix::fs::symlink("nowhere", &place).unwrap(),
                "folder" => std::os::unix::fs::symlink("/etc", &place).unwrap(),
                _ => drop(std::os::unix::net::UnixListener::bind(&place).unwrap()),
            }
            let trouble = gather(root.path()).unwrap_err();
            assert_eq!(trouble.why, Why::Bad, "{special}: {trouble}");
        }
        let root = folder(&[("m.safetensors", 2_000)]);
        let link = root.path().join("link");
        std::os::unix::fs::symlink("m.safetensors", &link).unwrap();
        assert!(Content::open(&link, 2_000).is_err());
        assert!(Content::open(&root.path().join("m.safetensors"), 2_001).is_err());
    }
}
