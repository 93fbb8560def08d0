//! The outputs of a container: one file of JSON, taken out of it when it has ended.

use std::io::{Cursor, Read};

use serde_json::Value as Json;

use super::{
    engine::{Archive, Engine, Trouble},
    results,
};
use crate::base::limits::EVENT_BYTES_MAX;

/// Bytes of an archive besides those of its one file.
const AROUND: usize = 64 << 10;

/// What a container wrote into a file, or why that cannot be used.
pub(super) async fn read(engine: &Engine, container: &str, path: &str) -> Result<Result<Json, String>, Trouble> {
    Ok(match engine.archive(container, path, EVENT_BYTES_MAX + AROUND).await? {
        Archive::Nothing => Err(format!("it wrote no {path}")),
        Archive::TooLarge => Err(too_large(path)),
        Archive::Whole(archive) => unpack(&archive, path),
    })
}

fn unpack(archive: &[u8], path: &str) -> Result<Json, String> {
    let wrong = |error: std::io::Error| format!("{path} cannot be taken out of the container: {error}");
    let mut archive = tar::Archive::new(Cursor::new(archive));
    let mut entries = archive.entries().map_err(wrong)?;
    let entry = entries.next().ok_or_else(|| format!("it wrote no {path}"))?.map_err(wrong)?;
    if !entry.header().entry_type().is_file() {
        return Err(format!("expected a plain file at {path}, found something else: a folder, a link or a device"));
    }
    let mut text = Vec::new();
    entry.take(EVENT_BYTES_MAX as u64 + 1).read_to_end(&mut text).map_err(wrong)?;
    if text.len() > EVENT_BYTES_MAX {
        return Err(too_large(path));
    }
    results::read(&text).map_err(|error| format!("what it wrote into {path} is no JSON: {error}"))
}

fn too_large(path: &str) -> String {
    format!("expected at most {} KiB in {path}, found more", EVENT_BYTES_MAX / 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: tar::EntryType, bytes: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_path("outputs.json").unwrap();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        if kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, bytes).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn only_a_plain_file_of_json_is_taken() {
        let large = vec![b' '; EVENT_BYTES_MAX + 1];
        for (archive, expected) in [
            (archive(tar::EntryType::Regular, b"{\"n\": 5}"), Ok("{\"n\":5}")),
            (archive(tar::EntryType::Regular, b"n: 5"), Err("is no JSON")),
            (archive(tar::EntryType::Regular, b"{\"n\": NaN}"), Ok("{\"n\":null}")),
            (archive(tar::EntryType::Regular, b"{\"n\": 5, \"n\": 6}"), Err("`n` is there twice")),
            (archive(tar::EntryType::Regular, &large), Err("expected at most")),
            (archive(tar::EntryType::Symlink, b""), Err("a link")),
            (archive(tar::EntryType::Directory, b""), Err("a folder")),
            (vec![1; 600], Err("cannot be taken out")),
            (Vec::new(), Err("it wrote no")),
        ] {
            match (unpack(&archive, "/outputs.json"), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{found:?} and not {expected:?}"),
            }
        }
    }
}
