//! Containers on a real engine: what they may do, what becomes of them, and who is to blame when they fail.

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    models::ContainerInspectResponse,
    query_parameters::{
        InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, TagImageOptionsBuilder,
    },
};
use serde_json::{Value as Json, json};

use super::{
    engine::{self, IMAGE},
    told,
};

/// Everything must have happened within this.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with one workflow and the store of its run.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A workflow with one step.
    fn of(step: &Json) -> Self {
        let workflow = json!({ "god_flow": 1, "workflow": "alone", "steps": { "alone": step } });
        Self::with(&workflow)
    }

    fn with(workflow: &Json) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.yaml"), workflow.to_string()).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(arguments).current_dir(self.path()).env("GOD_FLOW_STORE", self.path().join("store.db"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("DOCKER_HOST", engine::address().unwrap());
        command
    }

    fn god_flow(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn run(&self, more: &[&str]) -> Output {
        self.god_flow(&[&["run", "w.yaml", "--backend", "docker", "--name", "r", "--json"], more].concat())
    }

    fn begin(&self) -> Child {
        self.command(&["run", "w.yaml", "--backend", "docker", "--name", "r", "--json"]).spawn().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Json {
        let output = self.god_flow(arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(&output)))
    }

    fn log(&self, node: &str) -> String {
        String::from_utf8(self.god_flow(&["logs", "r", node]).stdout).unwrap()
    }
}

fn shell(script: &str, more: &Json) -> Json {
    let mut step = json!({ "image": IMAGE, "command": ["sh", "-c", script] });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "container": step })
}

