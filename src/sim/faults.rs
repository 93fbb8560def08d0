//! A run in a storm: crashes, lost and doubled reports, hosts that come and go, a clock that steps back
//! and jumps ahead; all from one seed.
//!
//! What is true of the world outside (which hosts there are, which attempts run) is kept here and survives a crash of the
//! run, as the real thing does. [`weather`](super::weather) says how bad it is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    checks::{self, Memory},
    model::Model,
    operator,
    player::{End, Player, Setup, after, beginning},
    weather::Weather,
};
use crate::{
    base::{Seed, Span, seed::Stream},
    plan::NodeIx,
    run::{
        Cause, Command, Failure, Input, Outcome, Record, Report, World,
        event::HostOffer,
        place::{GpuId, HostId, HostState},
        verify::{Verdict, verify},
    },
};

/// A run that came through a storm.
#[derive(Clone, Debug)]
pub struct Weathered {
    pub end: End,
    pub turns: usize,
    pub crashes: usize,
    pub log: Vec<Record>,
}

/// A check that did not hold. The seed of the setup and of the storm bring it about again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after {turns} turns, at {at}: {what}")]
pub struct Tripped {
    pub turns: usize,
    pub at: Timestamp,
    pub what: String,
}

/// Turns that a run may take once the storm is over.
const CALM_TURNS_MAX: usize = 200_000;
/// How often one attempt may be lost at most: fewer times than a step is tried again by default, so that the storm never
/// changes what a run comes to.
const LOSSES_MAX: u32 = 4;

/// Plays a run through a storm, or without a seed for one in calm weather, and checks it after every turn. What is held is
/// decided by the seed of the setup.
pub fn storm(model: &Model, setup: &Setup, storm: Option<Seed>) -> Result<Weathered, Tripped> {
    let mut sky = Storm::begin(model, setup, storm);
    let end = sky.play_out().map_err(|what| Tripped { turns: sky.turns, at: sky.player.now, what })?;
    Ok(Weathered { end, turns: sky.turns, crashes: sky.crashes, log: sky.log })
}

struct Storm<'m> {
    player: Player<'m>,
    setup: &'m Setup,
    weather: Weather,
    stream: Stream,
    /// All that is stored.
    log: Vec<Record>,
    memory: Memory,
    /// What hosts there are and what they have.
    hosts: BTreeMap<HostId, HostOffer>,
    /// Those that are away now.
    away: BTreeSet<HostId>,
    /// GPUs that a foreign process holds.
    foreign: BTreeSet<(HostId, GpuId)>,
    paused: bool,
    /// Hosts that an operator has drained.
    drained: BTreeSet<HostId>,
    /// Attempts of which something else will be told, once what is true of them is stored.
    contradictions: Vec<(Span, NodeIx, u32)>,
    next_change: Timestamp,
    turns: usize,
    crashes: usize,
    /// The turn at which the log is replayed next for a check.
    next_replay: usize,
}

impl<'m> Storm<'m> {
    fn begin(model: &'m Model, setup: &'m Setup, seed: Option<Seed>) -> Self {
        let mut stream = seed.unwrap_or(Seed(0)).stream("storm");
        let weather = seed.map(|_| Weather::of(&mut stream)).unwrap_or_default();
        let (player, log) = Player::begin(model, setup);
        let next_change = player.now;
        let hosts = model.hosts().into_iter().collect();
        Self {
            player,
            setup,
            weather,
            stream,
            log,
            memory: Memory::default(),
            hosts,
            away: BTreeSet::new(),
            foreign: BTreeSet::new(),
            paused: false,
            drained: BTreeSet::new(),
            contradictions: Vec::new(),
            next_change,
            turns: 0,
            crashes: 0,
            next_replay: 0,
        }
    }

    fn play_out(&mut self) -> Result<End, String> {
        self.memory.take(&self.log)?;
        // Some hosts come late.
        for host in self.hosts.keys() {
            if self.stream.unit() < self.weather.change {
                self.away.insert(host.clone());
            }
        }
        self.turn(Vec::new())?;
        loop {
            if let Some(outcome) = &self.player.run().outcome {
                let end = End::Over(outcome.clone());
                self.check_decisions()?;
                self.check_replay()?;
                return Ok(end);
            }
            let mut inputs = self.commands();
            let change = self.is_stormy().then_some(self.next_change);
            let Some(next) = [self.player.next(), change].into_iter().flatten().min().or_else(|| {
                // With nothing on its way, only commands and hosts can bring the run on.
                (!inputs.is_empty() || self.is_untold()).then_some(self.player.now)
            }) else {
                return Ok(if self.player.run().held.is_empty() { End::Stuck } else { End::Held });
            };
            let next = if inputs.is_empty() { next } else { self.player.now };
            self.player.now = next.max(self.player.now);
            if self.is_stormy() && self.player.now >= self.next_change {
                self.change();
            }
            self.receive(&mut inputs);
            self.turn(inputs)?;
            if self.turns > self.weather.turns + CALM_TURNS_MAX {
                return Err("the run does not end although nothing goes wrong any more".into());
            }
        }
    }

