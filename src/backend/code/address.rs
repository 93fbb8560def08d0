//! Where code is: addresses that name a repository on a code host, and nothing that `git` could take for anything else.

use std::net::IpAddr;

/// An address as it is given to `git`, or why it is not taken.
pub(super) fn read(address: &str, allow_local: bool) -> Result<String, String> {
    let bare = address.trim().trim_end_matches('/');
    if bare.chars().any(|c| c.is_control() || c.is_whitespace()) || bare.len() > 2_048 {
        return Err("the address of the repository has characters that no address has, or is too long".into());
    }
    if allow_local && let Some(path) = bare.strip_prefix("file://") {
        let is_whole = path.starts_with('/');
        let wrong = || format!("expected `file:///` and a whole path, found `{bare}`");
        return is_whole.then(|| bare.to_owned()).ok_or_else(wrong);
    }
    let Some(rest) = bare.strip_prefix("https://") else {
        // What stands before the `@` may be a secret.
        let shown = bare.rsplit('@').next().unwrap_or(bare);
        return Err(format!(
            "expected the address of a repository, as `https://github.com/owner/name`, found `{shown}`"
        ));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return Err("the address of a repository holds no name or password: a token is given apart".into());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_number = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if !allow_local && (is_number || name == "localhost" || !name.contains('.')) {
        return Err(format!("expected the name of a public code host, found `{host}`"));
    }
    if path.is_empty() || path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(format!("expected an owner and a name behind `https://{host}/`, found `{path}`"));
    }
    if path.contains(['?', '#', '\\']) {
        return Err(format!("expected the path of a repository, found `{path}`"));
    }
    Ok(bare.to_owned())
}

/// A commit by its whole name: branches and short names may mean something else tomorrow.
pub(super) fn commit(text: &str) -> Result<&str, String> {
    let is_whole = text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_whole.then_some(text).ok_or_else(|| format!("expected a commit as 40 hexadecimal digits, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repositories_on_public_hosts_are_taken() {
        for good in ["https://github.com/o/r", "https://github.com/o/r.git", "https://git.example.org:8443/a/b/c"] {
            assert_eq!(read(good, false), Ok(good.to_owned()));
        }
        assert_eq!(read(" https://github.com/o/r/ ", false), Ok("https://github.com/o/r".into()));
        for (bad, why) in [
            ("--upload-pack=touch /tmp/x", "characters that no address has"),
            ("--upload-pack=x", "expected the address"),
            ("ext::sh", "expected the address"),
            ("file:///etc", "expected the address"),
            ("git@github.com:o/r", "found `github.com:o/r`"),
            ("http://github.com/o/r", "expected the address"),
            ("https://secret@github.com/o/r", "holds no name or password"),
            ("https://127.0.0.1/o/r", "public code host"),
            ("https://[::1]/o/r", "public code host"),
            ("https://localhost/o/r", "public code host"),
            ("https://metadata/o/r", "public code host"),
            ("https://github.com", "expected an owner"),
            ("https://github.com/o/../r", "expected an owner"),
            ("https://github.com//r", "expected an owner"),
            ("https://github.com/o/r?x=1", "the path of a repository"),
            ("https://github.com/o/r\n", ""),
        ] {
            match read(bad, false) {
                Err(found) => assert!(found.contains(why) && !found.contains("secret"), "{bad}: {found}"),
                Ok(found) => assert!(bad.trim() == found, "{bad} was taken"),
            }
        }
        assert!(read("file:///tmp/repo", true).is_ok() && read("file://tmp/repo", true).is_err());
    }

    #[test]
    fn a_commit_is_named_whole() {
        assert!(commit(&"0a".repeat(20)).is_ok());
        for bad in ["main", "", "-c", &"0A".repeat(20), &"0a".repeat(19), &"0g".repeat(20)] {
            assert!(commit(bad).is_err(), "{bad}");
        }
    }
}
