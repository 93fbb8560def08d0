//! Whether a checkout can be read: no program that somebody compiled, nothing packed, no code that hides what it does.
//!
//! It finds what is careless, and what everybody would call hidden; whoever reads the code decides about the rest. What is
//! neither text nor a picture is refused, for anything may be in it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::payload;
use crate::action::clone::Readable;

/// Bytes of a file of code that are read; no code is larger.
const CODE_MAX: u64 = 4 << 20;
/// Findings that are told.
const TOLD_MAX: usize = 10;
/// Bytes at the beginning of a file that tell its kind.
const HEAD: usize = 512;

/// What files are by their first bytes.
const KINDS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a compiled program"),
    (b"MZ", "a compiled program"),
    (b"\xfe\xed\xfa\xce", "a compiled program"),
    (b"\xfe\xed\xfa\xcf", "a compiled program"),
    (b"\xce\xfa\xed\xfe", "a compiled program"),
    (b"\xcf\xfa\xed\xfe", "a compiled program"),
    (b"\xca\xfe\xba\xbe", "a compiled program"),
    (b"\0asm", "a compiled program"),
    (b"!<arch>\n", "a compiled library"),
    (b"PK\x03\x04", "a packed archive"),
    (b"PK\x05\x06", "a packed archive"),
    (b"\x1f\x8b", "a packed file"),
    (b"\x1f\x9d", "a packed file"),
    (b"BZh", "a packed file"),
    (b"\xfd7zXZ\0", "a packed file"),
    (b"\x28\xb5\x2f\xfd", "a packed file"),
    (b"\x04\x22\x4d\x18", "a packed file"),
    (b"7z\xbc\xaf\x27\x1c", "a packed archive"),
    (b"Rar!", "a packed archive"),
    (b"\x80\x02", "a pickle, which runs code when it is read"),
    (b"\x80\x03", "a pickle, which runs code when it is read"),
    (b"\x80\x04", "a pickle, which runs code when it is read"),
    (b"\x80\x05", "a pickle, which runs code when it is read"),
];

/// Names of files that are compiled or packed, whatever their bytes say.
const ENDINGS: &[(&str, &str)] = &[
    (".pyc", "compiled Python"),
    (".pyo", "compiled Python"),
    (".pyd", "a compiled program"),
    (".so", "a compiled program"),
    (".dll", "a compiled program"),
    (".exe", "a compiled program"),
    (".whl", "a packed archive"),
    (".egg", "a packed archive"),
    (".pkl", "a pickle, which runs code when it is read"),
    (".pickle", "a pickle, which runs code when it is read"),
];

/// Pictures and papers, in which nobody looks for code.
const PICTURES: &[&[u8]] =
    &[b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\0\0\x01\0", b"%PDF-", b"wOFF", b"wOF2"];

/// What files with these endings hold is run, or decides what is.
const CODE: &[&str] = &[
    "py",
    "pyi",
    "pyx",
    "sh",
    "bash",
    "zsh",
    "js",
    "mjs",
    "cjs",
    "ts",
    "tsx",
    "jsx",
    "rb",
    "pl",
    "php",
    "lua",
    "r",
    "go",
    "rs",
    "c",
    "h",
    "cc",
    "cpp",
    "hpp",
    "cu",
    "cuh",
    "java",
    "kt",
    "scala",
    "cs",
    "swift",
    "ps1",
    "bat",
    "dockerfile",
    "jinja",
    "j2",
    "yaml",
    "yml",
    "toml",
    "cfg",
    "ini",
];

/// Looks through a checkout. Gives how many files there are, or why it is not taken.
pub(super) fn look_through(root: &Path, rule: &Readable) -> io::Result<Result<usize, String>> {
    let (mut files, mut found) = (0, Vec::new());
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (kind, path) = (entry.file_type()?, entry.path());
            let Some(name) = path.strip_prefix(root).ok().map(|name| name.to_string_lossy().into_owned()) else {
                continue;
            };
            if rule.except.iter().any(|except| fits(except, &name)) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files += 1;
                found.extend(look_at(&path, &name, rule)?.into_iter().map(|why| told(&name, &why)));
            }
        }
    }
    if found.is_empty() {
        return Ok(Ok(files));
    }
    found.sort();
    let more = found.len().saturating_sub(TOLD_MAX);
    found.truncate(TOLD_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Ok(Err(format!("expected code that can be read, found {}{more}", found.join("; "))))
}

/// Where it is and what. The name is a stranger's.
fn told(name: &str, (line, why): &(Option<usize>, String)) -> String {
    let name: String = name.escape_debug().take(200).collect();
    match line {
        Some(line) => format!("`{name}` line {line}: {why}"),
        None => format!("`{name}`: {why}"),
    }
}

