//! Reads a world file: its shape against the schema of [`file`](super::file), then what only all of it tells.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value as Json;

use super::{
    file::{self, Fails},
    model::Model,
};
use crate::{
    action,
    base::{Mistake, Place, SourceId, near},
    document::{Tree, parse, shape, types::read_format},
    run::{
        event::HostOffer,
        place::{GpuId, HostId},
    },
};

/// The JSON Schema of world files.
pub fn schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(file::World).to_value());
    &SCHEMA
}

impl Model {
    /// Reads a world file. `source` is what its mistakes point into.
    pub fn read(source: SourceId, text: &str) -> Result<Self, Vec<Mistake>> {
        let (tree, mistakes) = parse(source, text);
        match tree {
            Some(tree) if mistakes.is_empty() => Self::of(&tree),
            _ => Err(mistakes),
        }
    }

    /// The model that a document says.
    pub fn of(tree: &Tree) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        shape::check(tree, schema(), &read_format, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let world: file::World = serde_json::from_value(tree.to_json())
            .map_err(|error| vec![Mistake::new("world::unreadable", tree.place, error.to_string())])?;
        let hosts = hosts(&world, tree, &mut mistakes);
        actions(tree.get("actions"), &mut mistakes);
        for known in tree.get("entrants").and_then(|it| it.get("known")).map(Tree::entries).unwrap_or_default() {
            actions(known.1.get("fails"), &mut mistakes);
        }
        for (at, fails) in all_fails(&world, tree) {
            if fails.sum() > 1.0 {
                let message = format!("expected shares that add up to at most 1, found {:.3}", fails.sum());
                mistakes.push(Mistake::new("world::more_than_all", at, message));
            }
        }
        ranges(tree, &mut mistakes);
        mistakes.sort_by_key(|mistake| mistake.place);
        if mistakes.is_empty() { Ok(Self::new(world, hosts)) } else { Err(mistakes) }
    }
}

fn hosts(world: &file::World, tree: &Tree, mistakes: &mut Vec<Mistake>) -> Vec<(HostId, HostOffer)> {
    let mut known: BTreeMap<HostId, Place> = BTreeMap::new();
    let mut hosts = Vec::new();
    let written = tree.get("hosts").map(Tree::items).unwrap_or_default();
    for (group, tree) in world.hosts.iter().zip(written) {
        let at = |key: &str| tree.get(key).map_or(tree.place, |value| value.place);
        let mut gpus = Vec::new();
        if let Some(request) = &group.gpus {
            match request.kinds() {
                [kind] => {
                    let ids = (0..request.count()).filter_map(|number| GpuId::parse(&number.to_string()).ok());
                    gpus.extend(ids.map(|id| (id, kind.clone())));
                }
                _ => {
                    let message = format!("expected the GPUs of one kind that a host has, found `{request}`");
                    mistakes.push(Mistake::new("world::gpus_of_one_kind", at("gpus"), message));
                }
            }
        }
        let offer = HostOffer {
            gpus,
            cpus: group.cpus,
            memory: group.memory,
            slots: group.slots,
            ahead: group.ahead,
            ..HostOffer::default()
        };
        let names: Vec<String> = match group.count {
            None => vec![group.name.clone()],
            Some(count) => (1..=count).map(|number| format!("{}-{number}", group.name)).collect(),
        };
        for name in names {
            match HostId::parse(&name) {
                Ok(id) => {
                    if let Some(first) = known.insert(id.clone(), at("name")) {
                        let message = format!("there are two hosts `{name}`");
                        let mistake = Mistake::new("world::same_host", at("name"), message);
                        mistakes.push(mistake.related(first, "the first is here"));
                        break;
                    }
                    hosts.push((id, offer.clone()));
                }
                Err(why) => {
                    mistakes.push(Mistake::new("world::bad_name", at("name"), why));
                    break;
                }
            }
        }
    }
    hosts
}

