//! The calls of the Docker engine that are needed, each harmless when made again, and what went wrong in words.

use std::{collections::HashMap, io};

use bollard::{
    API_DEFAULT_VERSION, Docker, body_try_stream,
    container::LogOutput,
    errors::Error as Wrong,
    models::{ContainerCreateBody, ContainerState, NetworkCreateRequest, SystemInfo},
    query_parameters::{
        BuildImageOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
        DownloadFromContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
        ListImagesOptionsBuilder, ListNetworksOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveImageOptions, StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::{restart::Life, shape::LABEL};

/// How long the engine may take for an answer.
const ANSWER_S: u64 = 60;
/// What stands before the engine's own words on an image.
pub(super) const CANNOT_BE_FETCHED: &str = " is not on this host and cannot be fetched: ";
/// How long a container has to end when it is asked to.
pub(super) const GRACE_S: i32 = 10;

/// Why a call did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The engine cannot be reached: it may come back.
    #[error("the Docker engine does not answer: {0}")]
    Away(String),
    #[error("{message}")]
    Said { status: u16, message: String },
}

impl From<Wrong> for Trouble {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::DockerResponseServerError { status_code, message } => {
                Self::Said { status: status_code, message: message.trim().to_owned() }
            }
            Wrong::DockerStreamError { error } => Self::Said { status: 500, message: error },
            wrong => Self::Away(wrong.to_string()),
        }
    }
}

/// Whether the engine said that there is no such thing, or that it is so already.
fn said(trouble: &Trouble, expected: u16) -> bool {
    matches!(trouble, Trouble::Said { status, .. } if *status == expected)
}

/// The engine at a path.
pub(super) struct Engine(Docker, String);

impl Engine {
    /// The engine at an address, which is not asked anything yet.
    pub(super) fn at(address: &str) -> Result<Self, String> {
        let Some(path) = address.strip_prefix("unix://") else {
            return Err(format!(
                "expected a Docker engine of this host, as `unix:///var/run/docker.sock`, found `{address}`"
            ));
        };
        let docker = Docker::connect_with_unix(path, ANSWER_S, API_DEFAULT_VERSION);
        docker
            .map(|docker| Self(docker, path.to_owned()))
            .map_err(|error| format!("no Docker engine listens at {address}: {error}"))
    }

    /// Which of its lives it is in, if that can be told.
    pub(super) async fn life(&self) -> Option<Life> {
        Life::of(&self.1).await
    }

    /// What it says of itself.
    pub(super) async fn info(&self) -> Result<SystemInfo, Trouble> {
        Ok(self.0.info().await?)
    }

    /// How many processors and how much memory its host has.
    pub(super) async fn host(&self) -> Result<(u32, u64), Trouble> {
        let info = self.info().await?;
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        Ok((u32::try_from(number(info.ncpu)).unwrap_or(u32::MAX), number(info.mem_total)))
    }

