//! What runs that are over have left on a host is removed, and nothing else.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::ContainerCreateBody,
    query_parameters::{CreateContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder},
};
use serde_json::{Value as Json, json};

use super::{
    engine::IMAGE,
    entrant::{Place, TRAINER, given},
    told,
};

/// What is removed, or would be: kinds and names.
fn cleaned(place: &Place, more: &[&str]) -> Vec<(String, String)> {
    let output = place.god_flow(&[&["clean", "--json"], more].concat());
    assert!(output.status.success(), "{}", told(&output));
    let removed: Json = serde_json::from_slice(&output.stdout).unwrap();
    let text = |it: &Json, key: &str| it[key].as_str().unwrap().to_owned();
    removed["removed"].as_array().unwrap().iter().map(|it| (text(it, "kind"), text(it, "name"))).collect()
}

fn id(place: &Place, run: &str) -> String {
    let shown: Json = serde_json::from_slice(&place.god_flow(&["show", run, "--json"]).stdout).unwrap();
    shown["id"].as_str().unwrap().to_owned()
}

/// Makes a container with a label, as a crash would leave it; gives its name.
async fn stray(docker: &Docker, run: Option<&str>, name: &str) -> String {
    let labels = run.map(|run| HashMap::from([("god-flow.run".to_owned(), run.to_owned())]));
    let body = ContainerCreateBody {
        image: Some(IMAGE.into()),
        cmd: Some(vec!["true".into()]),
        labels,
        ..ContainerCreateBody::default()
    };
    let name = format!("{name}-{}", std::process::id());
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    docker.create_container(Some(options), body).await.unwrap();
    name
}

async fn is_there(docker: &Docker, name: &str) -> bool {
    docker.inspect_container(name, None).await.is_ok()
}

/// How many images were built for a place.
async fn images(docker: &Docker, place: &Place) -> usize {
    let label = format!("god-flow.folder={}", place.path().join("host").display());
    let filters = HashMap::from([("label", vec![label.as_str()])]);
    docker.list_images(Some(ListImagesOptionsBuilder::default().filters(&filters).build())).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_that_are_over_have_left_is_removed_and_nothing_else() {
    let docker = with_engine!();
    let place = Place::of(TRAINER);
    given(&place.run("done", &place.code.commit(), &json!({})));
    place.code.write("train.sh", &format!("{TRAINER}echo again\n"));
    let fails = json!({ "image": IMAGE, "command": ["sh", "-c", "exit 1"], "outputs": { "seen": "bool" } });
    let held = json!({ "look_step": { "container": fails, "on_failure": "hold" } });
    let open = place.run("open", &place.code.commit(), &held);
    assert_eq!(open.status.code(), Some(4), "{}", told(&open));
    let done = id(&place, "done");
    let left = stray(&docker, Some(&done), &format!("god-flow-{done}-left")).await;
    // Whoever writes a Dockerfile may write our label into it.
    let labelled = stray(&docker, Some(&done), "labelled").await;
    let others = stray(&docker, Some("0198c5f2-7c1e-7d3a-9b54-3f0e8a6d2c71"), "god-flow-others").await;
    let nobodys = stray(&docker, None, "god-flow-nobodys").await;
    assert_eq!(images(&docker, &place).await, 2);

    assert_eq!(cleaned(&place, &[]), [], "it ended today");
    let all = cleaned(&place, &["--keep-days", "0", "--dry-run"]);
    let kinds: Vec<&str> = all.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["container", "image", "output"], "{all:?}");
    assert!(all[0].1 == left && all[2].1.contains(&done), "{all:?}");
    // A run that is not over has kept results of the one that is: it may read them yet.
    let again = place.god_flow(&["retry", "done", "look", "--name", "again"]);
    assert!(again.status.success(), "{}", told(&again));
    assert_eq!(cleaned(&place, &["--keep-days", "0", "--dry-run"]), []);
    given(&place.god_flow(&["resume", "again", "--json"]));

    assert_eq!(cleaned(&place, &["--keep-days", "0"]), all);
    assert!(!is_there(&docker, &left).await);
    for name in [&others, &nobodys, &labelled] {
        assert!(is_there(&docker, name).await, "{name}");
    }
    assert_eq!(images(&docker, &place).await, 1, "the run that is held needs the other");
    let outputs: Vec<String> = std::fs::read_dir(place.path().join("host/outputs"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(outputs.len() == 1 && outputs[0].contains(&id(&place, "open")), "{outputs:?}");
    let nothing = place.god_flow(&["clean", "--keep-days", "0"]);
    assert!(told(&nothing).contains("there is nothing to remove"), "{}", told(&nothing));
    for name in [others, nobodys, labelled] {
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        docker.remove_container(&name, Some(options)).await.unwrap();
    }
}
