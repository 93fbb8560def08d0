//! What ready nodes become: decisions where the core can make them, asks for a place where work is to be done.

use std::sync::Arc;

use super::{
    event::{Event, FrameOpened, Kept, NodeId},
    place::{self, Ask, Group, Needs, Shape},
    state::{Run, Status, place_ix},
    world::{World, body, node_ix},
};
use crate::{
    action::Expect,
    base::{GpuRequest, Record, Size, Span, Value, limits::EVENT_BYTES_MAX},
    plan::{self, Fragment, NodeIx, Part, Trouble},
    rule,
    workflow::{self, Does, OnFailure, Step, Workflow},
};

/// Frames that one event holds, so that no event grows too large.
const FRAMES_PER_EVENT: usize = 256;
/// Bytes of frames that one event holds before the next is begun.
const FRAME_BYTES_PER_EVENT: usize = 128 * 1024;

impl World {
    pub(super) fn settle_one(&mut self, node: NodeIx) -> Result<(), Trouble> {
        let id: NodeId = self.run.plan.id(node).into();
        let part = self.run.plan.node(node).part;
        if matches!(part, Part::Task | Part::Open) && !plan::wanted(&self.run.plan, node, &self.run)? {
            self.record(&Event::Skipped { node: id });
            return Ok(());
        }
        match part {
            Part::Open => {
                let fragment = plan::opened(&self.run.plan, node, &self.run)?;
                self.open(&id, fragment)?;
            }
            Part::Turn(_) => {
                let next = plan::next_turn(&self.run.plan, node, &self.run)?;
                let next = next
                    .and_then(|fragment| fragment.frames.into_iter().next())
                    .map(|(within, takes)| opened(within, takes));
                self.record(&Event::Turned { node: id, next });
            }
            Part::Close => {
                let step = self.run.plan.step(node);
                let is_computed = step.read && !matches!(step.does, Does::Each(_));
                let output = is_computed.then(|| plan::closed(&self.run.plan, node, &self.run)).transpose()?;
                self.record_limited(&Event::Closed { node: id, output: output.map(|output| output.to_json()) })?;
            }
            Part::Task => match &self.run.plan.step(node).does {
                Does::Action { action, .. } if action.is_pure() => {
                    let input = plan::input(&self.run.plan, node, &self.run)?;
                    let decided = action.decide(&input, self.run.seed, &id).expect("a pure action decides");
                    let output = decided.map_err(|why| rule::Failure::Host { function: action.name.into(), why })?;
                    let (input, output) = (input.to_json(), output.to_json());
                    self.record_limited(&Event::Decided { node: id, input, output })?;
                }
                Does::Action { .. } => self.ask(node)?,
                Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => unreachable!("a composite step has no task node"),
            },
        }
        Ok(())
    }

    /// Records a decision unless it is larger than an event may be.
    fn record_limited(&mut self, event: &Event) -> Result<(), Trouble> {
        let body = body(event);
        if body.len() > EVENT_BYTES_MAX {
            return Err(Trouble::TooLarge { bytes: body.len(), most: EVENT_BYTES_MAX });
        }
        self.record_as(event, body);
        Ok(())
    }

    /// Records what lies behind a composite step, in as many events as it takes.
    fn open(&mut self, id: &NodeId, fragment: Option<Fragment>) -> Result<(), Trouble> {
        let mut waiting: Vec<FrameOpened> = Vec::new();
        let mut bytes = 0;
        for (within, takes) in fragment.map(|fragment| fragment.frames).unwrap_or_default() {
            let frame = opened(within, takes);
            let size = serde_json::to_string(&frame).map_or(0, |text| text.len());
            if size + 1_024 > EVENT_BYTES_MAX {
                return Err(Trouble::TooLarge { bytes: size, most: EVENT_BYTES_MAX });
            }
            if waiting.len() == FRAMES_PER_EVENT || bytes + size > FRAME_BYTES_PER_EVENT && !waiting.is_empty() {
                self.record(&Event::Opened { node: id.clone(), frames: std::mem::take(&mut waiting), more: true });
                bytes = 0;
            }
            bytes += size;
            waiting.push(frame);
        }
        self.record(&Event::Opened { node: id.clone(), frames: waiting, more: false });
        Ok(())
    }

