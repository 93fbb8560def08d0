//! The account behind a repository's address.

/// Whose repository it is, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub owner: String,
    pub repository: String,
}

/// The first two parts of the address's path; nothing when there are fewer.
pub fn account(address: &str) -> Option<Account> {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let path = path_of(&address[..end]).trim_matches('/');
    let (owner, rest) = path.split_once('/')?;
    let repository = rest.split('/').next().unwrap_or_default();
    let is_there = !owner.is_empty() && !repository.is_empty();
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    is_there.then(|| Account { owner: owner.into(), repository: repository.into() })
}

/// What is behind the scheme and the host, where they are said.
fn path_of(address: &str) -> &str {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let rest = address.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).map_or(address, |(_, rest)| rest);
    match rest.strip_prefix("//") {
        Some(host) => host.find('/').map_or("", |at| &host[at..]),
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_and_repository_are_the_first_two_parts() {
        for (address, expected) in [
            ("https://github.com/Owner/repo.git", Some(("Owner", "repo"))),
            ("https://user:secret@github.com/o/r/tree/main?x=1#top", Some(("o", "r"))),
            ("github.com/o/r", Some(("github.com", "o"))),
            ("o/r", Some(("o", "r"))),
            ("git@github.com:o/r.git", Some(("git@github.com:o", "r"))),
            ("https://github.com//r", None),
            ("https://github.com", None),
            ("o/.git", Some(("o", ""))),
            ("", None),
        ] {
            let found = account(address);
            let found = found.as_ref().map(|it| (it.owner.as_str(), it.repository.as_str()));
            assert_eq!(found, expected, "{address}");
        }
    }
}
