//! The timeline as a trace that Perfetto and Chrome's tracing page open.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Timeline, Went};

/// The trace: hosts are processes, GPUs are their threads, attempts are slices.
pub fn perfetto(name: &str, timeline: &Timeline) -> Json {
    let mut events: Vec<Json> = Vec::new();
    let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
    let start = timeline.from.as_microsecond();
    for (i, lane) in timeline.lanes.iter().enumerate() {
        let (count, host) = (hosts.len(), lane.host.to_string());
        let pid = *hosts.entry(host.clone()).or_insert_with(|| {
            events.push(json!({ "ph": "M", "name": "process_name", "pid": count + 1, "args": { "name": host } }));
            count + 1
        });
        let tid = i + 1;
        let label = match (&lane.gpu, &lane.kind) {
            (Some(gpu), Some(kind)) => format!("GPU {gpu} ({kind})"),
            (Some(gpu), None) => format!("GPU {gpu}"),
            (None, _) => "without GPU".to_owned(),
        };
        events.push(json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": label } }));
        events.push(
            json!({ "ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": { "sort_index": i } }),
        );
        for it in &lane.stretches {
            events.push(json!({
                "ph": "X",
                "name": it.node,
                "cat": it.step,
                "pid": pid,
                "tid": tid,
                "ts": it.from.as_microsecond() - start,
                "dur": it.to.as_microsecond() - it.from.as_microsecond(),
                "args": { "attempt": it.attempt, "went": went(it.went) },
            }));
        }
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": { "run": name, "from": timeline.from } })
}

fn went(went: Went) -> &'static str {
    match went {
        Went::Ordered => "ordered, not begun",
        Went::Withdrawn => "taken back before it began",
        Went::Running => "running",
        Went::Succeeded => "succeeded",
        Went::CutShort => "cut short by its time limit",
        Went::Failed => "failed",
    }
}
