//! What a repository holds at one commit, and the names that may stand in it.

use std::{collections::BTreeMap, path::Component, path::Path};

use reqwest::Url;
use serde::Deserialize;

use super::{
    Hub, Kind,
    digest::{Digest, is_hex},
    trouble::{Trouble, Why, plain},
};

/// Files that one repository may have.
const FILES_MAX: usize = 100_000;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: u64,
    pub(super) digest: Digest,
}

#[derive(Deserialize)]
struct Info {
    sha: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Hub {
    /// The commit that a revision names now: a branch, a tag or a commit; the newest of `main` when there is none.
    pub async fn pin(&self, kind: Kind, id: &str, revision: Option<&str>) -> Result<String, Trouble> {
        check_id(kind, id)?;
        let revision = revision.unwrap_or("main");
        check_revision(kind, id, revision)?;
        let what = format!("the commit of {kind} `{id}` at `{revision}`");
        let mut parts = vec!["api", kind.plural()];
        parts.extend(id.split('/'));
        parts.extend(["revision", revision]);
        let (info, _): (Info, _) = self.get(&what, &self.at(&parts)).await?;
        info.sha.filter(|sha| is_hex(sha, 40)).ok_or_else(|| {
            Trouble::bad(
                format!("expected {what} as 40 hexadecimal digits, found none"),
                "check the address of the hub",
            )
        })
    }

    /// All files at a commit, by their paths, each of which may be joined to a folder.
    pub(super) async fn tree(&self, kind: Kind, id: &str, commit: &str) -> Result<BTreeMap<String, Entry>, Trouble> {
        let what = format!("the list of files of {kind} `{id}` at `{commit}`");
        let mut parts = vec!["api", kind.plural()];
        parts.extend(id.split('/'));
        parts.extend(["tree", commit]);
        let mut page = self.at(&parts);
        page.query_pairs_mut().append_pair("recursive", "true");
        let mut next = Some(page);
        let mut files = BTreeMap::new();
        while let Some(page) = next {
            let (items, after): (Vec<Item>, _) = self.get(&what, &page).await?;
            next = after.filter(|after| *after != page && !items.is_empty());
            for item in items {
                let Some((path, entry)) = entry(&what, item)? else { continue };
                files.insert(path, entry);
            }
            if files.len() > FILES_MAX {
                let message = format!("expected at most {FILES_MAX} files in {kind} `{id}`, found more");
                return Err(Trouble::new(Why::TooLarge, message, "choose another one"));
            }
        }
        Ok(files)
    }

    /// Where a file of a repository is.
    pub(super) fn resolve(&self, kind: Kind, id: &str, commit: &str, path: &str) -> Url {
        let mut parts = match kind {
            Kind::Model => vec![],
            Kind::Dataset => vec!["datasets"],
        };
        parts.extend(id.split('/'));
        parts.extend(["resolve", commit]);
        parts.extend(path.split('/'));
        self.at(&parts)
    }
}

fn entry(what: &str, item: Item) -> Result<Option<(String, Entry)>, Trouble> {
    let wrong = |found: String| {
        Trouble::bad(format!("expected plain files in {what}, found {found}"), "choose another revision or repository")
    };
    let named = plain(&item.path, 120);
    match item.kind.as_str() {
        "directory" => return Ok(None),
        "file" => {}
        other => return Err(wrong(format!("`{named}`, which is a {}", plain(other, 20)))),
    }
    check_path(&item.path).map_err(|said| wrong(format!("`{named}`, {said}")))?;
    let (size, digest) = match &item.lfs {
        Some(lfs) => (lfs.size, Digest::sha256(&lfs.oid)),
        None => (item.size, Digest::blob(&item.oid, item.size)),
    };
    let digest = digest.ok_or_else(|| wrong(format!("`{named}` without a digest")))?;
    Ok(Some((item.path, Entry { size, digest })))
}

/// Whether a path leads to a place below the folder that it is joined to, and nowhere else.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    // What Rust would tidy away, such as `a//b` and `a/./b`, is no path that a repository has.
    let as_written = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !below || !as_written {
        return Err("which leads out of its folder or is not written plainly");
    }
    if path.chars().any(char::is_control) {
        return Err("which has control characters");
    }
    if path.len() > 1_024 || path.split('/').any(|part| part.len() > 250) {
        return Err("which is longer than file systems allow");
    }
    if path.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err("which belongs to git");
    }
    Ok(())
}

pub(super) fn check_id(kind: Kind, id: &str) -> Result<(), Trouble> {
    let part = |part: &str| {
        let signs = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        signs && !part.is_empty() && part.len() <= 96 && !part.starts_with(['.', '-']) && !part.contains("..")
    };
    if id.split('/').count() <= 2 && id.split('/').all(part) {
        return Ok(());
    }
    let message = format!("expected the name of a {kind} such as `organisation/name`, found `{}`", plain(id, 120));
    Err(Trouble::bad(message, "write it as the hub does: letters, digits, `-`, `_` and `.`"))
}

fn check_revision(kind: Kind, id: &str, revision: &str) -> Result<(), Trouble> {
    let fits = !revision.is_empty()
        && revision.len() <= 200
        && !revision.split('/').any(|part| matches!(part, "" | "." | ".."))
        && revision.chars().all(|c| !c.is_control() && !c.is_whitespace());
    if fits {
        return Ok(());
    }
    let message = format!("expected a branch, tag or commit of {kind} `{id}`, found `{}`", plain(revision, 120));
    Err(Trouble::bad(message, "leave it out for the newest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_nowhere_else() {
        for fine in ["a", "a/b.c", "…/ä b", "a/..b", ".gitattributes", "a\\b"] {
            assert_eq!(check_path(fine), Ok(()), "{fine}");
        }
        let long = "x".repeat(251);
        let wrong =
            ["", "/a", "..", "a/../b", "./a", "a//b", "a/", "a/./b", "a\0b", "a\nb", ".git/config", "a/.GIT/x", &long];
        for wrong in wrong {
            assert!(check_path(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_hub() {
        for fine in ["gpt2", "org/name", "o-r_g/n.a-m_e"] {
            assert!(check_id(Kind::Model, fine).is_ok(), "{fine}");
        }
        for wrong in ["", "a/b/c", "a/", "/a", "../a", "a/..", "a/b?x", "a b/c", "a/b#c", "-a/b", "a/%2e"] {
            assert!(check_id(Kind::Model, wrong).is_err(), "{wrong}");
        }
        for wrong in ["", ".", "..", "a/../b", "a b", "a\nb"] {
            assert!(check_revision(Kind::Model, "a/b", wrong).is_err(), "{wrong}");
        }
        assert!(check_revision(Kind::Model, "a/b", "refs/pr/1").is_ok());
    }
}
