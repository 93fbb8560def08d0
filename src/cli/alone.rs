//! `god-flow try`: one action alone, on an input from a file.
//!
//! A function of its input is simply called. What moves money is done over a copy of a ledger that nobody keeps. Work for
//! a backend is checked, told as it would be ordered, and not done.

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::SchemaGenerator;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Exit, carry, files, means, out::Out, stored::Where};
use crate::{
    action::{
        Action, Kind, Takes, catalogue,
        charge::key,
        find,
        money::{self, Money},
        notify::{self, NOTIFY},
    },
    base::{Rao, Seed, Value, near, scalar::read_scalar},
    driver,
    store::ledger::{self, Movement},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The action: `god-flow actions` lists them.
    action: String,

    /// The file with what it takes, in YAML or JSON, or `-` for stdin.
    #[arg(long, value_name = "FILE")]
    with: String,

    /// The seed of actions that draw.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,

    /// For what moves money: a file with `balances`, what each coldkey has, and `charged`, what was taken before. Left out,
    /// it is done over a copy of the ledger in the store. Nothing is kept either way.
    #[arg(long, value_name = "FILE")]
    ledger: Option<String>,

    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let Some(action) = find(&args.action) else {
        let help = near::did_you_mean(&args.action, catalogue().iter().map(|action| action.name)).unwrap_or_default();
        return out.wrong(&format!("there is no action `{}`; {help}", args.action));
    };
    if args.ledger.is_some() && !action.is_of_ledger() {
        return out.wrong(&format!("--ledger is for what moves money, and `{}` does not", action.name));
    }
    let input = match taken(action, &args.with) {
        Ok(input) => input,
        Err(why) => return out.wrong(&why),
    };
    match action.kind {
        Kind::Pure(_) | Kind::Drawn(_) => decided(action, &input, args.seed, out),
        Kind::Ledger(_) => over_a_copy(args, action, &input.to_json(), out).unwrap_or_else(|exit| exit),
        Kind::Work => ordered(action, &args.with, &input, out),
    }
}

/// What the action takes, from the file; or what is wrong with it.
fn taken(action: &Action, path: &str) -> Result<Value, String> {
    let json = files::value(path)?;
    let ty = match &action.takes {
        Takes::Fields { ty, .. } => ty,
        Takes::Anything => return Ok(Value::untyped(&json)),
    };
    let input = Value::from_json(&json, ty).map_err(|why| format!("{path}: {why}"))?;
    // Texts that not every text may be, such as a commit.
    let schema = action.schema(&mut SchemaGenerator::default());
    for (name, about) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        if let (Some(word), Some(text)) = (about["x-type"].as_str(), json.get(name).and_then(Json::as_str)) {
            read_scalar(word, text).unwrap_or(Ok(())).map_err(|why| format!("{path}: {name}: {why}"))?;
        }
    }
    Ok(input)
}

fn decided(action: &Action, input: &Value, seed: u64, out: &Out) -> Exit {
    match action.decide(input, Seed(seed), action.name) {
        Some(Ok(output)) => told(&output.to_json(), out),
        Some(Err(why)) => out.failure(&why),
        None => out.failure("it decides nothing"),
    }
}

/// Moves money in a copy of the ledger, and says what would have moved.
fn over_a_copy(args: &Args, action: &Action, input: &Json, out: &Out) -> Result<Exit, Exit> {
    let money: Money = match money::read(action, input) {
        Some(Ok(money)) => money,
        Some(Err(why)) => return Err(out.wrong(&format!("{}: {why}", args.with))),
        None => return Err(out.failure("it moves no money")),
    };
    let (movements, place) = movements(args, out)?;
    let tried = carry::block_on(driver::over_a_copy(movements, action.name, money));
    let tried = tried.map_err(|why| out.failure(&format!("{why}; it was tried over {place}")))?;
    let exit = told(&tried.output, out);
    out.say(&format!("tried over {place}; nothing is kept\n"));
    for it in &tried.moved {
        out.say(&format!("would move: {} of {}, {}\n", it.kind, it.amount, it.account));
    }
    Ok(exit)
}

