//! What durable costs: appending in groups, and reading a long run back.
//!
//! `cargo bench --bench store`; with `GOD_FLOW_TEST_POSTGRES` set to the address of a PostgreSQL, that one too. Figures
//! depend on the disk, for every append waits until it is flushed: SQLite's file is made under `TMPDIR`.

use std::{
    io::Write,
    sync::{Arc, LazyLock, Mutex},
};

use divan::{Bencher, counter::ItemsCount};
use god_flow::{
    run::record::{Chain, Digest, Record, RunId},
    store::{self, Fence, LEASE_TTL, MemoryStore, Pages, RunHeader, Store},
};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use uuid::Uuid;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("the runtime starts"));

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::var_os("GOD_FLOW_TEST_POSTGRES").is_none() {
        let told = "left out: PostgreSQL, for `GOD_FLOW_TEST_POSTGRES` is not set; see scripts/services\n";
        std::io::stderr().write_all(told.as_bytes()).expect("stderr can be written");
    }
    divan::main();
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Memory, Kind::Sqlite];
    kinds.extend(std::env::var_os("GOD_FLOW_TEST_POSTGRES").map(|_| Kind::Postgres));
    kinds
}

struct Open {
    store: Arc<dyn Store>,
    run: RunId,
    fence: Fence,
    chain: Mutex<Chain>,
    _folder: tempfile::TempDir,
}

fn open(kind: Kind) -> Open {
    let folder = tempfile::tempdir().expect("a folder can be made");
    RUNTIME.block_on(async {
        let store: Arc<dyn Store> = match kind {
            Kind::Memory => Arc::new(MemoryStore::new()),
            Kind::Sqlite => {
                store::open(&format!("sqlite:{}", folder.path().join("runs.db").display())).await.expect("opens")
            }
            Kind::Postgres => {
                store::open(&std::env::var("GOD_FLOW_TEST_POSTGRES").expect("is set")).await.expect("opens")
            }
        };
        let workflow: Digest = store.put_workflow("god_flow: 1\n").await.expect("is kept");
        let (run, now) = (RunId::from(Uuid::now_v7()), Timestamp::now());
        let header = RunHeader {
            id: run,
            name: "bench".into(),
            workflow,
            title: "bench".into(),
            simulated: true,
            created_at: now,
            state: "running".into(),
            ended_at: None,
            setup: String::new(),
        };
        store.create(&header, &[]).await.expect("is created");
        let fence = store.lease(run, "bench", LEASE_TTL, now).await.expect("is free");
        Open { store, run, fence, chain: Mutex::new(Chain::start(run)), _folder: folder }
    })
}

/// Bodies as long as those of a node that starts: about 180 bytes.
fn batch(chain: &Mutex<Chain>, size: usize) -> Vec<Record> {
    let mut chain = chain.lock().expect("no bench panics");
    let now = Timestamp::UNIX_EPOCH;
    let body = |seq: u64| {
        format!(
            r#"{{"node":"rounds#2/match[pair-{seq:05}]/entry[5FHneW46xGXgs5mUiveU4sbTyGBzmst]/train","attempt":1,"on":{{"host":"gpu-{}","gpus":[0,1,2,3]}},"size":"4xH100"}}"#,
            seq % 17
        )
    };
    (0..size)
        .map(|_| {
            let seq = chain.next();
            chain.record(now, "attempt_started", body(seq))
        })
        .collect()
}

/// Making the records: what of an append is not the store's.
#[divan::bench(args = [1, 1000])]
fn chain(bencher: Bencher<'_, '_>, size: usize) {
    let chain = Mutex::new(Chain::start(RunId::from(Uuid::nil())));
    bencher.counter(ItemsCount::new(size)).bench_local(|| batch(&chain, size));
}

#[divan::bench(args = kinds(), consts = [1, 10, 100, 1000], max_time = 4, sample_size = 1)]
fn append<const SIZE: usize>(bencher: Bencher<'_, '_>, kind: Kind) {
    let open = open(kind);
    bencher.counter(ItemsCount::new(SIZE)).with_inputs(|| batch(&open.chain, SIZE)).bench_local_values(|records| {
        RUNTIME.block_on(open.store.append(&open.fence, &records)).expect("is appended");
    });
}

/// As a run with 100,000 nodes is read back.
#[divan::bench(args = kinds(), sample_count = 5, sample_size = 1)]
fn read_300_000(bencher: Bencher<'_, '_>, kind: Kind) {
    const COUNT: usize = 300_000;
    let open = open(kind);
    for _ in 0..COUNT / 1000 {
        let records = batch(&open.chain, 1000);
        RUNTIME.block_on(open.store.append(&open.fence, &records)).expect("is appended");
    }
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        let read = RUNTIME.block_on(async {
            let (mut pages, mut read) = (Pages::of(&*open.store, open.run, 0), 0);
            while let Some(page) = pages.next().await.expect("is read") {
                read += page.len();
            }
            read
        });
        assert_eq!(read, COUNT);
    });
}
