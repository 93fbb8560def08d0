//! `god-flow ledger`: what coldkeys have, how it came to that, and money put in or given back by hand.
//!
//! Nobody is charged here: only a run charges, and only a real one.

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Exit, carry,
    on_record::OnRecord,
    out::Out,
    stored::{Stored, Where},
    table,
};
use crate::{
    base::{Coldkey, Rao, near},
    driver,
    store::ledger::{Asked, Balance, Kind, Movement, Refusal, Transfer, What},
};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts money into an account.
    Credit(Credit),
    /// Gives back what a run has charged and not given back yet.
    Refund(Refund),
    /// Shows what accounts have.
    Balance(OfAccount),
    /// Lists movements of money, the newest first.
    List(List),
}

#[derive(clap::Args)]
struct Credit {
    /// The coldkey whose account it is.
    account: String,
    /// How much, such as `0.25 TAO` or `250000000 RAO`.
    #[arg(allow_hyphen_values = true)]
    amount: String,
    /// The unit of the amount, where it stands apart.
    unit: Option<String>,
    /// What tells this credit from others, such as the id of a transfer: one key is credited once, however often it is
    /// said. Left out, a new one.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    on_record: OnRecord,
}

#[derive(clap::Args)]
struct Refund {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// Only what was charged from this account.
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    on_record: OnRecord,
}

#[derive(clap::Args)]
struct OfAccount {
    /// The coldkey whose account it is; left out, all.
    account: Option<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(clap::Args)]
struct List {
    /// The coldkey whose account it is; left out, all.
    account: Option<String>,
    /// Only those of this run: its name or id, the start of either, or `@latest`.
    #[arg(long)]
    run: Option<String>,
    /// How many are listed at most.
    #[arg(long, default_value_t = 20, value_name = "N", allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let done = match &args.command {
        Command::Credit(args) => credit(args, out),
        Command::Refund(args) => refund(args, out),
        Command::Balance(args) => balance(args, out),
        Command::List(args) => list(args, out),
    };
    match done {
        Ok(exit) | Err(exit) => exit,
    }
}

fn credit(args: &Credit, out: &Out) -> Result<Exit, Exit> {
    let account = Coldkey::parse(&args.account).map_err(|why| out.wrong(&why))?;
    let written = match &args.unit {
        Some(unit) => format!("{} {unit}", args.amount),
        None => args.amount.clone(),
    };
    let amount = Rao::parse(&written).map_err(|why| out.wrong(&why))?;
    if amount == Rao(0) {
        return Err(out.wrong("an amount of nothing credits nobody"));
    }
    let key = args.key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    if key.trim().is_empty() {
        return Err(out.wrong("--key tells this credit from others: say something, or leave it out"));
    }
    let by_hand = ByHand::of(&args.on_record, out)?;
    let stored = args.on_record.place.open_or_make(out)?;
    let what = What::Credit { key: &key, account: &account };
    let (movement, is_new) = by_hand.transfer(&stored, what, amount, out)?;
    let now = balances(&stored, Some(&[account.to_string()]), out)?;
    let has = now.first().map_or(Rao(0), |it| it.balance);
    if out.json {
        return Ok(out.json_data(&json!({ "movement": movement, "made_now": is_new, "balance": has })));
    }
    let done = if is_new { "credited" } else { "credited before, and not again" };
    out.say(&format!("{done}: {amount} to {account}, which has {has} now\n"));
    Ok(out.data(&format!("{}\n", movement.key)))
}

fn refund(args: &Refund, out: &Out) -> Result<Exit, Exit> {
    let by_hand = ByHand::of(&args.on_record, out)?;
    let stored = args.on_record.place.open(out)?;
    let run = stored.find(&args.run, out)?;
    let account = known(&stored, args.account.as_deref(), out)?;
    let movements = carry::block_on(stored.store.ledger().movements(account, Some(run.id), usize::MAX))
        .map_err(|error| out.failure(&driver::full(&error)))?;
    let mut refunded = Vec::new();
    for charge in movements.iter().rev().filter(|it| it.kind == Kind::Charge) {
        // What the run has given back itself, or somebody before, stays as it is.
        let what = What::Refund { charge: &charge.key, by: None };
        match by_hand.ask(&stored, what, charge.amount, out)? {
            Transfer::Made(movement) => refunded.push(*movement),
            Transfer::MadeBefore(_) | Transfer::Refused(Refusal::OtherMovement(_)) => {}
            Transfer::Refused(why) => return Err(out.refused(&why.to_string())),
        }
    }
    if out.json {
        return Ok(out.json_data(&refunded));
    }
    if refunded.is_empty() {
        out.say(&format!("there is nothing to give back of {}\n", run.name));
        return Ok(Exit::Fine);
    }
    Ok(out.data(&lines(&refunded)))
}

/// What is listed where nothing was stored yet: nothing.
fn without_store(place: &Where, what: &str, out: &Out) -> Option<Exit> {
    let why = place.missing()?;
    out.say(&format!("there are no {what}: {why}\n"));
    Some(if out.json { out.json_data(&json!([])) } else { Exit::Fine })
}

