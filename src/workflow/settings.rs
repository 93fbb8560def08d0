//! How a step is done: GPUs, time, retries, and what a failure of it does.

use std::sync::{Arc, LazyLock};

use super::{Given, check::Checker, given};
use crate::{
    base::{Mistake, Name, Ty, near},
    document::{
        Tree,
        types::{Modifiers, OnFailure, OnTimeLimit, Retry},
    },
    rule::Scope,
};

/// How a step is done.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub gpus: Option<Given>,
    pub time_limit: Option<Given>,
    pub on_time_limit: OnTimeLimit,
    pub expect: Option<Given>,
    pub retry: Retry,
    pub priority: i32,
    pub same_host: Option<Name>,
    pub limits: Vec<Name>,
    pub on_failure: OnFailure,
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
    let written = tree.get("limits").map(Tree::items).unwrap_or_default();
    for (name, tree) in modifiers.limits.iter().zip(written) {
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
        priority: modifiers.priority.unwrap_or_default(),
        same_host: modifiers.same_host.clone(),
        limits: modifiers.limits.clone(),
        on_failure: modifiers.on_failure.unwrap_or_default(),
    })
}

/// The settings of a step that says nothing of them: the same ones for all such steps, which may be many.
pub(super) fn usual() -> Arc<Settings> {
    static USUAL: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);
    USUAL.clone()
}
