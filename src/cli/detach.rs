//! A run that goes on in the background, with a log of its own.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::carry::Carried;

/// Starts `resume` for the run in a session of its own.
pub(super) fn detach(carried: &Carried<'_>, folder: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).map_err(told)?;
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(logs.join(format!("{}.log", carried.run.id)))
        .map_err(told)?;
    let mut command = Command::new(std::env::current_exe().map_err(told)?);
    command.args(["resume", &carried.run.id.to_string(), "--apart"]);
    if let Some(address) = carried.address {
        // It may hold a password, which other users must not see among the arguments.
        command.env("GOD_FLOW_STORE", address);
    }
    if carried.allow_process {
        command.env("GOD_FLOW_ALLOW_PROCESS", "1");
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(told)?).stderr(log);
    command.spawn().map(drop).map_err(told)
}

/// Leaves the terminal's session, so that closing it ends nothing.
pub(super) fn apart() {
    #[cfg(unix)]
    {
        // A leader of a group has been left alone already.
        let _ = rustix::process::setsid();
    }
}
