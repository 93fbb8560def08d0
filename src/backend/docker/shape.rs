//! What the container of an attempt looks like: what it runs, what it may use, and what is kept from it.
//!
//! Whoever wrote the image is a stranger. Nothing here depends on what they say of themselves: no capabilities, no new
//! privileges, the engine's own filter of system calls, no network but what the step asks for, a bound on processes.

use std::{collections::HashMap, path::PathBuf};

use bollard::models::{
    ContainerCreateBody, DeviceRequest, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    NetworkingConfig,
};

use super::{
    super::{AttemptId, Work, paths},
    engine::Leads,
    evaluate,
    host::HostFolder,
    train,
};
use crate::{
    action::{
        self, CONTAINER,
        container::{self, Container, Network, Service},
    },
    base::{Size, Ty},
    hub::{Cache, Held},
    run::Blame,
    workflow::Does,
};

/// Processes in one container.
const PROCESSES_MAX: i64 = 4_096;
/// What a training may leave where its step says no other number.
const OUTPUT_MAX: Size = Size(1 << 40);
/// The file for the outputs unless the step says otherwise.
const RESULTS: &str = "/outputs.json";
/// What the labels of all that belongs to an attempt begin with.
pub(super) const LABEL: &str = "god-flow";

/// Everything about the containers of one attempt that is known before they are made.
pub(super) struct Shape {
    /// The name of the main container; those of the others begin with it.
    pub(super) name: String,
    pub(super) container: Container,
    /// What is taken from it when it has ended.
    pub(super) gives: Gives,
    /// Who is to blame when what runs in it fails.
    pub(super) blame: Blame,
    labels: HashMap<String, String>,
    env: Vec<String>,
    gpus: Vec<String>,
    /// What it sees of the host.
    binds: Vec<Bind>,
    /// The folder that it writes its results into, and the most that may be in there.
    pub(super) room: Option<(PathBuf, Size)>,
    /// What of the cache stays there for as long as this is.
    _held: Vec<Held>,
}

/// The name of an attempt's container; those of all else that belongs to it begin with it and a dash.
pub(super) fn name(id: &AttemptId) -> String {
    format!("{LABEL}-{}-{}", id.run, paths::stem(id))
}

/// A folder or file of the host as a container sees it.
pub(super) struct Bind {
    pub(super) from: PathBuf,
    pub(super) to: String,
    pub(super) writable: bool,
}

impl Bind {
    /// What is mounted, and what keeps it there meanwhile.
    fn of(mount: &container::Mount, host: &HostFolder, cache: &Cache) -> Result<(Self, Option<Held>), String> {
        let container::Mount { from: key, to, writable } = mount;
        let held = cache.hold(key).map_err(|trouble| trouble.to_string())?;
        let of_cache = held.as_ref().map(|held| (held.path().to_owned(), false));
        let Some((from, is_own)) = of_cache.or_else(|| host.held(key)) else {
            return Err(format!("this host holds nothing under the key `{key}`, so it cannot be mounted at `{to}`"));
        };
        let writable = *writable == Some(true);
        if writable && !is_own {
            return Err(format!("what others may need can only be read: mount `{key}` at `{to}` without `writable`"));
        }
        if !to.starts_with('/') {
            return Err(format!("expected a whole path in the container, found `{to}`"));
        }
        Ok((Self { from, to: to.clone(), writable }, held))
    }

    fn mount(&self) -> Mount {
        Mount {
            typ: Some(MountType::BIND),
            source: Some(self.from.display().to_string()),
            target: Some(self.to.clone()),
            read_only: Some(!self.writable),
            ..Mount::default()
        }
    }
}

/// What is taken from a container that has ended.
pub(super) enum Gives {
    Nothing,
    /// A file of JSON, by its path in the container.
    File(String),
    /// The folder that a training was given for its results, by its key.
    Training(String),
    /// What an evaluator wrote about the model of a repository.
    Evaluation {
        repository: String,
    },
}

