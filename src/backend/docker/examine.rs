//! What an engine says of itself, for people who look what is wrong.

use jiff::Timestamp;

use super::engine::Engine;

/// An engine that answers.
#[derive(Clone, Debug)]
pub struct Examined {
    pub version: String,
    pub system: String,
    pub cpus: u32,
    pub memory: u64,
    /// Its clock.
    pub at: Option<Timestamp>,
    /// Where it keeps images.
    pub folder: Option<String>,
    /// Whether it knows how to give GPUs to containers.
    pub gives_gpus: bool,
}

/// Asks the engine at an address.
pub async fn examine(address: &str) -> Result<Examined, String> {
    let info = Engine::at(address)?.info().await.map_err(|trouble| trouble.to_string())?;
    let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let has_runtime = info.runtimes.iter().flatten().any(|(name, _)| name.contains("nvidia"));
    let has_devices = info
        .discovered_devices
        .iter()
        .flatten()
        .any(|device| device.id.as_ref().is_some_and(|id| id.contains("nvidia.com/gpu")));
    Ok(Examined {
        version: info.server_version.unwrap_or_else(|| "of an unknown version".into()),
        system: info.operating_system.unwrap_or_default(),
        cpus: u32::try_from(number(info.ncpu)).unwrap_or(u32::MAX),
        memory: number(info.mem_total),
        at: info.system_time.and_then(|at| at.parse().ok()),
        folder: info.docker_root_dir,
        gives_gpus: has_runtime || has_devices,
    })
}