/// What was moved before, the oldest first, and what that is called.
fn movements(args: &Args, out: &Out) -> Result<(Vec<Movement>, String), Exit> {
    if let Some(path) = &args.ledger {
        let read = files::value(path).and_then(|json| {
            serde_json::from_value(json).map_err(|error| error.to_string()).and_then(Accounts::movements).map_err(|why| {
                format!("{path}: {why}; expected such as `{{ balances: {{ COLDKEY: 1 TAO }}, charged: [{{ receipt: TEXT, hotkey: TEXT, coldkey: TEXT, amount: 0.25 TAO }}] }}`")
            })
        });
        return read.map(|movements| (movements, format!("the ledger in {path}"))).map_err(|why| out.wrong(&why));
    }
    if let Some(why) = args.place.missing() {
        return Ok((Vec::new(), format!("an empty ledger, for {why}; --ledger FILE says what coldkeys have")));
    }
    let stored = args.place.open(out)?;
    let movements = carry::block_on(stored.store.ledger().movements(None, None, usize::MAX));
    let mut movements = movements.map_err(|error| out.failure(&driver::full(&error)))?;
    movements.reverse();
    Ok((movements, format!("a copy of the ledger in {}", stored.store.place())))
}

/// A ledger in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accounts {
    /// What each coldkey has.
    balances: IndexMap<String, Rao>,
    /// What was taken before that, and could be given back.
    #[serde(default)]
    charged: Vec<Paid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paid {
    receipt: String,
    hotkey: String,
    coldkey: String,
    amount: Rao,
}

impl Accounts {
    /// The movements that lead to it: everybody was credited what they have and what was taken from them.
    fn movements(self) -> Result<Vec<Movement>, String> {
        let mut credited = self.balances;
        for it in &self.charged {
            let sum = credited.entry(it.coldkey.clone()).or_default();
            sum.0 = sum.0.checked_add(it.amount.0).ok_or("it holds more than there can be")?;
        }
        let credits =
            credited.into_iter().map(|(account, amount)| (ledger::Kind::Credit, account.clone(), account, amount));
        let charges = self
            .charged
            .into_iter()
            .map(|it| (ledger::Kind::Charge, key(&it.receipt, &it.hotkey), it.coldkey, it.amount));
        let made = |(at, (kind, key, account, amount)): (usize, (ledger::Kind, String, String, Rao))| Movement {
            number: at as u64 + 1,
            kind,
            key,
            account,
            amount,
            run: None,
            node: None,
            who: "a file".into(),
            why: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        Ok(credits.chain(charges).enumerate().map(made).collect())
    }
}

/// Tells what a backend would be asked to do. Nothing of it is done.
fn ordered(action: &Action, path: &str, input: &Value, out: &Out) -> Exit {
    let input = without_nulls(input.to_json());
    let (name, order) = (action.name, json!({ "would": action.name }));
    let mut order = order.as_object().cloned().unwrap_or_default();
    if name == NOTIFY {
        let call = match notify::call(&input) {
            Ok(call) => call,
            Err(why) => return out.wrong(&format!("{path}: {why}")),
        };
        let message = call.env.first().and_then(|(_, text)| serde_json::from_str(text).ok());
        order.extend([("to".to_owned(), input["to"].clone()), ("message".to_owned(), message.unwrap_or(Json::Null))]);
    } else {
        order.extend(input.as_object().cloned().unwrap_or_default());
    }
    let exit = told(&Json::Object(order), out);
    out.say(&format!(
        "nothing was done: `{name}` is work for a backend, which {} of a workflow with such a step:\n",
        means::by(name)
    ));
    action.example.lines().for_each(|line| out.say(&format!("  {line}\n")));
    exit
}

/// What was left out is not told.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Json::Object(fields.into_iter().map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Data: a line for each field, its value as JSON.
fn told(output: &Json, out: &Out) -> Exit {
    match output.as_object() {
        _ if out.json => out.json_data(output),
        Some(fields) => out.data(&fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>()),
        None => out.data(&format!("{output}\n")),
    }
}