    /// Puts a node among those that wait for their place.
    fn ask(&mut self, node: NodeIx) -> Result<(), Trouble> {
        let step = self.run.plan.step(node);
        let Does::Action { action, .. } = &step.does else { return Ok(()) };
        let input = plan::input(&self.run.plan, node, &self.run)?;
        let needs = self.run.needs_of(node, &input)?;
        let time_limit = plan::time_limit(&self.run.plan, node, &self.run)?;
        if let Some(kept) = self.kept(node, &input, needs.gpus.as_ref(), time_limit) {
            let is_own = step.settings.on_failure == OnFailure::Result;
            self.record(&kept);
            if let Event::Reused { result: Kept::Failure(failure), .. } = kept
                && !is_own
            {
                // It is the step around it that makes a result of it.
                self.fail(node, failure);
            }
            return Ok(());
        }
        let shape = Shape {
            group: self.group(node),
            needs,
            time_limit,
            limits: step.settings.limits.iter().map(|name| name.shared().clone()).collect(),
        };
        let path = self.path(node, plan::cost::expected(&self.run.plan, node, &self.run)?);
        let (age, since) = self.stood.remove(&node).unwrap_or_else(|| {
            self.age += 1;
            (self.age, self.last)
        });
        let ask = Ask {
            node: place_ix(node),
            shape: Arc::new(shape),
            wants: action.wanted_there(&input).into(),
            priority: i64::from(step.settings.priority),
            path,
            age,
            since,
        };
        self.queue.add(ask);
        Ok(())
    }

    /// What an earlier run has done of it, as an event, if that still holds.
    fn kept(&self, node: NodeIx, input: &Value, gpus: Option<&GpuRequest>, limit: Option<Span>) -> Option<Event> {
        let reusable = self.reusable.as_ref().filter(|_| !self.run.tries.contains_key(&node))?;
        let id: NodeId = self.run.plan.id(node).into();
        let settles = self.run.settles(node);
        let past = reusable.holds(&id, self.run.plan.step(node), settles, &input.to_json(), gpus, limit).ok()?;
        let event = past.event(id);
        // What cannot be told in one event is done again.
        let bytes = serde_json::to_string(&event).map_or(usize::MAX, |text| text.len());
        (bytes <= EVENT_BYTES_MAX).then_some(event)
    }

    /// The nodes that must run on the same host as this one, with what each will need as far as that is known.
    fn group(&self, node: NodeIx) -> Option<Arc<Group>> {
        let id = self.run.group_of(node)?;
        let frame = self.run.plan.node(node).frame;
        let word = &self.run.plan.step(node).settings.same_host;
        let members =
            self.run.plan.nodes_of(frame).filter(|member| &self.run.plan.step(*member).settings.same_host == word);
        let needs = members.map(|member| {
            let gpus = plan::gpus(&self.run.plan, member, &self.run).ok().flatten();
            Needs { gpus: gpus.map(|request| self.run.grown(member, request)), ..Needs::default() }
        });
        Some(Arc::new(Group { id, members: needs.collect() }))
    }

    /// Starts what has a place.
    pub(super) fn place(&mut self) {
        if self.held_back || self.run.paused || self.run.cancelled || self.run.fatal.is_some() {
            return;
        }
        let placed = place::place(self.last, &self.queue, &self.run.fleet, &self.run.leases, &self.policy);
        for lease in placed {
            let node = node_ix(lease.node);
            let ask = self.queue.remove(lease.node);
            if self.run.is_over(node) || !matches!(self.run.status(node), Status::Waiting | Status::Retrying) {
                continue;
            }
            let input = plan::input(&self.run.plan, node, &self.run)
                .expect("the input was computed when the place was asked for");
            let attempt = self.run.tries.get(&node).map_or(0, |tries| tries.attempts) + 1;
            self.record(&Event::AttemptStarted {
                node: self.run.plan.id(node).into(),
                attempt,
                host: lease.host,
                gpus: lease.gpus,
                input: input.to_json(),
                time_limit: lease.shape.time_limit,
                request: lease.shape.needs.gpus.clone(),
                cpus: lease.shape.needs.cpus,
                memory: lease.shape.needs.memory,
            });
            if let Some(ask) = ask.filter(|_| self.run.status(node) == Status::Ordered) {
                self.stood.insert(node, (ask.age, ask.since));
            }
        }
    }

    /// How long the longest way from a node, which is expected to take so long itself, to the end of the run may be: what
    /// comes behind it, and behind each step that it is a part of.
    fn path(&self, node: NodeIx, own: Span) -> Span {
        let mut total = own;
        let mut at = Some(node);
        while let Some(node) = at {
            let found = self.run.plan.node(node);
            let frame = self.run.plan.frame(found.frame);
            total = total.saturating_add(self.behind[frame.body.0 as usize][found.step.0 as usize]);
            at = frame.under;
        }
        total
    }
}

