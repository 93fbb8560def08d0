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
