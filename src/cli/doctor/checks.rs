//! What is looked at, and what is expected of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{Check, amount};
use crate::{
    backend::docker::{Examined, Leftovers, examine},
    base::{Size, near},
    cli::{carry, settings, setup},
    driver,
    hub::Hub,
    store,
};

/// How far two clocks may be apart before it is told, and before leases and signatures are in danger.
const SKEW_WARN: SignedDuration = SignedDuration::from_secs(5);
const SKEW_FAIL: SignedDuration = SignedDuration::from_secs(60);
/// Room on a disk below which a run will soon stop, and below which one should think of it.
const ROOM_FAIL: u64 = 2 << 30;
const ROOM_WARN: u64 = 50 << 30;
/// How long a hub has for its answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A clock beside ours: whose it is, what it says, and what ours said then.
struct Clock {
    whose: &'static str,
    at: Timestamp,
    here: Timestamp,
}

pub(super) async fn all() -> Vec<Check> {
    let mut clocks = Vec::new();
    let mut checks = vec![of_settings()];
    let store = store_address();
    let folder = carry::folder(&store);
    let engine = setup::engine(None);
    let examined = examine(engine).await;
    if let Ok(Examined { at: Some(at), .. }) = &examined {
        clocks.push(Clock { whose: "the Docker engine", at: *at, here: Timestamp::now() });
    }
    checks.push(docker(engine, &examined));
    checks.push(gpus(examined.as_ref().ok()));
    if examined.is_ok() {
        checks.push(leftovers(engine, &folder).await);
    }
    checks.push(git());
    checks.extend(disks(&folder, examined.as_ref().ok()));
    checks.push(of_store(&store).await);
    checks.extend(hub(&mut clocks).await);
    checks.push(clock(&clocks));
    checks
}

/// The store that calls here use. To look makes none.
fn store_address() -> String {
    let is_there = carry::has_store(None) || settings::get().store.is_some();
    if is_there { carry::address(None) } else { ".god-flow/god-flow.db".into() }
}

fn of_settings() -> Check {
    let (name, settings) = ("settings", settings::get());
    let expected = "settings that are known, and a token that only you can read";
    if let Some((slip, meant)) = settings::slips().into_iter().next() {
        let found = format!("the variable {slip}, which no setting has");
        return Check::warn(name, expected, found).help(format!("did you mean `{meant}`?"));
    }
    let Some(file) = &settings.file else {
        return Check::ok(name, expected, "no god-flow.toml here; what is usual holds");
    };
    let has_token = settings.hub_token.is_some() && settings.from("hub_token").words() == "file";
    if has_token && others_read(file) {
        let found = format!("a token in {}, which others of this host may read", file.display());
        return Check::warn(name, expected, found)
            .help(format!("chmod 600 {}, or set HF_TOKEN instead", file.display()));
    }
    Check::ok(name, expected, file.display().to_string())
}

fn others_read(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

fn docker(address: &str, examined: &Result<Examined, String>) -> Check {
    let (name, expected) = ("docker", format!("a Docker engine that answers at {address}"));
    match examined {
        Ok(Examined { version, system, cpus, memory, .. }) => {
            let found = format!("Docker {version} at {address} on {system}: {cpus} processors, {}", amount(*memory));
            Check::ok(name, expected, found)
        }
        Err(why) => Check::fail(name, expected, why.clone()).help(
            "start it (`systemctl start docker`; on a Debian without systemd: `scripts/services up docker`), add yourself to \
             the group `docker`, or name another with `engine` among the settings or DOCKER_HOST",
        ),
    }
}

fn gpus(examined: Option<&Examined>) -> Check {
    let (name, declared) = ("gpus", &settings::get().gpus);
    let found = found_gpus(Path::new("/proc/driver/nvidia/gpus"));
    let gives = examined.is_some_and(|it| it.gives_gpus);
    let expected = "as many GPUs in this host as the settings declare, and an engine that gives them to containers";
    let kinds = || near::list(declared.iter().map(crate::base::GpuKind::as_str));
    match (declared.len(), found.len()) {
        (0, 0) => Check::ok(name, expected, "none declared and none in this host: work on GPUs is not done here"),
        (0, _) => Check::warn(name, expected, format!("{} in this host, and none is declared", found.join(", ")))
            .help("declare them: gpus = \"8xH100\" among the settings, or run --gpus"),
        (_, 0) => Check::fail(name, expected, format!("{} declared, and no NVIDIA driver in this host", kinds()))
            .help("install the driver, or take `gpus` out of the settings"),
        (most, there) if most > there => {
            Check::fail(name, expected, format!("{} declared, and {there} in this host: {}", kinds(), found.join(", ")))
                .help("declare as many as there are")
        }
        _ if !gives => {
            Check::warn(name, expected, format!("{} declared, and an engine without `nvidia` in it", kinds()))
                .help("install nvidia-container-toolkit and run: nvidia-ctk runtime configure --runtime=docker")
        }
        _ => Check::ok(name, expected, format!("{} declared, {} in this host", kinds(), found.join(", "))),
    }
}

/// The GPUs that the driver of this host speaks of.
fn found_gpus(driver: &Path) -> Vec<String> {
    let entries = fs::read_dir(driver).into_iter().flatten().flatten();
    let model = |text: String| Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned());
    entries.filter_map(|entry| model(fs::read_to_string(entry.path().join("information")).ok()?)).collect()
}

