//! What `git` says when it fails, and whose fault it is.
//!
//! Much of it is a stranger's: the address, and what the code host sends to be shown. Neither is looked at.

use std::{fs::File, io::Write, os::unix::process::ExitStatusExt, process::ExitStatus};

use super::Trouble;

/// What `git` was doing.
pub(super) enum Doing<'a> {
    /// Bringing a repository here from an address.
    Fetch { address: &'a str },
    /// Working on what is here.
    Here,
}

/// What is theirs of what goes wrong with a fetch; what else does is the network's or the code host's.
const THEIRS: [&str; 18] = [
    "not our ref",
    "unadvertised object",
    "couldn't find remote ref",
    "' not found",
    "does not appear to be a git repository",
    "does not exist",
    "Authentication failed",
    "could not read Username",
    "terminal prompts disabled",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "returned error: 410",
    "returned error: 451",
    "fsck",
    "over limit",
    "not valid: is this a git repository",
    "unable to update url base from redirection",
];

/// What this host lacks.
const OF_HOST: [&str; 4] =
    ["No space left on device", "Disk quota exceeded", "Cannot allocate memory", "Out of memory, malloc failed"];

/// What an ended `git` comes to. What it said is kept.
pub(super) fn judged(status: ExitStatus, words: &str, doing: &Doing<'_>, mut say: &File) -> Result<(), Trouble> {
    // A log that cannot be kept stops no fetch.
    let _ = say.write_all(words.as_bytes());
    if status.success() { Ok(()) } else { Err(trouble(status, words, doing)) }
}

fn trouble(status: ExitStatus, words: &str, doing: &Doing<'_>) -> Trouble {
    let lines = || words.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = lines().collect::<Vec<_>>().join(" | ");
    let told = if told.is_empty() { format!("git ended with {status}") } else { told };
    let address = match doing {
        Doing::Fetch { address } => address,
        Doing::Here => "",
    };
    let own = lines().filter(|line| !line.starts_with("remote:"));
    let own = own.map(|line| if address.is_empty() { line.to_owned() } else { line.replace(address, "") });
    let own = own.collect::<Vec<_>>().join("\n");
    let says = |signs: &[&str]| signs.iter().any(|sign| own.contains(sign));
    match doing {
        // Nobody but this host ends it so.
        _ if status.signal().is_some() || says(&OF_HOST) => Trouble::Host(told),
        Doing::Fetch { .. } if !says(&THEIRS) => Trouble::Network(told),
        Doing::Fetch { .. } | Doing::Here => Trouble::Theirs(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_has_somebody_to_blame() {
        let (failed, killed) = (ExitStatus::from_raw(128 << 8), ExitStatus::from_raw(9));
        let address = "https://git.example.org/o/SSL-not our ref";
        let fetch = Doing::Fetch { address };
        let named = |words: &str| format!("fatal: {words}").replace("{}", address);
        for (status, words, doing, expected) in [
            (failed, "repository '{}/' not found", &fetch, "theirs"),
            (failed, "remote error: upload-pack: not our ref 00", &fetch, "theirs"),
            (failed, "unable to access '{}/': The requested URL returned error: 403", &fetch, "theirs"),
            (
                failed,
                "could not read Username for 'https://git.example.org': terminal prompts disabled",
                &fetch,
                "theirs",
            ),
            (failed, "fsck error in packed object", &fetch, "theirs"),
            (failed, "attempting to allocate 2000000001 over limit 1073741824", &fetch, "theirs"),
            (failed, "unable to access '{}/': Could not resolve host: git.example.org", &fetch, "network"),
            (failed, "unable to access '{}/': Empty reply from server", &fetch, "network"),
            (failed, "unable to access '{}/': Operation too slow. Less than 1000 bytes/sec", &fetch, "network"),
            (failed, "unable to access '{}/': The requested URL returned error: 503", &fetch, "network"),
            (failed, "unable to access '{}/': The requested URL returned error: 429", &fetch, "network"),
            (failed, "early EOF\nremote: not our ref\nremote: No space left on device", &fetch, "network"),
            (failed, "write error: No space left on device", &fetch, "host"),
            (failed, "Out of memory, malloc failed (tried to allocate 9 bytes)", &fetch, "host"),
            (killed, "", &fetch, "host"),
            (killed, "", &Doing::Here, "host"),
            (failed, "unable to create file x: File name too long", &Doing::Here, "theirs"),
            (failed, "cannot write x: No space left on device", &Doing::Here, "host"),
        ] {
            let found = match trouble(status, &named(words), doing) {
                Trouble::Theirs(_) => "theirs",
                Trouble::Network(_) => "network",
                Trouble::Host(_) => "host",
            };
            assert_eq!(found, expected, "{words}");
        }
    }
}
