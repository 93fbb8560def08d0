//! A folder in the place of the hub: where models go in a rehearsal, or where nobody wants them to leave the host.
//!
//! What is refused and what is written anew on the way is the same as for the hub.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use super::{
    Kind,
    digest::Hasher,
    folder::{Content, Local},
    sink::blocking,
    tree::check_id,
    trouble::Trouble,
    upload::{Upload, Uploaded, prepare},
};

/// Bytes that are copied at once.
const PART: usize = 256 << 10;

/// Puts a folder that nobody writes into any more on the shelf, in place of what was there under that name.
pub async fn shelve(folder: &Path, repository: &str, how: &Upload<'_>, shelf: &Path) -> Result<Uploaded, Trouble> {
    check_id(Kind::Model, repository)?;
    let files = prepare(folder, how).await?;
    let (place, shelf) = (shelf.join(repository), shelf.to_owned());
    let at = place.clone();
    let put = move || {
        fs::create_dir_all(&shelf)?;
        let made = tempfile::Builder::new().prefix(".putting-").tempdir_in(&shelf)?;
        let mut hasher = Hasher::towards(None);
        for file in &files {
            put(file, made.path(), &mut hasher)?;
        }
        fs::create_dir_all(place.parent().unwrap_or(&shelf))?;
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::rename(made.keep(), &place)?;
        let bytes = files.iter().map(|file| file.size).sum();
        // As long as the name of a commit.
        Ok(Uploaded { revision: hasher.end()[..40].to_owned(), files: files.len(), bytes, sent: bytes })
    };
    blocking(put).await.map_err(|error| Trouble::disk("write", &at, &error))
}

fn put(file: &Local, into: &Path, hasher: &mut Hasher) -> io::Result<()> {
    let to = into.join(&file.path);
    fs::create_dir_all(to.parent().unwrap_or(into))?;
    let mut target = fs::File::create(&to)?;
    hasher.update(format!("{} {}\n", file.path, file.size).as_bytes());
    match &file.content {
        Content::Disk(path) => {
            let mut source = Content::open(path, file.size).map_err(io::Error::other)?;
            let mut part = vec![0; PART];
            loop {
                let read = source.read(&mut part)?;
                if read == 0 {
                    break;
                }
                hasher.update(&part[..read]);
                target.write_all(&part[..read])?;
            }
        }
        Content::Memory(bytes) => {
            hasher.update(bytes);
            target.write_all(bytes)?;
        }
    }
    Ok(())
}
