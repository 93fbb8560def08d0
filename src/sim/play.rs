//! Plays one attempt by the model: how long it takes and what comes out.

use std::fmt;

use serde_json::{Value as Json, json};

use super::{
    chance,
    file::{Fails, Known, Made, Takes, Varies, Work},
    made::Maker,
    model::Model,
};
use crate::{
    action::{Action, Expect, play::PLAY},
    base::{Seed, Span, Ty, Value, seed::Stream},
    plan::{self, NodeIx, sample},
    run::{Attempt, Cause, Digest, Failure, Report, Run},
    workflow::{Does, OnTimeLimit},
};

/// An attempt as it goes in the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    pub takes: Span,
    pub report: Report,
}

/// How long the end of an attempt takes that was told to end.
const TO_END: Span = Span::from_secs(5);
/// How long an attempt hangs that nothing ends.
const HANGS: Span = Span::from_secs(24 * 3_600);

impl Model {
    /// Plays an attempt. What comes out depends on the seed, the node's id and how often its work was tried, and on nothing
    /// else: not on the host, the order or the moment. Attempts that were lost with their host do not count as tries of
    /// the work, so that a run comes to the same result whatever happens to its hosts.
    pub fn play(&self, seed: Seed, run: &Run, node: NodeIx, attempt: &Attempt) -> Played {
        let scene = Scene::of(self, seed, run, node, attempt);
        let takes = scene.takes();
        let fails = scene.fails();
        if scene.stream(format_args!("{}/host", attempt.number)).unit() < fails.host_lost {
            return scene.fails_after(takes, Cause::HostLost, "the host went away");
        }
        if let Some(failed) = scene.failed(takes, &fails) {
            return failed;
        }
        match attempt.time_limit {
            Some(limit) if takes > limit => {
                let keeps = run.plan.step(node).settings.on_time_limit == OnTimeLimit::Succeed;
                let output = keeps.then(|| scene.output(limit, true));
                Played { takes: limit.saturating_add(TO_END), report: Report::CutShort { output } }
            }
            _ => Played { takes, report: Report::Succeeded { output: scene.output(takes, false) } },
        }
    }
}

/// An attempt with all that bears on it.
struct Scene<'a> {
    model: &'a Model,
    seed: Seed,
    run: &'a Run,
    node: NodeIx,
    attempt: &'a Attempt,
    id: String,
    /// How often the work was tried, this time included.
    trial: u32,
    action: Option<&'static Action>,
    gives: Ty,
    work: Work,
    hotkey: String,
    known: Option<&'a Known>,
}

impl<'a> Scene<'a> {
    fn of(model: &'a Model, seed: Seed, run: &'a Run, node: NodeIx, attempt: &'a Attempt) -> Self {
        let (action, gives) = match &run.plan.step(node).does {
            Does::Action { action, gives, .. } => (Some(*action), gives.clone()),
            Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => (None, Ty::Null),
        };
        let lost = run.tries.get(&node).map_or(0, |tries| tries.lost);
        let hotkey = match around(run, node, "entrant").and_then(|entrant| entrant.field("hotkey").cloned()) {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        Self {
            model,
            seed,
            run,
            node,
            attempt,
            id: run.plan.id(node),
            trial: attempt.number.saturating_sub(lost).max(1),
            action,
            gives,
            work: action.and_then(|action| model.world.actions.get(action.name)).cloned().unwrap_or_default(),
            known: model.known(&hotkey, run.plan.inputs()),
            hotkey,
        }
    }

    fn stream(&self, purpose: fmt::Arguments<'_>) -> Stream {
        self.seed.stream(&format!("{}/{purpose}", self.id))
    }

    fn name(&self) -> &'static str {
        self.action.map_or("", |action| action.name)
    }

    /// A field of the task that the attempt is about.
    fn task(&self, field: &str) -> Option<Json> {
        match self.attempt.input.get("task").and_then(|task| task.get(field)) {
            Some(found) => Some(found.clone()),
            None => around(self.run, self.node, "task")?.field(field).map(Value::to_json),
        }
    }

