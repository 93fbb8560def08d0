//! `register`: who may enter, who may not and why, and what they owe.
//!
//! The facts about a candidate are gathered before, by work; here they are only judged. The checks and their order are the
//! workflow's.

mod account;
mod licence;

use std::{collections::HashMap, sync::LazyLock};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use account::{Account, account};
pub use licence::{LicenceRule, State, TextDigest, text_digest};

use super::{Action, entry::decide, reflect, vocabulary::Entrant};
use crate::base::{Rao, Ty, ss58};

/// Somebody who would take part, and what was found out about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The key that they are known by.
    pub hotkey: String,
    /// The key that owns their balance.
    pub coldkey: Option<String>,
    /// Where they answer.
    pub ip: Option<String>,
    /// Where their code is; nothing when they did not answer.
    pub repository: Option<String>,
    /// The commit that they say.
    pub commit: Option<String>,
    /// Whether they gave a token for their repository.
    #[serde(default)]
    pub token: bool,
    /// Whether the token opened it.
    #[serde(default)]
    pub token_works: bool,
    /// Data sets that they ask for.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// The digest of their sources, from `digest`.
    pub digest: Option<String>,
    /// How large their sources are, in characters.
    #[serde(default)]
    pub chars: u64,
    /// Whether their code was found to be readable, not obfuscated.
    #[serde(default)]
    pub readable: bool,
    /// Digests of files at the top of their code at the commit, from `text_digest`, by name: the licence and the notice.
    #[serde(default)]
    pub files: IndexMap<String, TextDigest>,
    /// The same on the default branch, where the rules ask for it.
    #[serde(default)]
    pub default_branch_files: IndexMap<String, TextDigest>,
}

/// What `register` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Those who would take part, in the order in which they are judged.
    pub candidates: Vec<Candidate>,
    /// The checks, in the order in which they are made.
    pub checks: Vec<Check>,
    /// Hotkeys that take no part, such as the champion's stand-in.
    #[serde(default)]
    pub except: Vec<String>,
    /// The fewest who must have been let in.
    #[serde(default)]
    pub at_least: usize,
    /// What taking part costs.
    pub fee: Option<Rao>,
    /// What each coldkey has. Left out, nobody is refused for lack of money.
    pub balances: Option<IndexMap<String, Rao>>,
    /// Hotkeys that have paid already for this tournament.
    #[serde(default)]
    pub paid: Vec<String>,
    /// Whether those who have paid already pay again when registration is repeated.
    #[serde(default)]
    pub charge_again: bool,
    /// Whose licence and notice everybody must keep.
    pub licence: Option<LicenceRule>,
    /// Data sets that may be asked for; any when left out.
    pub whitelist: Option<Vec<String>>,
    /// How many of them.
    pub datasets_most: Option<usize>,
}

/// A check of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The hotkey is an address of the chain without a slip of the pen; a name that is no address, as in a simulation, passes.
    Hotkey,
    /// A token that does not open the repository counts as none.
    Token,
    /// One of each address; one with a token is preferred.
    OnePerIp,
    /// One of each account of the code host; one with a token is preferred.
    OnePerAccount,
    /// The commit is 40 hexadecimal digits.
    CommitSha,
    /// The code is not obfuscated.
    ReadableSource,
    /// Licence and notice are kept.
    Licence,
    /// The balance covers the fee.
    Balance,
}

/// What `register` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Those who take part.
    pub entrants: Vec<Entrant>,
    /// Those who do not, and why.
    pub refused: Vec<Refusal>,
    /// What is to be charged.
    pub fees: Vec<Fee>,
    /// Whether they are as many as must be.
    pub enough: bool,
}

/// Why somebody takes no part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// Who.
    pub hotkey: String,
    /// Why, as a word that does not change.
    pub code: Reason,
}

/// Why somebody takes no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is one of those that take no part, such as the champion, who plays anyway.
    Excepted,
    NoAnswer,
    HotkeyTwice,
    BadHotkey,
    SameIp,
    SameAccount,
    BadCommit,
    SourceNotReadable,
    LicenceNotKept,
    BalanceTooLow,
}

/// What somebody owes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Who takes part.
    pub hotkey: String,
    /// Whose balance pays.
    pub coldkey: String,
    /// How much.
    pub amount: Rao,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Registered>);

pub(super) fn actions() -> [Action; 2] {
    let register = Action::pure::<Register, Registered>(
        "register",
        "Decides who may enter: makes the checks in the order given, and says why somebody is refused and what the \
         others owe.",
        |input| decide(input, &GIVES, |it| Ok(register(it))),
    )
    .example(
        "field:\n  register:\n    candidates:\n      - { hotkey: 5Fh, coldkey: 5Ck, repository: https://github.com/o/r, commit: \
         abc, readable: true }\n    checks: [one_per_ip, one_per_account, commit_sha, readable_source, balance]\n    fee: 0.25 TAO\n    \
         balances: { 5Ck: 1 TAO }\n    at_least: 1\n",
    );
    [register, licence::action()]
}

