//! A run that goes on in the background, with a log of its own.

use std::{
    io::{Read, Seek, SeekFrom},
    process::{Child, Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;

use super::{Exit, carry::Carried, setup::Setup};

/// How often it is asked whether the run is driven.
const LOOK: Duration = Duration::from_millis(20);

/// Starts `resume` for the run in a session of its own, and waits until it drives the run.
pub(super) async fn detach(carried: &Carried<'_>, setup: &Setup) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let logs = setup.folder.join("logs");
    std::fs::create_dir_all(&logs).map_err(told)?;
    let path = logs.join(format!("{}.log", carried.run.id));
    let mut log = std::fs::File::options().create(true).read(true).append(true).open(&path).map_err(told)?;
    let said = log.seek(SeekFrom::End(0)).map_err(told)?;
    let mut command = Command::new(std::env::current_exe().map_err(told)?);
    command.args(["resume", &carried.run.id.to_string(), "--apart"]);
    for (option, value) in setup.of_resume() {
        command.args([option, &value]);
    }
    if let Some(address) = carried.address {
        // It may hold a password, which other users must not see among the arguments.
        command.env("GOD_FLOW_STORE", address);
    }
    if carried.allow_process {
        command.env("GOD_FLOW_ALLOW_PROCESS", "1");
    }
    let [stdout, stderr] = [log.try_clone().map_err(told)?, log.try_clone().map_err(told)?];
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().map_err(told)?;
    if is_refused(child, carried).await? {
        let mut words = String::new();
        log.seek(SeekFrom::Start(said)).and_then(|_| log.read_to_string(&mut words)).map_err(told)?;
        return Err(words.trim().to_owned());
    }
    Ok(())
}

/// Whether the new process has refused to carry the run out. Once it drives the run, or has, the store tells the rest.
async fn is_refused(mut child: Child, carried: &Carried<'_>) -> Result<bool, String> {
    loop {
        let driver = carried.store.driver(carried.run.id, Timestamp::now()).await.map_err(|error| error.to_string())?;
        if driver.is_some() {
            return Ok(false);
        }
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok([Exit::Wrong, Exit::Refused].iter().any(|exit| status.code() == Some(*exit as i32)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Leaves the terminal's session, so that closing it ends nothing.
pub(super) fn apart() {
    #[cfg(unix)]
    {
        // A leader of a group has been left alone already.
        let _ = rustix::process::setsid();
    }
}
