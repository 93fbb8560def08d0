//! The life of an attempt's container: made, started, followed, ended, removed.
//!
//! Wherever it was left, by a crash or by another process, it is taken up from there.

use std::{
    fs::{self, File},
    io::{self, Write},
    time::Duration,
};

use bollard::models::ContainerState;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::{sync::watch, time::Instant};

use super::{
    blame,
    engine::{Engine, Trouble},
    evaluate,
    files::{Files, LOG_MAX},
    outputs, restart, services,
    shape::{Gives, Shape},
};
use crate::{
    action::vocabulary::Training,
    backend::paths,
    base::{Size, Span},
    run::{Cause, Failure, Report},
};

/// How long the engine may be away before its host counts as lost.
pub(super) const AWAY_MAX: Duration = Duration::from_mins(5);
/// The same where it is to end anyway.
const ASKED_MAX: Duration = Duration::from_secs(30);
/// How long it must have been there to count as back: longer than it may be silent in two calls.
const WELL_MIN: Duration = Duration::from_mins(3);
/// How often it is looked how much a container has written.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is asked meanwhile.
const AWAY_POLL: Duration = Duration::from_millis(500);
/// What a program's end by a signal adds to its number.
const SIGNALS: i64 = 128;
/// The number of the signal that nothing survives.
const KILL: i64 = 9;
/// Codes of programs that were asked to end, and did.
const STOPPED: [i64; 2] = [SIGNALS + 15, SIGNALS + KILL];
/// What was asked of an attempt that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    /// It is to end; whether what is there then counts.
    End {
        keep: bool,
    },
}

/// Follows the container through every absence of the engine.
pub(super) async fn attend(
    engine: &Engine,
    shape: &Shape,
    files: &Files,
    log: &File,
    asked: &mut watch::Receiver<Asked>,
) -> io::Result<Report> {
    let mut away: Option<(Instant, Timestamp)> = None;
    loop {
        let began = Instant::now();
        let trouble = match follow(engine, shape, files, log, asked, away.map(|(_, since)| since)).await? {
            Ok(report) => return Ok(report),
            Err(trouble) => trouble,
        };
        if matches!(trouble, Trouble::Said { .. }) {
            return Ok(Report::Failed(blame::of_call(&trouble)));
        }
        // It was there for long, and what is now is another absence.
        if began.elapsed() > WELL_MIN {
            away = None;
        }
        let (since, _) = *away.get_or_insert_with(|| (Instant::now(), Timestamp::now()));
        if *asked.borrow() != Asked::Nothing && since.elapsed() > ASKED_MAX {
            return Ok(Report::CutShort { output: None });
        }
        if since.elapsed() > AWAY_MAX {
            return Ok(Report::Failed(Failure::new(Cause::HostLost, trouble.to_string())));
        }
        tokio::time::sleep(AWAY_POLL).await;
    }
}

