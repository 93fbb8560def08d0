//! `git`, without anything that a repository or this host could make it do besides.
//!
//! The program is used rather than a library because code hosts are held to what it does.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    super::paths,
    Trouble,
    words::{self, Doing},
};
use crate::base::Size;

/// Files and folders of one repository.
const ENTRIES_MAX: usize = 200_000;
/// Bytes of what `git` says that are read.
const WORDS_MAX: u64 = 16 << 10;
/// Memory that `git` may ask for at once.
const ALLOC_MAX: &str = "1g";
/// How often the size of what has come is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Lays a commit out in a folder below another, which is empty, and gives that folder.
pub(super) async fn lay_out(
    address: &str,
    commit: &str,
    most: Size,
    within: &Path,
    allow_local: bool,
    say: &File,
) -> Result<PathBuf, Trouble> {
    let git = Git { repository: within.join("git"), tree: within.join("tree"), home: within.to_owned(), allow_local };
    std::fs::create_dir(&git.tree)?;
    git.run(&["init", "--quiet", "--bare", "--template=", "."], say).await?;
    let shallow = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", address, commit];
    match git.fetch(address, &shallow, most, say).await {
        // Not every host gives a commit by its name: then all branches are fetched, to look whether it is in one.
        Err(Trouble::Theirs(why)) if why.contains("not our ref") || why.contains("unadvertised object") => {
            let all =
                ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--", address, "+refs/heads/*:refs/all/*"];
            git.fetch(address, &all, most, say).await?;
        }
        other => other?,
    }
    let whole = format!("{commit}^{{commit}}");
    match git.run(&["cat-file", "-e", &whole], say).await {
        Err(Trouble::Theirs(_)) => {
            return Err(Trouble::Theirs(format!("expected the commit {commit} in {address}, found no such one")));
        }
        other => other?,
    }
    git.measure(commit, most).await?;
    git.run(&["--work-tree=../tree", "checkout", "--quiet", "--force", "--detach", commit, "--"], say).await?;
    Ok(git.tree)
}

/// One bare repository, for one fetch.
struct Git {
    repository: PathBuf,
    tree: PathBuf,
    home: PathBuf,
    allow_local: bool,
}

impl Git {
    fn command(&self, arguments: &[&str]) -> Result<Command, Trouble> {
        std::fs::create_dir_all(&self.repository)?;
        let mut command = Command::new("git");
        // What the user or the machine has set up for `git` is not for strangers' code.
        command.env_clear().env("HOME", &self.home).env("LC_ALL", "C");
        for kept in ["PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "/bin/false").env("GIT_LFS_SKIP_SMUDGE", "1");
        // A small repository can unfold into more than this host has.
        command.env("GIT_ALLOC_LIMIT", ALLOC_MAX);
        command.env("GIT_ALLOW_PROTOCOL", if self.allow_local { "https:file" } else { "https" });
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "gc.auto=0",
            "safe.directory=*",
            "http.lowSpeedLimit=1000",
            "http.lowSpeedTime=60",
        ] {
            command.args(["-c", setting]);
        }
        command.args(["-c", "fetch.fsckObjects=true", "--git-dir=."]).args(arguments);
        command.current_dir(&self.repository).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        Ok(command)
    }

    /// Runs `git` to its end.
    async fn run(&self, arguments: &[&str], say: &File) -> Result<(), Trouble> {
        let mut child =
            Family(self.command(arguments)?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(absent)?);
        let words = words(child.0.stderr.take()).await?;
        let status = child.0.wait().await?;
        words::judged(status, &words, &Doing::Here, say)
    }

    /// Runs a fetch, and ends it where more comes than may.
    async fn fetch(&self, address: &str, arguments: &[&str], most: Size, say: &File) -> Result<(), Trouble> {
        let mut child =
            Family(self.command(arguments)?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(absent)?);
        let stderr = child.0.stderr.take();
        let came = async {
            let words = words(stderr).await?;
            words::judged(child.0.wait().await?, &words, &Doing::Fetch { address }, say)
        };
        tokio::select! {
            ended = came => ended,
            too_large = self.until_larger_than(most) => too_large,
        }
    }

    async fn until_larger_than(&self, most: Size) -> Result<(), Trouble> {
        loop {
            tokio::time::sleep(LOOK).await;
            if paths::size(&self.repository) > most.0 {
                return Err(too_large(most));
            }
        }
    }

    /// What a commit would weigh when it is laid out, for a small pack can hold large files.
    async fn measure(&self, commit: &str, most: Size) -> Result<(), Trouble> {
        let arguments = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit];
        let mut child =
            Family(self.command(&arguments)?.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(absent)?);
        let Some(stdout) = child.0.stdout.take() else { return Err(Trouble::Host("git has no output".into())) };
        let mut lines = BufReader::new(stdout);
        let (mut entries, mut bytes, mut line) = (0, 0_u64, Vec::new());
        while lines.read_until(0, &mut line).await? > 0 {
            entries += 1;
            // The mode, the kind, the name and the size, before the path.
            let text = String::from_utf8_lossy(&line);
            let size = text.split('\t').next().and_then(|head| head.split_whitespace().nth(3)?.parse().ok());
            bytes = bytes.saturating_add(size.unwrap_or(0));
            if bytes > most.0 {
                return Err(too_large(most));
            }
            if entries > ENTRIES_MAX {
                return Err(Trouble::Theirs(format!(
                    "expected at most {ENTRIES_MAX} files in the repository, found more"
                )));
            }
            line.clear();
        }
        let is_read = child.0.wait().await?.success();
        is_read.then_some(()).ok_or_else(|| Trouble::Host("git cannot read the commit that it fetched".into()))
    }
}

/// A `git` and all that it starts, which end with it.
struct Family(Child);

impl Drop for Family {
    fn drop(&mut self) {
        let leader = self.0.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(leader) = leader {
            // What has ended already needs no end.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

fn absent(error: io::Error) -> Trouble {
    Trouble::Host(format!("the program `git` cannot be started ({error}): install it, it fetches code"))
}

fn too_large(most: Size) -> Trouble {
    Trouble::Theirs(format!("expected a repository of at most {most}, found a larger one"))
}

async fn words(from: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(WORDS_MAX).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