    /// Makes an image be there: it is fetched where the host does not have it.
    pub(super) async fn image(&self, image: &str) -> Result<(), Trouble> {
        match self.0.inspect_image(image).await.map_err(Trouble::from) {
            // What has no name but its digest was built here, and no registry has it.
            Err(trouble) if said(&trouble, 404) && !image.starts_with("sha256:") => {}
            other => return other.map(drop),
        }
        let (name, tag) = split(image);
        let options = CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
        let fetched = self.0.create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) }).await;
        fetched.map_err(Trouble::from).map_err(|trouble| match trouble {
            Trouble::Said { status, message } => {
                let message = format!("the image `{image}`{CANNOT_BE_FETCHED}{message}");
                Trouble::Said { status, message }
            }
            away @ Trouble::Away(_) => away,
        })
    }

    /// The digest and the size of an image that this host has.
    pub(super) async fn has_image(&self, image: &str) -> Result<Option<(String, u64)>, Trouble> {
        match self.0.inspect_image(image).await.map_err(Trouble::from) {
            Ok(found) => {
                let bytes = found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                Ok(found.id.map(|id| (id, bytes)))
            }
            Err(trouble) if said(&trouble, 404) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Takes an image's name away, and the image if it has no other and nothing runs in it.
    pub(super) async fn remove_image(&self, image: &str) -> Result<(), Trouble> {
        match self.0.remove_image(image, None::<RemoveImageOptions>, None).await.map_err(Trouble::from) {
            Err(trouble) if said(&trouble, 404) || said(&trouble, 409) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Builds an image from an archive of files. The build ends when its words are no longer listened to.
    pub(super) fn build(
        &self,
        recipe: &Recipe,
        files: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> impl Stream<Item = Result<Built, Trouble>> {
        let labels = [("built", &recipe.name), ("folder", &recipe.folder)];
        let labels = HashMap::from(labels.map(|(what, value)| (format!("{LABEL}.{what}"), value.clone())));
        let options = BuildImageOptionsBuilder::default().t(&recipe.name).dockerfile(&recipe.dockerfile).forcerm(true);
        let options = options.buildargs(&recipe.args).labels(&labels);
        // Without the word it is the engine's own network.
        let options = if recipe.network { options } else { options.networkmode("none") };
        let words = self.0.build_image(options.build(), None, Some(body_try_stream(files)));
        words.map(|word| match word {
            Ok(word) => Ok(match word.error_detail.and_then(|detail| detail.message) {
                Some(why) => Built::Failed(why),
                None => Built::Says(word.stream.or(word.status.map(|status| status + "\n")).unwrap_or_default()),
            }),
            Err(wrong) => Err(Trouble::from(wrong)),
        })
    }

    /// The state of a container; nothing where there is none.
    pub(super) async fn state(&self, name: &str) -> Result<Option<ContainerState>, Trouble> {
        let found = self.0.inspect_container(name, None::<InspectContainerOptions>).await.map_err(Trouble::from);
        match found {
            Ok(container) => Ok(Some(container.state.unwrap_or_default())),
            Err(trouble) if said(&trouble, 404) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Where a container is reached in a network.
    pub(super) async fn address(&self, name: &str, network: &str) -> Result<Option<String>, Trouble> {
        let container = self.0.inspect_container(name, None::<InspectContainerOptions>).await?;
        let networks = container.network_settings.and_then(|settings| settings.networks);
        let address = networks.and_then(|mut networks| networks.remove(network)?.ip_address);
        Ok(address.filter(|address| !address.is_empty()))
    }

    pub(super) async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<(), Trouble> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        match self.0.create_container(Some(options), body).await.map_err(Trouble::from) {
            // It was made by a call whose answer was lost.
            Err(trouble) if said(&trouble, 409) => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) async fn start(&self, name: &str) -> Result<(), Trouble> {
        Ok(self.0.start_container(name, None::<StartContainerOptions>).await?)
    }

    /// Ends a container: first kindly, then not.
    pub(super) async fn stop(&self, name: &str) -> Result<(), Trouble> {
        let options = StopContainerOptionsBuilder::default().t(GRACE_S).build();
        match self.0.stop_container(name, Some(options)).await.map_err(Trouble::from) {
            Err(trouble) if said(&trouble, 304) || said(&trouble, 404) => Ok(()),
            other => other,
        }
    }

    /// Removes a container and what it wrote, running or not.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Trouble> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.0.remove_container(name, Some(options)).await.map_err(Trouble::from) {
            // There is none, or it is being removed.
            Err(trouble) if said(&trouble, 404) || said(&trouble, 409) => Ok(()),
            other => other,
        }
    }

    /// All containers with a label, running or not.
    pub(super) async fn containers(&self, label: &str) -> Result<Vec<Labelled>, Trouble> {
        let options = ListContainersOptionsBuilder::default().all(true).size(true).filters(&with(label)).build();
        let all = self.0.list_containers(Some(options)).await?.into_iter().map(|it| Labelled {
            name: it
                .names
                .and_then(|names| Some(names.first()?.trim_start_matches('/').to_owned()))
                .unwrap_or_default(),
            id: it.id.unwrap_or_default(),
            labels: it.labels.unwrap_or_default(),
            made: at(it.created.unwrap_or_default()),
            bytes: it.size_rw.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
        });
        Ok(all.collect())
    }

    pub(super) async fn networks(&self, label: &str) -> Result<Vec<Labelled>, Trouble> {
        let options = ListNetworksOptionsBuilder::default().filters(&with(label)).build();
        let all = self.0.list_networks(Some(options)).await?.into_iter().map(|it| Labelled {
            name: it.name.unwrap_or_default(),
            id: it.id.unwrap_or_default(),
            labels: it.labels.unwrap_or_default(),
            made: it.created.and_then(|made| made.parse().ok()).unwrap_or_default(),
            bytes: 0,
        });
        Ok(all.collect())
    }

    /// All images with a label that have a name.
    pub(super) async fn images(&self, label: &str) -> Result<Vec<Labelled>, Trouble> {
        let options = ListImagesOptionsBuilder::default().filters(&with(label)).build();
        let all = self.0.list_images(Some(options)).await?.into_iter().flat_map(|it| {
            let (made, bytes) = (at(it.created), u64::try_from(it.size).unwrap_or(0));
            let labelled = move |name| Labelled { name, id: it.id.clone(), labels: it.labels.clone(), made, bytes };
            it.repo_tags.into_iter().map(labelled)
        });
        Ok(all.collect())
    }

    pub(super) async fn make_network(
        &self,
        name: &str,
        labels: HashMap<String, String>,
        leads: Leads,
    ) -> Result<(), Trouble> {
        // Two networks may have one name, so it is looked first.
        match self.0.inspect_network(name, None).await.map_err(Trouble::from) {
            Err(trouble) if said(&trouble, 404) => {}
            other => return other.map(drop),
        }
        let network = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".into()),
            internal: Some(leads != Leads::Outside),
            // Without an address of its own the host cannot be reached in it either.
            options: (leads == Leads::Nowhere)
                .then(|| HashMap::from([("com.docker.network.bridge.inhibit_ipv4".into(), "true".into())])),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        Ok(self.0.create_network(network).await.map(drop)?)
    }

    pub(super) async fn remove_network(&self, name: &str) -> Result<(), Trouble> {
        match self.0.remove_network(name).await.map_err(Trouble::from) {
            Err(trouble) if said(&trouble, 404) => Ok(()),
            other => other,
        }
    }

    /// All that a container writes, from its beginning until it ends.
    pub(super) fn log(&self, name: &str) -> impl Stream<Item = Result<LogOutput, Trouble>> {
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        self.0.logs(name, Some(options)).map_err(Trouble::from)
    }

    /// The end of what a container wrote: so many lines, and so many bytes, at most.
    pub(super) async fn last_of_log(&self, name: &str, lines: usize, bytes_max: usize) -> Result<Vec<u8>, Trouble> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let mut parts = Box::pin(self.0.logs(name, Some(options)));
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part?.into_bytes());
            bytes.drain(..bytes.len().saturating_sub(bytes_max));
        }
        Ok(bytes)
    }

    /// A path in a container as a tar archive of so many bytes at most.
    pub(super) async fn archive(&self, name: &str, path: &str, bytes_max: usize) -> Result<Archive, Trouble> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut parts = Box::pin(self.0.download_from_container(name, Some(options)));
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            match part.map_err(Trouble::from) {
                Ok(part) => bytes.extend_from_slice(&part),
                Err(trouble) if said(&trouble, 404) => return Ok(Archive::Nothing),
                Err(trouble) => return Err(trouble),
            }
            if bytes.len() > bytes_max {
                return Ok(Archive::TooLarge);
            }
        }
        Ok(Archive::Whole(bytes))
    }
}

