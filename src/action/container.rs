//! `container`: the general action. Whatever the vocabulary lacks can be done with it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Action, Expect, Gives, entry};
use crate::base::{Size, Span, scalar};

/// The name of the action.
pub const CONTAINER: &str = "container";

/// What `container` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The image to run.
    #[schemars(schema_with = "scalar::image")]
    pub image: String,
    /// The command and its arguments; the image's own when left out.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// Folders that the container sees.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Containers that run beside it, reachable by their names.
    #[serde(default)]
    pub services: Vec<Service>,
    /// What of the network it reaches; its services, if it has any, or nothing when left out.
    #[serde(default)]
    pub network: Option<Network>,
    /// Memory.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub memory: Option<Size>,
    /// Shared memory.
    #[serde(default)]
    #[schemars(schema_with = "scalar::some_memory")]
    pub shared_memory: Option<Size>,
    /// Processor cores.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub cpus: Option<u32>,
    /// The file in the container that holds its outputs, as one JSON object. Left out: `/outputs.json`.
    #[serde(default)]
    pub results: Option<String>,
    /// The outputs, each with its type; the container must write them all.
    #[serde(default)]
    pub outputs: IndexMap<String, String>,
}

/// A folder that a container sees.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The key of something that hosts hold: an output, a checkout, files of the cache.
    pub from: String,
    /// Where the container sees it.
    pub to: String,
    /// Whether the container may write to it.
    #[serde(default)]
    pub writable: Option<bool>,
}

/// A container beside the main one, ended with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The name that the main container reaches it by.
    pub name: String,
    /// The image to run.
    #[schemars(schema_with = "scalar::image")]
    pub image: String,
    /// The command and its arguments; the image's own when left out.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// The port that answers when the service is ready.
    #[serde(default)]
    pub port: Option<u16>,
}

/// What of the network a container reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing at all.
    None,
    /// Its services only.
    Services,
    /// Everything.
    Open,
}

/// What an attempt's input says to run.
pub fn call(input: &Json) -> Result<Container, String> {
    entry::read(input.clone())
}

pub(super) fn action() -> Action {
    let action = Action::work::<Container, Nothing>(
        CONTAINER,
        "Runs a container and takes the outputs that it writes. Whatever the other actions lack can be done with it.",
        Expect::Span(Span::from_secs(600)),
    );
    Action { gives: Gives::Declared("outputs"), ..action }.example(
        "judge:\n  container:\n    image: example/judge:1\n    command: [judge, \"--loss\", \"${text(evaluate.loss.or(99.0))}\"]\n    \
         outputs: { verdict: \"'duplicate' | 'distinct'\", confidence: decimal }\n  time_limit: 10m\n",
    )
}

/// Stands in the type until the author's `outputs` are known.
#[derive(JsonSchema)]
struct Nothing {}
