//! One file for each event, as it was first written: today's code must read them all, for ever.
//!
//! `UPDATE=1 cargo test --test golden_events` writes files for events that have none yet and never changes one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use god_flow::{
    base::{GpuKind, GpuRequest, Seed, Size, Span},
    plan::Within,
    run::{
        Again, Blame, Cause, Digest, Event, Failure, Outcome, Ruling, RunId,
        event::{Basis, FrameOpened, HostOffer, Kept},
        place::{GpuId, HostId},
    },
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

/// Every event, under the name of its file: the event's word, and what tells it from others of the same word.
fn all() -> Vec<(String, Event)> {
    let node: Arc<str> = "rounds#2/match[pair-03]/train".into();
    let host = HostId::parse("gpu-3").unwrap();
    let gpu = |name: &str| GpuId::parse(name).unwrap();
    let h100 = GpuKind::parse("H100").unwrap();
    let (who, why): (Arc<str>, Arc<str>) = ("ada".into(), "the disk was full".into());
    let failure = Failure::new(Cause::OutOfMemory, "killed after 3 minutes");
    let at: Timestamp = "2026-03-05T14:00:00.25Z".parse().unwrap();
    let run: RunId = "0198c5f2-7c1e-7d3a-9b54-3f0e8a6d2c71".parse().unwrap();
    let frame = |within| FrameOpened { within, takes: json!({ "entrant": { "hotkey": "5Fh" } }) };
    let basis = |cut_short| Basis {
        input: json!({ "task": "t1", "loss": 0.1 }),
        request: Some(GpuRequest::parse("2xH100").unwrap()),
        time_limit: Some(Span::from_secs(3_600)),
        took: Span::from_secs(3_600),
        cut_short,
    };
    let created = |again| Event::Created {
        name: "brave-otter".into(),
        workflow: Digest::of("w"),
        inputs: json!({ "entrants": [] }),
        seed: Seed(7),
        simulated: true,
        again,
    };
    let again = Again { run, name: "brave-otter".into(), started: at, node: Some(node.clone()), downstream: true };
    let offer = HostOffer {
        gpus: vec![(gpu("0"), h100.clone()), (gpu("1"), h100)],
        cpus: 64,
        memory: Size(1 << 40),
        slots: 8,
        ahead: 0,
        holds: BTreeSet::from(["model".into()]),
        place: None,
    };
    let ahead = HostOffer { ahead: 4, ..HostOffer::default() };
    let ruled = |ruling| Event::Ruled { node: node.clone(), ruling, who: who.clone(), why: why.clone() };
    let started = |gpus: Vec<GpuId>| Event::AttemptStarted {
        node: node.clone(),
        attempt: 2,
        host: host.clone(),
        request: (!gpus.is_empty()).then(|| GpuRequest::parse("2xH100|H200").unwrap()),
        time_limit: (!gpus.is_empty()).then(|| Span::from_secs(7_200)),
        memory: (!gpus.is_empty()).then_some(Size(64 << 30)),
        cpus: if gpus.is_empty() { 0 } else { 8 },
        gpus,
        input: json!({ "task": "t1" }),
    };
    let succeeded = |cut_short| Event::AttemptSucceeded {
        node: node.clone(),
        attempt: 2,
        output: json!({ "loss": 0.25 }),
        cut_short,
    };
    let reused = |basis, result| Event::Reused { node: node.clone(), from_run: run, from_seq: 12, basis, result };
    let finished = |outcome| Event::Finished { outcome };
    let failed_node: Arc<str> = "boss".into();
    [
        ("", created(None)),
        ("again", created(Some(again))),
        ("", Event::HostJoined { host: host.clone(), offer }),
        ("bare", Event::HostJoined { host: host.clone(), offer: HostOffer::default() }),
        ("ahead", Event::HostJoined { host: host.clone(), offer: ahead }),
        ("", Event::HostLost { host: host.clone() }),
        ("", Event::HostDrained { host: host.clone() }),
        ("", Event::Drained { host: host.clone(), who: who.clone(), why: why.clone() }),
        ("", Event::Undrained { host: host.clone(), who: who.clone(), why: why.clone() }),
        ("", Event::GpuForeign { host: host.clone(), gpu: gpu("0"), foreign: true }),
        ("", Event::Skipped { node: node.clone() }),
        ("keys", Event::Opened { node: node.clone(), frames: vec![frame(Within::Key("5Fh".into()))], more: true }),
        ("alone", Event::Opened { node: node.clone(), frames: vec![frame(Within::Alone)], more: false }),
        ("", Event::Turned { node: node.clone(), next: Some(frame(Within::Number(2))) }),
        ("over", Event::Turned { node: node.clone(), next: None }),
        ("", Event::Closed { node: node.clone(), output: Some(json!([{ "loss": 1.5 }])) }),
        ("unread", Event::Closed { node: node.clone(), output: None }),
        ("", Event::Decided { node: node.clone(), input: json!({ "a": 1 }), output: json!({ "b": 2 }) }),
        ("", reused(basis(false), Kept::Output(json!({ "loss": 0.25 })))),
        ("failure", reused(basis(true), Kept::Failure(failure.clone()))),
        ("", started(vec![gpu("0"), gpu("1")])),
        ("bare", started(Vec::new())),
        ("", Event::AttemptWithdrawn { node: node.clone(), attempt: 2 }),
        ("", Event::Overtime { node: node.clone(), attempt: 2 }),
        ("", succeeded(false)),
        ("cut_short", succeeded(true)),
        ("", Event::AttemptFailed { node: node.clone(), attempt: 2, failure: failure.clone() }),
        ("", Event::Retrying { node: node.clone(), attempt: 3, not_before: at, grow: 2 }),
        ("", Event::Settled { node: node.clone(), failure: failure.clone() }),
        ("", Event::Held { node: node.clone(), failure: Failure { blame: Blame::Us, ..failure.clone() } }),
        ("", Event::Failed { node: node.clone(), failure: failure.clone() }),
        ("retry", ruled(Ruling::Retry)),
        ("replace", ruled(Ruling::Replace(json!({ "loss": 1.0 })))),
        ("accept", ruled(Ruling::Accept)),
        ("void", ruled(Ruling::Void)),
        ("", Event::Paused { who: who.clone(), why: why.clone() }),
        ("", Event::Resumed { who: who.clone() }),
        ("", Event::ClockJumped { by: Span::from_secs(28_800) }),
        ("", Event::Cancelled { who: who.clone(), why: why.clone() }),
        ("succeeded", finished(Outcome::Succeeded { gives: json!({ "winner": "5Fh" }) })),
        ("failed", finished(Outcome::Failed { node: failed_node, failure })),
        ("cancelled", finished(Outcome::Cancelled)),
    ]
    .into_iter()
    .map(|(kind, event)| match kind {
        "" => (event.kind().to_string(), event),
        kind => (format!("{}.{kind}", event.kind()), event),
    })
    .collect()
}

