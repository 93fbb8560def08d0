//! `god-flow try`: every action of the catalogue can be tried alone, and nothing comes of it outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{
    fs,
    process::{Command, Output},
};

use god_flow::action::{Kind, catalogue};
use serde_json::{Value as Json, json};

const FINE: i32 = 0;
const FAILED: i32 = 1;
const WRONG: i32 = 2;
const ADA: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder in which actions are tried.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn file(&self, name: &str, value: &Json) {
        fs::write(self.0.path().join(name), value.to_string()).unwrap();
    }
    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.current_dir(self.0.path()).env_remove("GOD_FLOW_STORE").env("USER", "ada").env("LC_ALL", "C.UTF-8");
        command.args(arguments).output().unwrap()
    }
    /// Its data, and what it says beside.
    #[track_caller]
    fn tried(&self, action: &str, input: &Json, more: &[&str], exit: i32) -> (Json, String) {
        self.file("input.json", input);
        let output = self.call(&[&["try", action, "--with", "input.json", "--json"], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{action}: {said}");
        (serde_json::from_slice(&output.stdout).unwrap_or(Json::Null), said)
    }
}

fn fee(hotkey: &str, coldkey: &str, amount: &str) -> Json {
    json!({ "hotkey": hotkey, "coldkey": coldkey, "amount": amount })
}

fn task() -> Json {
    json!({ "id": "one", "kind": "instruct", "model": "org/m", "params_b": 3, "dataset": "d", "time": "1h" })
}

#[test]
fn work_is_told_as_it_would_be_ordered_and_not_done() {
    let desk = Desk::new();
    let image = json!({ "id": "sha256:1", "size_bytes": 1 });
    let files = json!({ "model": "m", "dataset": "d", "datasets": [], "size_bytes": 1 });
    let model = json!({ "repository": "org/m", "revision": "r" });
    let training = json!({ "output": "o", "took": "1h", "cut_short": false });
    let code = json!({ "repository": "https://example.org/a/b", "commit": COMMIT, "tree": "t" });
    let mut orders: Vec<(&str, Json, &str)> = vec![
        ("clone", json!({ "repository": "https://example.org/a/b", "commit": COMMIT }), "--backend docker"),
        ("build", json!({ "code": code, "dockerfile": "Dockerfile" }), "--backend docker"),
        ("download", json!({ "model": "org/m", "dataset": "d" }), "--backend docker"),
        (
            "train",
            json!({ "image": image, "files": files, "task": task(), "time": "1h", "hotkey": "h", "output_name": "o" }),
            "--backend docker",
        ),
        ("upload", json!({ "training": training, "repository": "org/n", "base_model": "org/m" }), "god-flow run FILE"),
        ("evaluate", json!({ "model": model, "task": task(), "image": "judge:1" }), "god-flow run FILE"),
        (
            "play",
            json!({ "a": { "hotkey": "a", "model": model }, "b": { "hotkey": "b", "model": model }, "task": task(), "environment": "e", "image": "judge:1", "rules": { "games": 2, "turn": "5s" } }),
            "god-flow run FILE",
        ),
        (
            "publish",
            json!({ "repository": "https://example.org/a/b", "commit": COMMIT, "to": "org/winner" }),
            "god-flow run FILE",
        ),
        ("notify", json!({ "text": "ada has won", "to": "NO_SUCH_HOOK" }), "--backend process"),
        ("container", json!({ "image": "judge:1", "outputs": { "verdict": "text" } }), "--backend docker"),
        ("process", json!({ "shell": "touch made; exit 1" }), "--backend process"),
    ];
    let mut told: Vec<&str> = orders.iter().map(|it| it.0).collect();
    let mut work: Vec<&str> = catalogue().iter().filter(|it| matches!(it.kind, Kind::Work)).map(|it| it.name).collect();
    told.sort_unstable();
    work.sort_unstable();
    assert_eq!(told, work, "the table has all work of the catalogue");
    for (action, input, by) in &mut orders {
        let (order, said) = desk.tried(action, input, &[], FINE);
        assert_eq!(order["would"], json!(action));
        assert!(said.contains("nothing was done") && said.contains(*by), "{action}: {said}");
        if *action != "notify" {
            for (field, value) in input.as_object().unwrap() {
                assert_eq!(order[field], *value, "{action}.{field}");
            }
        }
    }
    assert!(!desk.0.path().join("made").exists());
    let (message, _) = desk.tried("notify", &json!({ "text": "a \"b\"", "to": "HOOK", "field": "text" }), &[], FINE);
    assert_eq!(message, json!({ "would": "notify", "to": "HOOK", "message": { "text": "a \"b\"" } }));
}

#[test]
fn work_that_could_not_be_ordered_is_refused() {
    let desk = Desk::new();
    for (action, input, says) in [
        ("clone", json!({ "repository": "https://example.org/a/b", "commit": "main" }), "commit: expected a commit"),
        (
            "publish",
            json!({ "repository": "x", "commit": COMMIT, "to": "org/winner" }),
            "repository: expected a repository",
        ),
        ("publish", json!({ "commit": COMMIT, "to": "org/winner" }), "repository"),
        ("notify", json!({ "text": "a", "to": "https://example.org/hook" }), "the name of an environment variable"),
        ("notify", json!({ "text": "a".repeat(20_000), "to": "HOOK" }), "20000 bytes"),
    ] {
        let (_, said) = desk.tried(action, &input, &[], WRONG);
        assert!(said.contains(says), "{action}: {said}");
    }
}

#[test]
fn money_moves_in_a_ledger_of_a_file_that_stays_as_it_is() {
    let desk = Desk::new();
    let ledger = json!({
        "balances": { "a": "0.6 TAO", "b": "0.1 TAO" },
        "charged": [{ "receipt": "r", "hotkey": "h9", "coldkey": "b", "amount": "0.25 TAO" }],
    });
    desk.file("ledger.json", &ledger);
    let over = ["--ledger", "ledger.json"];
    let fees = [
        fee("h1", "a", "0.25 TAO"),
        fee("h2", "b", "0.25 TAO"),
        fee("h3", "a", "0.25 TAO"),
        fee("h4", "a", "0.25 TAO"),
    ];
    for _ in 0..2 {
        let (charged, said) = desk.tried("charge", &json!({ "fees": fees }), &over, FINE);
        assert_eq!(charged["charged"], json!([fees[0], fees[2]]));
        let low = |hotkey: &str| json!({ "hotkey": hotkey, "code": "balance_too_low" });
        assert_eq!(charged["refused"], json!([low("h2"), low("h4")]));
        assert_eq!(said.matches("would move: charge of 0.25 TAO, a").count(), 2, "{said}");
        let (balances, _) = desk.tried("balance", &json!({ "accounts": ["a", "b", "c"] }), &over, FINE);
        assert_eq!(balances, json!({ "balances": { "a": "0.6 TAO", "b": "0.1 TAO", "c": "0 TAO" } }));
        let back = [fee("h9", "b", "0.2 TAO")];
        let (refunded, said) = desk.tried("refund", &json!({ "receipt": "r", "fees": back }), &over, FINE);
        assert_eq!(refunded, json!({ "refunded": back }));
        assert!(said.contains("would move: refund of 0.2 TAO, b") && said.contains("nothing is kept"), "{said}");
    }
    let too_much = json!({ "receipt": "r", "fees": [fee("h9", "b", "1 TAO")] });
    let (_, said) = desk.tried("refund", &too_much, &over, FAILED);
    assert!(said.contains("the charge was 0.25 TAO, and 1 TAO is more"), "{said}");
    let (_, said) = desk.tried("refund", &json!({ "receipt": "q", "fees": [fee("h9", "b", "1 TAO")] }), &over, FAILED);
    assert!(said.contains("there was no charge with the key `q/h9`"), "{said}");
    desk.file("ledger.json", &json!({ "balance": {} }));
    let (_, said) = desk.tried("balance", &json!({ "accounts": [] }), &over, WRONG);
    assert!(said.contains("unknown field `balance`") && said.contains("expected such as"), "{said}");
}

#[test]
fn without_a_file_it_is_the_ledger_of_the_store_that_stays_as_it_is() {
    let desk = Desk::new();
    let accounts = json!({ "accounts": [ADA] });
    let (balances, said) = desk.tried("balance", &accounts, &[], FINE);
    assert_eq!(balances, json!({ "balances": { ADA: "0 TAO" } }));
    assert!(said.contains("an empty ledger") && said.contains("--ledger FILE"), "{said}");
    assert!(!desk.0.path().join(".god-flow").exists(), "nothing is made");
    let credit = desk.call(&["ledger", "credit", ADA, "1 TAO", "--why", "a test"]);
    assert!(credit.status.success(), "{credit:?}");
    for _ in 0..2 {
        let fees = json!({ "fees": [fee("h", ADA, "0.75 TAO")] });
        let (charged, said) = desk.tried("charge", &fees, &[], FINE);
        assert_eq!(charged["charged"], fees["fees"]);
        assert!(said.contains("a copy of the ledger in") && said.contains("nothing is kept"), "{said}");
        let (balances, _) = desk.tried("balance", &accounts, &[], FINE);
        assert_eq!(balances, json!({ "balances": { ADA: "1 TAO" } }));
    }
}
