//! The ledger as people use it: `god-flow ledger`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::process::{Command, Output};

use serde_json::Value as Json;

const ADA: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
const FINE: i32 = 0;
const WRONG: i32 = 2;
const REFUSED: i32 = 3;

/// A folder with a store of its own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.current_dir(self.0.path()).env_remove("GOD_FLOW_STORE").env("USER", "ada").env("LC_ALL", "C.UTF-8");
        command.args(arguments).output().unwrap()
    }
    #[track_caller]
    fn fine(&self, arguments: &[&str]) -> (String, String) {
        let output = self.call(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(FINE), "{arguments:?}: {told}");
        (text(&output.stdout), told)
    }
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.fine(&[arguments, &["--json"]].concat()).0).unwrap()
    }
    #[track_caller]
    fn refused(&self, arguments: &[&str], exit: i32, says: &str) {
        let output = self.call(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?} prints data: {}", text(&output.stdout));
        assert!(told.contains(says), "{arguments:?} should say `{says}`, but says: {told}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn money_that_comes_is_credited_once() {
    let desk = Desk::new();
    let credit = ["ledger", "credit", ADA, "0.25 TAO", "--why", "transfer 7", "--key", "7"];
    let (key, told) = desk.fine(&credit);
    assert_eq!(key, "7\n");
    assert_eq!(told, format!("credited: 0.25 TAO to {ADA}, which has 0.25 TAO now\n"));
    let (_, told) = desk.fine(&credit);
    assert!(told.starts_with("credited before, and not again: 0.25 TAO"), "{told}");

    // Without a key each call is another credit, and the unit may stand apart.
    desk.fine(&["ledger", "credit", ADA, "1", "TAO", "--why", "cash"]);
    desk.fine(&["ledger", "credit", ADA, "1", "TAO", "--why", "cash", "--who", "eve"]);
    assert_eq!(desk.fine(&["ledger", "balance", ADA]).0, "2.25 TAO\n");

    let movements = desk.json(&["ledger", "list"]);
    let seen = |at: usize, field: &str| movements[at][field].as_str().unwrap_or_default().to_owned();
    assert_eq!(movements.as_array().map(Vec::len), Some(3));
    assert_eq!((seen(0, "who"), seen(1, "who"), seen(2, "why")), ("eve".into(), "ada".into(), "transfer 7".into()));
    assert_eq!(
        (seen(2, "kind"), seen(2, "amount"), seen(2, "account")),
        ("credit".into(), "0.25 TAO".into(), ADA.into())
    );
}

#[test]
fn balances_and_movements_are_listed() {
    let desk = Desk::new();
    assert!(desk.fine(&["ledger", "balance"]).1.contains("there are no accounts: there is no store here yet"));
    assert!(desk.fine(&["ledger", "list"]).1.contains("there are no movements of money: there is no store here yet"));
    for (account, amount) in [(ADA, "3 TAO"), (BOB, "7 RAO")] {
        desk.fine(&["ledger", "credit", account, amount, "--why", "a test"]);
    }
    let (table, _) = desk.fine(&["ledger", "balance"]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ACCOUNT", "BALANCE", "CREDITED", "CHARGED", "REFUNDED"]);
    assert_eq!(rows[1][..3], [BOB, "0.000000007", "TAO"]);
    assert_eq!(rows[2][..3], [ADA, "3", "TAO"]);
    let (table, _) = desk.fine(&["ledger", "list", ADA, "--limit", "5"]);
    assert!(table.contains("credit") && table.contains("+3 TAO") && !table.contains(BOB), "{table}");

    let one = desk.json(&["ledger", "balance", ADA]);
    assert_eq!((&one["balance"], &one["movements"]), (&"3 TAO".into(), &1.into()));
    assert_eq!(desk.json(&["ledger", "balance"]).as_array().map(Vec::len), Some(2));
    // Another store has another ledger.
    assert!(desk.fine(&["ledger", "balance", "--store", "other.db"]).1.contains("there are no accounts"));
}

#[test]
fn what_is_wrong_is_told() {
    let desk = Desk::new();
    let credit = |account, amount| ["ledger", "credit", account, amount, "--why", "a test"];
    for (arguments, exit, says) in [
        (&credit(ADA, "0 TAO")[..], WRONG, "an amount of nothing"),
        (&credit(ADA, "-1 TAO"), WRONG, "expected an amount such as `0.25 TAO`"),
        (&credit(ADA, "1e3 TAO"), WRONG, "expected an amount such as `0.25 TAO`"),
        (&credit(ADA, "1"), WRONG, "expected an amount such as `0.25 TAO`"),
        (&credit(ADA, "0.0000000001 TAO"), WRONG, "more than 9 decimals"),
        (&credit(ADA, "99999999999 TAO"), WRONG, "more than can be held"),
        (&credit(ADA, "21000001 TAO"), REFUSED, "more than there can be, which is 21000000 TAO"),
        (&credit("alice", "1 TAO"), WRONG, "expected a coldkey such as"),
        (&credit(&ADA[1..], "1 TAO"), WRONG, "it has 47 characters and not 48"),
        (&["ledger", "credit", ADA, "1 TAO", "--why", " "], WRONG, "say why"),
        (&["ledger", "credit", ADA, "1 TAO"], WRONG, "--why"),
        (&["ledger", "credit", ADA, "1 TAO", "--why", "x", "--key", ""], WRONG, "--key tells this credit from others"),
        (&["ledger", "balance", ADA], WRONG, "there is no account"),
        (&["ledger", "list", "alice"], WRONG, "`god-flow ledger balance` lists the accounts"),
        (&["ledger", "list", "--run", "brave-otter"], WRONG, "there is no run `brave-otter`"),
        (&["ledger", "refund", "brave-otter", "--why", "x"], WRONG, "there is no run `brave-otter`"),
        (&["ledger", "refund", "@latest", "--why", ""], WRONG, "say why"),
        (&["ledger", "charge"], WRONG, "unrecognized subcommand"),
    ] {
        desk.refused(arguments, exit, says);
    }
    assert!(desk.fine(&["ledger", "list"]).1.contains("there are no movements"), "nothing of it moved money");
    desk.fine(&["ledger", "credit", ADA, "1 TAO", "--why", "x", "--key", "k"]);
    let other = ["ledger", "credit", ADA, "2 TAO", "--why", "x", "--key", "k"];
    desk.refused(&other, REFUSED, &format!("the key `k` was used for another credit: 1 TAO of {ADA}"));
    let near = ADA.replace("Grwv", "Grvw");
    desk.refused(&["ledger", "balance", &near], WRONG, &format!("did you mean `{ADA}`?"));
}

/// A workflow that charges Ada and Bob, who has nothing.
const PAID: &str = r#"
god_flow: 1
workflow: paid
inputs: { fees: { type: "[fee]" } }
steps:
  paying:
    charge: { fees: "${inputs.fees}", why: the fee }
gives: { refused: "${paying.refused.map(it, it.hotkey)}", receipt: "${paying.receipt}" }
"#;

#[test]
fn a_run_charges_what_is_there_and_people_give_it_back() {
    let desk = Desk::new();
    std::fs::write(desk.0.path().join("paid.yaml"), PAID).unwrap();
    let fees = serde_json::json!({ "fees": [
        { "hotkey": "ada", "coldkey": ADA, "amount": "0.25 TAO" }, { "hotkey": "bob", "coldkey": BOB, "amount": "0.25 TAO" },
    ]});
    std::fs::write(desk.0.path().join("fees.json"), fees.to_string()).unwrap();
    desk.fine(&["ledger", "credit", ADA, "1 TAO", "--why", "a test"]);

    // A mock run plays that everybody can pay, and takes nothing.
    let run = ["run", "paid.yaml", "--inputs", "fees.json"];
    let made_up = desk.json(&[&run[..], &["--backend", "mock", "--speed", "max"]].concat());
    assert_eq!(
        made_up["outcome"]["succeeded"]["gives"],
        serde_json::json!({ "refused": [], "receipt": "made-up/paying" })
    );
    assert_eq!(desk.fine(&["ledger", "balance", ADA]).0, "1 TAO\n");

    let (real, told) = desk.fine(&[&run[..], &["--name", "real", "--json"]].concat());
    assert!(told.contains("money is real here: `paying` in the ledger of sqlite:"), "{told}");
    let real: Json = serde_json::from_str(&real).unwrap();
    assert_eq!(real["outcome"]["succeeded"]["gives"]["refused"], serde_json::json!(["bob"]));
    assert_eq!(desk.fine(&["ledger", "balance", ADA]).0, "0.75 TAO\n");
    let (listed, _) = desk.fine(&["ledger", "list", "--run", "real"]);
    assert!(listed.contains("-0.25 TAO") && listed.contains("/paying ") && listed.lines().count() == 2, "{listed}");
    desk.refused(&["logs", "real", "paying"], WRONG, "`god-flow ledger list --run real` lists what moved");

    // Done again, the run is paid already.
    desk.fine(&["retry", "real", "paying", "--name", "again"]);
    let again = desk.json(&["resume", "again", "--allow-process"]);
    assert_eq!(again["outcome"]["succeeded"]["gives"], real["outcome"]["succeeded"]["gives"]);
    assert_eq!(desk.fine(&["ledger", "balance", ADA]).0, "0.75 TAO\n");

    let refund = ["ledger", "refund", "real", "--why", "it was called off"];
    desk.refused(&[&refund[..], &["--account", BOB]].concat(), WRONG, "there is no account");
    assert!(desk.fine(&refund).0.contains("+0.25 TAO"));
    assert!(desk.fine(&refund).1.contains("there is nothing to give back of real"));
    assert_eq!(desk.fine(&["ledger", "balance", ADA]).0, "1 TAO\n");
    assert_eq!(desk.json(&["ledger", "list", ADA]).as_array().map(Vec::len), Some(3));
}
