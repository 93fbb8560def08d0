//! Others on the same graph, in turn with the engine.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{commands, durable, graph, ready};

/// One that carries the graph out once, and how long that took.
type Contender<'c> = (&'c str, &'c mut dyn FnMut() -> Duration);

/// GNU make and ninja, whose commands are `/bin/true` as ours are.
pub(crate) fn trues(sizes: &[usize]) {
    for &nodes in sizes {
        let ready = ready(nodes, &json!({ "command": ["/bin/true"] }));
        let folder = tempfile::tempdir().expect("a folder can be made");
        let at = folder.path();
        std::fs::write(at.join("Makefile"), graph::makefile(nodes)).expect("it is written");
        std::fs::write(at.join("build.ninja"), graph::ninja(nodes)).expect("it is written");
        let mut ours = || commands(new(at).path(), &ready, 2);
        let mut make = || call(at, &["make", "-j2", "-s"]);
        let mut ninja = || {
            let took = call(at, &["ninja", "-j2", "--quiet"]);
            // What it remembers would spare it the next round.
            let _ = std::fs::remove_file(at.join(".ninja_log"));
            took
        };
        compare("/bin/true, two at a time", nodes, 9, &mut ours, &mut [("make", &mut make), ("ninja", &mut ninja)]);
    }
}

/// Snakemake with `/bin/true`, and dask with functions that do nothing and are forgotten when it dies: both of the Python
/// whose programs lie in that folder.
pub(crate) fn pythons(programs: &Path) {
    let program = |name: &str| programs.join(name).display().to_string();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path();
    let nodes = 200;
    let true_ready = ready(nodes, &json!({ "command": ["/bin/true"] }));
    let mut ours = || commands(new(at).path(), &true_ready, 2);
    let snakemake = [&program("snakemake"), "-j2", "--quiet", "all"];
    let mut snakemake = || {
        let place = new(at);
        std::fs::write(place.path().join("Snakefile"), graph::snakefile(nodes)).expect("it is written");
        call(place.path(), &snakemake)
    };
    compare("/bin/true, two at a time", nodes, 3, &mut ours, &mut [("snakemake", &mut snakemake)]);

    let nodes = 10_000;
    let noop_ready = ready(nodes, &json!({ "command": ["true"] }));
    let mut ours = || durable(&noop_ready);
    let python = [&program("python"), "-c", &graph::dask(nodes)];
    let mut dask = || {
        let output = Command::new(python[0]).args(&python[1..]).output().expect("it is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seconds = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it tells its seconds");
        Duration::from_secs_f64(seconds)
    };
    compare("no-ops, of which dask keeps nothing", nodes, 5, &mut ours, &mut [("dask", &mut dask)]);
}

fn new(at: &Path) -> tempfile::TempDir {
    tempfile::tempdir_in(at).expect("a folder can be made")
}

fn call(folder: &Path, call: &[&str]) -> Duration {
    let began = Instant::now();
    let status = Command::new(call[0]).args(&call[1..]).current_dir(folder).status().expect("it is installed");
    let took = began.elapsed();
    assert!(status.success(), "{call:?}");
    took
}

/// All of them in turn, so that a slow minute of the machine is one for each.
fn compare(what: &str, nodes: usize, rounds: usize, ours: &mut dyn FnMut() -> Duration, others: &mut [Contender<'_>]) {
    let mut took: Vec<Vec<f64>> = vec![Vec::new(); others.len() + 1];
    for _ in 0..rounds {
        took[0].push(ours().as_secs_f64());
        for (other, took) in others.iter_mut().zip(&mut took[1..]) {
            took.push(other.1().as_secs_f64());
        }
    }
    let median = |all: &[f64]| {
        let mut all = all.to_vec();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[0], all[all.len() - 1])
    };
    let each = |all: &[f64]| median(all).0 * 1e3 / nodes as f64;
    println!("{what}, {nodes} nodes, {rounds} rounds: ours {:.3} ms a node", each(&took[0]));
    for ((name, _), took_by_other) in others.iter().zip(&took[1..]) {
        let ratios: Vec<f64> = took[0].iter().zip(took_by_other).map(|(ours, other)| ours / other).collect();
        let (ratio, least, most) = median(&ratios);
        println!("  {name} {:.3}; ours is {ratio:.2} times that ({least:.2} to {most:.2})", each(took_by_other));
    }
}
