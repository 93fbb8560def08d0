//! Plays a case: the workflow in a calm world, with the outcomes that the case says.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{
    file::{Entrants, Measured, Ruling},
    judge,
    pattern::fits,
    read::Case,
};
use crate::{
    action::play::PLAY,
    base::{Mistake, Name, Place, Record, Seed, SourceId, Ty, Value},
    plan::{NodeIx, sample},
    run::{self, Attempt, Command, Failure, Input, Report, Run, World},
    sim::{
        model::Model,
        play::Played,
        play::around,
        player::{End, Player, Script, Setup},
    },
    workflow::{Does, Workflow},
};

/// Nothing fails, entrants differ by their skill alone, and there is room for everything at once.
const CALM: &str = "\
god_flow: 1
world: calm
hosts:
  - { name: h100, count: 400, gpus: 8xH100, cpus: 2000, memory: 20TB, slots: 64 }
  - { name: h200, count: 16, gpus: 8xH200, cpus: 2000, memory: 20TB, slots: 64 }
  - { name: a100, count: 16, gpus: 8xA100, cpus: 2000, memory: 20TB, slots: 64 }
entrants: { varies: 0.1, noise: 0, no_loss: 0, not_a_finetune: 0 }
results: { games: { edge: 1000000, drawn: 0 } }
";

/// Decisions that an operator makes in one case at most.
const DECISIONS_MAX: usize = 1_000;

impl Case {
    /// Whether the case could be played: what it gives must be what the workflow takes.
    pub fn check(&self, workflow: &Workflow) -> Result<(), Mistake> {
        self.inputs(workflow, &calm(), Seed(self.says.seed)).map(drop)
    }

    /// What differs from what is expected, and what keeps the case from being played.
    pub fn run(&self, workflow: &Arc<Workflow>) -> Vec<Mistake> {
        let model = calm();
        let seed = Seed(self.says.seed);
        let inputs = match self.inputs(workflow, &model, seed) {
            Ok(inputs) => inputs,
            Err(mistake) => return vec![mistake],
        };
        let setup = Setup { workflow: workflow.clone(), inputs, seed };
        let (mut player, _) = Player::begin(&model, &setup);
        let script = Lines { case: self };
        player.follow(&script);
        player.turn(model.hosts().into_iter().map(|(host, offer)| Input::HostJoined { host, offer }));
        let mut open: Vec<usize> = (0..self.says.decide.len()).collect();
        let mut refused = Vec::new();
        let mut end = player.play_out();
        for _ in 0..DECISIONS_MAX {
            let rulings =
                if end == End::Held { self.rulings(&player.world, &mut open, &mut refused) } else { Vec::new() };
            if rulings.is_empty() {
                break;
            }
            player.turn(rulings);
            end = player.play_out();
        }
        let played = player.account(end);
        refused.extend(judge::differences(self, &played.end, &played.run));
        refused.extend(judge::without_effect(self, &open, &played));
        refused
    }

    /// What the operator decides about what is held now; what was decided is taken out.
    fn rulings(&self, world: &World, open: &mut Vec<usize>, refused: &mut Vec<Mistake>) -> Vec<Input> {
        let run = &world.run;
        let mut rulings = Vec::new();
        for node in &run.held {
            let id = run.plan.id(*node);
            let Some(at) = open.iter().position(|at| fits(&self.says.decide[*at].node, &id)) else { continue };
            let at = open.remove(at);
            let decision = &self.says.decide[at];
            let ruling = match decision.ruling {
                Ruling::Retry => run::Ruling::Retry,
                Ruling::Replace => run::Ruling::Replace(decision.value.clone()),
                Ruling::Accept => run::Ruling::Accept,
                Ruling::Void => run::Ruling::Void,
            };
            let command = Command::Rule { node: id.into(), ruling };
            if let Some(why) = world.refusal(&command) {
                let message = format!("the decision cannot be carried out: {why}");
                refused.push(Mistake::new("cases::refused", self.place_in("decide", at), message));
                continue;
            }
            rulings.push(Input::Command { who: "operator".into(), why: "the case says so".into(), command });
        }
        rulings
    }

    /// Where an item of a list stands.
    pub(super) fn place_in(&self, list: &str, at: usize) -> Place {
        self.tree.get(list).and_then(|list| list.items().get(at)).map_or(self.place, |item| item.place)
    }

