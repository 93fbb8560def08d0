//! What it costs to read and check a workflow. `cargo bench --bench check`.

use divan::{Bencher, counter::ItemsCount};
use god_flow::{
    document::{self, Reader, types::is_modifier},
    workflow,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Schemas and the catalogue are made once in a process; they are measured with the process, by scripts/bench-plan.
    checked("hello.yaml", &Files("workflows"));
    divan::main();
}

/// The files below a folder, and long workflows made of one that repeats.
struct Files(&'static str);

impl Reader for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        let path = format!("{}/{}/{path}", env!("CARGO_MANIFEST_DIR"), self.0);
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

/// A text that is already there.
struct Ready(String);

impl Reader for Ready {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

fn checked(path: &str, reader: &dyn Reader) {
    let (loaded, _, mistakes) = document::load(path, reader, &is_modifier);
    assert_eq!(mistakes, []);
    workflow::check(&loaded.expect("it can be read").tree).expect("it has no mistakes");
}

/// A workflow of so many lines: every second piece of the text between `%%` is repeated, with a number in it.
fn long(shape: &str, lines: usize) -> String {
    let text = Files("benches/workflows").read(&format!("long-{shape}.txt")).expect("it is there");
    let pieces: Vec<&str> = text.split("%%\n").collect();
    let count = |from: usize| pieces.iter().skip(from).step_by(2).map(|piece| piece.lines().count()).sum::<usize>();
    let times = (lines - count(0)).div_ceil(count(1));
    let repeated = |piece: &str| (0..times).map(|n| piece.replace("NUMBER", &format!("{n:04}"))).collect::<String>();
    pieces.iter().enumerate().map(|(i, piece)| if i % 2 == 1 { repeated(piece) } else { (*piece).into() }).collect()
}

#[divan::bench]
fn text_tournament(bencher: Bencher<'_, '_>) {
    bencher.bench(|| checked("text.yaml", &Files("workflows")));
}

/// Lines that a step each, or a template each, is spread over.
#[divan::bench(args = [("steps", 1_000), ("steps", 10_000), ("templates", 1_000), ("templates", 10_000)])]
fn lines(bencher: Bencher<'_, '_>, (shape, lines): (&str, usize)) {
    let reader = Ready(long(shape, lines));
    bencher.counter(ItemsCount::new(lines)).bench(|| checked("long.yaml", &reader));
}