    fn params_b(&self) -> f64 {
        self.task("params_b").and_then(|it| it.as_f64()).unwrap_or(0.0).max(0.0)
    }

    fn span_of_input(&self, field: &str) -> Option<Span> {
        Span::parse(self.attempt.input.get(field)?.as_str()?).ok()
    }

    fn takes(&self) -> Span {
        let usual = match &self.work.takes {
            Some(Takes::Fixed(span)) => Some(*span),
            Some(Takes::Input(of)) => self.span_of_input(of.input.as_str()).map(|span| times(span, of.times)),
            None => None,
        };
        let usual = usual.unwrap_or_else(|| self.expected());
        let more = self.work.per_billion.map_or(Span::ZERO, |span| times(span, self.params_b()));
        let stream = &mut self.stream(format_args!("{}/takes", self.trial));
        let varies = match self.work.varies {
            None => 1.0,
            Some(Varies::Spread(spread)) => chance::factor(stream, spread),
            Some(Varies::Between(between)) => chance::between(stream, between.from, between.to),
        };
        let slower = self.known.and_then(|known| known.slower).unwrap_or(1.0);
        times(usual.saturating_add(more), varies * slower)
    }

    /// How long it takes as far as the author and the catalogue tell; in good time for its limit.
    fn expected(&self) -> Span {
        let told = plan::expect(&self.run.plan, self.node, self.run).ok().flatten();
        let told = told.or_else(|| match self.action?.expect {
            Expect::Span(span) => Some(span),
            Expect::Field(field) => self.span_of_input(field),
        });
        let usual = told.unwrap_or(Span::from_secs(60));
        self.attempt.time_limit.map_or(usual, |limit| usual.min(times(limit, 0.5)))
    }

    fn fails(&self) -> Fails {
        self.known.and_then(|known| known.fails.get(self.name())).copied().unwrap_or(self.work.fails)
    }

    /// The attempt, if it fails by chance or for want of memory.
    fn failed(&self, takes: Span, fails: &Fails) -> Option<Played> {
        let mut drawn = self.stream(format_args!("{}/fails", self.trial)).unit();
        let mut falls = |share: f64| {
            drawn -= share;
            drawn < 0.0
        };
        if falls(fails.exit_code) {
            return Some(self.fails_after(takes, Cause::ExitCode, "the program ended with exit code 1"));
        }
        if falls(fails.out_of_memory) || self.wants_too_much() {
            return Some(self.fails_after(times(takes, 0.2), Cause::OutOfMemory, "a GPU has run out of memory"));
        }
        if falls(fails.network) {
            return Some(self.fails_after(takes, Cause::Network, "the connection was closed"));
        }
        if falls(fails.refused) {
            return Some(self.fails_after(times(takes, 0.2), Cause::Refused, "what was asked for is not there"));
        }
        if falls(fails.time_limit) {
            return Some(match self.attempt.time_limit {
                Some(limit) => {
                    Played { takes: limit.saturating_add(TO_END), report: Report::CutShort { output: None } }
                }
                None => self.fails_after(HANGS, Cause::ExitCode, "it hung and was ended"),
            });
        }
        if falls(fails.bad_output) {
            let output = json!({ "note": "this is not what it should give" });
            return Some(Played { takes, report: Report::Succeeded { output } });
        }
        None
    }

    /// Whether the GPUs have less memory than the work needs.
    fn wants_too_much(&self) -> bool {
        let Some(per_billion) = self.work.memory_per_billion else { return false };
        let host = self.run.fleet.host(&self.attempt.host);
        let kinds = self.attempt.gpus.iter().filter_map(|gpu| Some(&host?.gpus.get(gpu)?.kind));
        let there: f64 = kinds.map(|kind| self.model.gpu_memory(kind).0 as f64).sum();
        let stream = &mut self.stream(format_args!("memory"));
        let needed = per_billion.0 as f64 * self.params_b() * chance::factor(stream, self.work.memory_varies);
        there > 0.0 && needed > there
    }

