//! How a step is done: GPUs, time, retries, and what a failure of it does.

use std::sync::{Arc, LazyLock};

use super::{Given, check::Checker, given};
use crate::{
    base::{Mistake, Name, Ty, Value, near},
    document::{
        Tree,
        types::{Modifiers, OnFailure, OnTimeLimit, Retry},
    },
    rule::Scope,
};

/// Attempts at one piece of work, at most.
const ATTEMPTS_MAX: u32 = 100;

/// How a step is done.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub gpus: Option<Given>,
    pub time_limit: Option<Given>,
    pub on_time_limit: OnTimeLimit,
    pub expect: Option<Given>,
    pub retry: Retry,
    pub attempts: Option<Attempts>,
    pub priority: i32,
    pub same_host: Option<Name>,
    pub limits: Vec<Name>,
    pub on_failure: OnFailure,
}

/// How often the work itself is tried in all, whatever it fails by.
#[derive(Clone, Debug)]
pub struct Attempts {
    pub most: u32,
    /// The same as it is written: a number, or the rule that it is.
    pub written: Given,
}

/// Reads the settings of a step from its tree.
pub(super) fn read(checker: &mut Checker, tree: &Tree, modifiers: &Modifiers, scope: &Scope) -> Arc<Settings> {
    const KEYS: [&str; 9] =
        ["gpus", "time_limit", "on_time_limit", "expect", "retry", "priority", "same_host", "limits", "on_failure"];
    if !KEYS.iter().any(|key| tree.get(key).is_some()) {
        return usual();
    }
    let mut value =
        |key: &str, ty: Ty| tree.get(key).map(|tree| given::read(tree, Some(&ty), scope, &mut checker.mistakes).0);
    let gpus = value("gpus", Ty::optional(Ty::Gpus));
    let time_limit = value("time_limit", Ty::Span);
    let expect = value("expect", Ty::Span);
    if let Some(key) = tree.key("on_time_limit").filter(|_| time_limit.is_none()) {
        let mistake =
            Mistake::new("workflow::misplaced", key.place, "`on_time_limit` says nothing without a `time_limit`");
        checker.mistake(mistake);
    }
    let attempts = tree.get("retry").and_then(|retry| attempts(checker, retry, scope));
    let written = tree.get("limits").map(Tree::items).unwrap_or_default();
    for (at, (name, tree)) in modifiers.limits.iter().zip(written).enumerate() {
        if modifiers.limits[..at].contains(name) {
            let message = format!("the limit `{name}` is named twice; a step is in it once");
            checker.mistake(Mistake::new("document::twice", tree.place, message).help("leave one of them out"));
        }
        if checker.limits.contains_key(name) {
            checker.used.limits.insert(name.clone());
        } else {
            let help = near::did_you_mean(name.as_str(), checker.limits.keys().map(Name::as_str));
            let mistake = Mistake::new("workflow::unknown_limit", tree.place, format!("there is no limit `{name}`"));
            checker.mistake(mistake.maybe_help(help.or_else(|| Some("declare it in the workflow's `limits`".into()))));
        }
    }
    Arc::new(Settings {
        gpus,
        time_limit,
        on_time_limit: modifiers.on_time_limit.unwrap_or_default(),
        expect,
        retry: modifiers.retry.clone().unwrap_or_default(),
        attempts,
        priority: modifiers.priority.unwrap_or_default(),
        same_host: modifiers.same_host.clone(),
        limits: modifiers.limits.clone(),
        on_failure: modifiers.on_failure.unwrap_or_default(),
    })
}

/// The attempts in all: known when the file is read, so that what is tried again does not depend on what has happened.
fn attempts(checker: &mut Checker, retry: &Tree, scope: &Scope) -> Option<Attempts> {
    let tree = retry.get("attempts")?;
    for key in ["exit_code", "out_of_memory", "time_limit"].into_iter().filter_map(|key| retry.key(key)) {
        let message = format!("`{}` says nothing beside `attempts`, which counts all that the work fails by", key.text);
        checker.mistake(Mistake::new("workflow::misplaced", key.place, message));
    }
    let before = checker.mistakes.len();
    let (written, _) = given::read(tree, Some(&Ty::Whole), scope, &mut checker.mistakes);
    if checker.mistakes.len() > before {
        return None;
    }
    let constant = tree.as_text().and_then(|text| given::constant(text, scope));
    let most = match written.known().as_ref().or(constant) {
        Some(Value::Whole(most)) => u32::try_from(*most).ok().filter(|most| (1..=ATTEMPTS_MAX).contains(most)),
        _ => None,
    };
    if most.is_none() && constant.is_some() {
        let path = tree.as_text().map(|text| text.trim_start_matches("${").trim_end_matches('}').trim().to_owned());
        let path = path.unwrap_or_default();
        let place = scope.origin(&path).map_or(tree.place, |origin| origin.place);
        let message = format!("expected a number of attempts from 1 to {ATTEMPTS_MAX} as the rule `{path}`");
        checker.mistake(Mistake::new("workflow::wrong_rule", place, message).related(tree.place, "it is read here"));
    } else if most.is_none() && written.known().is_none() {
        let message = "expected a number of attempts, or a rule that is one, found an expression";
        let help = "what is tried again does not depend on what has happened: name a rule, as in `${rules.attempts}`";
        checker.mistake(Mistake::new("workflow::wrong_type", tree.place, message).help(help));
    }
    Some(Attempts { most: most?, written })
}

/// The settings of a step that says nothing of them: the same ones for all such steps, which may be many.
pub(super) fn usual() -> Arc<Settings> {
    static USUAL: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);
    USUAL.clone()
}