    /// The inputs of the run: those written out, those made of the entrants, and made-up ones for the rest.
    fn inputs(&self, workflow: &Workflow, model: &Model, seed: Seed) -> Result<Value, Mistake> {
        let at = |key: &str| self.tree.get(key).map_or(self.place, |tree| tree.place);
        let mut given: IndexMap<Name, Value> = IndexMap::new();
        for (name, json) in &self.says.inputs {
            let Some((name, input)) = workflow.inputs.get_key_value(name) else {
                let message = format!("the workflow has no input `{name}`");
                return Err(Mistake::new("cases::unknown_input", at("inputs"), message));
            };
            let value = Value::from_json(json, &input.ty).map_err(|why| {
                let place = self.tree.get("inputs").and_then(|it| it.get(name.as_str())).map(|it| it.place);
                Mistake::new("cases::wrong_input", place.unwrap_or(at("inputs")), format!("{name}: {why}"))
            })?;
            given.insert(name.clone(), value);
        }
        let hotkeys: Vec<String> = match &self.says.entrants {
            None => Vec::new(),
            Some(Entrants::Count(count)) => (1..=*count).map(|number| format!("e{number}")).collect(),
            Some(Entrants::Hotkeys(hotkeys)) => hotkeys.clone(),
        };
        for (name, input) in &workflow.inputs {
            if given.contains_key(name) || input.default.is_some() {
                continue;
            }
            match &input.ty {
                Ty::List(item) if has_hotkey(item) && self.says.entrants.is_some() => {
                    let entrants = hotkeys.iter().map(|hotkey| entrant(item, hotkey, seed));
                    given.insert(name.clone(), Value::list(entrants));
                }
                ty if has_hotkey(ty) => drop(given.insert(name.clone(), entrant(ty, name.as_str(), seed))),
                _ => {}
            }
        }
        model.inputs(workflow, &given, Some(hotkeys.len()), seed).map_err(|missing| {
            let names: Vec<&str> = missing.iter().map(Name::as_str).collect();
            Mistake::new("cases::missing_input", self.place, format!("the case lacks the inputs {}", names.join(", ")))
        })
    }
}

fn calm() -> Model {
    Model::read(SourceId::default(), CALM).expect("the calm world was checked by a test")
}

fn has_hotkey(ty: &Ty) -> bool {
    matches!(ty, Ty::Record(record) if record.fields.get("hotkey") == Some(&Ty::Text))
}

/// Somebody of that name; the rest of them is made up.
fn entrant(ty: &Ty, hotkey: &str, seed: Seed) -> Value {
    let Value::Record(fields) = sample::sample(ty, seed, hotkey) else { return Value::Null };
    let fields = fields.iter().map(|(name, value)| {
        let value = if &**name == "hotkey" { Value::text(hotkey) } else { value.clone() };
        (name.clone(), value)
    });
    Value::Record(Arc::new(fields.collect::<Record>()))
}

/// What a case says about attempts.
struct Lines<'c> {
    case: &'c Case,
}

impl Script for Lines<'_> {
    fn played(&self, _: Seed, run: &Run, node: NodeIx, attempt: &Attempt, usual: Played) -> Played {
        Played { report: self.outcome(run, node, attempt, usual.report), ..usual }
    }
}

impl Lines<'_> {
    fn outcome(&self, run: &Run, node: NodeIx, attempt: &Attempt, usual: Report) -> Report {
        let id = run.plan.id(node);
        let tries = run.tries.get(&node).map_or(0, |tries| tries.attempts);
        let says = &self.case.says;
        let scripted = says
            .outcomes
            .iter()
            .rev()
            .find(|it| fits(&it.node, &id) && it.times.is_none_or(|times| attempt.number.max(tries) <= times));
        if let Some(cause) = scripted.and_then(|it| it.fails) {
            return Report::Failed(Failure::new(cause, "the case says so"));
        }
        let Report::Succeeded { mut output } = usual else { return usual };
        match &run.plan.step(node).does {
            Does::Action { action, .. } if action.name == "evaluate" => {
                let hotkey = text_around(run, node, "entrant", "hotkey");
                let loss = hotkey.and_then(|hotkey| measured(&says.results, &hotkey, run, node));
                loss.into_iter().for_each(|loss| put(&mut output, "loss", loss));
            }
            Does::Action { action, .. } if action.name == PLAY => {
                let of =
                    |who: &str| measured(&says.results, attempt.input.get(who)?.get("hotkey")?.as_str()?, run, node);
                let played = of("a").zip(of("b")).map(|(a, b)| games(a.as_f64(), b.as_f64(), &output));
                played.into_iter().for_each(|outcomes| put(&mut output, "outcomes", json!(outcomes)));
            }
            _ => {}
        }
        for (field, value) in scripted.and_then(|it| it.gives.as_ref()).into_iter().flatten() {
            put(&mut output, field, value.clone());
        }
        Report::Succeeded { output }
    }
}

fn put(output: &mut Json, field: &str, value: Json) {
    if let Json::Object(fields) = output {
        fields.insert(field.to_owned(), value);
    }
}

/// What is measured of somebody, where the case says it; nothing at all is a measurement too.
fn measured(results: &IndexMap<String, Measured>, hotkey: &str, run: &Run, node: NodeIx) -> Option<Json> {
    Some(match results.get(hotkey)? {
        Measured::Always(loss) => json!(loss),
        Measured::Nothing(()) => Json::Null,
        Measured::ByTask(tasks) => json!(tasks.get(&text_around(run, node, "task", "id")?)?),
    })
}

fn text_around(run: &Run, node: NodeIx, name: &str, field: &str) -> Option<String> {
    match around(run, node, name)?.field(field)? {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

/// As many games as were played, all won by the better one; equal ones win none.
fn games(a: Option<f64>, b: Option<f64>, played: &Json) -> String {
    let letter = match a.partial_cmp(&b) {
        Some(Ordering::Greater) => "W",
        Some(Ordering::Less) => "L",
        _ => "D",
    };
    letter.repeat(played["outcomes"].as_str().map_or(0, str::len))
}

/// Nodes by their ids.
pub(super) fn by_id(run: &Run) -> BTreeMap<String, NodeIx> {
    run.plan.nodes().map(|node| (run.plan.id(node), node)).collect()
}
