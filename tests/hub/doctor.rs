//! `god-flow doctor`: what is there and what is not, each with what to do, and no secret.

use std::process::{Command, Output};

use serde_json::Value as Json;

use super::{
    engine,
    standin::{StandIn, TOKEN},
};

struct Doctor {
    folder: tempfile::TempDir,
    hub: String,
    engine: String,
    token: Option<&'static str>,
    more: Vec<(&'static str, String)>,
}

impl Doctor {
    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        for name in ["HF_TOKEN", "HUGGINGFACE_TOKEN", "GOD_FLOW_STORE"] {
            command.env_remove(name);
        }
        command.arg("doctor").args(arguments).current_dir(self.folder.path());
        command.env("HF_ENDPOINT", &self.hub).env("DOCKER_HOST", &self.engine);
        command.envs(self.token.map(|token| ("HF_TOKEN", token))).envs(self.more.iter().cloned());
        let output = command.output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(self.token.is_none_or(|token| !told.contains(token)), "{told}");
        output
    }

    /// How each thing stands, and that the end of the call says so too.
    fn checks(&self) -> Vec<Json> {
        let output = self.call(&["--json"]);
        let told: Json = serde_json::from_slice(&output.stdout).unwrap();
        let checks = told["checks"].as_array().unwrap().clone();
        let is_fine = checks.iter().all(|check| check["state"] != "fail");
        assert_eq!((output.status.success(), told["fine"].as_bool()), (is_fine, Some(is_fine)), "{told:#}");
        assert!(checks.iter().all(|check| check["state"] != "fail" || !check["help"].is_null()), "{told:#}");
        checks
    }

    fn is(&self, name: &str, state: &str, words: &str) {
        let checks = self.checks();
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(check["state"] == state && check.to_string().contains(words), "{state}, {words:?}: {check:#}");
    }
}

fn doctor(hub: String) -> Doctor {
    let folder = tempfile::tempdir().unwrap();
    Doctor { folder, hub, engine: "unix:///nowhere/docker.sock".into(), token: None, more: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_says_what_is_there_and_what_to_do() {
    let it = StandIn::start().await;
    let mut doctor = doctor(it.endpoint());
    doctor.is("docker", "fail", "no Docker engine listens at unix:///nowhere/docker.sock");
    doctor.is("hub", "ok", "");
    doctor.is("token", "warn", "set HF_TOKEN");
    doctor.is("clock", "ok", "from the clock of the hub");
    doctor.is("store", "ok", "none yet");
    doctor.is("gpus", "ok", "none declared");
    doctor.is("settings", "ok", "what is usual holds");
    assert!(doctor.folder.path().read_dir().unwrap().next().is_none(), "to look makes nothing");

    doctor.token = Some(TOKEN);
    doctor.is("token", "ok", "it is tester's");
    doctor.token = Some("hf_of_somebody_else");
    doctor.is("token", "fail", "make another one on the hub");
    doctor.is("hub", "ok", "");
    let output = doctor.call(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("fail  docker"), "{text}");
    assert!(text.contains("expected a Docker engine that answers at unix:///nowhere"), "{text}");
    assert!(text.contains("to do: "), "{text}");
    doctor.hub = "http://127.0.0.1:1".into();
    doctor.is("hub", "fail", "http://127.0.0.1:1");
    doctor.is("token", "warn", "nobody could be asked");

    doctor.more = vec![
        ("GOD_FLOW_GPUS", "2xH100".into()),
        ("GOD_FLOW_CACHE_BUGDET", "1GB".into()),
        ("GOD_FLOW_STORE", "postgres://me:secret@127.0.0.1:1/runs".into()),
        ("GOD_FLOW_CACHE_BUDGET", "9000TB".into()),
    ];
    doctor.is("settings", "warn", "did you mean `GOD_FLOW_CACHE_BUDGET`?");
    doctor.is("gpus", "fail", "H100, H100 declared");
    doctor.is("store", "fail", "127.0.0.1:1");
    let checks = doctor.checks();
    assert!(!Json::from(checks.clone()).to_string().contains("secret"), "{checks:?}");
    assert!(checks.iter().any(|check| check["name"] == "cache" && check["state"] != "ok"), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_looks_at_the_engine() {
    let Some(_docker) = engine::ready().await else { return };
    let mut doctor = doctor(StandIn::start().await.endpoint());
    doctor.engine = engine::address().unwrap().into();
    doctor.is("docker", "ok", "Docker 2");
    doctor.is("leftovers", "ok", "");
    doctor.is("clock", "ok", "the clock of");
}
