//! Carrying a run out in this process, or in one of its own: what `run` and `resume` have in common.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use serde_json::json;
use tokio::sync::mpsc;

use super::{
    Exit,
    call::{self, quoted},
    out::Out,
    progress::Progress,
    settings,
    setup::Setup,
};
use crate::{
    backend::{Backend, REPORTS_MAX},
    driver::{self, Driver, End, Finished, Handle, Leaving},
    run::{NodeId, Outcome, explain},
    store::{self, RunHeader, Store},
};

/// A run that is to be carried out.
pub(super) struct Carried<'a> {
    pub(super) store: Arc<dyn Store>,
    pub(super) run: RunHeader,
    /// The store as it was named in the call.
    pub(super) address: Option<&'a str>,
    pub(super) allow_process: bool,
    /// Whether a run that is paused goes on.
    pub(super) resumes: bool,
}

/// Opens a store, and makes it where it is not there.
pub(super) async fn open(address: &str, out: &Out) -> Result<Arc<dyn Store>, Exit> {
    store::open(address).await.map_err(|error| match error {
        store::Error::Address { .. } => out.wrong(&driver::full(&error)),
        _ => out.failure(&driver::full(&error)),
    })
}

/// The store that is named: in the call, or in the settings.
fn named(in_call: Option<&str>) -> Option<&str> {
    in_call.or(settings::get().store.as_deref())
}

/// The address of the store: the one that was named, or the usual file.
pub(super) fn address(in_call: Option<&str>) -> String {
    named(in_call).map_or_else(|| usual().display().to_string(), str::to_owned)
}

/// Whether a store is there already. To ask makes none.
pub(super) fn has_store(in_call: Option<&str>) -> bool {
    store::is_there(named(in_call), &std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")))
}

/// Why there is nothing to look at, where the store is a file that nobody has made yet.
pub(super) fn missing(in_call: Option<&str>) -> Option<String> {
    let made = "`god-flow run` makes it";
    match named(in_call) {
        named if has_store(in_call) || named.is_some_and(|named| !store::is_file(named)) => None,
        Some(named) => Some(format!("there is no store {named} yet; {made}")),
        None => Some(format!("there is no store here yet; {made}")),
    }
}

fn usual() -> PathBuf {
    store::default_path(&std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")))
}

/// The folder for what belongs to a store and is no record: the one of the settings, beside its file, or in the usual place.
pub(super) fn folder(address: &str) -> PathBuf {
    if let Some(folder) = &settings::get().data_folder {
        return std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
    }
    let file = match address.split_once(':') {
        Some(("sqlite", path)) => PathBuf::from(path.strip_prefix("//").unwrap_or(path)),
        Some(("memory", "")) => usual(),
        Some(("postgres" | "postgresql", _)) => usual(),
        _ => PathBuf::from(address),
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// Waits for something that waits itself.
///
/// There is one runtime for the whole call: a connection to a store lives in the one that opened it.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("the system gives a thread and an event queue")
    });
    RUNTIME.block_on(future)
}

pub(super) fn carry(carried: &Carried<'_>, setup: &Setup, detach: bool, out: &Out) -> Exit {
    if detach {
        return match block_on(super::detach::detach(carried, setup)) {
            Ok(()) => out.data(&format!("{}\n", carried.run.name)),
            Err(why) => out.failure(&format!("cannot go on in the background: {why}")),
        };
    }
    block_on(attend(carried, setup, out))
}

/// How a run went while this process drove it, and what did its work.
pub(super) type Driven = (Result<Finished, driver::Error>, Arc<dyn Backend>);

/// Drives the run and shows how it goes, until there is nothing more to do here.
pub(super) async fn drive(carried: &Carried<'_>, setup: &Setup, out: &Out) -> Result<Driven, Exit> {
    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
    let built = setup.clock().and_then(|clock| Ok((setup.build(carried.run.id, reports, &clock)?, clock)));
    let (backend, clock): (Arc<dyn Backend>, _) = match built {
        Ok((backend, clock)) => (backend.into(), clock),
        Err(why) => return Err(out.refused(&why)),
    };
    let (driver, handle) =
        Driver::new(carried.store.clone(), backend.clone(), clock.clone(), carried.run.id, holder(), inputs);
    let driver = if carried.resumes { driver.resuming(&user()) } else { driver };
    let name = &carried.run.name;
    let progress = Progress::new(carried.run.id, name, clock, out.clone());
    let signals = tokio::spawn(leave_on_signals(handle.clone(), name.clone(), progress.ear()));
    let driving = tokio::spawn(async move {
        let end = driver.drive().await;
        signals.abort();
        end
    });
    // It ends by itself when the driver is gone.
    let progress = progress.follow(handle).await;
    let finished = match driving.await {
        Ok(finished) => finished,
        Err(bug) => std::panic::resume_unwind(bug.into_panic()),
    };
    if let Ok(Finished { world: Some(world), .. }) = &finished {
        progress.end(world);
    }
    Ok((finished, backend))
}

async fn attend(carried: &Carried<'_>, setup: &Setup, out: &Out) -> Exit {
    let (finished, backend) = match drive(carried, setup, out).await {
        Ok(driven) => driven,
        Err(exit) => return exit,
    };
    let failed = finished.as_ref().ok().and_then(|finished| explain::failed_at(&finished.world.as_ref()?.run));
    match finished.map(|finished| finished.end) {
        Ok(End::Over(outcome)) => over(carried, &outcome, failed.as_ref(), out),
        Ok(End::Held(nodes)) => held(carried, &nodes, out),
        Ok(End::Left { under_way }) => left(carried, under_way, &*backend, out),
        Err(error) => {
            let exit = out.failure(&driver::full(&error));
            let (words, command) = advice(&error);
            out.say(&format!("{words}: {}\n", again(carried, command)));
            exit
        }
    }
}

/// What is to be said of a run that could not be carried on, and which command helps.
fn advice(error: &driver::Error) -> (&'static str, &'static str) {
    match error {
        driver::Error::Illegal(_) | driver::Error::Workflow(_) | driver::Error::Store(store::Error::Corrupt { .. }) => {
            ("what is stored of it is not what was recorded; see where", "verify")
        }
        _ => ("its records are intact", "resume"),
    }
}

/// `failed_at` is where a failure began.
fn over(carried: &Carried<'_>, outcome: &Outcome, failed_at: Option<&NodeId>, out: &Out) -> Exit {
    let name = &carried.run.name;
    if out.json {
        let told = out.json_data(&json!({ "run": carried.run.id, "name": name, "outcome": outcome }));
        if told != Exit::Fine {
            return told;
        }
    }
    match outcome {
        Outcome::Succeeded { gives } => {
            if !out.json {
                return out.data(&as_text(gives));
            }
            Exit::Fine
        }
        Outcome::Failed { node, failure } => out.failure(&format!(
            "{name} failed at `{}`: {}: {} (blame: {})",
            failed_at.unwrap_or(node),
            failure.cause.words(),
            failure.message,
            failure.blame.word()
        )),
        Outcome::Cancelled => {
            out.say(&format!("{name} was cancelled\n"));
            Exit::Cancelled
        }
    }
}

fn held(carried: &Carried<'_>, nodes: &[NodeId], out: &Out) -> Exit {
    let name = &carried.run.name;
    if out.json {
        out.json_data(&json!({ "run": carried.run.id, "name": name, "outcome": "held", "held": nodes }));
    }
    out.say(&format!("{name} is held for a decision; decide, and then take it up again:\n"));
    for node in nodes {
        let node = quoted(node);
        out.say(&format!("  {} {node} retry|replace|accept|void --why \"…\"\n", again(carried, "decide")));
    }
    out.say(&format!("  {}\n", again(carried, "resume")));
    Exit::Held
}

fn left(carried: &Carried<'_>, under_way: usize, backend: &dyn Backend, out: &Out) -> Exit {
    let what = match under_way {
        0 => "nothing of it is under way".to_owned(),
        count => format!("{count} under way: {}", backend.leave()),
    };
    if out.json {
        out.json_data(
            &json!({ "run": carried.run.id, "name": carried.run.name, "outcome": "left", "under_way": under_way }),
        );
    }
    out.say(&format!("left {} before it was over; {what}; {}\n", carried.run.name, again(carried, "resume")));
    Exit::Cancelled
}

/// The call of another command about this run.
fn again(carried: &Carried<'_>, command: &str) -> String {
    call::about(command, &carried.run, carried.address)
}

/// What a run gives, for people: a line for each name, texts as they are.
fn as_text(gives: &serde_json::Value) -> String {
    // A line that fills the screen tells a person nothing; `--json` has all of it.
    const SHOWN_MAX: usize = 300;
    let one = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if value.to_string().len() > SHOWN_MAX => format!("{} items", items.len()),
        serde_json::Value::Object(fields) if value.to_string().len() > SHOWN_MAX => format!("{} fields", fields.len()),
        other => other.to_string(),
    };
    match gives {
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}: {}\n", one(value))).collect()
        }
        other => format!("{}\n", one(other)),
    }
}