impl Shape {
    pub(super) fn of(id: &AttemptId, work: Work<'_>, host: &HostFolder, cache: &Cache) -> Result<Self, String> {
        let Does::Action { action, gives, .. } = &work.run.plan.step(work.node).does else {
            return Err("it is no action".into());
        };
        let input = &work.attempt.input;
        let unread = |why: String| format!("its input cannot be read: {why}");
        let whose = [("run", id.run.to_string()), ("node", id.node.to_string()), ("attempt", id.number.to_string())];
        let name = name(id);
        let labels = whose.iter().map(|(what, value)| (format!("{LABEL}.{what}"), value.clone())).collect();
        let gpus: Vec<String> = work.attempt.gpus.iter().map(ToString::to_string).collect();
        let bare = |container, gives, blame| Self {
            name: name.clone(),
            container,
            gives,
            blame,
            labels,
            env: Vec::new(),
            gpus: gpus.clone(),
            binds: Vec::new(),
            room: None,
            _held: Vec::new(),
        };
        match action.name {
            CONTAINER => {
                let container = container::call(input).map_err(unread)?;
                let binds =
                    container.mounts.iter().map(|mount| Bind::of(mount, host, cache)).collect::<Result<Vec<_>, _>>()?;
                let (binds, held): (Vec<Bind>, Vec<Option<Held>>) = binds.into_iter().unzip();
                let has_outputs = matches!(gives, Ty::Record(record) if !record.fields.is_empty());
                let results = container.results.clone().unwrap_or_else(|| RESULTS.into());
                let gives = if has_outputs { Gives::File(results) } else { Gives::Nothing };
                let env =
                    whose.iter().map(|(what, value)| format!("GOD_FLOW_{}={value}", what.to_uppercase())).collect();
                Ok(Self {
                    env,
                    binds,
                    _held: held.into_iter().flatten().collect(),
                    ..bare(container, gives, Blame::Operator)
                })
            }
            train::NAME => {
                let train = action::train::call(input).map_err(unread)?;
                let asked = train::container(&train, gpus.len(), &name, host, cache)?;
                let mut shape = bare(asked.container, Gives::Training(asked.output), Blame::Entrant);
                shape.labels.extend(asked.labels);
                let room =
                    asked.binds.first().map(|bind| (bind.from.clone(), train.output_limit.unwrap_or(OUTPUT_MAX)));
                Ok(Self { binds: asked.binds, room, _held: asked.held, ..shape })
            }
            evaluate::NAME => {
                let evaluate = action::evaluate::call(input).map_err(unread)?;
                let repository = evaluate.model.repository.clone();
                // The evaluator runs the entrant's model, and most of what it fails by is that model.
                Ok(bare(evaluate::container(&evaluate), Gives::Evaluation { repository }, Blame::Entrant))
            }
            other => Err(format!("the docker backend does not do `{other}`")),
        }
    }

    /// Whether an entrant wrote the image.
    pub(super) fn is_of_entrant(&self) -> bool {
        matches!(self.gives, Gives::Training(_))
    }

    /// The network that the containers of this attempt share, and where it leads; nothing where they need none.
    pub(super) fn own_network(&self) -> Option<(String, Leads)> {
        // Entrants' code finds itself by the name of its host, so that it needs a network even where it leads nowhere.
        let leads = match self.container.network {
            Some(Network::Open) => Leads::Outside,
            _ if !self.container.services.is_empty() => Leads::Here,
            _ if self.is_of_entrant() => Leads::Nowhere,
            _ => return None,
        };
        Some((format!("{}-net", self.name), leads))
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
            mounts: (!self.binds.is_empty()).then(|| self.binds.iter().map(Bind::mount).collect()),
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
        let is_closed = matches!(self.own_network(), Some((_, Leads::Nowhere | Leads::Here)));
        let network = self.own_network().map_or_else(|| "none".into(), |(network, _)| network);
        // A file of it holds all that is kept of a log, so that who reads it is never left behind by what is written.
        let log = [("max-size", "64m"), ("max-file", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        HostConfig {
            cap_drop: Some(vec!["ALL".into()]),
            security_opt: Some(vec!["no-new-privileges".into()]),
            pids_limit: Some(PROCESSES_MAX),
            network_mode: Some(network),
            // The engine would ask the host's servers for names that nobody in a closed network has.
            dns: is_closed.then(|| vec!["127.0.0.1".into()]),
            log_config: Some(HostConfigLogConfig { typ: Some("local".into()), config: Some(HashMap::from(log)) }),
            ..HostConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn shape(gives: Gives, more: &Json) -> Shape {
        let mut input = json!({ "image": "a", "command": ["b"] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Shape {
            name: "n".into(),
            container: container::call(&input).unwrap(),
            gives,
            blame: Blame::Operator,
            labels: HashMap::new(),
            env: Vec::new(),
            gpus: Vec::new(),
            binds: Vec::new(),
            room: None,
            _held: Vec::new(),
        }
    }

    #[test]
    fn a_closed_network_leads_nowhere_and_asks_nobody_for_names() {
        let training = || Gives::Training("o".into());
        let served = json!({ "services": [{ "name": "s", "image": "a", "command": ["b"] }] });
        for (shape, leads, is_closed) in [
            (shape(training(), &json!({})), Some(Leads::Nowhere), true),
            (shape(training(), &served), Some(Leads::Here), true),
            (shape(Gives::Nothing, &served), Some(Leads::Here), true),
            (shape(Gives::Nothing, &json!({ "network": "open" })), Some(Leads::Outside), false),
            (shape(Gives::Nothing, &json!({})), None, false),
        ] {
            assert_eq!(shape.own_network().map(|(_, leads)| leads), leads);
            let dns = shape.main().host_config.unwrap().dns;
            assert_eq!(dns, is_closed.then(|| vec!["127.0.0.1".to_owned()]), "{leads:?}");
        }
    }
}
