//! Whether it was the engine's own end that ended a container: whoever is ended so is not to blame, whatever the code.
//!
//! The engine does not say when it was started. The process at the other end of its socket does, where it is not one that
//! keeps the socket for it.

use std::{fs, time::SystemTime};

use bollard::models::ContainerState;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long before its next start an engine may have ended its containers.
const AROUND: SignedDuration = SignedDuration::from_mins(1);
/// The same, where the machine was started anew.
const AROUND_BOOT: SignedDuration = SignedDuration::from_mins(10);
/// The clock of the engine and ours are the same; a little of it is lost on the way.
const LITTLE: SignedDuration = SignedDuration::from_secs(1);

/// One life of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    /// Which start of the machine it is in.
    boot: String,
    pid: i32,
    /// When it began, in ticks of that start of the machine.
    ticks: u64,
}

impl Life {
    /// That of the engine at a path, if it can be told.
    pub(super) async fn of(path: &str) -> Option<Self> {
        let socket = tokio::net::UnixStream::connect(path).await.ok()?;
        let pid = socket.peer_cred().ok()?.pid()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        Some(Self { boot, pid, ticks: ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)? })
    }

    /// When it began, by the wall clock.
    fn began(&self) -> Option<Timestamp> {
        let uptime: f64 = fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
        let age = uptime - self.ticks as f64 / TICKS_PER_SECOND;
        let began = SystemTime::now().checked_sub(std::time::Duration::try_from_secs_f64(age).ok()?)?;
        Timestamp::try_from(began).ok()
    }

    /// Whether a container that was started in an earlier life was ended between that one and this one.
    pub(super) fn has_ended(&self, before: &Self, state: &ContainerState) -> bool {
        if self == before {
            return false;
        }
        let around = if self.boot == before.boot { AROUND } else { AROUND_BOOT };
        finished(state).zip(self.began()).is_some_and(|(finished, began)| finished >= began - around)
    }
}

/// The kernel tells times of processes in this unit, on whatever machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// When a process began. Its name may have anything in it, even brackets.
fn ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Whether a container ended while the engine was away, which is since then.
pub(super) fn ended_away(state: &ContainerState, since: Timestamp) -> bool {
    state.running != Some(true) && finished(state).is_some_and(|finished| finished >= since - LITTLE)
}

fn finished(state: &ContainerState) -> Option<Timestamp> {
    state.finished_at.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(at: Timestamp) -> ContainerState {
        ContainerState { running: Some(false), finished_at: Some(at.to_string()), ..ContainerState::default() }
    }

    #[test]
    fn the_beginning_of_a_process_is_found_behind_any_name() {
        let rest = (3..22).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(ticks(&format!("7 (a) b) {rest} 4242 23")), Some(4_242));
        assert_eq!(ticks("7 (a"), None);
    }

    #[tokio::test]
    async fn a_container_that_ended_with_an_earlier_engine_ended_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = tokio::net::UnixListener::bind(&path).unwrap();
        let now = Life::of(path.to_str().unwrap()).await.unwrap();
        assert_eq!(now.pid, i32::try_from(std::process::id()).unwrap());
        let began = now.began().unwrap();
        assert!(began <= Timestamp::now() + LITTLE && began > Timestamp::now() - SignedDuration::from_hours(1));
        let before = Life { ticks: now.ticks - 1, ..now.clone() };
        let boot = Life { boot: "other".into(), ..now.clone() };
        for (of, seconds, is_ended) in
            [(&before, -20, true), (&before, 5, true), (&before, -90, false), (&boot, -90, true), (&now, -20, false)]
        {
            let state = ended(began + SignedDuration::from_secs(seconds));
            assert_eq!(now.has_ended(of, &state), is_ended, "{seconds}");
        }
        assert!(ended_away(&ended(began), began) && !ended_away(&ended(began - AROUND), began));
        assert!(Life::of("/nowhere").await.is_none());
    }
}
