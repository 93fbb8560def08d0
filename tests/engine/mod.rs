//! The Docker engine that tests use, and the image that they make for it.
//!
//! `GOD_FLOW_TEST_DOCKER` holds its address; `scripts/services up` starts one.

use std::{io::Write, sync::LazyLock};

use bollard::{API_DEFAULT_VERSION, Docker, body_full, query_parameters::CreateImageOptionsBuilder};
use futures_util::TryStreamExt;
use tokio::sync::OnceCell;

/// The image that the tests run.
pub(crate) const IMAGE: &str = "god-flow-test/busybox:1";
/// The same as an evaluator, which finds every model equally good, and breaks on those called `breaks` or `silences`.
pub(crate) const EVALUATOR: &str = "god-flow-test/evaluator:1";
const EVALUATES: &str = r#"case "$MODELS" in */breaks) exit 3;; */silences) exit 0;; esac; mkdir -p /aplp; echo "{ \"$MODELS\": { \"is_finetune\": true, \"eval_loss\": 0.5 } }" > /aplp/evaluation_results.json"#;
/// What it can do, besides the shell.
const PROGRAMS: [&str; 19] = [
    "sh", "echo", "sleep", "cat", "ls", "id", "touch", "dd", "mount", "nc", "wget", "head", "tail", "true", "kill",
    "ln", "mkdir", "grep", "[",
];

/// The address of the engine; nothing where the tests are to go without, which is said once.
pub(crate) fn address() -> Option<&'static str> {
    static ADDRESS: LazyLock<Option<String>> = LazyLock::new(|| {
        let address = std::env::var("GOD_FLOW_TEST_DOCKER").ok().filter(|address| !address.is_empty());
        if address.is_none() {
            let told = "left out: Docker, for `GOD_FLOW_TEST_DOCKER` is not set; see scripts/services\n";
            // Past the capture of the test's output.
            let _ = std::io::stderr().write_all(told.as_bytes());
        }
        address
    });
    ADDRESS.as_deref()
}

/// The engine, with the image in it.
pub(crate) async fn ready() -> Option<Docker> {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let path = address()?.strip_prefix("unix://").expect("it is an engine of this host");
    let docker = Docker::connect_with_unix(path, 60, API_DEFAULT_VERSION).unwrap();
    MADE.get_or_init(async || make(&docker).await).await;
    Some(docker)
}

/// There is no registry to fetch an image from: this one is made around a static busybox.
async fn make(docker: &Docker) {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_path_with_name("/bin/busybox", "bin/busybox").expect("busybox-static is installed");
    for program in PROGRAMS {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        builder.append_link(&mut header, format!("bin/{program}"), "busybox").unwrap();
    }
    let archive = builder.into_inner().unwrap();
    let entrypoint = format!("ENTRYPOINT {}", serde_json::json!(["sh", "-c", EVALUATES]));
    for (image, change) in [(IMAGE, vec![]), (EVALUATOR, vec![entrypoint])] {
        let (name, tag) = image.split_once(':').unwrap();
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(name).tag(tag).changes(change).build();
        let made = docker.create_image(Some(options), Some(body_full(archive.clone().into())), None);
        made.try_for_each(|_| async { Ok(()) }).await.unwrap();
    }
}
