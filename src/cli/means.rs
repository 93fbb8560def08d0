//! By what means a run is carried out: what does its work, where that is possible at all.

use std::path::PathBuf;

use super::{
    Exit, carry, files,
    out::Out,
    run::{Args, Containers},
    settings,
    setup::{self, Kind, Setup},
};
use crate::{
    action::{self, Action},
    base::Name,
    workflow::{Does, Workflow},
};

/// How the run is carried out, where that is possible at all.
pub(super) fn setup(args: &Args, workflow: &Workflow, address: &str, out: &Out) -> Result<Setup, Exit> {
    // What is done in the ledger no backend does.
    let works = steps(workflow, |action| !action.is_pure() && !action.is_of_ledger());
    let backend = match args.backend {
        Some(backend) => backend,
        None => usual(&works, args, out),
    };
    let other = works.iter().find(|(_, action)| !does(backend, action));
    if let Some((step, action)) = other {
        let only = match backend {
            Kind::Docker => "docker backend does `container` and what stands from `clone` to `evaluate`",
            _ => "process backend does only `process` and `notify`",
        };
        let why = format!("`{step}` does `{action}`, and the {only} as yet; `--backend mock` plays the run");
        return Err(out.refused(&why));
    }
    if backend == Kind::Process
        && let Some((step, _)) = works.first().filter(|_| !args.allows_process())
    {
        let why = format!(
            "`{step}` runs a local command with your rights; allow it with --allow-process or GOD_FLOW_ALLOW_PROCESS=1"
        );
        return Err(out.refused(&why));
    }
    for (given, option, of) in [
        (args.world.is_some(), "--world", Kind::Mock),
        (args.speed.is_some(), "--speed", Kind::Mock),
        (args.entrants.is_some(), "--entrants", Kind::Mock),
        (!args.containers.gpus.is_empty(), "--gpus", Kind::Docker),
        (args.containers.allow_local_code, "--allow-local-code", Kind::Docker),
    ] {
        if given && backend != of {
            let (kind, word) =
                if of == Kind::Mock { ("a mock run", "mock") } else { ("a run in containers", "docker") };
            return Err(out.wrong(&format!("{option} is for {kind}; add --backend {word}")));
        }
    }
    if args.jobs.is_some() && backend == Kind::Mock {
        return Err(
            out.wrong("--jobs is for local commands, and this is a mock run: its world says what its hosts do at once")
        );
    }
    if args.ahead.is_some() && backend != Kind::Process {
        return Err(out.wrong("--ahead is for local commands, and this run has none; add --backend process"));
    }
    let beside = || files::world_of(&args.file).filter(|_| backend == Kind::Mock);
    let world = args.world.clone().or_else(beside);
    let world = world.as_deref().map(|path| files::world_file(path, out)).transpose()?;
    let world = world.map(|(text, _)| text);
    let settings = settings::get();
    let jobs = args.jobs.or(settings.jobs);
    let of_containers = if backend == Kind::Docker {
        of_containers(&args.containers, address, out)?
    } else {
        Setup::of(backend, carry::folder(address))
    };
    let dir = std::env::current_dir().ok().filter(|dir| backend == Kind::Process && dir.to_str().is_some());
    let setup = Setup {
        world,
        speed: args.speed.clone(),
        jobs: jobs.filter(|_| backend != Kind::Mock),
        ahead: args.ahead,
        dir,
        commands: !works.is_empty(),
        ..of_containers
    };
    setup.speed().map_err(|why| out.wrong(&format!("--speed: {why}")))?;
    Ok(setup)
}

/// How containers are run, by the call and the settings.
pub(super) fn of_containers(asked: &Containers, address: &str, out: &Out) -> Result<Setup, Exit> {
    let settings = settings::get();
    let gpus = settings::declared(asked.gpus.iter().map(String::as_str));
    let gpus = gpus.map_err(|why| out.wrong(&format!("--gpus: {why}")))?;
    let whole = |folder: &PathBuf| std::path::absolute(folder).ok();
    Ok(Setup {
        engine: Some(setup::engine(asked.engine.as_deref()).to_owned()),
        gpus: if gpus.is_empty() { settings.gpus.clone() } else { gpus },
        cache_folder: settings.cache_folder.as_ref().and_then(whole),
        models_folder: settings.models_folder.as_ref().and_then(whole),
        cache_budget: asked.cache_budget.or(settings.cache_budget),
        local_code: asked.allow_local_code || settings.allow_local_code,
        ..Setup::of(Kind::Docker, carry::folder(address))
    })
}

/// Whether a backend does an action.
fn does(backend: Kind, action: &str) -> bool {
    match backend {
        Kind::Mock => true,
        Kind::Process => action::is_local(action),
        Kind::Docker => in_containers(action),
    }
}

/// The call that does an action, for whoever asks what would.
pub(super) fn by(action: &str) -> &'static str {
    if does(Kind::Process, action) {
        "`god-flow run FILE --backend process --allow-process` does as a part"
    } else if does(Kind::Docker, action) {
        "`god-flow run FILE --backend docker` does as a part"
    } else {
        "`god-flow run FILE --backend mock` plays as a part"
    }
}

/// What does the work where nobody says it.
fn usual(works: &[(&Name, &'static str)], args: &Args, out: &Out) -> Kind {
    let all = |backend| works.iter().all(|(_, action)| does(backend, action));
    if all(Kind::Process) {
        return Kind::Process;
    }
    let why = if all(Kind::Docker) {
        match engine_answers(args) {
            Ok(()) => return Kind::Docker,
            Err(why) => format!("there are no GPUs and no Docker to use here ({why})"),
        }
    } else {
        "not all of its work can be done in containers as yet".to_owned()
    };
    out.say(&format!("{why}: the run is played in a mock world, nothing is real (--speed max plays it at once)\n"));
    Kind::Mock
}

#[cfg(unix)]
fn engine_answers(args: &Args) -> Result<(), String> {
    use crate::backend::docker::answers;
    carry::block_on(answers(setup::engine(args.containers.engine.as_deref())))
}

#[cfg(unix)]
fn in_containers(action: &str) -> bool {
    crate::backend::docker::does(action)
}

#[cfg(not(unix))]
fn in_containers(_: &str) -> bool {
    false
}

#[cfg(not(unix))]
fn engine_answers(_: &Args) -> Result<(), String> {
    Err("containers are run on Unix systems only".into())
}

/// The steps with actions of a kind, each with its action.
pub(super) fn steps(workflow: &Workflow, which: impl Fn(&Action) -> bool) -> Vec<(&Name, &'static str)> {
    let steps = workflow.bodies.iter().flat_map(|body| &body.steps);
    let found = steps.filter_map(|step| match &step.does {
        Does::Action { action, .. } if which(action) => Some((&step.name, action.name)),
        _ => None,
    });
    found.collect()
}