/// Who may enter.
pub fn register(input: Register) -> Registered {
    let mut refused = Vec::new();
    let mut refuse = |it: &Candidate, code| refused.push(Refusal { hotkey: it.hotkey.clone(), code });
    let mut field =
        kept(input.candidates.clone(), Reason::Excepted, &mut refuse, |it| !input.except.contains(&it.hotkey));
    field = kept(field, Reason::NoAnswer, &mut refuse, |it| it.repository.is_some());
    field = one_of_each(field, Reason::HotkeyTwice, &mut refuse, |it| Some(it.hotkey.clone()));
    let mut fees = Vec::new();
    for check in &input.checks {
        field = match check {
            Check::Hotkey => kept(field, Reason::BadHotkey, &mut refuse, |it| !ss58::is_slip(&it.hotkey)),
            Check::Token => {
                field.iter_mut().for_each(|it| it.token &= it.token_works);
                field
            }
            Check::OnePerIp => one_of_each(field, Reason::SameIp, &mut refuse, |it| it.ip.clone()),
            Check::OnePerAccount => {
                let (known, mut rest): (Vec<_>, Vec<_>) =
                    field.into_iter().partition(|it| it.repository.as_deref().and_then(account).is_some());
                rest.extend(one_of_each(known, Reason::SameAccount, &mut refuse, |it| {
                    account(it.repository.as_deref()?).map(|account| account.owner.to_lowercase())
                }));
                rest
            }
            Check::CommitSha => kept(field, Reason::BadCommit, &mut refuse, |it| is_sha(it.commit.as_deref())),
            Check::ReadableSource => kept(field, Reason::SourceNotReadable, &mut refuse, |it| it.readable),
            Check::Licence => kept(field, Reason::LicenceNotKept, &mut refuse, |it| {
                input.licence.as_ref().is_none_or(|rule| rule.is_kept(it))
            }),
            Check::Balance => {
                let mut balances = input.balances.clone();
                kept(field, Reason::BalanceTooLow, &mut refuse, |it| {
                    let fee = owed(&input, it).map(|fee| pay(&mut balances, it, fee));
                    fees.extend(fee.clone().flatten());
                    !matches!(fee, Some(None))
                })
            }
        };
    }
    let entrants: Vec<Entrant> = field.into_iter().filter_map(|it| enter(it, &input)).collect();
    Registered { enough: entrants.len() >= input.at_least, entrants, refused, fees }
}

/// What somebody owes, unless nothing is asked or they have paid.
fn owed(input: &Register, it: &Candidate) -> Option<Rao> {
    input.fee.filter(|fee| fee.0 > 0 && (input.charge_again || !input.paid.contains(&it.hotkey)))
}

/// Takes the fee from a balance, if that covers it.
fn pay(balances: &mut Option<IndexMap<String, Rao>>, it: &Candidate, fee: Rao) -> Option<Fee> {
    let coldkey = it.coldkey.as_ref()?;
    if let Some(balances) = balances {
        let balance = balances.get_mut(coldkey)?;
        balance.0 = balance.0.checked_sub(fee.0)?;
    }
    Some(Fee { hotkey: it.hotkey.clone(), coldkey: coldkey.clone(), amount: fee })
}

fn enter(it: Candidate, rules: &Register) -> Option<Entrant> {
    let may = |name: &String| rules.whitelist.as_ref().is_none_or(|list| list.contains(name));
    let datasets: Vec<String> =
        it.datasets.into_iter().filter(may).take(rules.datasets_most.unwrap_or(usize::MAX)).collect();
    Some(Entrant {
        hotkey: it.hotkey,
        coldkey: it.coldkey,
        repository: it.repository?,
        // A digest is the same in capitals, and whoever compares it need not know that.
        commit: it.commit.unwrap_or_default().to_ascii_lowercase(),
        datasets: Some(datasets),
    })
}

fn is_sha(commit: Option<&str>) -> bool {
    commit.is_some_and(|commit| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn kept(
    field: Vec<Candidate>,
    code: Reason,
    refuse: &mut impl FnMut(&Candidate, Reason),
    mut may: impl FnMut(&Candidate) -> bool,
) -> Vec<Candidate> {
    let mut keep = |it: &Candidate| {
        let may = may(it);
        if !may {
            refuse(it, code);
        }
        may
    };
    field.into_iter().filter(|it| keep(it)).collect()
}

/// One of those with the same key: the first with a token, or else the first. They stand where the first of them stood.
fn one_of_each(
    field: Vec<Candidate>,
    code: Reason,
    refuse: &mut impl FnMut(&Candidate, Reason),
    key: impl Fn(&Candidate) -> Option<String>,
) -> Vec<Candidate> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut chosen: Vec<Candidate> = Vec::new();
    for it in field {
        let Some(place) = key(&it).map(|key| *places.entry(key).or_insert(chosen.len())) else {
            chosen.push(it);
            continue;
        };
        match chosen.get_mut(place) {
            None => chosen.push(it),
            Some(first) if it.token && !first.token => refuse(&std::mem::replace(first, it), code),
            Some(_) => refuse(&it, code),
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