/// Follows a container that may have to be made first, for as long as the engine answers; it may have been away since then.
async fn follow(
    engine: &Engine,
    shape: &Shape,
    files: &Files,
    log: &File,
    asked: &mut watch::Receiver<Asked>,
    away: Option<Timestamp>,
) -> io::Result<Result<Report, Trouble>> {
    let name = &shape.name;
    let state = match engine.state(name).await {
        Ok(state) => state,
        Err(trouble) => return Ok(Err(trouble)),
    };
    match state.filter(|state| state.started_at.as_ref().is_some_and(|at| !at.starts_with("0001-"))) {
        None if files.has_begun() => return Ok(Ok(gone())),
        None => {
            let started = tokio::select! {
                started = start(engine, shape) => started,
                () = until_ended(asked) => return Ok(Ok(Report::CutShort { output: None })),
            };
            match started {
                // Where it cannot be kept, the container itself tells that it has begun.
                Ok(Ok(())) => {
                    let _ = files.keep_begun(engine.life().await.as_ref());
                }
                Ok(Err(failure)) => return Ok(Ok(Report::Failed(failure))),
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
        Some(state) => {
            let is_ended_by_another = match files.begun_in().zip(engine.life().await) {
                Some((before, now)) => now.has_ended(&before, &state),
                None => false,
            };
            if is_ended_by_another || away.is_some_and(|since| restart::ended_away(&state, since)) {
                let why = "the Docker engine was restarted and ended its container";
                return Ok(Ok(Report::Failed(Failure::new(Cause::HostLost, why))));
            }
        }
    }
    let (mut has_settled, mut end) = (false, End::ByItself);
    let state = loop {
        let must_end = tokio::select! {
            copied = copy_log(engine, name, log) => match copied? {
                Ok(()) => None,
                Err(trouble) => return Ok(Err(trouble)),
            },
            () = until_ended(asked) => Some(End::Asked(*asked.borrow())),
            most = until_too_large(shape) => Some(End::TooLarge(most)),
        };
        if let Some(must_end) = must_end {
            match engine.state(name).await {
                Ok(Some(state)) if state.running == Some(true) => end = must_end,
                // It was stopped by a process before this one, that was asked the same.
                Ok(Some(state)) if state.exit_code.is_some_and(|code| STOPPED.contains(&code)) => end = must_end,
                // It has ended by itself before it was asked to.
                Ok(_) => {}
                Err(trouble) => return Ok(Err(trouble)),
            }
            if let Err(trouble) = engine.stop(name).await {
                return Ok(Err(trouble));
            }
            if let Err(trouble) = copy_log(engine, name, log).await? {
                return Ok(Err(trouble));
            }
        }
        match engine.state(name).await {
            Ok(Some(state)) if state.running == Some(true) => tokio::time::sleep(AWAY_POLL).await,
            // It is being removed.
            Ok(Some(state)) if state.dead == Some(true) => return Ok(Ok(gone())),
            Ok(Some(state)) => {
                // Whoever removes a container kills it first.
                let is_killed = state.exit_code == Some(SIGNALS + KILL) && matches!(end, End::ByItself);
                if !is_killed || has_settled {
                    break state;
                }
                has_settled = true;
                tokio::time::sleep(AWAY_POLL).await;
            }
            Ok(None) => return Ok(Ok(gone())),
            Err(trouble) => return Ok(Err(trouble)),
        }
    };
    Ok(report(engine, shape, files, &state, end).await)
}

/// What ended a container.
#[derive(Clone, Copy)]
enum End {
    ByItself,
    Asked(Asked),
    /// There was more than this in its output folder.
    TooLarge(Size),
}

/// Waits until a container has written more results than it may.
async fn until_too_large(shape: &Shape) -> Size {
    let Some((folder, most)) = shape.room.clone() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(LOOK).await;
        let folder = folder.clone();
        let used = tokio::task::spawn_blocking(move || paths::used(&folder)).await.unwrap_or_default();
        if used > most.0 {
            return most;
        }
    }
}

fn gone() -> Report {
    let why = "its container is gone: somebody removed it, or the engine lost it";
    Report::Failed(Failure::new(Cause::HostLost, why))
}

/// Makes the container and what belongs to it, and starts it. Gives why that cannot be, where it lies in what is started.
async fn start(engine: &Engine, shape: &Shape) -> Result<Result<(), Failure>, Trouble> {
    engine.image(&shape.container.image).await?;
    if let Err(why) = services::start(engine, shape).await? {
        return Ok(Err(Failure { blame: shape.blame, ..Failure::new(Cause::ExitCode, why) }));
    }
    let made = match engine.create(&shape.name, shape.main()).await {
        Ok(()) => engine.start(&shape.name).await,
        trouble => trouble,
    };
    match made {
        Err(trouble @ Trouble::Said { .. }) if shape.is_of_entrant() => Ok(Err(blame::of_their_image(&trouble))),
        other => other.map(Ok),
    }
}

pub(super) async fn until_ended(asked: &mut watch::Receiver<Asked>) {
    if asked.wait_for(|asked| *asked != Asked::Nothing).await.is_err() {
        // Nobody can ask any more.
        std::future::pending::<()>().await;
    }
}

/// Copies what the container writes, from where the file ends, until it has ended.
async fn copy_log(engine: &Engine, name: &str, mut log: &File) -> io::Result<Result<(), Trouble>> {
    let mut behind = log.metadata()?.len();
    let mut room = LOG_MAX.saturating_sub(behind);
    let mut parts = Box::pin(engine.log(name));
    while let Some(part) = parts.next().await {
        let bytes = match part {
            Ok(part) => part.into_bytes(),
            // It is gone: its state tells.
            Err(Trouble::Said { .. }) => return Ok(Ok(())),
            Err(trouble) => return Ok(Err(trouble)),
        };
        let skipped = behind.min(bytes.len() as u64);
        behind -= skipped;
        let new = &bytes[usize::try_from(skipped).unwrap_or(bytes.len())..];
        let fits = new.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        room -= fits as u64;
        // A log that cannot be kept ends no container.
        if log.write_all(&new[..fits]).is_err() {
            room = 0;
        }
    }
    Ok(Ok(()))
}

async fn report(
    engine: &Engine,
    shape: &Shape,
    files: &Files,
    state: &ContainerState,
    end: End,
) -> Result<Report, Trouble> {
    let code = state.exit_code.unwrap_or_default();
    let failed = |cause, message| Report::Failed(Failure { blame: shape.blame, ..Failure::new(cause, message) });
    Ok(match (end, code) {
        (End::Asked(Asked::End { keep: true }), _) => {
            Report::CutShort { output: given(engine, shape, state, true).await?.ok() }
        }
        (End::Asked(_), _) => Report::CutShort { output: None },
        (End::TooLarge(most), _) => failed(Cause::Refused, format!("it wrote more than {most} into its output folder")),
        _ if state.oom_killed == Some(true) => {
            let most = shape.container.memory.map_or_else(String::new, |most| format!(" the {most} of"));
            failed(Cause::OutOfMemory, format!("it needed more than{most} memory that it may use"))
        }
        (_, 0) => match given(engine, shape, state, false).await? {
            Ok(output) => Report::Succeeded { output },
            Err(why) => Report::Failed(Failure::new(Cause::BadOutput, why)),
        },
        (_, code) => {
            let tail = last_words(engine, &shape.name, files).await?;
            let how = match code - SIGNALS {
                signal @ 1..64 => format!("it was ended by signal {signal}"),
                _ => format!("it ended with exit code {code}"),
            };
            let message = if tail.is_empty() { how } else { format!("{how}: {tail}") };
            let last = tail.rsplit(" | ").next().unwrap_or_default();
            match matches!(shape.gives, Gives::Evaluation { .. }).then(|| blame::of_evaluator(last)).flatten() {
                Some(cause) => Report::Failed(Failure::new(cause, message)),
                None => failed(Cause::ExitCode, message),
            }
        }
    })
}

/// The last lines that a container wrote: from the engine where the file could not hold them.
async fn last_words(engine: &Engine, name: &str, files: &Files) -> Result<String, Trouble> {
    let log = files.log();
    if fs::metadata(&log).is_ok_and(|log| log.len() < LOG_MAX) {
        return Ok(paths::tail(&log));
    }
    let bytes_max = usize::try_from(paths::TAIL_MAX).unwrap_or(usize::MAX);
    let bytes = engine.last_of_log(name, paths::TAIL_LINES, bytes_max).await?;
    Ok(paths::last_lines(String::from_utf8_lossy(&bytes).trim()))
}

/// What an ended container gives, or why nothing can be taken from it.
async fn given(
    engine: &Engine,
    shape: &Shape,
    state: &ContainerState,
    cut_short: bool,
) -> Result<Result<Json, String>, Trouble> {
    let written = |value: serde_json::Result<Json>| value.map_err(|error| error.to_string());
    Ok(match &shape.gives {
        Gives::Nothing => Ok(Json::Object(Map::new())),
        Gives::File(path) => outputs::read(engine, &shape.name, path).await?,
        Gives::Training(output) => {
            let training = Training { output: output.clone(), took: took(state), cut_short };
            written(serde_json::to_value(training))
        }
        Gives::Evaluation { repository } => {
            let results = outputs::read(engine, &shape.name, evaluate::RESULTS).await?;
            let evaluation = results.and_then(|results| evaluate::read(&results, repository));
            evaluation.and_then(|evaluation| written(serde_json::to_value(evaluation)))
        }
    })
}

/// How long a container ran, by the engine's clock.
fn took(state: &ContainerState) -> Span {
    let at = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let took = at(&state.started_at).zip(at(&state.finished_at)).map(|(from, to)| to.duration_since(from).as_millis());
    took.and_then(|millis| Span::from_millis(u64::try_from(millis).ok()?)).unwrap_or(Span::from_secs(0))
}