    fn is_stormy(&self) -> bool {
        self.turns < self.weather.turns
    }

    fn strikes(&mut self, share: f64) -> bool {
        self.is_stormy() && self.stream.unit() < share
    }

    /// The reports that have come by now, as far as the storm lets them through.
    fn receive(&mut self, inputs: &mut Vec<Input>) {
        for (node, attempt, report) in self.player.take_due() {
            let is_current = self.player.run().attempts.get(&node).is_some_and(|it| it.number == attempt);
            let later = Span::from_secs(1 + self.stream.below(7_200) as u32);
            // Too late is as good as lost.
            if is_current && self.may_lose(node) && self.strikes(self.weather.late) {
                self.player.put(later, node, attempt, report);
                continue;
            }
            // An attempt without a limit is found by whoever asks what became of it: its report is never gone for good.
            let has_limit = self.player.run().attempts.get(&node).is_some_and(|it| it.due.is_some());
            if is_current && has_limit && self.may_lose(node) && self.strikes(self.weather.lost) {
                continue;
            }
            if self.strikes(self.weather.twice) {
                self.player.put(later, node, attempt, report.clone());
            }
            if self.strikes(self.weather.contradicted) {
                self.contradictions.push((later, node, attempt));
            }
            inputs.push(Input::Report { node: self.player.run().plan.id(node).into(), attempt, report });
        }
    }

    fn may_lose(&self, node: NodeIx) -> bool {
        let tries = self.player.run().tries.get(&node);
        tries.and_then(|tries| tries.by_cause.get(&Cause::HostLost)).copied().unwrap_or(0) < LOSSES_MAX
    }

    /// Something about the hosts changes, or somebody pauses the run.
    fn change(&mut self) {
        let wait = Span::from_secs(60 + self.stream.below(4 * 3_600) as u32);
        self.next_change = after(self.player.now, wait);
        if !self.strikes(self.weather.change) {
            return;
        }
        let names: Vec<HostId> = self.hosts.keys().cloned().collect();
        let host = names[self.stream.below(names.len() as u64) as usize].clone();
        let on_it = self.player.run().wanted().filter(|(_, it)| it.host == host).map(|(node, _)| node);
        let may_break = on_it.collect::<Vec<_>>().into_iter().all(|node| self.may_lose(node));
        match self.stream.below(7) {
            0 | 1 if !self.away.remove(&host) && may_break => {
                self.away.insert(host);
            }
            2 if may_break => {
                let keeps = self.stream.below(9) as usize;
                if let Some(offer) = self.hosts.get_mut(&host) {
                    offer.gpus.truncate(keeps);
                }
            }
            3 => self.restore(&host),
            4 => {
                let gpus = self.hosts.get(&host).map(|offer| offer.gpus.clone()).unwrap_or_default();
                if let Some((gpu, _)) = gpus.get(self.stream.below(8) as usize) {
                    let which = (host, gpu.clone());
                    if !self.foreign.remove(&which) {
                        self.foreign.insert(which);
                    }
                }
            }
            5 => self.paused = !self.paused,
            6 if !self.drained.remove(&host) => {
                self.drained.insert(host);
            }
            _ => {}
        }
    }

    /// The host has what it had at first.
    fn restore(&mut self, host: &HostId) {
        if let Some((_, offer)) = self.player.model().hosts().into_iter().find(|(id, _)| id == host) {
            self.hosts.insert(host.clone(), offer);
        }
    }

    fn clear_up(&mut self) {
        self.away.clear();
        self.foreign.clear();
        self.paused = false;
        self.drained.clear();
        self.hosts = self.player.model().hosts().into_iter().collect();
    }

    /// What operators ask for now.
    fn commands(&mut self) -> Vec<Input> {
        let run = self.player.run();
        let asks = |command| Input::Command { who: "storm".into(), why: "a drill".into(), command };
        let mut inputs = Vec::new();
        if run.paused != self.paused {
            inputs.push(asks(if self.paused { Command::Pause } else { Command::Resume }));
        }
        for (id, host) in run.fleet.hosts() {
            match (host.state(), self.drained.contains(id)) {
                (HostState::Up, true) => inputs.push(asks(Command::Drain { host: id.clone() })),
                (HostState::Draining, false) => inputs.push(asks(Command::Undrain { host: id.clone() })),
                _ => {}
            }
        }
        inputs.extend(operator::rulings(&self.player.world, self.setup.seed));
        inputs
    }

    fn is_untold(&self) -> bool {
        !self.tell().is_empty()
    }