fn opened(within: plan::Within, takes: Arc<Record>) -> FrameOpened {
    FrameOpened { within, takes: Value::Record(takes).to_json() }
}

/// For each body and step, how long the longest way behind it to the end of its body is expected to take, as far as the
/// file alone tells.
pub(super) fn behind(workflow: &Workflow) -> Vec<Vec<Span>> {
    let mut behind: Vec<Vec<Span>> = vec![Vec::new(); workflow.bodies.len()];
    let mut longest = vec![Span::ZERO; workflow.bodies.len()];
    // Templates are checked before those that use them, and stand behind the main body in that order.
    for at in (1..workflow.bodies.len()).chain([0]) {
        let steps = &workflow.bodies[at].steps;
        let mut ways = vec![Span::ZERO; steps.len()];
        for (i, step) in steps.iter().enumerate().rev() {
            let from_here = ways[i].saturating_add(length(step, &longest));
            longest[at] = longest[at].max(from_here);
            for need in &step.needs {
                let before = &mut ways[need.0 as usize];
                *before = (*before).max(from_here);
            }
        }
        behind[at] = ways;
    }
    behind
}

/// `longest` tells of each body how long its longest way is.
fn length(step: &Step, longest: &[Span]) -> Span {
    match &step.does {
        Does::Action { action, .. } => {
            match (&step.settings.expect.as_ref().and_then(workflow::Given::known), action.expect) {
                (Some(Value::Span(span)), _) => *span,
                (_, Expect::Span(span)) => span,
                (_, Expect::Field(_)) => Span::from_secs(3_600),
            }
        }
        Does::Use { body, .. } => longest[body.0 as usize],
        Does::Each(each) => longest[each.body.0 as usize],
        Does::Repeat(repeat) => longest[repeat.body.0 as usize],
    }
}

impl Run {
    /// What a node's work needs of its host, with what failures for lack of memory have added.
    pub(super) fn needs_of(&self, node: NodeIx, input: &Value) -> Result<Needs, Trouble> {
        let step = self.plan.step(node);
        let gpus = plan::gpus(&self.plan, node, self)?.map(|request| self.grown(node, request));
        let Does::Action { action, .. } = &step.does else { return Ok(Needs::default()) };
        let (cpus, memory) = action.room(input, gpus.as_ref().map_or(0, GpuRequest::count));
        let tries = self.tries.get(&node).map_or(0, |tries| tries.grow);
        let more = u64::from(step.settings.retry.grow_memory).saturating_pow(tries);
        Ok(Needs { gpus, cpus, memory: memory.map(|size| Size(size.0.saturating_mul(more))) })
    }

    /// The request of a node that has run out of memory before, grown as its author says, as far as requests go.
    fn grown(&self, node: NodeIx, request: GpuRequest) -> GpuRequest {
        let times = self.tries.get(&node).map_or(0, |tries| tries.grow);
        let factor = self.plan.step(node).settings.retry.grow_gpus.saturating_pow(times);
        request.with_count(request.count().saturating_mul(factor)).unwrap_or(request)
    }

    /// Why a value is not what a step gives; nothing if it is.
    pub(super) fn misfit(&self, node: NodeIx, output: &serde_json::Value) -> Option<String> {
        self.read_output(self.plan.close_of(node), output).err()
    }

    /// Whether a step can still fail: what is over or done cannot.
    pub(super) fn may_fail(&self, begin: NodeIx) -> bool {
        let end = self.plan.close_of(begin);
        let open = matches!(
            self.status(begin),
            Status::Waiting | Status::Retrying | Status::Held | Status::Open | Status::Ordered | Status::Running
        );
        let undone = [Status::Waiting, Status::Retrying, Status::Held, Status::Ordered, Status::Running];
        open && undone.contains(&self.status(end))
    }

    /// Whether nothing can go on without an operator.
    pub fn waits_for_an_operator(&self) -> bool {
        self.outcome.is_none() && !self.held.is_empty() && self.attempts.is_empty() && self.due.is_empty()
    }

    /// Whether work of that step is done by a backend.
    pub fn is_work(&self, node: NodeIx) -> bool {
        self.plan.step(node).does.is_work()
    }
}