/// Whether a pattern means a file: `*.ending`, or the path of it or of a folder that it is in.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => name
            .strip_prefix(pattern.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

type Finding = (Option<usize>, String);

fn look_at(path: &Path, name: &str, rule: &Readable) -> io::Result<Vec<Finding>> {
    let one = |why: &str| Ok(vec![(None, format!("it is {why}"))]);
    let small = name.to_ascii_lowercase();
    if let Some((_, what)) = ENDINGS.iter().find(|(ending, _)| small.ends_with(ending)) {
        return one(what);
    }
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = Vec::new();
    (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
    if let Some((_, what)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return one(what);
    }
    if head.get(257..262) == Some(b"ustar") {
        return one("a packed archive");
    }
    if PICTURES.iter().any(|magic| head.starts_with(magic)) {
        return Ok(Vec::new());
    }
    if !is_code(&small, &head) {
        return if has_zeros(&head, &mut file)? { one("neither text nor a picture") } else { Ok(Vec::new()) };
    }
    if size > CODE_MAX {
        return Ok(vec![(None, format!("it is code of {size} bytes, more than anybody writes"))]);
    }
    file.take(CODE_MAX).read_to_end(&mut head)?;
    match String::from_utf8(head) {
        Ok(text) if !text.contains('\0') => Ok(payload::hidden_in(&text, rule)),
        _ => one("code that is no UTF-8 text"),
    }
}

fn is_code(name: &str, head: &[u8]) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    head.starts_with(b"#!")
        || ending.is_some_and(|ending| CODE.contains(&ending))
        || ["dockerfile", "makefile"].iter().any(|it| name == *it || name.starts_with(&format!("{it}.")))
}

/// Whether there is a zero byte anywhere, as in no text.
fn has_zeros(head: &[u8], rest: &mut File) -> io::Result<bool> {
    if head.contains(&0) {
        return Ok(true);
    }
    let mut part = vec![0; 256 << 10];
    loop {
        match rest.read(&mut part)? {
            0 => return Ok(false),
            read if part[..read].contains(&0) => return Ok(true),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(except: &[&str]) -> Readable {
        Readable { line_most: 5_000, encoded_most: 1_000, except: except.iter().map(ToString::to_string).collect() }
    }

    fn looked(name: &str, content: &[u8], except: &[&str]) -> Result<usize, String> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        look_through(root.path(), &rule(except)).unwrap()
    }

    #[test]
    fn what_is_compiled_or_packed_is_told() {
        let mut tar = vec![b'a'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        for (name, content, expected) in [
            ("tool", b"\x7fELF\x02".as_slice(), "`tool`: it is a compiled program"),
            ("a/lib.so", b"text", "`a/lib.so`: it is a compiled program"),
            ("x.PYC", b"text", "compiled Python"),
            ("x", b"PK\x03\x04", "a packed archive"),
            ("x.json", b"\x1f\x8b", "a packed file"),
            ("x", &tar, "a packed archive"),
            ("state", b"\x80\x04\x95", "a pickle"),
            ("weights.bin", b"some\0bytes", "neither text nor a picture"),
            ("x.py", b"a = 1\0", "code that is no UTF-8 text"),
            ("x.py", b"a = '\xff'", "code that is no UTF-8 text"),
            ("run", b"#!/bin/sh\n\xff", "code that is no UTF-8 text"),
            ("odd\n`name", b"MZ", "`odd\\n`name`"),
        ] {
            let why = looked(name, content, &[]).expect_err(name);
            assert!(why.starts_with("expected code that can be read, found `") && why.contains(expected), "{why}");
        }
        let mut late = vec![b'a'; 400 << 10];
        late.push(0);
        assert!(looked("data.txt", &late, &[]).is_err(), "a zero byte far behind");
    }

    #[test]
    fn what_can_be_read_is_taken() {
        for (name, content) in [
            ("README.md", "words\n".repeat(10_000).as_bytes()),
            ("logo.png", b"\x89PNG\r\n\x1a\n\0\0".as_slice()),
            ("train.py", b"import os\n"),
            ("data.json", format!("[\"{}\"]", "aB3".repeat(4_000)).as_bytes()),
            ("empty", b""),
        ] {
            assert_eq!(looked(name, content, &[]), Ok(1), "{name}");
        }
        for except in ["data/rows.bin", "data", "data/", "*.bin"] {
            assert_eq!(looked("data/rows.bin", b"a\0", &[except]), Ok(0), "{except}");
        }
        for except in ["dat", "rows.bin", "*.parquet"] {
            assert!(looked("data/rows.bin", b"a\0", &[except]).is_err(), "{except}");
        }
    }
}