async fn leftovers(engine: &str, folder: &Path) -> Check {
    let (name, expected) = ("leftovers", "little that runs which are over have left");
    let all = Leftovers::below(folder);
    let found = async {
        let mut found = all.of_engine(engine).await?;
        found.extend(all.of_host().map_err(|error| error.to_string())?);
        Ok::<_, String>(found)
    };
    match found.await {
        Ok(found) if found.is_empty() => Check::ok(name, expected, "nothing"),
        Ok(found) => {
            let bytes = found.iter().map(|it| it.bytes).sum();
            let said = format!("{} containers, networks, images and outputs of runs, {}", found.len(), amount(bytes));
            Check::ok(name, expected, said).help("`god-flow clean --dry-run` says what of it may go")
        }
        Err(why) => Check::warn(name, expected, why),
    }
}

/// Code is fetched with it.
fn git() -> Check {
    let expected = "the program `git`, which fetches entrants' code";
    match std::process::Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => {
            Check::ok("git", expected, String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Check::fail("git", expected, "none").help("install it: apt-get install git"),
    }
}

/// The folders that fill up, each disk once.
fn disks(folder: &Path, examined: Option<&Examined>) -> Vec<Check> {
    let settings = settings::get();
    let cache = settings.cache_folder.clone().unwrap_or_else(|| folder.join("host/cache"));
    let docker = examined.and_then(|it| it.folder.clone()).map(PathBuf::from);
    let wanted = settings.cache_budget.map(|Size(bytes)| bytes);
    let all = [("data", Some(folder.to_owned()), None), ("cache", Some(cache), wanted), ("images", docker, None)];
    all.into_iter().filter_map(|(what, folder, wanted)| disk(what, &folder?, wanted)).collect()
}

fn disk(what: &'static str, folder: &Path, budget: Option<u64>) -> Option<Check> {
    let folder = std::path::absolute(folder).ok()?;
    // What is not there yet will be made on the disk of what is.
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let room = room(there)?;
    let enough = amount(budget.unwrap_or(0).max(ROOM_WARN));
    let expected = match budget {
        Some(_) => format!("room for the budget of the cache, and {} at least: {enough}", amount(ROOM_WARN)),
        None => format!("{enough} free"),
    };
    let found = format!("{} free for {}", amount(room), folder.display());
    let help = "free some space, or name a folder on another disk among the settings";
    Some(if room < ROOM_FAIL {
        Check::fail(what, expected, found).help(help)
    } else if room < ROOM_WARN || budget.is_some_and(|budget| room.saturating_add(used(&folder)) < budget) {
        Check::warn(what, expected, found).help(help)
    } else {
        Check::ok(what, expected, found)
    })
}

fn room(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What a folder holds already.
fn used(folder: &Path) -> u64 {
    let mut bytes: u64 = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(it) if it.is_dir() => folders.push(entry.path()),
                Ok(it) => bytes = bytes.saturating_add(it.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}

async fn of_store(address: &str) -> Check {
    let (name, expected) = ("store", "a store that opens");
    if !carry::has_store(None) {
        return Check::ok(name, expected, format!("none yet; the first run makes {address}"));
    }
    match store::open(address).await {
        Ok(store) => Check::ok(name, expected, store.place().to_owned()),
        Err(error) => Check::fail(name, expected, driver::full(&error))
            .help("start the server, or name another store with `store` among the settings or GOD_FLOW_STORE"),
    }
}

async fn hub(clocks: &mut Vec<Clock>) -> Vec<Check> {
    let settings = setup::hub();
    let (endpoint, has_token) = (settings::without_password(&settings.endpoint), settings.token.is_some());
    let (reached, who) = (format!("a hub that answers at {endpoint}"), "a token that the hub knows");
    let greeting = match Hub::new(crate::hub::Settings { stall: ANSWER, patience: ANSWER, ..settings }) {
        Ok(hub) => hub.greet().await,
        Err(trouble) => Err(trouble),
    };
    let no_token = || {
        let help = "set HF_TOKEN: without one, models are only read, and private ones are not there";
        Check::warn("token", who, "none").help(help)
    };
    match greeting {
        Ok(greeting) => {
            clocks.extend(greeting.at.map(|at| Clock { whose: "the hub", at, here: Timestamp::now() }));
            let known = |name: &String| Check::ok("token", who, format!("it is {name}'s"));
            vec![Check::ok("hub", reached, endpoint), greeting.name.as_ref().map_or_else(no_token, known)]
        }
        Err(trouble) if has_token && trouble.why == crate::hub::Why::NotAllowed => vec![
            Check::ok("hub", reached, endpoint),
            Check::fail("token", who, trouble.message).help("make another one on the hub, and set HF_TOKEN to it"),
        ],
        Err(trouble) => {
            let is_there = if has_token { "one, which nobody could be asked about" } else { "none" };
            vec![Check::fail("hub", reached, trouble.message).help(trouble.help), Check::warn("token", who, is_there)]
        }
    }
}

fn clock(clocks: &[Clock]) -> Check {
    let expected = format!("a clock that is right within {} s", SKEW_WARN.as_secs());
    // Dates of answers have no parts of a second.
    let apart = |clock: &Clock| clock.at.duration_since(clock.here).abs();
    let Some(worst) = clocks.iter().max_by_key(|clock| apart(clock)) else {
        return Check::ok("clock", expected, "nothing here to compare it with");
    };
    let found = format!("{} s apart from the clock of {}", apart(worst).as_secs(), worst.whose);
    let help =
        "set the clock, and keep it right with a time service such as chrony: leases and presigned addresses go by it";
    match apart(worst) {
        apart if apart > SKEW_FAIL => Check::fail("clock", expected, found).help(help),
        apart if apart > SKEW_WARN => Check::warn("clock", expected, found).help(help),
        _ => Check::ok("clock", expected, found),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn a_clock_that_goes_wrong_is_told_by_the_worst_there_is() {
        let here = Timestamp::UNIX_EPOCH;
        let clock = |whose, seconds| Clock { whose, at: here + SignedDuration::from_secs(seconds), here };
        for (clocks, state, words) in [
            (vec![], State::Ok, "nothing here"),
            (vec![clock("a", 2), clock("b", -3)], State::Ok, "3 s apart from the clock of b"),
            (vec![clock("a", 30), clock("b", 1)], State::Warn, "30 s apart from the clock of a"),
            (vec![clock("a", 1), clock("b", -300)], State::Fail, "300 s"),
        ] {
            let check = super::clock(&clocks);
            assert!(check.state == state && check.found.contains(words), "{}", check.found);
        }
    }

    #[test]
    fn gpus_are_those_of_the_driver() {
        let driver = tempfile::tempdir().unwrap();
        assert!(found_gpus(&driver.path().join("none")).is_empty());
        for (at, model) in [("0000:01:00.0", "NVIDIA H100 80GB HBM3"), ("0000:02:00.0", "NVIDIA A100")] {
            fs::create_dir(driver.path().join(at)).unwrap();
            fs::write(driver.path().join(at).join("information"), format!("Model: \t\t {model}\nIRQ: 1\n")).unwrap();
        }
        let mut found = found_gpus(driver.path());
        found.sort();
        assert_eq!(found, ["NVIDIA A100", "NVIDIA H100 80GB HBM3"]);
    }
}
