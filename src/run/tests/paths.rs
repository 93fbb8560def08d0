//! How long the way from a node to the end of the run is taken to be: that is what orders those who wait.

use super::{super::state::place_ix, *};

/// The paths of those who wait, in minutes.
fn paths(steps: &str) -> Vec<(String, u64)> {
    let mut run = Played::of(steps);
    run.turn(0, []);
    let world = &run.world;
    let told =
        |node| (String::from(&*world.run.plan.id(node)), world.queue.get(place_ix(node)).map(|ask| ask.path.millis()));
    world.run.plan.nodes().map(told).filter_map(|(id, path)| Some((id, path? / 60_000))).collect()
}

#[test]
fn a_node_is_counted_once_however_deep_it_lies() {
    let work = format!("{WORK}, expect: 15m");
    let one = format!("  one: {{ steps: {{ a: {{ {work} }} }} }}\n");
    let two = format!("{one}  two: {{ steps: {{ b: {{ use: one }} }} }}\n");
    let each = "for_each: { i: '${range(1)}', key: '${text(i)}' }";
    for (it, templates) in [
        (work.clone(), ""),
        (format!("{each}, {work}"), ""),
        ("use: one".into(), &one),
        ("use: two".into(), &two),
        (format!("{each}, use: two"), &two),
    ] {
        let templates = if templates.is_empty() { String::new() } else { format!("templates:\n{templates}") };
        let steps = format!("steps:\n  it: {{ {it} }}\n  last: {{ needs: [it], {WORK}, expect: 8m }}\n{templates}");
        assert_eq!(paths(&steps).iter().map(|(_, path)| *path).collect::<Vec<_>>(), [23], "{steps}");
    }
}

#[test]
fn what_comes_behind_within_the_same_body_counts_and_what_stands_beside_does_not() {
    let steps = format!(
        "steps:\n  rounds: {{ for_each: {{ i: '${{range(1)}}', key: '${{text(i)}}' }}, use: round }}\n  end: {{ needs: [rounds], {WORK}, expect: 1m }}\n\
         templates:\n  round:\n    steps:\n      a: {{ {WORK}, expect: 10m }}\n      b: {{ needs: [a], {WORK}, expect: 20m }}\n      \
         c: {{ {WORK}, expect: 5m }}\n"
    );
    assert_eq!(paths(&steps), [("rounds[0]/a".into(), 31), ("rounds[0]/c".into(), 6)]);
}
