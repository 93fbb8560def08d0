//! The files that an image is built from: a checkout as one archive, without what its author wants left out.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::left_out::LeftOut;

/// Bytes that are handed to the engine at once.
const PART: usize = 64 << 10;
/// Parts that wait for the engine.
const AHEAD: usize = 8;

/// A checkout as parts of an archive, made while they are taken.
pub(super) fn archive(tree: &Path, dockerfile: &str, left_out: LeftOut) -> mpsc::Receiver<io::Result<Bytes>> {
    let (parts, taken) = mpsc::channel(AHEAD);
    let (tree, dockerfile) = (tree.to_owned(), dockerfile.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe { parts, part: Vec::with_capacity(PART) };
        if let Err(error) = pack(&tree, &dockerfile, &left_out, &mut pipe) {
            // Where nobody takes it nobody waits for it.
            let _ = pipe.parts.blocking_send(Err(error));
        }
    });
    taken
}

fn pack(tree: &Path, dockerfile: &str, left_out: &LeftOut, pipe: &mut Pipe) -> io::Result<()> {
    let mut archive = tar::Builder::new(&mut *pipe);
    archive.follow_symlinks(false);
    // The same code makes the same archive, so that the engine finds again what it has built.
    archive.mode(tar::HeaderMode::Deterministic);
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if archive.get_ref().parts.is_closed() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let path = entry.path();
            let Ok(name) = path.strip_prefix(tree) else { continue };
            let is_folder = entry.file_type()?.is_dir();
            let is_kept = name == Path::new(dockerfile) || !left_out.has(name);
            if is_folder {
                // Something in it may be kept all the same.
                folders.push(path.clone());
            }
            if is_kept {
                archive.append_path_with_name(&path, name)?;
            }
        }
    }
    archive.finish()?;
    drop(archive);
    pipe.flush()
}

struct Pipe {
    parts: mpsc::Sender<io::Result<Bytes>>,
    part: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        self.parts.blocking_send(Ok(part.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_archive_has_links_as_links_and_the_dockerfile_always() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        fs::create_dir(at("docker")).unwrap();
        for (name, text) in
            [("docker/file", "FROM scratch"), ("secret", "x"), (".dockerignore", "*\n!kept"), ("kept", "y")]
        {
            fs::write(at(name), text).unwrap();
        }
        std::os::unix::fs::symlink("secret", at("kept-not")).unwrap();
        let mut parts = archive(tree.path(), "docker/file", LeftOut::of(tree.path()).unwrap());
        let mut bytes = Vec::new();
        while let Some(part) = parts.recv().await {
            bytes.extend_from_slice(&part.unwrap());
        }
        let mut archive = tar::Archive::new(&*bytes);
        let names: Vec<String> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["kept", "docker/file"]);
    }
}
