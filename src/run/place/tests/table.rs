//! Small scenes: hosts and asks, and who goes where in the first turn.

use super::scene::{Scene, gpu_id, host_id, offer};
use crate::run::place::{Change, GroupIx, HostState, NodeIx};

fn check(what: &str, hosts: &[&str], asks: &[&str], expected: &str) {
    let scene = hosts.iter().fold(Scene::new().limit("pair", 2), |scene, host| scene.host(host));
    let mut scene = asks.iter().fold(scene, |scene, ask| scene.ask(ask));
    assert_eq!(scene.turn(), expected, "{what}");
    assert_eq!(scene.turn(), "", "{what}: a second turn finds nothing more to do");
}

#[test]
fn gpus_of_one_node_are_on_one_host_all_or_nothing() {
    check("one", &["a 8xH100"], &["1 2xH100"], "1@a:0,1");
    check("4 and 4 are not 8", &["a 4xH100", "b 4xH100"], &["1 8xH100"], "");
    check("the whole host", &["a 4xH100", "b 8xH100"], &["1 8xH100"], "1@b:0,1,2,3,4,5,6,7");
    check("none of that kind", &["a 8xA100"], &["1 1xH100"], "");
    check("two share a host", &["a 4xH100"], &["1 2xH100", "2 2xH100", "3 1xH100"], "1@a:0,1 2@a:2,3");
}

#[test]
fn any_of_several_kinds_will_do_and_the_first_is_preferred() {
    check("the first", &["a 1xH200", "b 1xH100"], &["1 1xH100|H200"], "1@b:0");
    check("the second", &["a 1xH200", "b 1xH100"], &["1 1xH100", "2 1xH100|H200"], "1@b:0 2@a:0");
    check("on one host", &["a 1xH100 1xH200"], &["1 1xH200|H100", "2 1xH200|H100"], "1@a:1 2@a:0");
    check("never mixed in one node", &["a 1xH100 1xH200"], &["1 2xH100|H200"], "");
    check("before the fit", &["a 1xH200", "b 8xH100"], &["1 1xH100|H200"], "1@b:0");
}

#[test]
fn the_fit_that_strands_the_fewest_wins_then_what_is_held_then_the_name() {
    check("fewest left over", &["a 8xH100", "b 4xH100", "c 2xH100"], &["1 2xH100"], "1@c:0,1");
    check("before what is held", &["a 8xH100 holds=m", "b 4xH100"], &["1 2xH100 wants=m"], "1@b:0,1");
    check("what is held", &["a 4xH100", "b 4xH100 holds=m,n"], &["1 1xH100 wants=m,n"], "1@b:0");
    check("the most of it", &["a 4xH100 holds=m", "b 4xH100 holds=m,n"], &["1 1xH100 wants=m,n"], "1@b:0");
    check("the name", &["b 4xH100", "a 4xH100"], &["1 1xH100"], "1@a:0");
    check("small ones share", &["a 2xH100", "b 2xH100"], &["1 1xH100", "2 1xH100", "3 2xH100"], "1@a:0 2@a:1 3@b:0,1");
}

#[test]
fn the_order_is_priority_then_path_then_age_then_id() {
    let one = &["a 1xH100"];
    check("priority", one, &["1 1xH100 path=9h", "2 1xH100 prio=1"], "2@a:0");
    check("path", one, &["1 1xH100 path=1h", "2 1xH100 path=2h"], "2@a:0");
    check("age", one, &["1 1xH100 age=5", "2 1xH100 age=4"], "2@a:0");
    check("id", one, &["2 1xH100 age=5", "1 1xH100 age=5"], "1@a:0");
    check("across shapes", &["a 2xH100"], &["1 2xH100 path=1h", "2 1xH100 path=2h", "3 1xH100"], "2@a:0");
}

