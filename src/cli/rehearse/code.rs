//! The code that is rehearsed: an address and a commit, whatever the person named.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Code as a step fetches it.
pub(super) struct Code {
    /// What the person named.
    pub(super) named: String,
    pub(super) address: String,
    pub(super) commit: String,
}

/// Finds what is meant. What there is to say of it is added to the notes.
pub(super) fn find(named: &str, own: &Path, notes: &mut Vec<String>) -> Result<Code, String> {
    let (place, commit) = match named.rsplit_once('@') {
        Some((place, commit)) if !place.is_empty() && !commit.contains(['/', ':']) => (place, Some(commit)),
        _ => (named, None),
    };
    if Path::new(named).is_dir() {
        return of_folder(Path::new(named), None, own, named, notes);
    }
    if Path::new(place).is_dir() {
        return of_folder(Path::new(place), commit, own, named, notes);
    }
    if !place.contains("://") {
        return Err(format!(
            "expected a folder or an address such as `https://github.com/owner/repository`, found `{named}`"
        ));
    }
    let Some(commit) = commit else {
        return Err(format!("expected the commit behind an address, as in `{place}@` and 40 hexadecimal digits"));
    };
    Ok(Code { named: named.to_owned(), address: place.to_owned(), commit: commit.to_ascii_lowercase() })
}

fn of_folder(
    folder: &Path,
    commit: Option<&str>,
    own: &Path,
    named: &str,
    notes: &mut Vec<String>,
) -> Result<Code, String> {
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let named = named.to_owned();
    if !folder.join(".git").exists() {
        if commit.is_some() {
            return Err(format!(
                "{} is no repository, so it has no commits; `git init` makes it one",
                folder.display()
            ));
        }
        notes.push(format!("{} is no repository of its own: its files are taken as they are", folder.display()));
        return of_files(&folder, own, named);
    }
    let wanted = format!("{}^{{commit}}", commit.unwrap_or("HEAD"));
    let commit = git(&folder, None, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
    let commit = commit.map_err(|_| match commit_of(&wanted) {
        "HEAD" => format!("{} has no commit yet: commit what is to be rehearsed", folder.display()),
        other => format!("there is no commit `{other}` in {}", folder.display()),
    })?;
    let changed = git(&folder, None, &["status", "--porcelain"])?.lines().count();
    if changed > 0 {
        let files = if changed == 1 { "1 file is".to_owned() } else { format!("{changed} files are") };
        notes.push(format!("{files} changed and not committed: the rehearsal is of the commit {}", &commit[..12]));
    }
    Ok(Code { named, address: format!("file://{}", folder.display()), commit })
}

fn commit_of(wanted: &str) -> &str {
    wanted.split('^').next().unwrap_or(wanted)
}

/// The files of a folder as one commit of a repository that is kept for it alone. The same files make the same commit.
fn of_files(folder: &Path, own: &Path, named: String) -> Result<Code, String> {
    let name = folder.file_name().map_or_else(|| "code".into(), |name| name.to_string_lossy().into_owned());
    let place: PathBuf = own.join(format!("{name}.git"));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    git(folder, Some(&place), &["init", "--quiet"])?;
    git(folder, Some(&place), &["add", "--all", "."])?;
    git(folder, Some(&place), &["commit", "--quiet", "--allow-empty", "--message", "rehearsal"]).or_else(|why| {
        // What has not changed since needs no other commit.
        git(folder, Some(&place), &["rev-parse", "--verify", "--quiet", "HEAD"]).map_err(|_| why)
    })?;
    let commit = git(folder, Some(&place), &["rev-parse", "HEAD"])?;
    Ok(Code { named, address: format!("file://{}", place.display()), commit })
}

/// What `git` says about a folder, or about the repository that is kept apart from it.
fn git(folder: &Path, apart: Option<&Path>, arguments: &[&str]) -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(folder).env("LC_ALL", "C");
    if let Some(place) = apart {
        git.arg("--git-dir").arg(place).arg("--work-tree").arg(folder);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "rehearsal").env(format!("GIT_{who}_EMAIL"), "rehearsal@localhost");
            git.env(format!("GIT_{who}_DATE"), "2000-01-01T00:00:00Z");
        }
        git.args(["-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null", "-c", "core.bare=false"]);
    }
    let told = git.args(arguments).output();
    let told = told.map_err(|error| format!("the program `git` cannot be started ({error}): install it"))?;
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if told.status.success() {
        return Ok(words(&told.stdout));
    }
    Err(format!("git: {}", words(&told.stderr)))
}
