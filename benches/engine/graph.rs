//! The graph that is measured, in our words and in those of others: layers of nodes, each needing two of the layer above.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

/// The names of the two nodes above that a node needs.
fn above(layer: usize, at: usize, width: usize) -> [String; 2] {
    [format!("n{}_{at}", layer - 1), format!("n{}_{}", layer - 1, (at + 1) % width)]
}

pub(crate) fn layers(nodes: usize) -> (usize, usize) {
    let layers = if nodes < 1_000 { 10 } else { 100 };
    (layers, nodes / layers)
}

pub(crate) fn document(nodes: usize, action: &Json) -> Json {
    let (layers, width) = layers(nodes);
    let mut steps = Map::new();
    for layer in 0..layers {
        for at in 0..width {
            let mut step = Map::new();
            step.insert("process".into(), action.clone());
            if layer > 0 {
                step.insert("needs".into(), json!(above(layer, at, width)));
            }
            steps.insert(format!("n{layer}_{at}"), Json::Object(step));
        }
    }
    json!({ "god_flow": 1, "workflow": "layers", "steps": steps })
}

pub(crate) fn makefile(nodes: usize) -> String {
    let (layers, width) = layers(nodes);
    let last: Vec<String> = (0..width).map(|at| format!("n{}_{at}", layers - 1)).collect();
    let mut text = format!("all: {}\n", last.join(" "));
    for layer in 0..layers {
        for at in 0..width {
            let needs = if layer > 0 { above(layer, at, width).join(" ") } else { String::new() };
            let _ = write!(text, "n{layer}_{at}: {needs}\n\t@/bin/true\n");
        }
    }
    text
}

pub(crate) fn ninja(nodes: usize) -> String {
    let (layers, width) = layers(nodes);
    let mut text = "rule true\n  command = /bin/true\n".to_owned();
    for layer in 0..layers {
        for at in 0..width {
            let needs = if layer > 0 { above(layer, at, width).join(" ") } else { String::new() };
            let _ = writeln!(text, "build n{layer}_{at}: true {needs}");
        }
    }
    text
}

pub(crate) fn snakefile(nodes: usize) -> String {
    let (layers, width) = layers(nodes);
    let named = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let last: Vec<String> = (0..width).map(|at| format!("n{}_{at}", layers - 1)).collect();
    let mut text = format!("rule all:\n    input: {}\n", named(&last));
    for layer in 0..layers {
        for at in 0..width {
            let _ = writeln!(text, "rule n{layer}_{at}:");
            if layer > 0 {
                let _ = writeln!(text, "    input: {}", named(&above(layer, at, width)));
            }
            let _ = writeln!(text, "    output: touch(\"n{layer}_{at}\")\n    shell: \"/bin/true\"");
        }
    }
    text
}

/// The program that has dask do nothing so often, in two threads, and tells in how many seconds.
pub(crate) fn dask(nodes: usize) -> String {
    let (layers, width) = layers(nodes);
    format!(
        r#"
import time
import dask.threaded
def noop(*_): return None
graph = {{}}
for layer in range({layers}):
    for at in range({width}):
        needs = [f"n{{layer - 1}}_{{at}}", f"n{{layer - 1}}_{{(at + 1) % {width}}}"] if layer else []
        graph[f"n{{layer}}_{{at}}"] = (noop, *needs)
began = time.perf_counter()
dask.threaded.get(graph, [f"n{{{layers} - 1}}_{{at}}" for at in range({width})], num_workers=2)
print(time.perf_counter() - began)
"#
    )
}