fn balance(args: &OfAccount, out: &Out) -> Result<Exit, Exit> {
    if args.account.is_none()
        && let Some(exit) = without_store(&args.place, "accounts", out)
    {
        return Ok(exit);
    }
    let stored = args.place.open(out)?;
    let account = known(&stored, args.account.as_deref(), out)?;
    let balances = balances(&stored, account.map(|account| vec![account.to_owned()]).as_deref(), out)?;
    if out.json {
        return Ok(match (account, balances.as_slice()) {
            (Some(_), [one]) => out.json_data(one),
            _ => out.json_data(&balances),
        });
    }
    if account.is_some() {
        let told = balances.iter().map(|it| format!("{}\n", it.balance));
        return Ok(out.data(&told.collect::<String>()));
    }
    if balances.is_empty() {
        out.say(&format!("there are no accounts in {}\n", stored.store.place()));
        return Ok(Exit::Fine);
    }
    let rows = balances.into_iter().map(|it| {
        vec![
            it.account,
            it.balance.to_string(),
            it.credited.to_string(),
            it.charged.to_string(),
            it.refunded.to_string(),
        ]
    });
    Ok(out.data(&table::table(&["account", "balance", "credited", "charged", "refunded"], rows)))
}

fn list(args: &List, out: &Out) -> Result<Exit, Exit> {
    if args.account.is_none()
        && args.run.is_none()
        && let Some(exit) = without_store(&args.place, "movements of money", out)
    {
        return Ok(exit);
    }
    let stored = args.place.open(out)?;
    let account = known(&stored, args.account.as_deref(), out)?;
    let run = args.run.as_deref().map(|run| stored.find(run, out)).transpose()?;
    let movements =
        carry::block_on(stored.store.ledger().movements(account, run.as_ref().map(|run| run.id), args.limit))
            .map_err(|error| out.failure(&driver::full(&error)))?;
    if out.json {
        return Ok(out.json_data(&movements));
    }
    if movements.is_empty() {
        let of = run.map_or_else(|| format!("in {}", stored.store.place()), |run| format!("of {}", run.name));
        out.say(&format!("there are no movements of money {of}\n"));
        return Ok(Exit::Fine);
    }
    Ok(out.data(&lines(&movements)))
}

fn lines(movements: &[Movement]) -> String {
    let rows = movements.iter().map(|it| {
        let sign = if it.kind == Kind::Charge { "-" } else { "+" };
        let whence = match (&it.run, &it.node) {
            (Some(run), Some(node)) => format!("{run}/{node}"),
            _ => it.who.clone(),
        };
        vec![
            table::moment(it.at),
            it.account.clone(),
            it.kind.to_string(),
            format!("{sign}{}", it.amount),
            whence,
            it.why.clone(),
        ]
    });
    table::table(&["when", "account", "kind", "amount", "by", "why"], rows)
}

/// The account that is named, if one is and it ever had a movement.
fn known<'a>(stored: &Stored, account: Option<&'a str>, out: &Out) -> Result<Option<&'a str>, Exit> {
    let Some(account) = account else { return Ok(None) };
    if !balances(stored, Some(&[account.to_owned()]), out)?.is_empty() {
        return Ok(Some(account));
    }
    let all = balances(stored, None, out)?;
    let help = match near::nearest(account, all.iter().map(|it| it.account.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`god-flow ledger balance` lists the accounts".into(),
    };
    Err(out.wrong(&format!("there is no account `{account}` in {}; {help}", stored.store.place())))
}

fn balances(stored: &Stored, of: Option<&[String]>, out: &Out) -> Result<Vec<Balance>, Exit> {
    carry::block_on(stored.store.ledger().balances(of)).map_err(|error| out.failure(&driver::full(&error)))
}

/// Who moves money by hand, and why.
struct ByHand<'a> {
    who: String,
    why: &'a str,
}

impl<'a> ByHand<'a> {
    fn of(on_record: &'a OnRecord, out: &Out) -> Result<Self, Exit> {
        Ok(Self { who: on_record.who(), why: on_record.why(out)? })
    }

    fn ask(&self, stored: &Stored, what: What<'_>, amount: Rao, out: &Out) -> Result<Transfer, Exit> {
        let asked = Asked { what, amount, who: &self.who, why: self.why, at: Timestamp::now() };
        carry::block_on(stored.store.ledger().transfer(&asked)).map_err(|error| out.failure(&driver::full(&error)))
    }

    /// The movement, and whether it was made just now.
    fn transfer(&self, stored: &Stored, what: What<'_>, amount: Rao, out: &Out) -> Result<(Movement, bool), Exit> {
        match self.ask(stored, what, amount, out)? {
            Transfer::Made(movement) => Ok((*movement, true)),
            Transfer::MadeBefore(movement) => Ok((*movement, false)),
            Transfer::Refused(why) => Err(out.refused(&why.to_string())),
        }
    }
}