/// Where a network leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// To whoever else is in it.
    Nowhere,
    /// To this host, which asks services in it whether they answer.
    Here,
    Outside,
}

/// What an image is built by.
pub(super) struct Recipe {
    /// The name that the image gets.
    pub(super) name: String,
    pub(super) dockerfile: String,
    pub(super) args: HashMap<String, String>,
    pub(super) network: bool,
    /// For which folder of this host.
    pub(super) folder: String,
}

/// Something that carries a label.
pub(super) struct Labelled {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) labels: HashMap<String, String>,
    pub(super) made: Timestamp,
    pub(super) bytes: u64,
}

/// A word of a build.
pub(super) enum Built {
    Says(String),
    Failed(String),
}

/// What there is at a path in a container.
pub(super) enum Archive {
    Nothing,
    TooLarge,
    Whole(Vec<u8>),
}

fn with(label: &str) -> HashMap<&'static str, Vec<&str>> {
    HashMap::from([("label", vec![label])])
}

/// A moment that is told in seconds.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// The name of an image and its tag or digest; the newest where none is named.
fn split(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    match image.rsplit_once(':') {
        // What stands behind a port is a path.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_name_and_a_tag() {
        for (image, expected) in [
            ("busybox", ("busybox", "latest")),
            ("busybox:1", ("busybox", "1")),
            ("localhost:5000/a/b", ("localhost:5000/a/b", "latest")),
            ("localhost:5000/a/b:c", ("localhost:5000/a/b", "c")),
            ("a/b@sha256:00", ("a/b", "sha256:00")),
        ] {
            assert_eq!(split(image), expected, "{image}");
        }
    }

    #[test]
    fn only_an_engine_of_this_host_is_taken() {
        for address in ["tcp://10.0.0.1:2375", "/var/run/docker.sock", ""] {
            let Err(why) = Engine::at(address) else { panic!("{address:?}") };
            assert!(why.contains("expected a Docker engine of this host"), "{why}");
        }
        let Err(why) = Engine::at("unix:///nowhere/docker.sock") else { panic!("there is none") };
        assert!(why.starts_with("no Docker engine listens at unix:///nowhere/docker.sock"), "{why}");
    }
}