/// The words of the events that have a file.
fn words() -> BTreeSet<&'static str> {
    let known = all();
    known.iter().map(|(_, event)| event.kind()).collect()
}

#[test]
fn every_event_ever_written_still_reads() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for (name, event) in all() {
        let path = folder().join(format!("{name}.json"));
        if update && !path.exists() {
            fs::write(&path, format!("{:#}\n", serde_json::to_value(&event).unwrap())).unwrap();
        }
        match fs::read_to_string(&path) {
            Err(error) => wrong.push(format!("{name}: {error}; UPDATE=1 writes it")),
            Ok(text) => match serde_json::from_str::<Event>(&text) {
                Err(error) => wrong.push(format!("{name}: today's code cannot read it: {error}")),
                Ok(read) if read != event => wrong.push(format!("{name}: it reads as {read:?}")),
                Ok(read) => {
                    // An older form may lack what has a default; what is there must be written the same.
                    let old: Json = serde_json::from_str(&text).unwrap();
                    let new = serde_json::to_value(&read).unwrap();
                    if old != new {
                        wrong.push(format!("{name}: it is written differently today: {new}"));
                    }
                }
            },
        }
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if let Err(error) = serde_json::from_str::<Event>(&text) {
            wrong.push(format!("{}: {error}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_variant_has_a_file() {
    // The words are read off the schema that serde itself reports for an unknown one, so none can be forgotten.
    let error = serde_json::from_str::<Event>(r#"{"event":"no such event"}"#).unwrap_err().to_string();
    let variants: BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(variants.len() > 20, "serde no longer lists the variants: {error}");
    assert_eq!(variants, words(), "an event has no file, or a file has no event");
}
