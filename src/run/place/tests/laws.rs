//! Laws that hold for any hosts and asks.

use proptest::{collection::vec, prelude::*, sample::select};

use super::scene::Scene;
use crate::run::place::{NodeIx, Waits, refuse};

const GPUS: [&str; 9] = ["", "", "1xH100", "1xH100|H200", "2xH200|H100", "2xH100", "4xH100", "8xH100", "8xH200|H100"];

/// Hosts with a few GPUs of two kinds, some of them drained or with a foreign process; asks that want all there is to want.
fn scenes() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let host = (0u32..9, 0u32..4, 0u32..40, 0u32..4).prop_map(|(h100, h200, cpus, slots)| {
        format!("{h100}xH100 {h200}xH200 cpus={cpus} slots={slots} holds={}", ["m", "n", "o"][cpus as usize % 3])
    });
    let ask = (
        select(&GPUS[..]),
        0u32..12,
        select(&["", "for=1h", "for=2h"][..]),
        (0i64..3, 0u32..3),
        select(&["", "limits=m", "limits=m,n", "group=1", "group=2"][..]),
    );
    let ask = ask.prop_map(|(gpus, cpus, limit, (prio, path), other)| {
        format!("{gpus} cpus={cpus} {limit} prio={prio} path={path}h wants=m {other}")
    });
    (vec(host, 1..6), vec(ask, 0..40)).prop_map(|(hosts, asks)| {
        let number = |prefix: &str, texts: Vec<String>| {
            texts.into_iter().enumerate().map(|(at, text)| format!("{prefix}{at} {text} ")).collect()
        };
        let asks: Vec<String> = number("", asks);
        let asks = asks.into_iter().enumerate().map(|(at, ask)| format!("{ask} age={at}")).collect();
        (number("h", hosts), asks)
    })
}

fn scene<'a>(hosts: impl IntoIterator<Item = &'a String>, asks: impl IntoIterator<Item = &'a String>) -> Scene {
    let asks: Vec<&String> = asks.into_iter().collect();
    let mut scene = hosts.into_iter().fold(Scene::new().limit("n", 2), |scene, host| scene.host(host));
    for group in ["1", "2"] {
        let of_group = asks.iter().filter(|ask| ask.contains(&format!("group={group}")));
        let mut members: Vec<&str> = of_group.map(|ask| ask.split_once(' ').unwrap().1).collect();
        members.sort_unstable();
        scene = scene.group(&format!("{group}:{}", members.join(";")));
    }
    asks.into_iter().fold(scene, |scene, ask| scene.ask(ask))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_hosts_join_and_asks_arrive_does_not_matter((hosts, asks) in scenes()) {
        let one = scene(&hosts, &asks).turn();
        let other = scene(hosts.iter().rev(), asks.iter().rev()).turn();
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_second_turn_finds_nothing_more_to_do((hosts, asks) in scenes()) {
        let mut scene = scene(&hosts, &asks);
        scene.turn();
        prop_assert_eq!(scene.turn(), "");
    }

    /// The reasons are read off the hosts one by one, so this also says that a turn places whatever can be placed.
    #[test]
    fn whoever_waits_has_a_reason_on_every_host((hosts, asks) in scenes()) {
        let mut scene = scene(&hosts, &asks);
        scene.turn();
        for node in 0..asks.len() as u64 {
            let reasons = scene.explain(node);
            prop_assert_eq!(reasons.is_empty(), scene.queue.get(NodeIx(node)).is_none());
            let everywhere = reasons.iter().any(|reason| {
                matches!(reason, Waits::Limit { .. } | Waits::LimitKept { .. } | Waits::GroupAt { .. })
            });
            for host in scene.fleet.hosts().map(|(id, _)| id.as_str()).filter(|_| !reasons.is_empty() && !everywhere) {
                let of_host = |reason: &Waits| reason.to_string().starts_with(&format!("{host}: "));
                prop_assert!(reasons.iter().any(of_host), "{} has none on {}: {:?}", node, host, reasons);
            }
        }
    }

    #[test]
    fn what_is_refused_never_runs_and_what_is_not_does_on_an_empty_fleet((hosts, asks) in scenes()) {
        for ask in &asks {
            let mut scene = scene(&hosts, [ask]);
            let refused = refuse(&scene.queue.shapes().next().unwrap().clone(), &scene.fleet);
            prop_assert_eq!(refused.is_err(), scene.turn().is_empty(), "{}: {:?}", ask, refused);
            if let Err(misfit) = refused {
                prop_assert!(misfit.nearest.is_some_and(|nearest| !nearest.lacks.is_empty()));
            }
        }
    }
}
