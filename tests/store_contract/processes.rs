//! Drivers in processes of their own, that are killed and put to sleep.
//!
//! Such a process is this very test program, told by its environment to be a driver instead of a test.

use std::{process::Stdio, time::Duration};

use god_flow::{
    run::record::{Chain, RunId, verify},
    store::{self, Error, Fence, Store},
};
use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep},
};

use crate::{all, lease, new_run, place::Place, records};

const ADDRESS: &str = "GOD_FLOW_CONTRACT_ADDRESS";
const RUN: &str = "GOD_FLOW_CONTRACT_RUN";
const TTL: Duration = Duration::from_secs(1);
const FOLLOWED_WITHIN: Duration = Duration::from_secs(5);

/// A driver in a process of its own. It appends three records for each line that it is sent, and says so.
struct Driver {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Driver {
    fn start(place: &Place, run: Option<RunId>) -> Self {
        // Of all tests any would do: whichever it is finds itself to be a driver.
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "processes::a_driver_does_what_it_is_told", "--nocapture"]);
        command.env(ADDRESS, place.address()).env(RUN, run.map_or(String::new(), |run| run.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, answers }
    }
    async fn order(&mut self, times: usize) {
        self.orders.write_all("go\n".repeat(times).as_bytes()).await.unwrap();
    }
    /// Its next answer; none when it has ended.
    async fn answer(&mut self) -> Option<String> {
        while let Some(line) = self.answers.next_line().await.unwrap() {
            if let Some((_, answer)) = line.split_once("driver: ") {
                return Some(answer.into());
            }
        }
        None
    }
    /// Stops it as the user's or the machine's going to sleep does, and wakes it.
    async fn signal(&self, signal: &str) {
        let command = format!("kill -{signal} {}", self.process.id().unwrap());
        assert!(Command::new("sh").args(["-c", &command]).status().await.unwrap().success());
    }
}

/// This is also the life of a driver, where the environment says so.
#[tokio::test]
async fn a_driver_does_what_it_is_told() {
    if let (Ok(address), Ok(run)) = (std::env::var(ADDRESS), std::env::var(RUN)) {
        return drive(&address, &run).await;
    }
    let place = Place::sqlite();
    let mut driver = Driver::start(&place, None);
    driver.answer().await.unwrap().parse::<RunId>().unwrap();
    driver.order(2).await;
    assert_eq!(driver.answer().await.as_deref(), Some("4"));
    assert_eq!(driver.answer().await.as_deref(), Some("7"));
    drop(driver.orders);
    assert!(driver.process.wait().await.unwrap().success());
}

async fn drive(address: &str, run: &str) {
    let say =
        |answer: &str| std::io::Write::write_all(&mut std::io::stdout(), format!("driver: {answer}\n").as_bytes());
    let store = store::open(address).await.unwrap();
    let (run, mut chain) = match run.parse::<RunId>() {
        Ok(run) => (run, Chain::after(all(&*store, run).await.last().unwrap())),
        Err(_) => {
            let (run, chain) = new_run(&*store).await;
            (run.id, chain)
        }
    };
    let fence = store.lease(run, "first", TTL, Timestamp::now()).await.unwrap();
    say(&run.to_string()).unwrap();
    for _order in std::io::stdin().lines() {
        match store.append(&fence, &records(&mut chain, 3)).await {
            Ok(()) => say(&chain.next().to_string()).unwrap(),
            Err(Error::Fenced { .. }) => say("fenced").unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn follow(store: &dyn Store, run: RunId) -> Fence {
    let started = Instant::now();
    loop {
        match lease(store, run, "second").await {
            Ok(fence) => return fence,
            Err(Error::Held { by, until, .. }) => {
                assert_eq!(by, "first");
                sleep(Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default()).await;
            }
            Err(error) => panic!("{error:?}"),
        }
        assert!(started.elapsed() < FOLLOWED_WITHIN, "not followed after {:?}", started.elapsed());
    }
}

pub(crate) async fn a_killed_driver_is_followed_within_seconds(place: &Place) {
    for answers_before in [1, 40] {
        let store = place.store().await;
        let (run, _) = new_run(&*store).await;
        let mut driver = Driver::start(place, Some(run.id));
        assert_eq!(driver.answer().await, Some(run.id.to_string()));
        driver.order(400).await;
        for _ in 0..answers_before {
            driver.answer().await.unwrap();
        }
        driver.process.kill().await.unwrap();
        let killed = Instant::now();
        let mut answered: u64 = 1;
        while let Some(answer) = driver.answer().await {
            answered = answer.parse().unwrap();
        }
        let fence = follow(&*store, run.id).await;
        assert!(killed.elapsed() < FOLLOWED_WITHIN, "followed after {:?}", killed.elapsed());

        let log = all(&*store, run.id).await;
        verify(run.id, &log).unwrap();
        assert!(log.len() as u64 >= answered, "{} records of {answered} that were said to be kept", log.len());
        assert_eq!(log.len() % 3, 1, "part of an append was kept");
        let mut chain = Chain::after(log.last().unwrap());
        store.append(&fence, &records(&mut chain, 2)).await.unwrap();
    }
}

pub(crate) async fn a_driver_that_slept_is_fenced_off(place: &Place) {
    let store = place.store().await;
    let (run, _) = new_run(&*store).await;
    let mut driver = Driver::start(place, Some(run.id));
    assert_eq!(driver.answer().await, Some(run.id.to_string()));
    driver.order(1).await;
    assert_eq!(driver.answer().await.as_deref(), Some("4"));
    driver.signal("STOP").await;
    let fence = follow(&*store, run.id).await;
    let mut chain = Chain::after(all(&*store, run.id).await.last().unwrap());
    store.append(&fence, &records(&mut chain, 1)).await.unwrap();
    driver.signal("CONT").await;
    driver.order(1).await;
    assert_eq!(driver.answer().await.as_deref(), Some("fenced"));
    store.append(&fence, &records(&mut chain, 1)).await.unwrap();
    let log = all(&*store, run.id).await;
    verify(run.id, &log).unwrap();
    assert_eq!(log.len(), 6);
}

pub(crate) async fn many_processes_make_one_store(place: &Place) {
    let mut drivers: Vec<Driver> = (0..6).map(|_| Driver::start(place, None)).collect();
    let mut runs = Vec::new();
    for driver in &mut drivers {
        runs.push(driver.answer().await.expect("it opened the store").parse::<RunId>().unwrap());
        driver.order(20).await;
    }
    for driver in &mut drivers {
        for count in 1..=20 {
            assert_eq!(driver.answer().await, Some((1 + 3 * count).to_string()));
        }
    }
    let store = place.store().await;
    assert_eq!(store.list(10).await.unwrap().len(), runs.len());
    for run in runs {
        verify(run, &all(&*store, run).await).unwrap();
    }
}
