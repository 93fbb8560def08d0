//! One file from any address: of the operator's storage, by a presigned address, or from whoever has put it somewhere.

use std::path::Path;

use reqwest::Url;

use super::{
    Hub, Progress,
    digest::Digest,
    fetch::Behind,
    sink::blocking,
    snapshot::{enough, space},
    trouble::{Trouble, plain, shown},
};

/// A file that is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct File<'a> {
    pub url: &'a str,
    /// In hexadecimal digits. Without it the file is taken as it comes, if all of it comes.
    pub sha256: Option<&'a str>,
    pub size_limit: Option<u64>,
}

impl Hub {
    /// Brings a file to a path, where it appears whole or not at all, in place of what was there. Gives its bytes.
    pub async fn file(&self, wanted: &File<'_>, into: &Path, progress: &Progress) -> Result<u64, Trouble> {
        let url = Url::parse(wanted.url).map_err(|error| {
            let said = plain(wanted.url.split(['?', '#']).next().unwrap_or_default(), 120);
            let message =
                format!("expected an address such as `https://example.org/data.json`, found `{said}`: {error}");
            Trouble::bad(message, "write the whole address")
        })?;
        self.reach.check(&url)?;
        let digest = match wanted.sha256 {
            None => None,
            Some(digits) => Some(Digest::sha256(digits).ok_or_else(|| {
                let message = format!(
                    "expected the SHA-256 of {} as 64 hexadecimal digits, found `{}`",
                    shown(&url),
                    plain(digits, 80)
                );
                Trouble::bad(message, "write what `sha256sum` says of the file")
            })?),
        };
        let (Some(folder), Some(name)) = (into.parent(), into.file_name()) else {
            let message = format!("expected the path of a file to download into, found `{}`", into.display());
            return Err(Trouble::bad(message, "give a path with a name at its end"));
        };
        let partial = folder.join(format!(".{}.partial", name.to_string_lossy()));
        let inside = folder.to_owned();
        let readied = blocking(move || {
            std::fs::create_dir_all(&inside)?;
            space(&inside)
        });
        let free = readied.await.map_err(|error| Trouble::disk("write into", folder, &error))?;
        enough(free, 1, into)?;
        let behind = Behind {
            what: "a file",
            url: &url,
            client: &self.strangers,
            size: None,
            size_limit: wanted.size_limit,
            digest,
        };
        let bytes = self.fetch(&behind, &partial, progress).await?;
        let moved = tokio::fs::rename(&partial, into).await;
        moved.map_err(|error| Trouble::disk("write", into, &error))?;
        Ok(bytes)
    }
}