/// The keys of a mapping must be actions that do work.
fn actions(tree: Option<&Tree>, mistakes: &mut Vec<Mistake>) {
    let works = || action::catalogue().iter().filter(|action| !action.is_pure()).map(|action| action.name);
    for (key, _) in tree.map(Tree::entries).unwrap_or_default() {
        if !works().any(|name| *name == *key.text) {
            let why = match action::find(&key.text) {
                Some(_) => "is decided at once: no time passes and nothing fails",
                None => "is not there",
            };
            let help = near::did_you_mean(&key.text, works().collect::<Vec<_>>());
            let message = format!("expected an action that does work; `{}` {why}", key.text);
            mistakes.push(Mistake::new("world::unknown_action", key.place, message).maybe_help(help));
        }
    }
}

/// Every `fails` of the file and where it is.
fn all_fails<'w>(world: &'w file::World, tree: &Tree) -> Vec<(Place, &'w Fails)> {
    let place = |pointer: String| tree.at(&pointer).map_or(tree.place, |found| found.place);
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let mut all: Vec<(Place, &Fails)> = Vec::new();
    for (name, work) in &world.actions {
        all.push((place(format!("/actions/{}/fails", escaped(name))), &work.fails));
    }
    for (hotkey, known) in &world.entrants.known {
        for (name, fails) in &known.fails {
            let pointer = format!("/entrants/known/{}/fails/{}", escaped(hotkey), escaped(name));
            all.push((place(pointer), fails));
        }
    }
    all
}

/// What goes from one number to another goes up.
fn ranges(tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let number = |tree: &Tree, key: &str| tree.get(key).and_then(|it| it.to_json().as_f64());
    if let (Some(from), Some(to)) = (number(tree, "from"), number(tree, "to"))
        && from > to
    {
        let message = format!("expected `from` to be at most `to`, found {from} and {to}");
        mistakes.push(Mistake::new("world::backwards", tree.place, message));
    }
    for (_, value) in tree.entries() {
        ranges(value, mistakes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Sources;

    fn mistakes(text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let source = sources.add("world.yaml", text);
        let mistakes = Model::read(source, text).err().unwrap_or_default();
        let told = |it: &Mistake| format!("{}: {}: {}", sources.start(it.place).line, it.code, it.message);
        mistakes.iter().map(told).collect()
    }

    #[test]
    fn mistakes_say_where_and_what_was_expected() {
        let world = |rest: &str| format!("god_flow: 1\nworld: w\nhosts: [{{ name: h, gpus: 8xH100 }}]\n{rest}");
        for (text, expected) in [
            ("god_flow: 1\nworld: w\n", "1: document::missing_key: the key `hosts` is missing"),
            (
                "god_flow: 1\nworld: w\nhosts:\n  - { name: h, gpus: 8xH100|H200 }\n",
                "4: world::gpus_of_one_kind: expected the GPUs of one kind that a host has, found `8xH100|H200`",
            ),
            (
                "god_flow: 1\nworld: w\nhosts:\n  - { name: h-1 }\n  - { name: h, count: 2 }\n",
                "5: world::same_host: there are two hosts `h-1`",
            ),
            (
                &world("actions: { trian: {} }\n"),
                "4: world::unknown_action: expected an action that does work; `trian` is not there",
            ),
            (
                &world("actions: { score: {} }\n"),
                "4: world::unknown_action: expected an action that does work; `score` is decided at once: no time passes and nothing fails",
            ),
            (
                &world("actions:\n  train:\n    fails: { exit_code: 0.7, network: 0.7 }\n"),
                "6: world::more_than_all: expected shares that add up to at most 1, found 1.400",
            ),
            (
                &world("tasks: { params_b: { from: 4, to: 2 } }\n"),
                "4: world::backwards: expected `from` to be at most `to`, found 4 and 2",
            ),
        ] {
            let found = mistakes(text);
            assert!(found.iter().any(|it| it == expected), "{expected}\nfound {found:#?}");
        }
    }

    #[test]
    fn the_shape_is_checked_with_the_words_for_people() {
        let text = "god_flow: 1\nworld: w\nhosts: [{ name: h }]\nactions: { train: { varies: oft, takse: 3m } }\n";
        let found = mistakes(text);
        assert!(found.iter().any(|it| it.contains("takse")), "{found:#?}");
    }
}