#[test]
fn nodes_without_gpus_run_ahead_on_slots() {
    check("slots", &["a 1xH100 slots=2"], &["1", "2", "3"], "1@a 2@a");
    check("ahead of who waits", &["a 1xH100"], &["1 8xH100 prio=9", "2 1xH100", "3", "4"], "2@a:0 3@a 4@a");
    check("where there is most room", &["a slots=1", "b slots=3"], &["1", "2", "3", "4"], "1@b 2@b 3@a 4@b");
    check("where it lies", &["a slots=9", "b slots=1 holds=m"], &["1 wants=m", "2 wants=m"], "1@b 2@a");
    check("nowhere", &["a 8xH100 slots=0"], &["1"], "");
}

#[test]
fn cpus_and_memory_are_counted_for_all() {
    check("cpus", &["a 2xH100 cpus=10 slots=9"], &["1 1xH100 cpus=6", "2 cpus=4", "3 cpus=1", "4"], "1@a:0 2@a 4@a");
    check("memory", &["a 2xH100 memory=10GB"], &["1 1xH100 memory=6GB", "2 memory=5GB", "3 memory=4GB"], "1@a:0 3@a");
    check("too wide", &["a 2xH100 cpus=4"], &["1 1xH100 cpus=5"], "");
}

#[test]
fn named_limits_are_counted_over_the_fleet() {
    let hosts = &["a 4xH100", "b 4xH100"];
    check("a mutex", hosts, &["1 1xH100 limits=m", "2 1xH100 limits=m", "3 1xH100"], "1@a:0 3@a:1");
    check("a semaphore", hosts, &["1 limits=pair", "2 limits=pair", "3 limits=pair", "4"], "1@a 2@b 4@a");
    check("both", hosts, &["1 limits=m,pair", "2 limits=m,pair", "3 limits=pair"], "1@a 3@b");

    let mut scene = Scene::new().host("a slots=9").ask("1 limits=m").ask("2 limits=m");
    assert_eq!(scene.turn(), "1@a");
    assert_eq!(scene.leases.in_use("m"), 1);
    scene.end(1);
    assert_eq!(scene.turn(), "2@a", "an ended lease gives its limit back");
}

#[test]
fn a_group_stays_on_the_host_of_its_first_member() {
    let mut scene = Scene::new().group("1: 1xH100; 4xH100; cpus=1").host("a 1xH100").host("b 8xH100").host("c 8xH100");
    scene.submit("1 1xH100 group=1");
    assert_eq!(scene.turn(), "1@b:0", "not on the host that could never hold the others");
    scene.submit("2 8xH100 prio=1");
    assert_eq!(scene.turn(), "2@c:0,1,2,3,4,5,6,7");
    scene.submit("3 1xH100");
    scene.submit("4 4xH100 group=1");
    scene.submit("5 cpus=1 group=1");
    assert_eq!(scene.turn(), "3@a:0 4@b:1,2,3,4 5@b");
    scene.end(1);
    scene.end(4);
    assert!(!scene.leases.disband(GroupIx(1)), "a member still runs");
    scene.end(5);
    scene.fleet.drain(&host_id("b"));
    scene.submit("6 4xH100 group=1");
    scene.end(2);
    assert_eq!(scene.turn(), "", "its home drains, and no other host will do");
    assert!(scene.leases.disband(GroupIx(1)));
    assert_eq!(scene.turn(), "6@c:0,1,2,3", "a group that begins anew is free to go elsewhere");
}

#[test]
fn two_members_of_a_group_in_one_turn_stay_together() {
    check("both", &["a 2xH100", "b 3xH100"], &["1 2xH100 group=7", "2 1xH100 group=7"], "1@a:0,1");
    check("room for one more", &["a 3xH100"], &["1 2xH100 group=7", "2 1xH100 group=7"], "1@a:0,1 2@a:2");
}

#[test]
fn groups_that_begin_without_gpus_spread_over_the_hosts() {
    let mut scene = Scene::new().host("a 8xH100 slots=9").host("b 8xH100 slots=9").host("c 4xH100 slots=9");
    for group in 1..=5 {
        scene = scene.group(&format!("{group}: cpus=1; 4xH100")).ask(&format!("{group} cpus=1 group={group}"));
    }
    assert_eq!(scene.turn(), "1@a 2@b 3@c 4@a 5@b");
}

