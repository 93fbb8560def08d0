//! The built program is killed at random moments, again and again, and its runs come to the same end: no step that was done
//! is done again, and no effect is there twice; nobody is charged twice, and nothing is given back twice.
//!
//! `CRASH_RUNS` says how many times it is killed on each store, 20 where it is not set; `CRASH_SEED` repeats a series.
//! PostgreSQL is tried where `GOD_FLOW_TEST_POSTGRES` holds the address of one.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use god_flow::{
    base::{Coldkey, Rao, Seed, ss58},
    run::{Event, Record, read, record},
    store::{
        self, Found, Pages,
        ledger::{Asked, Kind, Transfer, What},
    },
};
use jiff::Timestamp;

/// Runs that are killed side by side: after each death the next process waits until the lease of the dead one is over.
const SIDE_BY_SIDE: usize = 8;
/// A series that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Three layers of eight, each with an effect that can be counted; and eight steps that charge three entrants each, of which
/// one is given back.
const WORKFLOW: &str = r#"
god_flow: 1
workflow: effects
inputs: { file: { type: text }, account: { type: text } }
rules: { names: [a, b, c, d, e, f, g, h] }
steps:
  first:
    for_each: { name: "${rules.names}", key: "${name}" }
    process:
      shell: 'sleep 0.03; echo "$GOD_FLOW_NODE" >> "$FILE"; echo "{ \"said\": \"$NAME\" }" > "$GOD_FLOW_OUTPUTS"'
      env: { FILE: "${inputs.file}", NAME: "${name}" }
      outputs: { said: text }
  second:
    for_each: { one: "${first}", key: "${one.said}" }
    process:
      shell: 'sleep 0.03; echo "$GOD_FLOW_NODE" >> "$FILE"; echo "{ \"said\": \"$SAID+\" }" > "$GOD_FLOW_OUTPUTS"'
      env: { FILE: "${inputs.file}", SAID: "${one.said}" }
      outputs: { said: text }
  third:
    needs: [second]
    for_each: { name: "${rules.names}", key: "${name}" }
    process: { shell: 'sleep 0.03; echo "$GOD_FLOW_NODE" >> "$FILE"', env: { FILE: "${inputs.file}" } }
  paying:
    for_each: { one: "${first}", key: "${one.said}" }
    charge:
      fees: "${['x', 'y', 'z'].map(who, {'hotkey': who, 'coldkey': inputs.account, 'amount': tao('1 RAO')})}"
  back:
    for_each: { paid: "${paying}", key: "${paid.receipt.split('[')[1].split(']')[0]}" }
    refund:
      receipt: "${paid.receipt}"
      fees: "${paid.charged.filter(fee, fee.hotkey == 'y')}"
gives:
  said: "${second.map(one, one.said).join(' ')}"
"#;

#[test]
fn killed_at_any_moment_on_sqlite() {
    series("sqlite", |folder| folder.join("runs.db").display().to_string());
}

