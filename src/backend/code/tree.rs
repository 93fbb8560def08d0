//! A checkout, looked through: whether any link in it leads out of it, and whether it has what it must have.

use std::{
    fs,
    io::{self, Read},
    path::{Component, Path},
};

use indexmap::IndexMap;

use crate::action::dedup::digest::LeftOut;

/// Says of a checkout why it is not taken.
pub(super) fn look_through(root: &Path) -> Result<(), String> {
    let unread = |error: io::Error| format!("the checkout cannot be read: {error}");
    let root = fs::canonicalize(root).map_err(unread)?;
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let kind = entry.file_type().map_err(unread)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_symlink() && !stays_inside(&root, &entry.path()).map_err(unread)? {
                let link = entry.path();
                let shown = link.strip_prefix(&root).unwrap_or(&link).display();
                return Err(format!("`{shown}` is a link that leads out of the repository"));
            }
        }
    }
    Ok(())
}

/// Whether a link leads to something below the root, by its words and by what there is.
fn stays_inside(root: &Path, link: &Path) -> io::Result<bool> {
    let target = fs::read_link(link)?;
    let from_root = link.parent().and_then(|parent| parent.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let mut depth = from_root.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return Ok(false),
        }
    }
    // Links behind one another may lead elsewhere than their words do. One that leads to nothing is not followed by us.
    Ok(fs::canonicalize(link).map_or(true, |end| end.starts_with(root)))
}

/// The plain files of a checkout, by their paths in it, as far as they are not left out.
pub(super) fn texts(root: &Path, without: &LeftOut) -> io::Result<IndexMap<String, String>> {
    let mut files = IndexMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                if !without.has(&name) {
                    files.insert(name, String::from_utf8_lossy(&fs::read(&path)?).into_owned());
                }
            }
        }
    }
    Ok(files)
}

/// Whether a checkout has a plain file of that name.
pub(super) fn has(root: &Path, file: &str) -> bool {
    let is_inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    let Ok(root) = fs::canonicalize(root) else { return false };
    is_inside && fs::canonicalize(root.join(file)).is_ok_and(|end| end.starts_with(&root) && end.is_file())
}

/// Bytes of a text that is read as a whole.
const TEXT_MAX: u64 = 1 << 20;

/// The text of a plain file, if there is one.
pub(super) fn text(root: &Path, file: &str) -> Option<String> {
    let mut text = String::new();
    let whole = has(root, file).then(|| fs::File::open(root.join(file)).ok())??;
    whole.take(TEXT_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_may_not_lead_out() {
        for (link, target, is_good) in [
            ("a", "b/file", true),
            ("b/a", "../top", true),
            ("a", "nothing/there", true),
            ("a", "/etc/passwd", false),
            ("a", "../outside", false),
            ("b/a", "../../outside", false),
            ("b/a", "../b/../../outside", false),
            // By its words it stays inside; behind the other link it does not.
            ("a", "b/up/../outside", false),
        ] {
            let place = tempfile::tempdir().unwrap();
            let root = place.path().join("root");
            fs::create_dir_all(root.join("b")).unwrap();
            fs::write(root.join("b/file"), "").unwrap();
            fs::write(root.join("top"), "").unwrap();
            fs::write(place.path().join("outside"), "").unwrap();
            symlink("..", root.join("b/up")).unwrap();
            symlink(target, root.join(link)).unwrap();
            assert_eq!(look_through(&root).is_ok(), is_good, "{link} -> {target}");
        }
    }

    #[test]
    fn plain_files_are_read_by_their_paths_and_links_are_not() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/train.py"), "x = 1").unwrap();
        fs::write(place.path().join("top"), b"\xff\0").unwrap();
        fs::write(place.path().join("a/model.bin"), "large").unwrap();
        symlink("top", place.path().join("link")).unwrap();
        let without = LeftOut { suffixes: vec![".bin".into()], ..LeftOut::default() };
        let mut found: Vec<(String, String)> = texts(place.path(), &without).unwrap().into_iter().collect();
        found.sort();
        assert_eq!(found, [("a/b/train.py".into(), "x = 1".into()), ("top".into(), "\u{fffd}\0".into())]);
    }

    #[test]
    fn only_plain_files_inside_are_had() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir_all(root.join("folder")).unwrap();
        fs::write(root.join("folder/file"), "").unwrap();
        fs::write(place.path().join("outside"), "").unwrap();
        symlink("folder/file", root.join("link")).unwrap();
        for (file, expected) in [
            ("folder/file", true),
            ("link", true),
            ("folder", false),
            ("nothing", false),
            ("../outside", false),
            ("folder/../folder/file", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(has(&root, file), expected, "{file}");
        }
    }
}