#[test]
fn the_first_that_does_not_fit_has_its_gpus_kept() {
    let mut scene = Scene::new().host("a 8xH100").host("b 2xH100");
    scene = scene.ask("1 1xH100 for=1h path=9h").ask("2 1xH100 for=3h path=9h").ask("3 2xH100 path=9h").ask("4 8xH100");
    assert_eq!(scene.turn(), "1@b:0 2@b:1 3@a:0,1");
    assert_eq!(scene.reservation().unwrap().from, None, "nobody knows when 3 is over");
    scene.submit("5 1xH100");
    assert_eq!(scene.turn(), "", "nothing without an end passes");
    scene.submit("6 1xH100 for=50h");
    assert_eq!(scene.turn(), "6@a:2", "an end that is known comes before one that nobody knows");
    scene.end(3);
    let reservation = scene.reservation().unwrap();
    assert_eq!((reservation.by, reservation.host.as_str()), (NodeIx(4), "a"));
    assert_eq!((reservation.from.unwrap() - scene.now).to_string(), "PT180000S", "50 hours");
    for (ask, placed) in [("7 1xH100 for=51h", ""), ("8 1xH100 for=50h", "8@a:0"), ("9 1xH100 for=1h", "9@a:1")] {
        scene.submit(ask);
        assert_eq!(scene.turn(), placed, "{ask}");
    }
    scene.end(1);
    assert_eq!(scene.turn(), "5@b:0", "another host is not kept");
    for node in [6, 8, 9] {
        scene.end(node);
    }
    assert_eq!(scene.turn(), "4@a:0,1,2,3,4,5,6,7", "and 7 goes on waiting");
}

#[test]
fn gpus_and_cpus_that_the_reservation_does_not_need_are_free_for_all() {
    let scene = Scene::new().host("a 8xH100 cpus=16 slots=9").ask("1 5xH100 cpus=5 for=1h").ask("2 4xH100 cpus=8");
    let mut scene = scene.ask("3 1xH100 cpus=1 for=9h");
    assert_eq!(scene.turn(), "1@a:0,1,2,3,4", "2 waits for all three that are free and one more");
    scene.submit("4 1xH100 for=1h");
    assert_eq!(scene.turn(), "4@a:5");
    scene.submit("5 cpus=8");
    scene.submit("6 cpus=1 for=9h");
    scene.submit("7 cpus=10 for=1h");
    assert_eq!(scene.turn(), "5@a", "of 16 cpus 8 are kept from in an hour on");
    scene.end(5);
    assert_eq!(scene.turn(), "6@a 7@a", "what ends in time may use what is kept");
}

#[test]
fn leases_that_end_together_free_all_they_hold() {
    let mut scene = Scene::new().host("a 4xH100 cpus=6").ask("1 1xH100 cpus=2 for=1h").ask("2 1xH100 cpus=2 for=1h");
    scene = scene.ask("3 3xH100 cpus=4").ask("4 cpus=2");
    assert_eq!(scene.turn(), "1@a:0 2@a:1 4@a", "in an hour all 6 cpus but 4 are free for others");
}

#[test]
fn the_limits_of_who_has_the_reservation_are_kept_as_well() {
    let asks = &["1 1xH100", "2 2xH100 limits=m,pair", "3 limits=m", "4 limits=pair", "5 limits=pair"];
    check("the last unit", &["a 2xH100 slots=3"], asks, "1@a:0 4@a");
}

#[test]
fn a_group_whose_member_has_the_reservation_begins_there() {
    let mut scene = Scene::new().group("1: 2xH100; cpus=1").host("a 2xH100 slots=1").host("b 2xH100 slots=3");
    scene = scene.ask("1 2xH100 for=1h").ask("2 2xH100 for=2h").ask("3 2xH100 group=1").ask("4 cpus=1 group=1");
    assert_eq!(scene.turn(), "1@a:0,1 2@b:0,1 4@a");
}

