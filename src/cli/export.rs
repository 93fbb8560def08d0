//! `god-flow export`: a run as one file that needs nothing else, and how such a file is read.
//!
//! It is JSON lines: what is known of the run, the text of its workflow, and its records, each with the text of its body as
//! it was hashed. Whoever has the file can check the run with `god-flow verify FILE`.

use std::{fs::File, io::BufRead, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Exit, carry, out::Out, stored::Where};
use crate::{
    driver,
    run::{Digest, Record, RunId},
};

/// Bytes of one line of an export: an event, or a workflow with its parts.
const LINE_BYTES_MAX: u64 = 64 << 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The file to write; left out, it goes to stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// The version of the form.
    god_flow_run: u32,
    pub(super) id: RunId,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) workflow: Digest,
    pub(super) simulated: bool,
    pub(super) created_at: Timestamp,
    /// How many there are in the file.
    events: usize,
}

#[derive(Serialize, Deserialize)]
struct Source {
    workflow: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    seq: u64,
    at: Timestamp,
    kind: String,
    body: String,
    hash: Digest,
}

/// A run as an export tells it.
pub(super) struct Exported {
    pub(super) head: Head,
    pub(super) source: String,
    pub(super) records: Vec<Record>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match write(args, out) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn write(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let stored = args.place.open(out)?;
    let header = stored.find(&args.run, out)?;
    let told = |error: driver::Error| out.failure(&driver::full(&error));
    let source = carry::block_on(stored.store.workflow(header.workflow)).map_err(|error| told(error.into()))?;
    let records = carry::block_on(driver::records(&*stored.store, header.id)).map_err(told)?;
    let head = Head {
        god_flow_run: 1,
        id: header.id,
        name: header.name.clone(),
        title: header.title,
        workflow: header.workflow,
        simulated: header.simulated,
        created_at: header.created_at,
        events: records.len(),
    };
    let mut text = String::new();
    push(&mut text, &head);
    push(&mut text, &Source { workflow: source.to_string() });
    for record in &records {
        let (kind, body) = (record.kind.to_string(), record.body.to_string());
        push(&mut text, &Line { seq: record.seq, at: record.at, kind, body, hash: record.hash });
    }
    let Some(path) = &args.output else { return Ok(out.data(&text)) };
    std::fs::write(path, text).map_err(|error| out.failure(&format!("cannot write {}: {error}", path.display())))?;
    out.say(&format!("wrote {} with {} events of {}\n", path.display(), records.len(), header.name));
    Ok(Exit::Fine)
}

fn push(text: &mut String, line: &impl Serialize) {
    text.push_str(&serde_json::to_string(line).expect("a line has text keys and finite numbers"));
    text.push('\n');
}

/// Reads an export. What it says is not believed: `verify` checks it.
pub(super) fn read(path: &str) -> Result<Exported, String> {
    let file = File::open(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let mut file = std::io::BufReader::new(file);
    let mut number = 0;
    let mut next = || -> Result<Option<String>, String> {
        let mut line = String::new();
        number += 1;
        let mut limited = std::io::Read::take(&mut file, LINE_BYTES_MAX);
        let bytes = limited.read_line(&mut line).map_err(|error| format!("{path}, line {number}: {error}"))?;
        Ok((bytes > 0).then_some(line))
    };
    let cut = || format!("{path} is no export of a run: it is cut short");
    let head: Head = parse(path, 1, &next()?.ok_or_else(cut)?)?;
    if head.god_flow_run != 1 {
        return Err(format!("{path}: expected an export in form 1, found form {}", head.god_flow_run));
    }
    let source: Source = parse(path, 2, &next()?.ok_or_else(cut)?)?;
    let mut records = Vec::new();
    while let Some(line) = next()? {
        let Line { seq, at, kind, body, hash } = parse(path, records.len() + 3, &line)?;
        records.push(Record { seq, at, kind: kind.into(), body: body.into(), hash });
    }
    if records.len() != head.events {
        return Err(format!("{path}: its first line says {} events, and there are {}", head.events, records.len()));
    }
    Ok(Exported { head, source: source.workflow, records })
}

fn parse<'a, T: Deserialize<'a>>(path: &str, number: usize, line: &'a str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| format!("{path} is no export of a run: line {number}: {error}"))
}
