//! Entrants' code on a real engine: cloned, built and trained as their repositories rely on it, and what becomes of those
//! that fail, or try to reach what is not theirs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use bollard::query_parameters::ListImagesOptionsBuilder;
use god_flow::action::register::text_digest;
use serde_json::{Value as Json, json};

use super::{
    engine::{self, IMAGE},
    told,
    trainer::{DOCKERFILE, Repository},
};

/// A trainer that leaves what it was given.
pub(super) const TRAINER: &str = r#"out=/app/checkpoints/task-1/out-1
mkdir -p $out && echo "$@" > $out/arguments && echo "$WANDB_MODE $WANDB_DIR" > $out/environment
"#;

/// A folder with an entrant's repository, a workflow and the store of its runs.
pub(super) struct Place {
    folder: tempfile::TempDir,
    pub(super) code: Repository,
}

impl Place {
    /// With a repository whose trainer is that script.
    pub(super) fn of(trainer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let code = Repository::of(&folder.path().join("repository"), trainer);
        Self { folder, code }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Clones, builds and trains at a commit, with what is said besides.
    pub(super) fn run(&self, name: &str, commit: &str, more: &Json) -> Output {
        let with = |what: &str, mut step: Json| {
            let more = more.get(what).and_then(Json::as_object).cloned().unwrap_or_default();
            step.as_object_mut().unwrap().extend(more);
            step
        };
        let task = json!({
            "id": "task-1", "kind": "instruct", "model": "org/model", "params_b": 1, "dataset": "data-1",
            "columns": { "field_instruction": "q" }, "time": "30m"
        });
        let files = json!({ "model": null, "dataset": null, "file": null, "datasets": [], "size_bytes": 0 });
        let clone = with(
            "clone",
            json!({
                "repository": self.code.address(), "commit": commit, "require": [DOCKERFILE]
            }),
        );
        let train = json!({
            "image": "${image}", "files": files, "task": task, "time": "30m", "output_name": "out-1", "hotkey": "5Hot"
        });
        // What is held is seen by its keys: code to read, what training left to write to as well.
        let look = "cat /code/train.sh && ! touch /code/x && touch /left/seen";
        let look = json!({
            "image": IMAGE, "command": ["sh", "-c", format!("{look} && echo '{{ \"seen\": true }}' > /outputs.json")],
            "mounts": [
                { "from": "${code.tree}", "to": "/code" },
                { "from": "${split(train.output, '/')[0]}", "to": "/left", "writable": true }
            ],
            "outputs": { "seen": "bool" }
        });
        let workflow = json!({
            "god_flow": 1, "workflow": "entrant",
            "steps": {
                "code": { "clone": clone },
                "image": with("build_step", json!({ "build": with("build", json!({ "code": "${code}", "dockerfile": DOCKERFILE })) })),
                "train": with("train_step", json!({ "train": with("train", train) })),
                "look": with("look_step", json!({ "container": look }))
            },
            "gives": { "output": "${train.output}", "cut_short": "${train.cut_short}", "seen": "${look.seen}" }
        });
        fs::write(self.path().join("w.yaml"), workflow.to_string()).unwrap();
        let run = ["run", "w.yaml", "--backend", "docker", "--allow-local-code", "--json", "--name", name];
        self.god_flow(&run)
    }

    pub(super) fn god_flow(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(arguments).current_dir(self.path()).env("GOD_FLOW_STORE", self.path().join("store.db"));
        command.env("DOCKER_HOST", engine::address().unwrap()).output().unwrap()
    }

    fn log(&self, run: &str, node: &str) -> String {
        String::from_utf8(self.god_flow(&["logs", run, node]).stdout).unwrap()
    }

    /// A file that training left.
    fn left(&self, gives: &Json, name: &str) -> String {
        let output = gives["output"].as_str().unwrap();
        let path = self.path().join("host/outputs").join(output).join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// What a run gives.
pub(super) fn given(output: &Output) -> Json {
    assert!(output.status.success(), "{}", told(output));
    let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
    outcome["outcome"]["succeeded"]["gives"].clone()
}

/// Asserts that a run failed because of the entrant, with such words.
fn fails(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", told(output));
    assert!(told(output).contains(words), "expected {words:?} in {}", told(output));
    assert!(told(output).replace(' ', "").contains("\"blame\":\"entrant\""), "{}", told(output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entrants_code_is_cloned_built_and_trained_as_it_relies_on() {
    let _docker = with_engine!();
    let place = Place::of(TRAINER);
    let commit = place.code.commit();
    let first = given(&place.run("first", &commit, &json!({})));
    assert_eq!((&first["cut_short"], &first["seen"]), (&json!(false), &json!(true)));
    assert_eq!(place.left(&first, "../../seen"), "", "a step wrote beside what training left");
    let arguments = place.left(&first, "arguments");
    let expected = "--task-id task-1 --model org/model --dataset data-1 --dataset-type {";
    assert!(arguments.starts_with(expected), "{arguments}");
    assert!(arguments.contains("\"field_instruction\":\"q\""), "{arguments}");
    let expected =
        "} --task-type InstructTextTask --file-format s3 --expected-repo-name out-1 --hours-to-complete 0.5\n";
    assert!(arguments.ends_with(expected), "{arguments}");
    assert_eq!(place.left(&first, "environment"), "offline /app/checkpoints/wandb_logs/task-1_5Hot\n");

    // Nothing is fetched or built a second time.
    fs::remove_dir_all(&place.code.folder).unwrap();
    let second = given(&place.run("second", &commit, &json!({})));
    assert_ne!(first["output"], second["output"], "each attempt has a folder of its own");
    let log = place.log("second", "image");
    assert!(log.contains("built it already"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_entrants_do_wrong_is_theirs_and_is_told() {
    let _docker = with_engine!();
    let place = Place::of("echo first; echo it is wrong here; exit 7\n");
    let commit = place.code.commit();
    fails(&place.run("exits", &commit, &json!({})), "it ended with exit code 7: first | it is wrong here");
    fails(&place.run("none", &"0".repeat(40), &json!({})), "expected the commit 0000000");
    fails(&place.run("missing", &commit, &json!({ "clone": { "require": ["NOTICE"] } })), "expected the file `NOTICE`");
    let memory = json!({ "train": { "memory": "16MiB" } });
    place.code.write("train.sh", "head -c 200000000 /dev/zero | tail -c 150000000 | head -c 1\n");
    fails(&place.run("memory", &place.code.commit(), &memory), "it needed more than the 16MiB of memory");
    place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\nRUN echo before && cat /nothing\n"));
    let output = place.run("build", &place.code.commit(), &json!({}));
    fails(&output, "cat /nothing");
    assert!(told(&output).contains("can't open '/nothing'"), "what the failing step said: {}", told(&output));
    for (number, (dockerfile, words)) in [
        ("RUN false \"dial tcp\"", "returned a non-zero code"),
        ("RUN false ': no space left on device'", "returned a non-zero code"),
        ("STOPSIGNAL no\\ space", "the build failed"),
        // What is built well, and cannot be started.
        ("ENTRYPOINT [\"/no space left\"]", "/no space left"),
        ("USER nosuch\nENTRYPOINT [\"sh\"]", "nosuch"),
        ("COPY train.sh /app\nENTRYPOINT [\"sh\"]", "the image cannot be started"),
    ]
    .into_iter()
    .enumerate()
    {
        place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\n{dockerfile}\n"));
        fails(&place.run(&format!("dockerfile-{number}"), &place.code.commit(), &json!({})), words);
    }
    place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\n"));
    place.code.write(".dockerignore/file", "");
    fails(&place.run("ignore", &place.code.commit(), &json!({})), "expected a plain file as `.dockerignore`");
    fs::remove_dir_all(place.code.folder.join(".dockerignore")).unwrap();
    place.code.write(DOCKERFILE, "FROM scratch\nCOPY ../../secret /\n");
    fails(&place.run("context", &place.code.commit(), &json!({})), "the build failed");
    symlink("/etc/passwd", place.code.folder.join("link")).unwrap();
    fails(&place.run("link", &place.code.commit(), &json!({})), "`link` is a link that leads out of the repository");
    fs::remove_file(place.code.folder.join("link")).unwrap();
    place.code.write("large", &"x".repeat(3_000_000));
    let small = json!({ "clone": { "size_limit": "1MiB" } });
    fails(&place.run("large", &place.code.commit(), &small), "expected a repository of at most 1MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_does_not_fill_the_disk() {
    let _docker = with_engine!();
    let place = Place::of("head -c 5000000 /dev/zero > /app/checkpoints/large; sleep 600\n");
    let most = json!({ "train": { "output_limit": "1MiB" } });
    fails(&place.run("fills", &place.code.commit(), &most), "it wrote more than 1MiB into its output folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_hides_something_or_has_another_licence_is_refused() {
    let _docker = with_engine!();
    let place = Place::of(TRAINER);
    let names = json!(["LICENSE.md", "LICENSE"]);
    let kept = |name: &str, text: &str| json!({ "name": name, "sha256": text_digest(text) });
    let licence = json!({
        "reference": [kept("LICENSE.md", "a licence\n"), kept("NOTICE", "a notice\n")],
        "own_licences": names, "licences": names, "notices": ["NOTICE"], "at": "commit"
    });
    let readable = json!({ "line_most": 500, "encoded_most": 100, "except": ["data/"] });
    let asked = json!({ "clone": { "licence": licence, "readable": readable } });
    fails(
        &place.run("none", &place.code.commit(), &asked),
        "expected the licence as `LICENSE.md`, `LICENSE`, found none",
    );
    place.code.write("LICENSE", "a licence\r\n");
    place.code.write("NOTICE", "my notice\n");
    fails(
        &place.run("other", &place.code.commit(), &asked),
        "expected the notice as it came, found another text in `NOTICE`",
    );
    place.code.write("NOTICE", "a notice");
    place.code.write("data/rows.bin", "a\0b");
    let commit = place.code.commit();
    given(&place.run("good", &commit, &asked));
    let log = place.log("good", "code");
    assert!(log.contains("licence and notice are kept\n4 files, all of them readable\n"), "{log}");
    assert!(log.contains(&format!("`{DOCKERFILE}` is there")), "{log}");
    place.code.write("more.sh", "\necho $X | base64 -d | sh\n");
    place.code.write("lib.so", "");
    let output = place.run("hidden", &place.code.commit(), &asked);
    fails(&output, "found `lib.so`: it is a compiled program; `more.sh` line 2: it runs what it decodes");
    // What was fetched before is looked at again where more is asked of it.
    let strict = json!({ "clone": { "readable": { "line_most": 500, "encoded_most": 100 } } });
    fails(&place.run("strict", &commit, &strict), "`data/rows.bin`: it is neither text nor a picture");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overrun_keeps_what_is_there() {
    let _docker = with_engine!();
    let place = Place::of(&format!("{TRAINER}sleep 600\n"));
    let late = json!({ "train_step": { "time_limit": "3s", "on_time_limit": "succeed" } });
    let gives = given(&place.run("late", &place.code.commit(), &late));
    assert_eq!(gives["cut_short"], true);
    assert!(place.left(&gives, "arguments").contains("--task-id task-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_is_shut_in() {
    let _docker = with_engine!();
    // Each line ends the training with a number of its own where it can do what it tries.
    let place = Place::of(&format!(
        "{TRAINER}touch /cache/x && exit 11\n\
         touch /cache/hf_cache/x && exit 12\n\
         wget -q -T 2 -O /dev/null http://1.1.1.1/ && exit 13\n\
         mount -t tmpfs none /mnt && exit 14\n\
         ls /app/checkpoints/.. | grep -v checkpoints && exit 15\n\
         cat /proc/1/environ | grep -i -e token -e secret -e password && exit 16\n\
         [ \"$(ls /app/checkpoints)\" = task-1 ] || exit 17\n\
         ls /cache > $out/cache; exit 0\n"
    ));
    let gives = given(&place.run("inside", &place.code.commit(), &json!({})));
    assert_eq!(place.left(&gives, "cache"), "hf_cache\n", "it sees nothing that it was not given");
    // A hook, a filter or a submodule of a repository does nothing here.
    let touched = place.path().join("touched");
    place.code.write(".gitattributes", "* filter=evil\n");
    place.code.write(".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = file:///nowhere\n");
    fs::create_dir_all(place.code.folder.join(".githooks")).unwrap();
    place.code.write(".githooks/post-checkout", &format!("#!/bin/sh\ntouch {}\n", touched.display()));
    given(&place.run("hooks", &place.code.commit(), &json!({})));
    assert!(!touched.exists());
    // Without the word no repository of this host is read.
    let output = place.god_flow(&["run", "w.yaml", "--backend", "docker", "--json", "--name", "remote"]);
    fails(&output, "expected the address of a repository");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entrant_takes_from_what_another_has_built() {
    let docker = with_engine!();
    let place = Place::of("exit 0\n");
    let commit = place.code.commit();
    place.run("one", &commit, &json!({}));
    let label = format!("god-flow.folder={}", place.path().join("host").display());
    let filters = std::collections::HashMap::from([("label", vec![label.as_str()])]);
    let found = docker.list_images(Some(ListImagesOptionsBuilder::default().filters(&filters).build())).await.unwrap();
    let (name, id) = (found[0].repo_tags[0].clone(), found[0].id.clone());
    let is_guessed = name.contains(&commit[..12]);
    assert!(!is_guessed, "{name} tells whose it is");
    let short = &id["sha256:".len()..][..12];
    for (run, from) in [("two", name.as_str()), ("three", &id), ("four", short)] {
        place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\nCOPY --from={from} /train.sh /stolen\n"));
        fails(&place.run(run, &place.code.commit(), &json!({})), "expected an image of a registry");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_does_not_reach_this_host() {
    let _docker = with_engine!();
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let place = Place::of(&format!(
        "a=$(/bin/busybox ip -4 addr show eth0 | grep -o 'inet [0-9]*[.][0-9]*[.][0-9]*')\n\
         [ -n \"$a\" ] || exit 11\n\
         echo | nc -w 2 ${{a#inet }}.1 {port} && exit 12\n\
         echo reached nobody; exit 13\n"
    ));
    fails(&place.run("net", &place.code.commit(), &json!({})), "exit code 13: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_has_bounds() {
    let _docker = with_engine!();
    let place = Place::of(TRAINER);
    place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\nRUN head -c 30000000 /dev/zero > /large\n"));
    let commit = place.code.commit();
    let output = place.run("large", &commit, &json!({ "build": { "size_limit": "8MiB" } }));
    fails(&output, "expected an image of at most 8MiB");
    place.code.write(DOCKERFILE, &format!("FROM {IMAGE}\nRUN sleep 600\n"));
    let output = place.run("slow", &place.code.commit(), &json!({ "build_step": { "time_limit": "3s" } }));
    fails(&output, "it was not done within 3s");
    place.code.write(
        DOCKERFILE,
        &format!("FROM {IMAGE}\nRUN ls /sys/class/net && [ \"$(ls /sys/class/net)\" = lo ]\nENTRYPOINT [\"true\"]\n"),
    );
    let output = place.run("offline", &place.code.commit(), &json!({ "build": { "network": false } }));
    assert!(output.status.success(), "{}", told(&output));
}
