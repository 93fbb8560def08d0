//! Attempts that are ordered ahead, and what is taken back of them.

use super::{super::event::Event, *};

fn joined(slots: u32, ahead: u32, gpus: u32) -> Input {
    Input::HostJoined { host: host("h"), offer: HostOffer { slots, ahead, ..offer(gpus) } }
}

fn of(names: &[&str], more: &str) -> Played {
    let steps: Vec<String> = names.iter().map(|name| format!("  {name}: {{ {WORK}{more} }}\n")).collect();
    Played::of(&format!("steps:\n{}", steps.concat()))
}

#[test]
fn only_what_may_have_waited_is_taken_back() {
    for (ahead, gpus, lawful) in [(0, 0, false), (2, 0, true), (2, 1, false)] {
        let mut run = of(&["a"], if gpus > 0 { ", gpus: 1xH100" } else { "" });
        run.turn(0, [joined(1, ahead, gpus)]);
        let event = Event::AttemptWithdrawn { node: "a".into(), attempt: 1 };
        let follows = run.world.run.follows(run.now, &event);
        assert_eq!(follows.is_ok(), lawful, "{ahead} ahead, {gpus} gpus: {follows:?}");
        let told = run.report(1, "a", Report::Withdrawn);
        let expected = if lawful { "attempt_withdrawn a" } else { "attempt_failed a: host lost" };
        assert_eq!(told[0], expected, "{ahead} ahead, {gpus} gpus");
    }
    // What was ordered before a host takes none ahead any more can still be taken back.
    let mut run = of(&["a", "b"], "");
    run.turn(0, [joined(1, 1, 0)]);
    run.turn(0, [joined(1, 0, 0)]);
    run.command(Command::Pause);
    assert_eq!(run.report(1, "b", Report::Withdrawn), ["attempt_withdrawn b"]);
}

#[test]
fn what_is_taken_back_stands_where_it_stood() {
    let mut run = of(&["a", "b", "c", "d"], "");
    run.turn(0, [joined(1, 1, 0)]);
    run.command(Command::Pause);
    run.report(1, "b", Report::Withdrawn);
    let resumed = run.command(Command::Resume);
    assert_eq!(resumed, ["resumed", "attempt_started b #2 on h, 0 gpus"], "c came after it");
}

#[test]
fn a_moment_that_has_passed_is_walked_once() {
    let names: Vec<String> = (0..20).map(|at| format!("s{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = of(&names, ", retry: { network: 9, wait: 1s, factor: 1 }");
    run.turn(0, [joined(20, 0, 0)]);
    run.turn(0, [joined(1, 0, 0)]);
    let failed = Report::Failed(Failure::new(Cause::Network, "so it goes"));
    let report = |name: &&str| Input::Report { node: (*name).into(), attempt: 1, report: failed.clone() };
    run.turn(1, names.iter().map(report).collect::<Vec<_>>());
    run.turn(60, [Input::Tick]);
    let waiting = run.world.run.due.len();
    assert!(waiting >= 18, "they wait for a slot: {waiting}");
    assert_eq!(run.world.next_deadline(), None);
    run.now += SignedDuration::from_secs(1);
    assert_eq!(run.world.handle(run.now, [Input::Tick]).len(), 0);
    assert_eq!(run.world.fallen_due().len(), 0, "nothing is new");
}

#[test]
fn who_is_to_be_ended_is_told_once() {
    let mut run = of(&["a", "b"], "");
    run.turn(0, [joined(2, 0, 0)]);
    assert_eq!(run.world.run.to_end().len(), 0);
    run.fails("a", Cause::Refused);
    assert_eq!(run.world.run.to_end(), [run.world.run.find("b").expect("it is a step")]);
    run.turn(1, [Input::Tick]);
    assert_eq!(run.world.run.to_end().len(), 0);
}

/// Steps without needs, each with these settings, where one may run and three are taken ahead: those that were started.
fn started(steps: &[(&str, &str)]) -> (Played, Vec<String>) {
    let limits = if steps.iter().any(|(_, more)| more.contains("door")) { "limits: { door: 1 }\n" } else { "" };
    let steps: Vec<String> = steps.iter().map(|(name, more)| format!("  {name}: {{ {WORK}{more} }}\n")).collect();
    let mut run = Played::of(&format!("{limits}steps:\n{}", steps.concat()));
    let told = run.turn(0, [joined(1, 3, 0)]);
    (run, started_of(&told))
}

fn started_of(told: &[String]) -> Vec<String> {
    let names = told.iter().filter_map(|it| it.strip_prefix("attempt_started ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn nobody_of_a_higher_priority_ever_stands_behind_what_was_ordered() {
    let top = ", priority: 5, needs: [a]";
    let (mut run, begun) = started(&[("a", ""), ("b", ""), ("top", top), ("other", ", priority: 5, needs: [a]")]);
    assert_eq!(begun, ["a"], "what is of a lower priority waits for its slot in sight");
    assert_eq!(started_of(&run.gives("a", json!({ "n": 1 }))), ["top", "other"]);
    assert_eq!(started_of(&run.gives("top", json!({ "n": 1 }))), [""; 0]);
    assert_eq!(started_of(&run.gives("other", json!({ "n": 1 }))), ["b"]);
}

#[test]
fn nobody_holds_a_limit_while_it_waits_at_a_host() {
    let door = ", limits: [door]";
    let (_, begun) = started(&[("a", ""), ("b", ""), ("c", "")]);
    assert_eq!(begun, ["a", "b", "c"]);
    let (mut run, begun) = started(&[("a", ""), ("b", door), ("c", "")]);
    assert_eq!(begun, ["a"], "and whoever came later does not go before it for that");
    assert_eq!(started_of(&run.gives("a", json!({ "n": 1 }))), ["b", "c"]);
    let (_, begun) = started(&[("a", door), ("b", door), ("c", "")]);
    assert_eq!(begun, ["a", "c"], "who waits for the limit keeps nobody from waiting for a slot");
}

#[test]
fn how_long_work_took_is_unknown_where_it_began_and_ended_at_once() {
    let mut run = of(&["a", "b"], "");
    run.turn(0, [joined(1, 1, 0)]);
    let report = |node: &str| {
        let report = Report::Succeeded { output: json!({ "n": 1 }) };
        Input::Report { node: node.into(), attempt: 1, report }
    };
    run.turn(60, [report("a"), report("b")]);
    let known: Vec<usize> = run.world.run.lengths.steps().map(|(_, taken)| taken.len()).collect();
    assert_eq!(known, [1], "of the second nobody knows when it began");
    let workflow = run.workflow.clone();
    let reusable = Reusable::of(run.id, workflow.clone(), &run.log, None, false).expect("a log of ours");
    let step = |name: &str| {
        let found = run.world.run.find(name).expect("it is a step");
        let limit = |text: &str| crate::base::Span::parse(text).expect("a length");
        let input = &run.log.iter().filter_map(|it| read(it).ok()).find_map(|it| match it {
            Event::AttemptStarted { node, input, .. } if &*node == name => Some(input),
            _ => None,
        });
        let input = input.as_ref().expect("it was started");
        ["30s", "2m"].map(|text| {
            reusable.holds(&name.into(), run.world.run.plan.step(found), false, input, None, Some(limit(text))).is_ok()
        })
    };
    assert_eq!((step("a"), step("b")), ([false, true], [false, true]), "b may have taken as long as it was ordered");
}