#[test]
fn a_lease_beyond_its_time_keeps_nobody_else_waiting_for_longer() {
    let mut scene = Scene::new().host("a 2xH100").ask("1 1xH100 for=1h").ask("2 2xH100");
    assert_eq!(scene.turn(), "1@a:0");
    scene.pass("2h");
    assert_eq!(scene.reservation().unwrap().from, Some(scene.now), "it is about to be stopped");
    scene.submit("3 1xH100 for=1s");
    assert_eq!(scene.turn(), "");
}

#[test]
fn out_of_patience_goes_before_longer_paths_but_not_before_priority() {
    let mut scene = Scene::new().host("a 1xH100").ask("1 1xH100").ask("2 1xH100 path=1h");
    assert_eq!(scene.turn(), "2@a:0");
    scene.pass("1h");
    scene.submit("3 1xH100 path=1h");
    scene.pass("24h");
    scene.submit("4 1xH100 prio=1");
    scene.submit("5 1xH100 path=9h");
    for (ended, next) in [(2, "4@a:0"), (4, "1@a:0"), (1, "3@a:0"), (3, "5@a:0")] {
        scene.end(ended);
        assert_eq!(scene.turn(), next);
    }
}

#[test]
fn hosts_vanish_shrink_drain_and_join() {
    let mut scene = Scene::new().host("a 4xH100").ask("1 2xH100").ask("2 2xH100");
    let a = host_id("a");
    assert_eq!(scene.fleet.drain(&a), Change::Became(HostState::Draining));
    assert_eq!(scene.fleet.drain(&a), Change::Nothing);
    assert_eq!(scene.turn(), "");
    assert_eq!(scene.fleet.resume(&a), Change::Became(HostState::Up));
    assert_eq!(scene.fleet.foreign(&a, &gpu_id("1"), true), Change::Noted);
    assert_eq!(scene.turn(), "1@a:0,2", "a GPU that a foreign process holds counts as busy");
    let lost = vec![gpu_id("2"), gpu_id("3")];
    assert_eq!(scene.fleet.shrink(&a, &lost), Change::Offered { gained: vec![], lost: lost.clone() });
    assert_eq!(scene.leases.broken(&scene.fleet).map(|lease| lease.node).collect::<Vec<_>>(), [NodeIx(1)]);
    scene.end(1);
    assert_eq!(scene.fleet.foreign(&a, &gpu_id("1"), false), Change::Noted);
    assert_eq!(scene.turn(), "2@a:0,1");
    assert_eq!(scene.fleet.vanish(&a), Change::Became(HostState::Gone));
    assert_eq!(scene.leases.broken(&scene.fleet).count(), 1);
    scene.end(2);
    scene.submit("3 3xH100");
    assert_eq!(scene.turn(), "");
    assert_eq!(scene.fleet.join(a.clone(), offer("a 4xH100").1), Change::Offered { gained: lost, lost: vec![] });
    assert_eq!(scene.fleet.join(a.clone(), offer("a 4xH100").1), Change::Nothing);
    assert_eq!(scene.fleet.join(host_id("b"), offer("b 3xH100").1), Change::Joined);
    assert_eq!(scene.turn(), "3@b:0,1,2");
    for change in [scene.fleet.vanish(&host_id("c")), scene.fleet.foreign(&a, &gpu_id("9"), true)] {
        assert_eq!(change, Change::Unknown);
    }
    scene.fleet.drain(&a);
    scene.fleet.vanish(&a);
    scene.fleet.join(a.clone(), offer("a 4xH100").1);
    assert_eq!(scene.fleet.host(&a).unwrap().state(), HostState::Draining, "a drain outlives an absence");
}

#[test]
#[should_panic(expected = "would be in the leases of")]
fn a_gpu_in_two_leases_is_our_bug() {
    let mut scene = Scene::new().host("a 1xH100").ask("1 1xH100");
    let mut lease = scene.place().remove(0);
    scene.leases.take(lease.clone());
    lease.node = NodeIx(2);
    scene.leases.take(lease);
}
