//! Why a node waits, and why it is refused: the values and the sentences.

use super::scene::{Scene, gpu_id, host_id, shape};
use crate::run::place::{Group, GroupIx, Lack, Waits, refuse};

fn sentences(scene: &Scene, node: u64) -> Vec<String> {
    scene.explain(node).iter().map(Waits::to_string).collect()
}

#[test]
fn a_node_that_waits_is_told_why_for_each_host() {
    let mut scene = Scene::new().host("a 2xH100").host("b 4xA100").host("c 8xH100").host("d 8xH100").host("e 8xH100");
    scene = scene.ask("1 1xH100 for=1h");
    scene.turn();
    scene.fleet.foreign(&host_id("a"), &gpu_id("1"), true);
    scene.fleet.drain(&host_id("d"));
    scene.fleet.vanish(&host_id("e"));
    for ask in ["2 8xH100 for=1h", "3 8xH100", "4 1xH100 for=9h cpus=99 memory=2TiB"] {
        scene.submit(ask);
    }
    assert_eq!(scene.turn(), "2@c:0,1,2,3,4,5,6,7");
    let gone = ["d: draining, nothing new starts there", "e: gone"];
    assert_eq!(
        sentences(&scene, 3),
        [
            "c: next to start there, at 1970-01-01T01:00:00Z at the latest",
            "a: 8xH100 asked, 0 of 2 H100 free, 1 held by a process that is not ours",
            "b: 8xH100 asked, no H100 there",
            "c: 8xH100 asked, 0 of 8 H100 free",
            gone[0],
            gone[1],
        ]
    );
    scene.fleet.foreign(&host_id("a"), &gpu_id("1"), false);
    assert_eq!(
        sentences(&scene, 4),
        [
            "a: 99 cpus asked, 64 free",
            "a: 2TiB of memory asked, 1TiB free",
            "b: 1xH100 asked, no H100 there",
            "b: 99 cpus asked, 64 free",
            "b: 2TiB of memory asked, 1TiB free",
            "c: 1xH100 asked, 0 of 8 H100 free",
            "c: 99 cpus asked, 64 free",
            "c: 2TiB of memory asked, 1TiB free",
            gone[0],
            gone[1],
        ]
    );
}

#[test]
fn reservations_limits_slots_and_groups_are_named() {
    let mut scene = Scene::new().group("5: 1xH100; 8xH100").host("a 2xH100 slots=1").host("b 1xA100 slots=0");
    scene = scene.ask("1 1xH100 for=1h").ask("2 2xH100").ask("3 1xH100 for=2h").ask("4 limits=m").ask("5 limits=m");
    scene = scene.ask("6 1xH100 group=5").ask("7");
    assert_eq!(scene.turn(), "1@a:0 4@a");
    assert_eq!(sentences(&scene, 3)[0], "a: kept for node 2, which starts at 1970-01-01T01:00:00Z at the latest");
    let named = scene.explain(3)[0].sentence(|node| format!("`entry[{}]/train`", node.0));
    assert!(named.starts_with("a: kept for `entry[2]/train`"), "{named}");
    assert_eq!(sentences(&scene, 5)[0], "limit `m`: 1 of 1 in use");
    assert_eq!(sentences(&scene, 6)[0], "a: another of its group would never fit there");
    let slots = ["a: 1 of 1 slots for nodes without GPUs in use", "b: takes no nodes without GPUs"];
    assert_eq!(sentences(&scene, 7), slots);
    assert_eq!(scene.explain(1), [], "it runs");
    assert_eq!(scene.explain(99), [], "nobody knows it");

    let mut scene = Scene::new().host("a 2xH100").ask("1 1xH100").ask("2 2xH100 limits=m").ask("3 limits=m");
    assert_eq!(scene.turn(), "1@a:0");
    assert_eq!(sentences(&scene, 3), ["limit `m`: the last of it is kept for node 2"]);

    let mut scene = Scene::new().host("a 2xH100").host("b 2xH100").ask("1 2xH100 group=1").ask("2 1xH100 group=1");
    scene.turn();
    let home = ["a: its group is at home there and must stay together"];
    let next = ["a: next to start there, when a node of unknown length is over"];
    assert_eq!(sentences(&scene, 2), [next[0], home[0], "a: 1xH100 asked, 0 of 2 H100 free"]);
    scene.fleet.vanish(&host_id("a"));
    assert_eq!(sentences(&scene, 2), [home[0], "a: gone"]);
    assert_eq!(sentences(&Scene::new().ask("1 1xH100"), 1), ["there are no hosts"]);
}

#[test]
fn what_no_host_could_ever_hold_is_refused_with_the_nearest_fit() {
    let scene = Scene::new().host("gpu-1 8xA100 cpus=32").host("gpu-2 2xH100").host("gpu-3 4xH100 slots=0");
    let mut scene = scene.host("gpu-4 1xH100 1xH200 memory=64GiB");
    let refusal = |scene: &Scene, text: &str| match refuse(&shape(text), &scene.fleet) {
        Ok(()) => String::new(),
        Err(misfit) => misfit.to_string(),
    };
    for (asked, expected) in [
        ("4xH100", ""),
        ("1xB200|A100", ""),
        ("cpus=64", ""),
        ("8xH100", "8xH100 fits no host; the nearest is `gpu-3`, which has 4xH100 where 8xH100 is asked"),
        ("2xB200", "2xB200 fits no host; the nearest is `gpu-1`, which has 8xA100 where 2xB200 is asked"),
        (
            "2xH200|B200",
            "2xH200|B200 fits no host; the nearest is `gpu-4`, which has 1xH100 and 1xH200 where 2xH200|B200 is asked",
        ),
        (
            "8xA100 cpus=48 memory=2TiB",
            "8xA100 with 48 cpus and 2TiB of memory fits no host; the nearest is `gpu-1`, which has 32 cpus where 48 are \
             asked and has 1TiB of memory where 2TiB is asked",
        ),
        (
            "cpus=65",
            "a node without GPUs with 65 cpus fits no host; the nearest is `gpu-1`, which has 32 cpus where 65 are asked",
        ),
    ] {
        assert_eq!(refusal(&scene, asked), expected);
    }
    scene.fleet.foreign(&host_id("gpu-3"), &gpu_id("0"), true);
    assert_eq!(refusal(&scene, "4xH100"), "", "a foreign process may leave");
    scene.fleet.drain(&host_id("gpu-3"));
    assert_eq!(refusal(&scene, "4xH100"), "4xH100 fits no host; the nearest is `gpu-3`, which is draining");
    assert_eq!(refusal(&Scene::new(), "1xH100"), "1xH100 fits no host; there are no hosts");
    let misfit = refuse(&shape("4xH100"), &scene.fleet).unwrap_err();
    assert!(matches!(misfit.nearest.unwrap().lacks[..], [Lack::State(_)]));

    let members = vec![shape("2xH100").needs, shape("8xA100").needs];
    let group = Some(Group { id: GroupIx(1), members }.into());
    let apart = crate::run::place::Shape { group, ..shape("2xH100") };
    assert_eq!(
        refuse(&apart, &scene.fleet).unwrap_err().to_string(),
        "no one host fits all of the group: 2xH100; 8xA100; the nearest is `gpu-1`, which has 8xA100 where 2xH100 is asked"
    );
}