/// Who is at the keyboard, as far as the system says.
pub(super) fn user() -> String {
    let set = |name: &&str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME"].iter().find_map(set).unwrap_or_else(|| "operator".into())
}

/// How this process is called where people ask who drives a run.
pub(super) fn holder() -> String {
    format!("process {} on {}", std::process::id(), host())
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "this host".into(), |name| name.trim().into())
}

/// The first signal leaves when what runs is done, the second at once.
async fn leave_on_signals(handle: Handle, name: String, say: mpsc::Sender<String>) {
    signalled().await;
    handle.leave(Leaving::WhenIdle);
    let words = "nothing new starts, what runs is waited for; once more leaves at once";
    // Nobody listens any more where the run has just come to its end.
    let _ = say.send(format!("leaving {name}: {words}")).await;
    signalled().await;
    handle.leave(Leaving::AtOnce);
}

#[cfg(unix)]
pub(super) async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without them the system's own way holds: the process ends.
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
pub(super) async fn signalled() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend, run::Illegal};

    #[test]
    fn records_are_called_intact_only_where_nothing_speaks_against_them() {
        let place = || "here".to_owned();
        for (error, expected) in [
            (driver::Error::Illegal(Illegal { kind: "record", why: "event 3".into() }), "verify"),
            (driver::Error::Workflow("it is no YAML".into()), "verify"),
            (store::Error::Corrupt { place: place(), why: "no".into() }.into(), "verify"),
            (store::Error::Unreachable { place: place(), source: "away".into() }.into(), "resume"),
            (backend::Error { backend: "docker", what: "list hosts".into(), why: "away".into() }.into(), "resume"),
        ] {
            assert_eq!(advice(&error).1, expected, "{error}");
        }
    }
}