#[test]
fn killed_at_any_moment_on_postgres() {
    match std::env::var("GOD_FLOW_TEST_POSTGRES") {
        Ok(address) => series("postgres", move |_| address.clone()),
        Err(_) => {
            let told = "left out: PostgreSQL, for `GOD_FLOW_TEST_POSTGRES` is not set; see scripts/services\n";
            std::io::stderr().write_all(told.as_bytes()).unwrap();
        }
    }
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

/// Kills and resumes runs until the program was killed often enough, each run to its end.
fn series(name: &str, address: impl Fn(&Path) -> String + Send + Sync + 'static) {
    let wanted = number("CRASH_RUNS", 20);
    let seed = number("CRASH_SEED", std::process::id() as usize) as u64;
    let told = format!("{name}: CRASH_SEED={seed}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    let kills = Arc::new(AtomicUsize::new(0));
    let address = Arc::new(address);
    let threads: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|worker| {
            let (kills, address) = (kills.clone(), address.clone());
            thread::spawn(move || {
                let mut run = 0;
                while kills.load(Ordering::Relaxed) < wanted {
                    one(Seed(seed), &format!("{worker}.{run}"), &*address, wanted, &kills);
                    run += 1;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(kills.load(Ordering::Relaxed) >= wanted);
}

/// One run from its beginning to its end, killed whenever it has got a little further.
fn one(seed: Seed, name: &str, address: &dyn Fn(&Path) -> String, wanted: usize, kills: &AtomicUsize) {
    let folder = tempfile::tempdir().unwrap();
    let call = Call::new(folder.path(), address(folder.path()));
    let mut stream = seed.stream(name);
    let began = Instant::now();
    let mut process = call.run();
    loop {
        assert!(began.elapsed() < PATIENCE, "run {name} hangs, seed {}", seed.0);
        if kills.load(Ordering::Relaxed) < wanted && call.goes_on(&mut process) {
            thread::sleep(Duration::from_millis(stream.below(150)));
            if process.try_wait().unwrap().is_none() {
                process.kill().unwrap();
                process.wait().unwrap();
                kills.fetch_add(1, Ordering::Relaxed);
                process = call.resume();
                continue;
            }
        }
        let output = process.wait_with_output().unwrap();
        return call.check(&output, name, seed);
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

struct Call {
    folder: PathBuf,
    address: String,
    name: String,
    /// Whose money it is: of this run alone.
    account: Coldkey,
}

/// RAO that there are at first, and that are charged and given back in a run.
const MONEY: [u64; 3] = [100, 24, 8];

impl Call {
    fn new(folder: &Path, address: String) -> Self {
        std::fs::write(folder.join("effects.yaml"), WORKFLOW).unwrap();
        let file = folder.join("effects").display().to_string();
        let id = uuid::Uuid::now_v7();
        let account = Coldkey::parse(&ss58::address(&[*id.as_bytes(); 2].concat().try_into().unwrap())).unwrap();
        let inputs = format!("{{ \"file\": {file:?}, \"account\": \"{account}\" }}");
        std::fs::write(folder.join("inputs.json"), inputs).unwrap();
        std::fs::write(folder.join("effects"), "").unwrap();
        let call = Self { folder: folder.to_owned(), address, name: format!("crash-{id}"), account };
        let what = What::Credit { key: &call.name, account: &call.account };
        let asked = Asked { what, amount: Rao(MONEY[0]), who: "test", why: "a test", at: Timestamp::now() };
        let credited = wait_for(async {
            let store = store::open(&call.address).await.unwrap();
            store.ledger().transfer(&asked).await.unwrap()
        });
        assert!(matches!(credited, Transfer::Made(_)), "{credited:?}");
        call
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command
            .current_dir(&self.folder)
            .env("GOD_FLOW_STORE", &self.address)
            .env("GOD_FLOW_ALLOW_PROCESS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self) -> Child {
        let inputs = ["--inputs", "inputs.json", "--jobs", "4", "--name", &self.name];
        let child = self.program().args(["run", "effects.yaml"]).args(inputs).spawn().unwrap();
        // Before the run is stored there is nothing that could be resumed.
        let began = Instant::now();
        while !self.is_stored() {
            assert!(began.elapsed() < PATIENCE, "the run is never stored");
            thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn resume(&self) -> Child {
        self.program().args(["resume", &self.name]).spawn().unwrap()
    }

    fn records(&self) -> Option<(god_flow::run::RunId, Vec<Record>)> {
        wait_for(async {
            let store = store::open(&self.address).await.ok()?;
            let Ok(Found::One(run)) = store.find(&self.name).await else { return None };
            let mut pages = Pages::of(&*store, run.id, 0);
            let mut records = Vec::new();
            while let Some(page) = pages.next().await.ok()? {
                records.extend(page);
            }
            Some((run.id, records))
        })
    }

    fn is_stored(&self) -> bool {
        self.records().is_some()
    }

    fn effects(&self) -> String {
        std::fs::read_to_string(self.folder.join("effects")).unwrap()
    }

    /// Waits until the process has done something, for as long as it lives.
    fn goes_on(&self, process: &mut Child) -> bool {
        let before = self.effects().len();
        while process.try_wait().unwrap().is_none() {
            if self.effects().len() > before {
                return true;
            }
            thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// The run has come to its one end, and everything was done once.
    fn check(&self, output: &Output, name: &str, seed: Seed) {
        let told = format!("run {name}, seed {}: {}", seed.0, String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{told}");
        let letters = "abcdefgh".chars();
        let said: Vec<String> = letters.clone().map(|letter| format!("{letter}+")).collect();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("said: {}\n", said.join(" ")), "{told}");

        let mut expected: Vec<String> = ["first", "second", "third"]
            .iter()
            .flat_map(|step| letters.clone().map(move |letter| format!("{step}[{letter}]")))
            .collect();
        expected.sort();
        let effects = self.effects();
        let mut done: Vec<&str> = effects.lines().collect();
        done.sort_unstable();
        assert_eq!(done, expected, "effects; {told}");

        self.check_money(&told);
        for step in ["paying", "back"] {
            expected.extend(letters.clone().map(|letter| format!("{step}[{letter}]")));
        }
        expected.sort();
        let (id, records) = self.records().unwrap();
        assert_eq!(record::verify(id, &records), Ok(()), "{told}");
        let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
        for record in &records {
            if let Event::AttemptStarted { node, .. } = read(record).unwrap() {
                *attempts.entry(node.to_string()).or_default() += 1;
            }
        }
        assert_eq!(
            attempts.into_iter().collect::<Vec<_>>(),
            expected.into_iter().map(|node| (node, 1)).collect::<Vec<_>>()
        );
    }

    /// Everybody has paid once, and got back once what is given back.
    fn check_money(&self, told: &str) {
        let [credited, charged, refunded] = MONEY;
        let (sums, movements) = wait_for(async {
            let store = store::open(&self.address).await.unwrap();
            let sums = store.ledger().balances(Some(&[self.account.to_string()])).await.unwrap().remove(0);
            (sums, store.ledger().movements(Some(self.account.as_str()), None, usize::MAX).await.unwrap())
        });
        let of = |kind: Kind| movements.iter().filter(move |it| it.kind == kind).map(|it| it.key.as_str());
        assert_eq!((sums.charged, sums.refunded), (Rao(charged), Rao(refunded)), "{told}");
        assert_eq!(sums.balance, Rao(credited - charged + refunded), "{told}");
        assert_eq!(of(Kind::Charge).collect::<BTreeSet<_>>().len() as u64, charged, "{told}");
        assert!(of(Kind::Refund).all(|key| key.ends_with("]/y")), "{told}");
    }
}
