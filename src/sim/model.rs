//! The model of a world: its hosts, its prices, and how skilled those are who take part.
//!
//! [`read`](super::read) builds it from a file, [`play`](super::play) plays attempts by it.

use std::sync::{Arc, LazyLock};

use super::{
    chance,
    file::{self, Fails, Known},
};
use crate::{
    base::{GpuKind, Name, Seed, Size, SourceId, Value},
    run::{event::HostOffer, place::HostId},
};

/// A modelled world.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) world: Arc<file::World>,
    hosts: Vec<(HostId, HostOffer)>,
}

impl Default for Model {
    /// Four hosts with eight H100 each.
    fn default() -> Self {
        static USUAL: LazyLock<Model> = LazyLock::new(|| {
            let text = include_str!("../../examples/worlds/four-hosts.yaml");
            Model::read(SourceId::default(), text).expect("the world that is built in was checked by a test")
        });
        USUAL.clone()
    }
}

impl Model {
    pub(super) fn new(world: file::World, hosts: Vec<(HostId, HostOffer)>) -> Self {
        Self { world: Arc::new(world), hosts }
    }

    pub fn name(&self) -> &Name {
        &self.world.world
    }

    /// The hosts, in the order of the file.
    pub fn hosts(&self) -> Vec<(HostId, HostOffer)> {
        self.hosts.clone()
    }

    /// How many GPUs there are in all.
    pub fn gpu_count(&self) -> usize {
        self.hosts.iter().map(|(_, offer)| offer.gpus.len()).sum()
    }

    /// What an hour of a GPU costs.
    pub fn price(&self, kind: &GpuKind) -> f64 {
        self.world.gpus.get(kind).copied().unwrap_or_default().price
    }

    pub(super) fn gpu_memory(&self, kind: &GpuKind) -> Size {
        self.world.gpus.get(kind).copied().unwrap_or_default().memory
    }

    /// What is known of an entrant: by hotkey, or as an input of the run.
    pub(super) fn known(&self, hotkey: &str, inputs: &Value) -> Option<&Known> {
        let entrants = &self.world.entrants;
        entrants.known.get(hotkey).or_else(|| {
            let is_it = |name: &Name| match inputs.field(name.as_str()).and_then(|it| it.field("hotkey")) {
                Some(Value::Text(text)) => **text == *hotkey,
                _ => false,
            };
            entrants.inputs.iter().find(|(name, _)| is_it(name)).map(|(_, known)| known)
        })
    }

    /// How skilled an entrant is: the share by which their losses are lower than usual.
    pub fn skill(&self, seed: Seed, hotkey: &str, inputs: &Value) -> f64 {
        let entrants = &self.world.entrants;
        self.known(hotkey, inputs).and_then(|known| known.skill).unwrap_or_else(|| {
            let mut stream = seed.stream(&format!("skill/{hotkey}"));
            entrants.skill + entrants.varies * chance::normal(&mut stream)
        })
    }
}

impl Fails {
    pub(super) fn sum(&self) -> f64 {
        self.exit_code
            + self.out_of_memory
            + self.time_limit
            + self.network
            + self.host_lost
            + self.refused
            + self.bad_output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_world_is_valid() {
        let model = Model::default();
        assert_eq!((model.hosts().len(), model.gpu_count()), (4, 32));
        assert_eq!(model.price(&GpuKind::parse("H100").unwrap()), 2.5);
    }

    #[test]
    fn skill_is_of_the_hotkey_unless_it_is_known() {
        let model = Model::default();
        let inputs = Value::record([("champion", Value::record([("hotkey", Value::text("the-champion"))]))]);
        let skill = |hotkey| model.skill(Seed(3), hotkey, &inputs);
        assert_eq!(skill("the-champion"), 0.1);
        assert_eq!(skill("a"), skill("a"));
        assert_ne!(skill("a"), skill("b"));
    }
}
