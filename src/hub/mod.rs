//! The outside: models, data and results on their way between this host, a hub and other people's storage.
//!
//! A backend calls it, and it decides nothing: it moves bytes, bounded in memory and in time, and either all of something
//! has arrived and is verified, or there is a [`Trouble`] that says why not. What broke off is gone on with where it
//! stopped, by whoever asks for the same again. Untrusted code never sees the token: it stays in [`Secret`].
//!
//! - [`Hub::pin`], [`Hub::snapshot`]: a model or a data set of the hub, whole, at one commit.
//! - [`Hub::file`]: one file from any address.
//! - [`Hub::upload`]: a folder into a repository, in one commit.
//! - [`Hub::greet`]: whether it answers, and to whom.
//! - [`shelve`]: the same into a folder of this host.
//! - [`text`]: a text at an address that anybody may know, and a message to one that nobody may.
//! - [`Cache`]: what a host has fetched or made, once for all who need it.

mod address;
mod ask;
mod cache;
mod commit;
mod digest;
mod fetch;
mod file;
mod folder;
mod greet;
mod lfs;
mod multipart;
mod pace;
mod patch;
mod secret;
mod shelf;
mod sink;
mod snapshot;
mod source;
pub mod text;
mod tree;
mod trouble;
mod upload;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Url, redirect};

pub use address::Reach;
pub use cache::{Cache, Held};
pub use file::File;
pub use greet::Greeting;
pub use secret::Secret;
pub use shelf::shelve;
pub use snapshot::{Snapshot, Wanted};
pub use trouble::{Trouble, Why};
pub use upload::{Upload, Uploaded};

/// What kind of repository it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Model,
    Dataset,
}

impl Kind {
    /// The word in addresses of the programming interface.
    fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Dataset => "data set",
        })
    }
}

/// How a hub is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the hub is. Whoever sets it trusts it, and the storage that it sends us to.
    pub endpoint: String,
    pub token: Option<Secret>,
    /// Transfers at once.
    pub parallel: usize,
    /// The most that all transfers together may take.
    pub bytes_per_second: Option<u64>,
    /// Where addresses from strangers may lead.
    pub reach: Reach,
    /// How long is waited in all between the tries of one request, while nothing moves.
    pub patience: Duration,
    /// How long the other side may be silent.
    pub stall: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            parallel: 8,
            bytes_per_second: None,
            reach: Reach::Public,
            patience: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}

/// A hub and what it takes to speak with it.
pub struct Hub {
    endpoint: Url,
    token: Option<Secret>,
    /// For the hub and the storage that it names.
    client: Client,
    /// For what is sent, which may take long before anything is answered.
    sender: Client,
    /// For addresses of strangers: no proxy, and names lead to public addresses only, unless the reach is wider.
    strangers: Client,
    reach: Reach,
    pace: Arc<pace::Pace>,
    parallel: usize,
    patience: Duration,
    stall: Duration,
}

impl Hub {
    pub fn new(settings: Settings) -> Result<Self, Trouble> {
        let wrong = |said: String| {
            let message = format!("expected an address such as `https://huggingface.co` for the hub, found {said}");
            Trouble::bad(message, "set `HF_ENDPOINT`, or leave it out")
        };
        let mut endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        endpoint.push('/');
        let endpoint = Url::parse(&endpoint).map_err(|error| wrong(format!("one that cannot be read ({error})")))?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() || endpoint.query().is_some()
        {
            return Err(wrong(format!("`{}`", trouble::shown(&endpoint))));
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(wrong("one with a name or a password in it".to_owned()));
        }
        let built = |builder: reqwest::ClientBuilder| {
            builder
                .user_agent(concat!("god-flow/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .connect_timeout(Duration::from_secs(10).min(settings.stall))
                .pool_max_idle_per_host(settings.parallel.max(1))
                .build()
                .map_err(|error| {
                    let message = format!("cannot prepare connections: {}", error.without_url());
                    Trouble::new(Why::Disk, message, "install the certificates of this host (`ca-certificates`)")
                })
        };
        let strangers = match settings.reach {
            Reach::Public => Client::builder().no_proxy().dns_resolver(address::PublicOnly),
            Reach::Anywhere => Client::builder(),
        };
        Ok(Self {
            client: built(Client::builder().read_timeout(settings.stall))?,
            sender: built(Client::builder())?,
            strangers: built(strangers.read_timeout(settings.stall))?,
            endpoint,
            token: settings.token,
            reach: settings.reach,
            pace: Arc::new(pace::Pace::new(settings.bytes_per_second)),
            parallel: settings.parallel.max(1),
            patience: settings.patience,
            stall: settings.stall,
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("endpoint", &trouble::shown(&self.endpoint)).finish_non_exhaustive()
    }
}

/// How far a transfer has come, for whoever looks while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Bytes that are where they belong.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes in all, as far as it is known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn take_back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
    }
}