    /// What the run does not know yet of its hosts.
    fn tell(&self) -> Vec<Input> {
        let fleet = &self.player.run().fleet;
        let mut inputs = Vec::new();
        for (id, offer) in &self.hosts {
            let known = fleet.host(id).filter(|host| host.state() != HostState::Gone);
            match (self.away.contains(id), known) {
                (true, Some(_)) => inputs.push(Input::HostLost { host: id.clone() }),
                (false, known) => {
                    let same = known.is_some_and(|host| {
                        host.gpus.len() == offer.gpus.len()
                            && offer.gpus.iter().all(|(gpu, _)| host.gpus.contains_key(gpu))
                    });
                    if !same {
                        inputs.push(Input::HostJoined { host: id.clone(), offer: offer.clone() });
                    }
                    for (gpu, _) in &offer.gpus {
                        let foreign = self.foreign.contains(&(id.clone(), gpu.clone()));
                        if known.and_then(|host| host.gpus.get(gpu)).is_some_and(|it| it.foreign != foreign) {
                            inputs.push(Input::GpuForeign { host: id.clone(), gpu: gpu.clone(), foreign });
                        }
                    }
                }
                (true, None) => {}
            }
        }
        inputs
    }

    /// One turn: the run decides, the records are stored or not, what was decided is done or not.
    fn turn(&mut self, mut inputs: Vec<Input>) -> Result<(), String> {
        self.turns += 1;
        if self.turns == self.weather.turns {
            self.clear_up();
        }
        inputs.extend(self.tell());
        let jumped = self.strikes(self.weather.jump);
        if jumped {
            let by = Span::from_secs(60 + self.stream.below(86_400) as u32);
            self.player.jump(by);
            inputs.insert(0, Input::ClockJumped { by });
        }
        let stepped = self.strikes(self.weather.clock);
        let back = SignedDuration::from_secs(if stepped { self.stream.below(7_200) as i64 } else { 0 });
        let told = self.player.now.checked_sub(back).unwrap_or(self.player.now);
        let reports: Vec<Input> = inputs.iter().filter(|it| matches!(it, Input::Report { .. })).cloned().collect();
        let records = self.player.world.handle(told, inputs);
        let contradictions = std::mem::take(&mut self.contradictions);
        // Who dies before it has noted that the clock jumped leaves nobody who could know.
        if self.strikes(self.weather.crash_before) && !jumped {
            return self.crash(reports);
        }
        self.memory.take(&records)?;
        self.log.extend(records);
        for (later, node, attempt) in contradictions {
            let other = Report::Failed(Failure::new(Cause::ExitCode, "somebody else says it has failed"));
            self.player.put(later, node, attempt, other);
        }
        checks::state(self.player.run())?;
        if self.turns >= self.next_replay {
            self.check_replay()?;
            self.next_replay = self.turns + self.log.len() / 16;
        }
        if self.strikes(self.weather.crash_after) {
            self.crash(Vec::new())?;
        }
        self.player.act();
        Ok(())
    }

    /// The process dies and is started again. What was told and not stored is told again by whoever still knows it.
    fn crash(&mut self, reports: Vec<Input>) -> Result<(), String> {
        self.crashes += 1;
        self.player.world = self.replayed()?;
        for report in reports {
            if let Input::Report { node, attempt, report } = report
                && let Some(node) = self.player.run().find(&node)
            {
                let later = Span::from_secs(1 + self.stream.below(60) as u32);
                self.player.put(later, node, attempt, report);
            }
        }
        self.player.act();
        Ok(())
    }

    fn replayed(&self) -> Result<World, String> {
        let id = beginning(self.setup).id;
        World::replay(id, self.setup.workflow.clone(), &self.log)
            .map_err(|error| format!("the log does not replay: {error}"))
    }

    /// Every decision that is in the log comes out the same once more, and every placement could be made.
    fn check_decisions(&self) -> Result<(), String> {
        let workflow = self.setup.workflow.clone();
        let Verdict { differences, broken, .. } = verify(beginning(self.setup).id, workflow, &self.log);
        match (broken, differences.first()) {
            (Some(broken), _) => Err(format!("event {} does not follow: {}", broken.seq, broken.why)),
            (None, Some(other)) => Err(format!("a decision comes out differently: {other:?}")),
            (None, None) => Ok(()),
        }
    }

    fn check_replay(&self) -> Result<(), String> {
        match checks::difference(self.player.run(), &self.replayed()?.run) {
            Some(what) => Err(what),
            None => Ok(()),
        }
    }
}

/// Whether two runs came to the same. Where several steps could have ended a run, the first to fail did, and which was
/// first is a matter of time.
pub fn same_result(one: &End, other: &End) -> bool {
    match (one, other) {
        (End::Over(Outcome::Failed { .. }), End::Over(Outcome::Failed { .. })) => true,
        _ => one == other,
    }
}
