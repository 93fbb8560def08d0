//! What moves money, read from an attempt's input: for whoever carries it out in the ledger.

use serde_json::Value as Json;

use super::{Action, Kind, balance::Balance, charge::Charge, entry, refund::Refund};

/// One of the actions of the ledger with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Money {
    Charge(Charge),
    Refund(Refund),
    Balance(Balance),
}

/// What is to be done in the ledger; nothing for an action that does not move money or ask for it.
pub fn read(action: &Action, input: &Json) -> Option<Result<Money, String>> {
    if !matches!(action.kind, Kind::Ledger(_)) {
        return None;
    }
    let input = input.clone();
    Some(match action.name {
        "charge" => entry::read(input).map(Money::Charge),
        "refund" => entry::read(input).map(Money::Refund),
        "balance" => entry::read(input).map(Money::Balance),
        other => Err(format!("the ledger does not know `{other}`")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::action::{catalogue, find};

    #[test]
    fn the_ledger_knows_all_its_actions() {
        let of_ledger: Vec<&Action> =
            catalogue().iter().filter(|action| matches!(action.kind, Kind::Ledger(_))).collect();
        assert_eq!(of_ledger.len(), 3);
        let input = json!({ "fees": [], "receipt": "r", "accounts": [], "why": null });
        for action in of_ledger {
            let Some(Err(why)) = read(action, &input) else { panic!("{action:?} takes no field of the others") };
            assert!(why.starts_with("unknown field"), "{action:?}: {why}");
        }
        assert!(read(find("train").unwrap(), &input).is_none());
    }

    #[test]
    fn in_the_mock_world_everybody_can_pay() {
        let fees = json!([{ "hotkey": "h", "coldkey": "c", "amount": "0.25 TAO" }]);
        let made_up = |name: &str, input: Json| find(name).unwrap().made_up(&input, "field/paying").unwrap().unwrap();
        let charged = made_up("charge", json!({ "fees": fees, "why": null }));
        assert_eq!(charged, json!({ "charged": fees, "refused": [], "receipt": "made-up/field/paying" }));
        let refunded = made_up("refund", json!({ "receipt": "r", "fees": fees }));
        assert_eq!(refunded, json!({ "refunded": fees }));
        let balances = made_up("balance", json!({ "accounts": ["c"] }));
        assert_eq!(balances, json!({ "balances": { "c": "21000000 TAO" } }));
        assert!(find("train").unwrap().made_up(&json!({}), "n").is_none());
    }
}
