//! What the container of an attempt looks like: what it runs, what it may use, and what is kept from it.
//!
//! Whoever wrote the image is a stranger. Nothing here depends on what they say of themselves: no capabilities, no new
//! privileges, the engine's own filter of system calls, no network but what the step asks for, a bound on processes.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, EndpointSettings, HostConfig, HostConfigLogConfig, NetworkingConfig,
};

use super::super::{AttemptId, Work, paths};
use crate::{
    action::{
        CONTAINER,
        container::{self, Container, Network, Service},
    },
    base::{Size, Ty},
    workflow::Does,
};

/// Processes in one container.
const PROCESSES_MAX: i64 = 4_096;
/// The file for the outputs unless the step says otherwise.
const RESULTS: &str = "/outputs.json";
/// What the labels of all that belongs to an attempt begin with.
pub(super) const LABEL: &str = "god-flow";

/// Everything about the containers of one attempt that is known before they are made.
pub(super) struct Shape {
    /// The name of the main container; those of the others begin with it.
    pub(super) name: String,
    /// The name of its files.
    pub(super) stem: String,
    pub(super) container: Container,
    /// Where its outputs are, if it has any.
    pub(super) results: Option<String>,
    labels: HashMap<String, String>,
    env: Vec<String>,
    gpus: Vec<String>,
}

impl Shape {
    pub(super) fn of(id: &AttemptId, work: Work<'_>) -> Result<Self, String> {
        let Does::Action { action, gives, .. } = &work.run.plan.step(work.node).does else {
            return Err("it is no action".into());
        };
        if action.name != CONTAINER {
            return Err(format!("the docker backend does not do `{}` yet", action.name));
        }
        let container =
            container::call(&work.attempt.input).map_err(|why| format!("its input cannot be read: {why}"))?;
        let has_outputs = matches!(gives, Ty::Record(record) if !record.fields.is_empty());
        let results = has_outputs.then(|| container.results.clone().unwrap_or_else(|| RESULTS.into()));
        if let Some(mount) = container.mounts.first() {
            return Err(format!("the docker backend holds no folders yet, so `{}` cannot be mounted", mount.from));
        }
        let stem = paths::stem(id);
        let whose = [("run", id.run.to_string()), ("node", id.node.to_string()), ("attempt", id.number.to_string())];
        Ok(Self {
            name: format!("{LABEL}-{}-{stem}", id.run),
            stem,
            results,
            env: whose.iter().map(|(what, value)| format!("GOD_FLOW_{}={value}", what.to_uppercase())).collect(),
            labels: whose.into_iter().map(|(what, value)| (format!("{LABEL}.{what}"), value)).collect(),
            gpus: work.attempt.gpus.iter().map(ToString::to_string).collect(),
            container,
        })
    }

    /// The network that the containers of this attempt share, and whether it leads outside; nothing where the engine's own
    /// will do.
    pub(super) fn own_network(&self) -> Option<(String, bool)> {
        (!self.container.services.is_empty())
            .then(|| (format!("{}-net", self.name), self.container.network == Some(Network::Open)))
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        self.labels.clone()
    }

    pub(super) fn service_name(&self, service: &Service) -> String {
        format!("{}-{}", self.name, service.name)
    }

    pub(super) fn main(&self) -> ContainerCreateBody {
        let Container { image, command, env, memory, shared_memory, cpus, .. } = &self.container;
        let bytes = |size: Option<Size>| size.and_then(|size| i64::try_from(size.0).ok());
        let gpus = (!self.gpus.is_empty()).then(|| {
            vec![DeviceRequest {
                device_ids: Some(self.gpus.clone()),
                capabilities: Some(vec![vec!["gpu".into()]]),
                ..DeviceRequest::default()
            }]
        });
        let host = HostConfig {
            memory: bytes(*memory),
            // As much with swap as without: there is none.
            memory_swap: bytes(*memory),
            nano_cpus: cpus.map(|cpus| i64::from(cpus) * 1_000_000_000),
            shm_size: bytes(*shared_memory),
            device_requests: gpus,
            ..self.bounds()
        };
        let env = env.iter().map(|(name, value)| format!("{name}={value}"));
        ContainerCreateBody {
            env: Some(self.env.iter().cloned().chain(env).collect()),
            ..self.body(image, command, host, None)
        }
    }

    pub(super) fn service(&self, service: &Service) -> ContainerCreateBody {
        let env = service.env.iter().map(|(name, value)| format!("{name}={value}"));
        ContainerCreateBody {
            env: Some(env.collect()),
            ..self.body(&service.image, &service.command, self.bounds(), Some(service.name.clone()))
        }
    }

    fn body(&self, image: &str, command: &[String], host: HostConfig, alias: Option<String>) -> ContainerCreateBody {
        let endpoint = EndpointSettings { aliases: alias.map(|alias| vec![alias]), ..EndpointSettings::default() };
        let networking = self
            .own_network()
            .map(|(network, _)| NetworkingConfig { endpoints_config: Some(HashMap::from([(network, endpoint)])) });
        ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: (!command.is_empty()).then(|| command.to_vec()),
            labels: Some(self.labels()),
            host_config: Some(host),
            networking_config: networking,
            ..ContainerCreateBody::default()
        }
    }

    /// What holds for every container.
    fn bounds(&self) -> HostConfig {
        let network = match (self.own_network(), self.container.network) {
            (Some((network, _)), _) => network,
            (None, Some(Network::Open)) => "bridge".into(),
            (None, _) => "none".into(),
        };
        // A file of it holds all that is kept of a log, so that who reads it is never left behind by what is written.
        let log = [("max-size", "64m"), ("max-file", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        HostConfig {
            cap_drop: Some(vec!["ALL".into()]),
            security_opt: Some(vec!["no-new-privileges".into()]),
            pids_limit: Some(PROCESSES_MAX),
            network_mode: Some(network),
            log_config: Some(HostConfigLogConfig { typ: Some("local".into()), config: Some(HashMap::from(log)) }),
            ..HostConfig::default()
        }
    }
}
