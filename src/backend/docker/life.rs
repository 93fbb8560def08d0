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
    outputs, services,
    shape::{Gives, Shape},
};
use crate::{
    action::vocabulary::Training,
    backend::paths,
    base::Span,
    run::{Cause, Failure, Report},
};

/// How long the engine may be away before its host counts as lost.
const AWAY_MAX: Duration = Duration::from_mins(5);
/// How often it is asked meanwhile.
const AWAY_POLL: Duration = Duration::from_millis(500);
/// What a program's end by a signal adds to its number.
const SIGNALS: i64 = 128;
/// The number of the signal that nothing survives.
const KILL: i64 = 9;
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
    let mut was_away = false;
    let mut away_since = None;
    loop {
        let trouble = match follow(engine, shape, files, log, asked, was_away).await? {
            Ok(report) => return Ok(report),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::Said { .. } => return Ok(Report::Failed(blame::of_call(&trouble))),
            Trouble::Away(_) if away_since.get_or_insert_with(Instant::now).elapsed() > AWAY_MAX => {
                return Ok(Report::Failed(Failure::new(Cause::HostLost, trouble.to_string())));
            }
            Trouble::Away(_) => {
                was_away = true;
                tokio::time::sleep(AWAY_POLL).await;
            }
        }
        if engine.host().await.is_ok() {
            away_since = None;
        }
    }
}

async fn follow(
    engine: &Engine,
    shape: &Shape,
    files: &Files,
    log: &File,
    asked: &mut watch::Receiver<Asked>,
    was_away: bool,
) -> io::Result<Result<Report, Trouble>> {
    let name = &shape.name;
    let state = match engine.state(name).await {
        Ok(state) => state,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let is_new = state.is_none_or(|state| state.started_at.is_none_or(|at| at.starts_with("0001-")));
    if is_new {
        if files.has_begun() {
            return Ok(Ok(gone()));
        }
        let started = tokio::select! {
            started = start(engine, shape) => started,
            () = until_ended(asked) => return Ok(Ok(Report::CutShort { output: None })),
        };
        match started {
            Ok(Ok(())) => files.keep_begun()?,
            Ok(Err(failure)) => return Ok(Ok(Report::Failed(failure))),
            Err(trouble) => return Ok(Err(trouble)),
        }
    }
    let mut has_settled = false;
    let state = loop {
        tokio::select! {
            copied = copy_log(engine, name, log) => match copied? {
                Ok(()) => {}
                Err(trouble) => return Ok(Err(trouble)),
            },
            () = until_ended(asked) => match engine.stop(name).await {
                Ok(()) => match copy_log(engine, name, log).await? {
                    Ok(()) => {}
                    Err(trouble) => return Ok(Err(trouble)),
                },
                Err(trouble) => return Ok(Err(trouble)),
            },
        }
        match engine.state(name).await {
            Ok(Some(state)) if state.running == Some(true) => tokio::time::sleep(AWAY_POLL).await,
            // It is being removed.
            Ok(Some(state)) if state.dead == Some(true) => return Ok(Ok(gone())),
            Ok(Some(state)) => {
                // Whoever removes a container kills it first.
                let is_killed = state.exit_code == Some(SIGNALS + KILL) && *asked.borrow() == Asked::Nothing;
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
    let asked = *asked.borrow();
    Ok(report(engine, shape, files, &state, asked, was_away).await)
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
        log.write_all(&new[..fits])?;
    }
    Ok(Ok(()))
}

async fn report(
    engine: &Engine,
    shape: &Shape,
    files: &Files,
    state: &ContainerState,
    asked: Asked,
    was_away: bool,
) -> Result<Report, Trouble> {
    let code = state.exit_code.unwrap_or_default();
    let failed = |cause, message| Report::Failed(Failure { blame: shape.blame, ..Failure::new(cause, message) });
    let is_cut_short = asked == Asked::End { keep: true };
    Ok(match (asked, code) {
        (Asked::End { keep: true }, _) => {
            Report::CutShort { output: given(engine, shape, state, is_cut_short).await?.ok() }
        }
        (Asked::End { keep: false }, _) => Report::CutShort { output: None },
        _ if state.oom_killed == Some(true) => {
            let most = shape.container.memory.map_or_else(String::new, |most| format!(" the {most} of"));
            failed(Cause::OutOfMemory, format!("it needed more than{most} memory that it may use"))
        }
        (_, 0) => match given(engine, shape, state, is_cut_short).await? {
            Ok(output) => Report::Succeeded { output },
            Err(why) => Report::Failed(Failure::new(Cause::BadOutput, why)),
        },
        // Who ends because the engine does is ended by a signal, or has the code 255 when it comes back.
        (_, code) if was_away && code > SIGNALS => {
            Report::Failed(Failure::new(Cause::HostLost, "the Docker engine was restarted and ended its container"))
        }
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
