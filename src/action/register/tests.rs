//! Checks of candidates, one by one and together.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn candidate(hotkey: &str, more: Json) -> Json {
    let mut it = json!({
        "hotkey": hotkey, "coldkey": "cold", "ip": hotkey, "repository": format!("https://github.com/{hotkey}/r"),
        "commit": "0".repeat(40), "readable": true,
    });
    more.as_object().unwrap().iter().for_each(|(key, value)| it[key] = value.clone());
    it.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    it
}

fn registered(candidates: Vec<Json>, checks: Json, more: Json) -> Registered {
    let mut input = json!({"candidates": candidates, "checks": checks});
    more.as_object().unwrap().iter().for_each(|(key, value)| input[key] = value.clone());
    register(serde_json::from_value(input).unwrap())
}

fn told(it: &Registered) -> (Vec<&str>, Vec<(&str, Reason)>) {
    let entrants = it.entrants.iter().map(|it| it.hotkey.as_str()).collect();
    (entrants, it.refused.iter().map(|it| (it.hotkey.as_str(), it.code)).collect())
}

#[test]
fn each_check_refuses_with_its_own_code() {
    for (checks, other, code) in [
        (json!([]), json!({"repository": null}), Reason::NoAnswer),
        (json!(["one_per_ip"]), json!({"ip": "a"}), Reason::SameIp),
        (json!(["one_per_account"]), json!({"repository": "https://github.com/A/other"}), Reason::SameAccount),
        (json!(["commit_sha"]), json!({"commit": "abc"}), Reason::BadCommit),
        (json!(["commit_sha"]), json!({"commit": null}), Reason::BadCommit),
        (json!(["readable_source"]), json!({"readable": false}), Reason::SourceNotReadable),
    ] {
        let found = registered(vec![candidate("a", json!({})), candidate("b", other)], checks, json!({}));
        assert_eq!(told(&found), (vec!["a"], vec![("b", code)]));
    }
}

#[test]
fn a_hotkey_with_a_slip_is_refused_and_a_name_is_not() {
    const GOOD: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let slipped = GOOD.replace("QpDW", "QpWD");
    let short = &GOOD[..47];
    let (blank, comma) = (format!("{GOOD} "), format!("{GOOD},"));
    let field =
        [GOOD, "ada", "candidates-00001.hotkey", &slipped, short, &blank, &comma].map(|it| candidate(it, json!({})));
    let found = registered(field.to_vec(), json!(["hotkey"]), json!({}));
    let refused = [&slipped, short, &blank, &comma].map(|it| (it, Reason::BadHotkey)).to_vec();
    assert_eq!(told(&found), (vec![GOOD, "ada", "candidates-00001.hotkey"], refused));
}

#[test]
fn a_token_that_works_is_preferred() {
    let both = |works: bool| {
        let token = candidate("b", json!({"ip": "a", "token": true, "token_works": works}));
        let checks = json!(["token", "one_per_ip"]);
        registered(vec![candidate("a", json!({})), token], checks, json!({})).entrants[0].hotkey.clone()
    };
    assert_eq!((both(true), both(false)), ("b".into(), "a".into()));
}

#[test]
fn one_balance_pays_for_as_many_as_it_covers_and_once_for_each() {
    let field = || ["a", "b", "c"].map(|it| candidate(it, json!({}))).to_vec();
    let money = |paid: Json, again: bool| json!({"fee": "0.25 TAO", "balances": {"cold": "0.6 TAO"}, "paid": paid, "charge_again": again, "at_least": 3});
    let first = registered(field(), json!(["balance"]), money(json!([]), false));
    assert_eq!(told(&first), (vec!["a", "b"], vec![("c", Reason::BalanceTooLow)]));
    assert!(!first.enough);
    assert_eq!(first.fees.iter().map(|fee| fee.amount.0).sum::<u64>(), 500_000_000);
    let again = registered(field(), json!(["balance"]), money(json!(["a"]), false));
    assert_eq!((told(&again).0, again.fees.len(), again.enough), (vec!["a", "b", "c"], 2, true));
    let quirk = registered(field(), json!(["balance"]), money(json!(["a"]), true));
    assert_eq!((told(&quirk).0, quirk.fees.len()), (vec!["a", "b"], 2));
}

#[test]
fn a_hotkey_enters_once_and_pays_once() {
    let field = || ["a", "b", "a"].map(|it| candidate(it, json!({}))).to_vec();
    let found = registered(field(), json!(["balance"]), json!({"fee": "0.25 TAO", "balances": {"cold": "0.5 TAO"}}));
    assert_eq!(told(&found), (vec!["a", "b"], vec![("a", Reason::HotkeyTwice)]));
    assert_eq!(found.fees.len(), 2);
}

#[test]
fn a_commit_is_the_same_in_capitals() {
    let found = registered(vec![candidate("a", json!({"commit": "AB".repeat(20)}))], json!(["commit_sha"]), json!({}));
    assert_eq!(found.entrants[0].commit, "ab".repeat(20));
}

#[test]
fn only_listed_data_sets_are_kept() {
    let asked = candidate("a", json!({"datasets": ["x/1", "y/2", "x/1", "z/3"]}));
    let found = registered(vec![asked], json!([]), json!({"whitelist": ["x/1", "z/3"], "datasets_most": 2}));
    assert_eq!(found.entrants[0].datasets.as_deref(), Some(&["x/1".to_string(), "x/1".into()][..]));
}

proptest! {
    #[test]
    fn everybody_is_let_in_or_refused_once(
        facts in prop::collection::vec((0u8..4, 0u8..4, any::<bool>(), any::<bool>(), any::<bool>()), 0..20),
        balance in 0u64..2_000_000_000,
    ) {
        let candidates: Vec<Json> = facts.iter().enumerate().map(|(i, (ip, owner, token, readable, sha))| candidate(&format!("h{i}"), json!({
            "ip": format!("ip{ip}"), "repository": format!("https://github.com/o{owner}/r"), "token": token, "token_works": true,
            "readable": readable, "commit": if *sha { "f".repeat(40) } else { "f".into() },
        }))).collect();
        let checks = json!(["token", "one_per_ip", "one_per_account", "commit_sha", "readable_source", "licence", "balance"]);
        let more = json!({"fee": "0.25 TAO", "balances": {"cold": format!("{balance} RAO")}});
        let found = registered(candidates, checks, more);
        prop_assert_eq!(found.entrants.len() + found.refused.len(), facts.len());
        prop_assert_eq!(found.entrants.len(), found.fees.len());
        prop_assert!(found.fees.iter().map(|fee| fee.amount.0).sum::<u64>() <= balance);
    }
}