    fn fails_after(&self, takes: Span, cause: Cause, why: &str) -> Played {
        let stream = &mut self.stream(format_args!("{}/fails_after", self.attempt.number));
        let after = times(takes, chance::between(stream, 0.05, 1.0));
        let after = self.attempt.time_limit.map_or(after, |limit| after.min(limit));
        Played { takes: after, report: Report::Failed(Failure::new(cause, why)) }
    }

    fn text_of_input(&self, field: &str) -> String {
        let found = field.split('.').try_fold(&*self.attempt.input, |json, field| json.get(field));
        found.and_then(Json::as_str).unwrap_or_default().to_string()
    }

    /// What comes out when all goes well.
    fn output(&self, takes: Span, cut_short: bool) -> Json {
        self.made(self.usual_output(takes, cut_short))
    }

    fn usual_output(&self, takes: Span, cut_short: bool) -> Json {
        match self.name() {
            "clone" => {
                let (repository, commit) = (self.text_of_input("repository"), self.text_of_input("commit"));
                let tree = hash(&format!("{repository}@{commit}"));
                json!({ "repository": repository, "commit": commit, "tree": format!("tree:{}", &tree[..16]) })
            }
            "build" => {
                let made_of = [self.text_of_input("code.tree"), self.text_of_input("dockerfile")].join("/");
                json!({ "id": format!("sha256:{}", hash(&made_of)), "size_bytes": 12_000_000_000_u64 })
            }
            "download" => {
                let datasets = self.attempt.input.get("datasets").cloned().filter(Json::is_array);
                let given = |field: &str| self.attempt.input.get(field).cloned().unwrap_or_default();
                json!({
                    "model": given("model"),
                    "dataset": given("dataset"),
                    "file": given("file").get("sha256").cloned(),
                    "datasets": datasets.unwrap_or_else(|| json!([])),
                    "size_bytes": (self.params_b() * 2e9) as u64,
                })
            }
            "train" => {
                json!({ "output": format!("out:{}", self.id), "took": takes.to_string(), "cut_short": cut_short })
            }
            "upload" => {
                let revision = hash(&format!("{}/{}", self.id, self.trial));
                json!({ "repository": self.text_of_input("repository"), "revision": &revision[..40] })
            }
            "publish" => {
                let (commit, to) = (self.text_of_input("commit"), self.text_of_input("to"));
                json!({ "repository": to, "commit": &hash(&format!("{to}@{commit}"))[..40] })
            }
            "evaluate" => self.evaluation(),
            PLAY => self.games(),
            _ => match self.made_up() {
                Some(Ok(output)) => output,
                _ => sample::sample(&self.gives, self.seed, &format!("{}/{}", self.id, self.trial)).to_json(),
            },
        }
    }

    /// What comes of the input alone: in a made-up world everybody can pay.
    fn made_up(&self) -> Option<Result<Json, String>> {
        self.action?.made_up(&self.attempt.input, &self.id)
    }

    /// What comes out, as far as the world says that it is not as usual.
    fn made(&self, usual: Json) -> Json {
        if self.work.outputs.is_empty() {
            return usual;
        }
        let Ok(usual) = Value::from_json(&usual, &self.gives) else { return usual };
        let mut stream = self.stream(format_args!("{}/outputs", self.trial));
        let skill = self.skill(&mut stream);
        let around = |name: &str| around(self.run, self.node, name);
        let mut maker = Maker { stream, skill, around: &around };
        maker.make(&Made::Fields(self.work.outputs.clone()), &self.gives, &usual).to_json()
    }

    fn known(&self, one: fn(&Known) -> Option<f64>, usual: f64) -> f64 {
        self.known.and_then(one).unwrap_or(usual)
    }

    /// The skill of whoever it is about, with the luck of this time.
    fn skill(&self, stream: &mut Stream) -> f64 {
        let luck = self.known(|it| it.noise, self.model.world.entrants.noise) * chance::normal(stream);
        self.model.skill(self.seed, &self.hotkey, self.run.plan.inputs()) + luck
    }

