//! The files that an image is built from: a checkout as one archive, without what its author wants left out.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Bytes that are handed to the engine at once.
const PART: usize = 64 << 10;
/// Parts that wait for the engine.
const AHEAD: usize = 8;

/// A checkout as parts of an archive, made while they are taken.
pub(super) fn archive(tree: &Path, dockerfile: &str) -> mpsc::Receiver<io::Result<Bytes>> {
    let (parts, taken) = mpsc::channel(AHEAD);
    let (tree, dockerfile) = (tree.to_owned(), dockerfile.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe { parts, part: Vec::with_capacity(PART) };
        if let Err(error) = pack(&tree, &dockerfile, &mut pipe) {
            // Where nobody takes it nobody waits for it.
            let _ = pipe.parts.blocking_send(Err(error));
        }
    });
    taken
}

fn pack(tree: &Path, dockerfile: &str, pipe: &mut Pipe) -> io::Result<()> {
    let left_out = match fs::read_to_string(tree.join(".dockerignore")) {
        Ok(text) => LeftOut::read(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => LeftOut::default(),
        Err(error) => return Err(error),
    };
    let mut archive = tar::Builder::new(&mut *pipe);
    archive.follow_symlinks(false);
    // The same code makes the same archive, so that the engine finds again what it has built.
    archive.mode(tar::HeaderMode::Deterministic);
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
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

/// What a `.dockerignore` leaves out, by its own rules: the last pattern that fits decides, `!` takes back in, and a pattern
/// for a folder is one for all that is in it.
#[derive(Default)]
struct LeftOut(Vec<(bool, Vec<String>)>);

impl LeftOut {
    fn read(text: &str) -> Self {
        let patterns = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parts = |pattern: &str| {
            let parts = pattern.split('/').filter(|part| !part.is_empty() && *part != ".");
            parts.map(str::to_owned).collect::<Vec<String>>()
        };
        Self(
            patterns
                .map(|line| match line.strip_prefix('!') {
                    Some(back) => (false, parts(back.trim())),
                    None => (true, parts(line)),
                })
                .filter(|(_, parts)| !parts.is_empty())
                .collect(),
        )
    }

    fn has(&self, path: &Path) -> bool {
        let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let fits = |pattern: &[String]| (1..=names.len()).any(|depth| fits_all(pattern, &names[..depth]));
        self.0.iter().rev().find(|(_, pattern)| fits(pattern)).is_some_and(|(out, _)| *out)
    }
}

fn fits_all(pattern: &[String], names: &[String]) -> bool {
    match pattern.split_first() {
        None => names.is_empty(),
        Some((any, rest)) if any == "**" => (0..=names.len()).any(|from| fits_all(rest, &names[from..])),
        Some((first, rest)) => names.split_first().is_some_and(|(name, names)| {
            fits_one(&first.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>()) && fits_all(rest, names)
        }),
    }
}

/// Whether a name is what a pattern with `*`, `?` and `[a-z]` says.
fn fits_one(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|from| fits_one(rest, &name[from..])),
        ['?', rest @ ..] => name.split_first().is_some_and(|(_, name)| fits_one(rest, name)),
        ['[', rest @ ..] if let Some(end) = rest.iter().position(|c| *c == ']').filter(|end| *end > 0) => {
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            let (is_not, set) = match set {
                ['^', set @ ..] => (true, set),
                set => (false, set),
            };
            name.split_first().is_some_and(|(c, name)| in_set(set, *c) != is_not && fits_one(rest, name))
        }
        ['\\', c, rest @ ..] | [c, rest @ ..] => {
            name.split_first().is_some_and(|(first, name)| first == c && fits_one(rest, name))
        }
    }
}

fn in_set(set: &[char], c: char) -> bool {
    match set {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&c) || in_set(rest, c),
        [one, rest @ ..] => *one == c || in_set(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_docker_leaves_out() {
        for (patterns, path, expected) in [
            ("", "a", false),
            ("a", "a", true),
            ("a", "a/b/c", true),
            ("a", "b/a", false),
            ("**/a", "b/c/a", true),
            ("**/a", "a", true),
            ("*.md", "x.md", true),
            ("*.md", "a/x.md", false),
            ("**/*.md", "a/b/x.md", true),
            ("/a/", "a", true),
            ("./a", "a/b", true),
            ("*\n!keep", "keep", false),
            ("*\n!keep", "other", true),
            ("*\n!a/keep", "a/keep", false),
            ("!keep\n*", "keep", true),
            ("# a\na", "# a", false),
            ("x?z", "xyz", true),
            ("x[a-c]z", "xbz", true),
            ("x[^a-c]z", "xbz", false),
            ("a/**", "a/b/c", true),
            ("a/*/c", "a/b/c/d", true),
        ] {
            assert_eq!(LeftOut::read(patterns).has(Path::new(path)), expected, "{path} by {patterns:?}");
        }
    }

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
        let mut parts = archive(tree.path(), "docker/file");
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
