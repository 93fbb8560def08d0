//! Which store an address means, and where the store is when nobody says.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Error, MemoryStore, PostgresStore, SqliteStore, Store};

const FOLDER: &str = ".god-flow";
const FILE: &str = "god-flow.db";
/// Nobody who writes one of these alone means a file of that name.
const WORDS: [&str; 4] = ["memory", "sqlite", "postgres", "postgresql"];

/// Opens `memory:`, `sqlite:PATH`, `postgres://…` or a path, making what is not there yet.
pub async fn open(address: &str) -> Result<Arc<dyn Store>, Error> {
    match address.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(MemoryStore::new())),
        Some(("sqlite", path)) => sqlite(path.strip_prefix("//").unwrap_or(path)).await,
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresStore::open(address).await?)),
        Some((scheme, rest)) if rest.starts_with("//") => {
            // Only the scheme is told: the rest may hold a password.
            let why = format!("expected a path, `sqlite:PATH`, `postgres://…` or `memory:`, found `{scheme}://…`");
            Err(Error::Address { why })
        }
        None if WORDS.contains(&address) => {
            let why = format!(
                "expected a path, `sqlite:PATH`, `postgres://…` or `memory:`, found `{address}`; a file of that name is \
                 `./{address}`"
            );
            Err(Error::Address { why })
        }
        _ => sqlite(address).await,
    }
}

/// Whether a store is there already; one in memory or without a name never is, and of a server nobody knows before it is asked.
pub fn is_there(named: Option<&str>, here: &Path) -> bool {
    match named.map(|named| (named, named.split_once(':'))) {
        None => here.join(FOLDER).join(FILE).exists() || for_data(variable).is_some_and(|path| path.exists()),
        Some((_, Some(("memory", "")))) => false,
        Some((_, Some(("postgres" | "postgresql", _)))) => true,
        Some((_, Some(("sqlite", path)))) => Path::new(path.strip_prefix("//").unwrap_or(path)).exists(),
        Some((path, _)) => Path::new(path).exists(),
    }
}

/// Whether an address means a file.
pub fn is_file(address: &str) -> bool {
    match address.split_once(':') {
        Some(("sqlite", path)) => !path.is_empty(),
        Some(("memory", "") | ("postgres" | "postgresql", _)) => false,
        Some((_, rest)) => !rest.starts_with("//"),
        None => !address.is_empty() && !WORDS.contains(&address),
    }
}

async fn sqlite(path: &str) -> Result<Arc<dyn Store>, Error> {
    if path.is_empty() {
        return Err(Error::Address { why: "expected the path of a database, found nothing".into() });
    }
    Ok(Arc::new(SqliteStore::open(path).await?))
}

/// The file used when no store is named: in `.god-flow` of the folder where one works, or else, where none can be made
/// there, in the place that the platform has for data.
pub fn default_path(here: &Path) -> PathBuf {
    path_for(here, variable)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn path_for(here: &Path, environment: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let folder = here.join(FOLDER);
    if super::private::make_folder(&folder).is_ok() && !is_read_only(&folder) {
        return folder.join(FILE);
    }
    // Without any other place the folder here is named, so that the error speaks of a path that the user knows.
    for_data(environment).unwrap_or_else(|| folder.join(FILE))
}

/// The file in the place that the platform has for data.
fn for_data(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME");
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("god-flow").join(FILE))
}

fn is_read_only(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|metadata| metadata.permissions().readonly())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_here_if_it_can_be() {
        let here = tempfile::tempdir().unwrap();
        let none = |_: &str| None;
        assert_eq!(path_for(here.path(), none), here.path().join(".god-flow/god-flow.db"));
        assert!(here.path().join(".god-flow").is_dir());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn else_it_is_where_the_platform_keeps_data() {
        let folder = tempfile::tempdir().unwrap();
        let no_folder = folder.path().join("file");
        std::fs::write(&no_folder, "").unwrap();
        for (set, expected) in [
            (&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/a")][..], PathBuf::from("/data/god-flow/god-flow.db")),
            (&[("HOME", "/home/a")], PathBuf::from("/home/a/.local/share/god-flow/god-flow.db")),
            (&[("XDG_DATA_HOME", "data"), ("HOME", "/home/a")], "/home/a/.local/share/god-flow/god-flow.db".into()),
            (&[], no_folder.join(".god-flow/god-flow.db")),
        ] {
            let environment = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            assert_eq!(path_for(&no_folder, environment), expected, "{set:?}");
        }
    }

    #[tokio::test]
    async fn addresses_that_mean_no_store_are_told_without_their_secrets() {
        for (address, expected) in [
            ("mysql://root:hush@host/db", "found `mysql://…`"),
            ("sqlite:", "expected the path of a database, found nothing"),
            ("memory", "a file of that name is `./memory`"),
            ("sqlite", "found `sqlite`"),
            ("postgres", "`postgres://…`"),
            ("", "expected the path of a database, found nothing"),
            ("postgres://me:hu/sh@host/db", "percent"),
            ("postgres://me:1/hush@host/db", "percent"),
            ("postgres://me:hush@host:port/db", "port"),
        ] {
            let error = open(address).await.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{address}: {error}");
            assert!(!error.contains("hush"), "{address}: {error}");
        }
        let unreachable = open("postgres://me:hush@127.0.0.1:1/db").await.err().unwrap();
        assert_eq!(unreachable.to_string(), "cannot reach postgres://127.0.0.1:1/db");
        assert!(!format!("{unreachable:?}").contains("hush"), "{unreachable:?}");
        assert_eq!(open("memory:").await.unwrap().place(), "memory");
    }
}