    /// Game after game, decided by the skills of the two, with the luck that each has this time.
    fn games(&self) -> Json {
        let (entrants, rules) = (&self.model.world.entrants, self.model.world.results.games);
        let stream = &mut self.stream(format_args!("{}/games", self.trial));
        let inputs = self.run.plan.inputs();
        let mut skill = |who: &str| {
            let hotkey = self.text_of_input(&format!("{who}.hotkey"));
            let noise = self.model.known(&hotkey, inputs).and_then(|known| known.noise).unwrap_or(entrants.noise);
            self.model.skill(self.seed, &hotkey, inputs) + noise * chance::normal(stream)
        };
        let ahead = skill("a") - skill("b");
        let wins = 1.0 / (1.0 + chance::exp(-(rules.edge * ahead).clamp(-500.0, 500.0)));
        let planned = self.attempt.input.pointer("/rules/games").and_then(Json::as_u64);
        let count = planned.unwrap_or(u64::from(rules.in_time)).min(100_000);
        let game = |stream: &mut Stream| match (stream.unit() < rules.drawn, stream.unit() < wins) {
            (true, _) => 'D',
            (false, true) => 'W',
            (false, false) => 'L',
        };
        let outcomes: String = (0..count).map(|_| game(stream)).collect();
        // Whether a model is one does not depend on whom it plays.
        let is_none = |who: &&str| {
            let (hotkey, model) =
                (self.text_of_input(&format!("{who}.hotkey")), self.text_of_input(&format!("{who}.model.repository")));
            let known = self.model.known(&hotkey, inputs).and_then(|known| known.not_a_finetune);
            self.seed.stream(&format!("{model}/finetune")).unit() < known.unwrap_or(entrants.not_a_finetune)
        };
        let none = ["a", "b"].into_iter().filter(is_none).map(|who| self.text_of_input(&format!("{who}.hotkey")));
        json!({ "outcomes": outcomes, "no_finetune": none.collect::<Vec<_>>() })
    }

    fn evaluation(&self) -> Json {
        let entrants = &self.model.world.entrants;
        let stream = &mut self.stream(format_args!("evaluation"));
        let is_no_finetune = stream.unit() < self.known(|it| it.not_a_finetune, entrants.not_a_finetune);
        if stream.unit() < self.known(|it| it.no_loss, entrants.no_loss) {
            return json!({ "loss": null, "finetune": !is_no_finetune, "reason": "the loss is not a number" });
        }
        let skill = self.skill(stream);
        let results = &self.model.world.results;
        let task = self.task("id").and_then(|it| it.as_str().map(String::from)).unwrap_or_default();
        let ease = chance::factor(&mut self.seed.stream(&format!("task/{task}")), results.varies);
        let kind = self.task("kind").and_then(|kind| serde_json::from_value(kind).ok());
        let higher = kind.is_some_and(|kind| results.higher_is_better.contains(&kind));
        let loss =
            if higher { results.score * ease * chance::exp(skill) } else { results.loss * ease * chance::exp(-skill) };
        json!({ "loss": loss, "finetune": !is_no_finetune, "reason": null })
    }
}

/// The value of that name in the frames around a node, the innermost first, and then in the run's inputs.
pub(super) fn around(run: &Run, node: NodeIx, name: &str) -> Option<Value> {
    let mut at = Some(run.plan.node(node).frame);
    while let Some(frame) = at {
        let frame = run.plan.frame(frame);
        if let Some(value) = frame.takes.get(name) {
            return Some(value.clone());
        }
        at = frame.under.map(|open| run.plan.node(open).frame);
    }
    run.plan.inputs().field(name).cloned()
}

fn times(span: Span, factor: f64) -> Span {
    let millis = (span.millis() as f64 * factor).clamp(0.0, Span::MAX.millis() as f64);
    Span::from_millis(millis as u64).unwrap_or(Span::MAX)
}

fn hash(text: &str) -> String {
    Digest::of(text).to_string()
}