/// The containers of the run of a place that are there now, running or not.
async fn containers(docker: &Docker, place: &Place) -> Vec<ContainerInspectResponse> {
    let id = place.json(&["show", "r", "--json"])["id"].as_str().unwrap().to_owned();
    let filters = std::collections::HashMap::from([("label", vec![format!("god-flow.run={id}")])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let mut found = Vec::new();
    for container in docker.list_containers(Some(options)).await.unwrap() {
        let id = container.id.unwrap();
        if let Ok(container) = docker.inspect_container(&id, None::<InspectContainerOptions>).await {
            found.push(container);
        }
    }
    found
}

/// Waits until so many containers of the run are under way.
async fn until_running(docker: &Docker, place: &Place, count: usize) -> Vec<ContainerInspectResponse> {
    let began = Instant::now();
    loop {
        if place.path().join("store.db").exists() && place.god_flow(&["show", "r", "--json"]).status.success() {
            let mut found = containers(docker, place).await;
            found.retain(|it| it.state.as_ref().and_then(|state| state.running) == Some(true));
            if found.len() >= count {
                return found;
            }
        }
        assert!(began.elapsed() < PATIENCE, "they do not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_a_container_runs_for_real() {
    let docker = with_engine!();
    docker.tag_image(IMAGE, Some(TagImageOptionsBuilder::default().repo("busybox").tag("1").build())).await.unwrap();
    let place = Place::with(&json!({}));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/hello-docker.yaml");
    let output = place.god_flow(&["run", example]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "words: 4\nwarning: 4 words are more than 3\n");
}

/// What a stranger's program finds when it looks around.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_shut_in() {
    let docker = with_engine!();
    let script = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; echo net: $(ls /sys/class/net); \
                  mount -t tmpfs none /mnt 2>&1; (wget -T 2 -O - http://1.1.1.1/ 2>&1 | head -1); \
                  echo sock: $(ls /var/run 2>&1); env; sleep 600";
    let more = json!({ "memory": "64MiB", "shared_memory": "16MiB", "cpus": 1, "env": { "SAID": "yes" } });
    let place = Place::of(&shell(script, &more));
    let mut running = place.begin();
    let found = until_running(&docker, &place, 1).await;
    let host = found[0].host_config.clone().unwrap();
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    assert!(host.cap_add.unwrap_or_default().is_empty());
    assert_eq!(host.security_opt, Some(vec!["no-new-privileges".to_owned()]), "and the usual filter of system calls");
    assert_eq!((host.privileged, host.network_mode.as_deref()), (Some(false), Some("none")));
    assert_eq!((host.memory, host.memory_swap, host.shm_size), (Some(64 << 20), Some(64 << 20), Some(16 << 20)));
    assert_eq!(host.pids_limit, Some(4_096));
    assert_eq!(host.nano_cpus, Some(1_000_000_000));
    assert!(host.binds.unwrap_or_default().is_empty() && found[0].mounts.clone().unwrap_or_default().is_empty());
    let began = Instant::now();
    let log = loop {
        let log = place.log("alone");
        if log.contains("SAID=yes") || began.elapsed() > PATIENCE {
            break log;
        }
    };
    for expected in
        ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "net: lo\n"]
    {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert!(log.contains("permission denied") || log.contains("Operation not permitted"), "{log}");
    assert!(!log.contains("docker.sock") && !log.contains("DOCKER_HOST") && !log.contains("GOD_FLOW_STORE"), "{log}");
    let cancelled = place.god_flow(&["cancel", "r", "--why", "it is shut in"]);
    assert!(cancelled.status.success(), "{}", told(&cancelled));
    assert_eq!(running.wait().unwrap().code(), Some(5));
    assert!(containers(&docker, &place).await.is_empty(), "nothing is left of it");
}

/// What goes wrong, its cause, who is to blame, and words of what is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_has_a_cause_and_somebody_to_blame() {
    let _docker = with_engine!();
    let outputs = json!({ "outputs": { "n": "whole" } });
    let plain = json!({});
    for (step, cause, blame, words) in [
        (shell("echo a; echo last words; exit 7", &plain), "exit_code", "operator", "exit code 7: a | last words"),
        (shell("sh -c 'kill -9 $$'; exit $?", &plain), "exit_code", "operator", "ended by signal 9"),
        (shell("tail /dev/zero", &json!({ "memory": "16MiB" })), "out_of_memory", "operator", "the 16MiB of memory"),
        (shell("true", &outputs), "bad_output", "operator", "it wrote no /outputs.json"),
        (shell("echo five > /outputs.json", &outputs), "bad_output", "operator", "is no JSON"),
        (shell("ln -s /etc/passwd /outputs.json", &outputs), "bad_output", "operator", "a link"),
        (shell("head -c 2000000 /dev/zero > /outputs.json", &outputs), "bad_output", "operator", "expected at most"),
        (json!({ "container": { "image": IMAGE, "command": ["nowhere"] } }), "refused", "operator", "nowhere"),
        (
            json!({ "container": { "image": "god-flow-test/none:1", "command": ["a"] }, "retry": { "network": 0 } }),
            "",
            "",
            "god-flow-test/none",
        ),
        (
            shell(
                "true",
                &json!({ "services": [{ "name": "s", "image": IMAGE, "command": ["sh", "-c", "exit 4"], "port": 80 }] }),
            ),
            "exit_code",
            "operator",
            "the service `s` ended with exit code 4 before it answered on port 80",
        ),
        (
            shell("true", &json!({ "mounts": [{ "from": "a", "to": "/a" }] })),
            "refused",
            "operator",
            "this host holds nothing under the key `a`",
        ),
        (
            shell("true", &json!({ "mounts": [{ "from": "../../../etc", "to": "/a" }] })),
            "refused",
            "operator",
            "this host holds nothing under the key `../../../etc`",
        ),
    ] {
        let place = Place::of(&step);
        let output = place.run(&[]);
        assert_eq!(output.status.code(), Some(1), "{step}: {}", told(&output));
        let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
        let failure = &outcome["outcome"]["failed"]["failure"];
        let message = failure["message"].as_str().unwrap_or_else(|| panic!("{step}: {outcome}"));
        assert!(message.contains(words), "{step}: {message}");
        if !cause.is_empty() {
            assert_eq!((failure["cause"].as_str(), failure["blame"].as_str()), (Some(cause), Some(blame)), "{step}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_answer_inside_and_are_gone_afterwards() {
    let docker = with_engine!();
    let serve = "while true; do echo hello | nc -l -p 7000; done";
    let ask = "wget -T 2 -O - http://1.1.1.1/ && exit 9; echo \"{ \\\"said\\\": \\\"$(nc -w 2 judge 7000 < /dev/null)\\\" }\" \
               > /outputs.json";
    let step = shell(
        ask,
        &json!({
            "services": [{ "name": "judge", "image": IMAGE, "command": ["sh", "-c", serve], "port": 7000 }],
            "outputs": { "said": "text" }
        }),
    );
    let place = Place::with(&json!({
        "god_flow": 1, "workflow": "served", "steps": { "asks": step }, "gives": { "said": "${asks.said}" }
    }));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("hello"), "{}", told(&output));
    assert!(containers(&docker, &place).await.is_empty());
    let networks = docker.list_networks(None).await.unwrap();
    let id = place.json(&["show", "r", "--json"])["id"].as_str().unwrap().to_owned();
    assert!(networks.iter().all(|it| !it.name.as_deref().unwrap_or_default().contains(&id)), "its network is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_somebody_removed_is_the_hosts_fault_and_done_again() {
    let docker = with_engine!();
    let place = Place::of(&json!({
        "container": { "image": IMAGE, "command": ["sh", "-c", "sleep 3"] }, "retry": { "wait": "0s" }
    }));
    let running = place.begin();
    let found = until_running(&docker, &place, 1).await;
    let name = found[0].id.clone().unwrap();
    docker.remove_container(&name, Some(RemoveContainerOptionsBuilder::default().force(true).build())).await.unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let shown = place.json(&["show", "r", "alone", "--json"]);
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{shown}");
    assert!(shown.to_string().contains("its container is gone"), "{shown}");
}

/// Four containers run when the program is killed: they go on, the next one finds all of them and starts none again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_finds_its_containers_again() {
    let docker = with_engine!();
    let each = shell(
        "echo begun; sleep 6; echo \"{ \\\"n\\\": $N }\" > /outputs.json",
        &json!({ "env": { "N": "${text(n)}" }, "outputs": { "n": "whole" } }),
    );
    let mut step = json!({ "for_each": { "n": "${[1, 2, 3, 4]}", "key": "${text(n)}" } });
    step.as_object_mut().unwrap().extend(each.as_object().unwrap().clone());
    let place = Place::with(&json!({
        "god_flow": 1, "workflow": "four", "steps": { "each": step },
        "gives": { "sum": "${sum(each.map(it, it.n))}" }
    }));
    let mut first =
        place.command(&["run", "w.yaml", "--backend", "docker", "--name", "r", "--jobs", "4"]).spawn().unwrap();
    let mut before: Vec<String> = until_running(&docker, &place, 4).await.into_iter().filter_map(|it| it.id).collect();
    first.kill().unwrap();
    first.wait().unwrap();
    let second = place.command(&["resume", "r", "--json"]).spawn().unwrap();
    let mut after: Vec<String> = until_running(&docker, &place, 4).await.into_iter().filter_map(|it| it.id).collect();
    before.sort();
    after.sort();
    assert_eq!(before, after, "the same four");
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["outcome"]["succeeded"]["gives"]["sum"], 10, "{outcome}");
    for n in 1..=4 {
        let node = format!("each[{n}]");
        assert_eq!(place.log(&node), "begun\n", "{node} began once, and nothing of its log is there twice");
    }
    assert!(containers(&docker, &place).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_by_itself_while_nobody_looked_was_not_cut_short() {
    let docker = with_engine!();
    let more = json!({ "outputs": { "n": "whole" } });
    let mut step = shell("echo '{ \"n\": 5 }' > /outputs.json; sleep 2; exit 3", &more);
    let limits = json!({ "time_limit": "4s", "on_time_limit": "succeed" });
    step.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let place = Place::of(&step);
    let mut first = place.begin();
    until_running(&docker, &place, 1).await;
    first.kill().unwrap();
    first.wait().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let output = place.god_flow(&["resume", "r", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("it ended with exit code 3"), "{}", told(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_attempt_that_is_over_has_left_is_removed_when_the_run_goes_on() {
    let docker = with_engine!();
    let place = Place::with(&json!({
        "god_flow": 1, "workflow": "two",
        "steps": { "a": shell("true", &json!({})), "b": { "container": { "image": IMAGE, "command": ["sleep", "4"] }, "needs": ["a"] } }
    }));
    let mut first = place.begin();
    let mut labels = loop {
        let labels = until_running(&docker, &place, 1).await[0].config.clone().unwrap().labels.unwrap();
        if labels["god-flow.node"] == "b" {
            break labels;
        }
    };
    first.kill().unwrap();
    first.wait().unwrap();
    let folder = place.path().join("attempts").join(&labels["god-flow.run"]);
    let ends = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let end = ends.into_iter().find(|name| name.starts_with("a.") && name.ends_with(".end.json")).unwrap();
    let name = format!("god-flow-{}-{}", labels["god-flow.run"], end.trim_end_matches(".end.json"));
    labels.insert("god-flow.node".into(), "a".into());
    let options = bollard::query_parameters::CreateContainerOptionsBuilder::default().name(&name).build();
    let body = bollard::models::ContainerCreateBody {
        image: Some(IMAGE.into()),
        cmd: Some(vec!["sleep".into(), "600".into()]),
        labels: Some(labels),
        ..Default::default()
    };
    docker.create_container(Some(options), body).await.unwrap();
    docker.start_container(&name, None).await.unwrap();
    let output = place.god_flow(&["resume", "r", "--json"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(docker.inspect_container(&name, None::<InspectContainerOptions>).await.is_err(), "{name} goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_ends_a_container_and_keeps_what_is_there() {
    let _docker = with_engine!();
    let place = Place::with(&json!({
        "god_flow": 1, "workflow": "late",
        "steps": { "late": {
            "container": {
                "image": IMAGE, "command": ["sh", "-c", "echo '{ \"n\": 5 }' > /outputs.json; sleep 600"],
                "outputs": { "n": "whole" }
            },
            "time_limit": "2s", "on_time_limit": "succeed"
        } },
        "gives": { "n": "${late.n}" }
    }));
    let began = Instant::now();
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", told(&output));
    let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["outcome"]["succeeded"]["gives"]["n"], 5, "{outcome}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_never_stops_talking_fills_no_disk() {
    let _docker = with_engine!();
    let place = Place::of(&shell("head -c 40000000 /dev/zero; echo; echo the last words; exit 3", &json!({})));
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("the last words"), "what it failed with is told all the same");
    assert_eq!(place.god_flow(&["logs", "r", "alone"]).stdout.len(), 32 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gpus_are_asked_for_by_their_numbers() {
    let _docker = with_engine!();
    let place = Place::of(&json!({
        "container": { "image": IMAGE, "command": ["true"] }, "gpus": "1xH100", "retry": { "host_lost": 0 }
    }));
    // Nothing could ever run it where no GPUs are said to be.
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("`alone` could never start"), "{}", told(&output));
    // The engine is asked for it, and this host has none: that is nobody's fault but the host's.
    let output = place.run(&["--gpus", "1xH100"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("could not select device driver"), "{}", told(&output));
    assert!(told(&output).contains("\"blame\":\"host\"") || told(&output).contains("\"blame\": \"host\""));
}

#[test]
fn without_an_engine_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/hello-docker.yaml");
    let god_flow = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(["run", example]).args(arguments).current_dir(folder.path());
        command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap()
    };
    let output = god_flow(&["--backend", "docker"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("no Docker engine listens at unix:///nowhere/docker.sock"), "{}", told(&output));
    let output = god_flow(&["--speed", "max"]);
    assert!(told(&output).contains("the run is played in a mock world"), "{}", told(&output));
}
