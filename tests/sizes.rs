//! Every shipped tournament, with few entrants and with many: it ends with somebody who has the title, or is held and says why.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod files;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use files::{checked, loaded};
use god_flow::{
    action::register::text_digest,
    base::{Seed, SourceId, Value, ss58},
    document::{self, Reader, Tree, stored},
    driver::{self, New},
    run::{Outcome, RunId},
    sim::{End, Model, Setup, play},
    store::MemoryStore,
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

const SIZES: [usize; 7] = [5, 8, 14, 15, 40, 64, 256];

/// All shipped workflows in which somebody takes part against others.
fn tournaments() -> Vec<String> {
    let folder = std::fs::read_dir("workflows").unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "yaml") && !name.ends_with(".test.yaml"))
        .map(|name| name.trim_end_matches(".yaml").to_owned())
        .filter(|name| !name.starts_with("hello") && name != "rehearse")
        .collect();
    names.sort();
    names
}

/// The world that is meant where a call names none.
fn world(name: &str) -> Model {
    let own = std::fs::read_to_string(format!("workflows/worlds/{name}.yaml"));
    own.map_or_else(|_| Model::default(), |text| Model::read(SourceId(0), &text).unwrap())
}

/// What is wrong with how a tournament of that size ends, if anything.
fn wrong(name: &str, entrants: usize) -> Option<String> {
    let workflow = checked(&loaded(&format!("workflows/{name}.yaml")));
    let model = world(name);
    let inputs = model.inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(1)).unwrap();
    let account = play(&model, &Setup { workflow, inputs, seed: Seed(1) });
    match &account.end {
        End::Over(Outcome::Succeeded { gives }) => {
            let title = ["champion", "winner"].iter().find_map(|field| gives.get(field)).filter(|it| !it.is_null());
            let ended = gives["ended"].as_str().filter(|why| !why.is_empty());
            let played = gives.get("rounds").is_none_or(|rounds| rounds != 0);
            match (title, ended) {
                (None, _) => Some(format!("nobody has the title: {gives}")),
                (_, None) => Some("it does not say how it ended".into()),
                (_, Some(why)) if !played && !why.contains("rules.") => {
                    Some(format!("nothing was played, and no rule is named: {why}"))
                }
                _ => None,
            }
        }
        End::Held => {
            let failures = account.run.held.iter().map(|node| account.run.tries.get(node)?.failure.as_ref());
            let why: Option<Vec<String>> = failures.map(|it| it.map(|failure| failure.message.clone())).collect();
            match why {
                Some(why) if !why.is_empty() && why.iter().all(|it| it.len() > 10) => None,
                why => Some(format!("it is held and does not say why: {why:?}")),
            }
        }
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn every_tournament_of_every_size_ends_with_a_champion_or_a_reason() {
    let names = tournaments();
    assert!(names.len() >= 12, "{names:?}");
    // The largest first, so that no thread is left alone with one.
    let mut plays: Vec<(&String, usize)> = names.iter().flat_map(|name| SIZES.map(|size| (name, size))).collect();
    plays.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some((name, size)) = plays.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(why) = wrong(name, *size) {
                        failed.lock().unwrap().push(format!("{name} with {size}: {why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_tournament_is_simulated_and_played_without_further_flags() {
    let store = tempfile::tempdir().unwrap();
    let called = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        program.args(arguments).env("GOD_FLOW_STORE", store.path().join("runs.db")).output().unwrap()
    };
    for name in tournaments() {
        let file = format!("workflows/{name}.yaml");
        for entrants in ["5", "15"] {
            let output = called(&["simulate", &file, "--entrants", entrants]);
            let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{name} with {entrants}: {wrong}");
            // One that is held says where and why.
            let ends = told.contains("1 succeeded") || told.contains("1 held") && wrong.contains("held");
            assert!(ends, "{name} with {entrants}: {told}{wrong}");
        }
    }
    let output = called(&["run", "workflows/templar.yaml", "--backend", "mock", "--entrants", "5", "--speed", "max"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// As many as a subnet has keys for.
const ENTRANTS: usize = 256;

/// A candidate with keys, addresses and digests as long as real ones. Every eighth hands in what the one before does, and
/// every hundredth has rewritten the licence: one of these two is of a pair of copies.
fn candidate(number: usize, files: &Json) -> Json {
    let source = if number % 8 == 7 { number - 1 } else { number };
    let mut files = files.clone();
    if number % 100 == 99 {
        files["LICENSE.md"] = json!(text_digest("another licence"));
    }
    json!({
        "hotkey": address("hotkey", number),
        "coldkey": address("coldkey", number),
        "ip": format!("203.0.{}.{}", 113 + number / 200, number % 200),
        "repository": format!("https://github.com/an-organisation-{number:04}/tournament-training-code"),
        "commit": format!("{number:040x}"),
        "token": true, "token_works": true, "readable": true,
        "datasets": ["gradients-io-tournaments/intercode_bigcode_combined_12k", "the-acorn-ai/textarena-player-game-traces"],
        "digest": format!("{source:064x}"), "chars": 1_234_567,
        "files": files,
    })
}

fn address(what: &str, number: usize) -> String {
    let mut key = [0; 32];
    let told = format!("{what} {number}");
    key[..told.len()].copy_from_slice(told.as_bytes());
    ss58::address(&key)
}

/// A shipped workflow that asks for that licence and that notice.
fn keeping(name: &str, files: &Json) -> Tree {
    struct Variant(String);
    impl Reader for Variant {
        fn read(&self, path: &str) -> Result<String, String> {
            let shipped = || fs::read_to_string(path).map_err(|error| error.to_string());
            if path.ends_with("gate.yaml") { Ok(self.0.clone()) } else { shipped() }
        }
    }
    let kept = ["LICENSE.md", "NOTICE"].map(|name| json!({"name": name, "sha256": files[name]}));
    let rules = json!({"register": {"licence": {"reference": kept}}});
    let variant = Variant(format!("god_flow: 1\nworkflow: gate\nextends: {name}.yaml\nrules: {rules}\n"));
    let (loaded, _, mistakes) = document::load("workflows/gate.yaml", &variant, &document::types::is_modifier);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    loaded.unwrap().tree
}

#[tokio::test]
async fn as_many_as_there_are_keys_pass_the_gate_of_copies() {
    let files = json!({"LICENSE.md": text_digest("a licence"), "NOTICE": text_digest("a notice")});
    for name in ["text", "image", "environment"] {
        let tree = keeping(name, &files);
        let workflow = checked(&tree);
        let candidates: Vec<Json> = (0..ENTRANTS).map(|number| candidate(number, &files)).collect();
        let balances: Json =
            candidates.iter().map(|it| (it["coldkey"].as_str().unwrap().to_owned(), json!("1 TAO"))).collect();
        let given = [("candidates", json!(candidates)), ("balances", balances)].map(|(name, json)| {
            let (name, input) = workflow.inputs.get_key_value(name).unwrap();
            (name.clone(), Value::from_json(&json, &input.ty).unwrap())
        });
        let model = Model::default();
        let inputs = model.inputs(&workflow, &given.into_iter().collect(), Some(ENTRANTS), Seed(1)).unwrap();

        let account = play(&model, &Setup { workflow: Arc::clone(&workflow), inputs: inputs.clone(), seed: Seed(1) });
        assert!(matches!(account.end, End::Over(Outcome::Succeeded { .. })), "{name}: {:?}", account.end);
        let run = &account.run;
        let end = |id: &str| run.plan.close_of(run.find(id).unwrap());
        let output = |id: &str| god_flow::run::output(run, end(id)).unwrap().to_json();
        assert_eq!(output("field")["refused"].as_array().unwrap().len(), 2, "{name}");
        assert_eq!(output("field")["copies"].as_array().unwrap().len(), 62, "{name}");
        assert_eq!(output("field")["entrants"].as_array().unwrap().len(), 192, "{name}");

        let new = New {
            workflow,
            source: &stored::write(&tree),
            inputs,
            seed: Seed(1),
            simulated: true,
            name: None,
            setup: "{}",
            now: Timestamp::UNIX_EPOCH,
        };
        driver::begin(&MemoryStore::default(), RunId::from(uuid::Uuid::now_v7()), new).await.unwrap();
    }
}
