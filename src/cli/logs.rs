//! `god-flow logs`: what the work of a node has written.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use super::{
    Exit,
    follow::Followed,
    out::Out,
    setup::{Kind, Setup},
    stored::{Told, Where},
};
use crate::{
    backend::{self, AttemptId},
    run::Status,
    view::Went,
    workflow::Does,
};

/// How often it is looked for more.
const POLL: Duration = Duration::from_millis(300);
/// Bytes that are read at once.
const PART: u64 = 64 << 10;
/// Bytes of a line that are one object.
const LINE_MAX: usize = 1 << 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The node, such as `rounds#2/match[pair-03]/train`.
    node: String,
    /// Goes on until the attempt is over, or no process drives the run any more.
    #[arg(short, long)]
    follow: bool,
    /// Which attempt; the last one where it is left out.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    attempt: Option<u32>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match print(args, out) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn print(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let stored = args.place.open(out)?;
    let mut told = stored.told(&args.run, out)?;
    let (path, attempt) = path(&told, args, out)?;
    let run = told.header.clone();
    let mut followed = Followed::new(&*stored.store, &run);
    let mut lines = Lines { node: &args.node, attempt, begun: Vec::new() };
    let mut from = 0;
    loop {
        // What is written before it is known to be over is read after that is known.
        if args.follow && stored.has_more(&told, out)? {
            told = stored.told(&run.id.to_string(), out)?;
        }
        let over = !args.follow || is_over(&told, args);
        let left = !over && followed.is_left(out)?;
        let is_silent = may_lack(&told, args, attempt, &path);
        loop {
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|mut file| {
                file.seek(SeekFrom::Start(from))?;
                file.take(PART).read_to_end(&mut bytes)
            });
            match read {
                Ok(0) => break,
                Ok(count) => from += count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && (args.follow && !over || is_silent) => {
                    break;
                }
                Err(error) => return Err(out.failure(&format!("cannot read {}: {error}", path.display()))),
            }
            let bytes = if out.json { lines.of(&bytes) } else { bytes };
            if !out.strange(&bytes)? {
                return Ok(Exit::Fine);
            }
        }
        if over || left {
            // The last line need not have an end.
            out.strange(&lines.rest())?;
        }
        if over {
            return Ok(Exit::Fine);
        }
        if left {
            return Ok(followed.end(args.place.store.as_deref(), out));
        }
        std::thread::sleep(POLL);
    }
}

/// What is written, as JSON: an object for each line.
struct Lines<'a> {
    node: &'a str,
    attempt: u32,
    /// A line that has not ended.
    begun: Vec<u8>,
}

impl Lines<'_> {
    /// The lines that are whole with these bytes.
    fn of(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.begun.extend(bytes);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else {
            // Where no line ever ends, there are pieces.
            return if self.begun.len() > LINE_MAX { self.rest() } else { Vec::new() };
        };
        let rest = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, rest);
        whole[..end].split(|byte| *byte == b'\n').flat_map(|line| self.object(line)).collect()
    }

    fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.begun);
        if rest.is_empty() { rest } else { self.object(&rest) }
    }

    /// Bytes that are no text are shown as such, for JSON has none.
    fn object(&self, line: &[u8]) -> Vec<u8> {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        format!("{}\n", json!({ "node": self.node, "attempt": self.attempt, "line": line })).into_bytes()
    }
}

/// Where the log of the attempt that is meant is, and the attempt's number.
fn path(told: &Told, args: &Args, out: &Out) -> Result<(PathBuf, u32), Exit> {
    let name = &told.header.name;
    let Some(node) = told.world.run.find(&args.node) else { return Err(told.no_node(&args.node, out)) };
    if !told.world.run.is_work(node) {
        return Err(out.wrong(&format!("`{}` does no work outside, so there is no log of it", args.node)));
    }
    if matches!(&told.world.run.plan.step(node).does, Does::Action { action, .. } if action.is_of_ledger()) {
        let what = "is done in the ledger, which writes no logs";
        return Err(out.wrong(&format!("`{}` {what}; `god-flow ledger list --run {name}` lists what moved", args.node)));
    }
    let tries: Vec<u32> = told.history.tries.iter().filter(|it| *it.node == *args.node).map(|it| it.attempt).collect();
    let number = match args.attempt {
        Some(number) if tries.contains(&number) => number,
        Some(number) => return Err(out.wrong(&format!("there is no attempt {number} of `{}`", args.node))),
        None => match tries.last() {
            Some(last) => *last,
            None if told.history.reused.contains_key(args.node.as_str()) => {
                return Err(
                    out.wrong(&format!("`{}` did not run here: its result was kept from another run", args.node))
                );
            }
            None => return Err(out.wrong(&format!("no attempt of `{}` has begun", args.node))),
        },
    };
    let setup: Setup = serde_json::from_str(&told.header.setup)
        .map_err(|error| out.failure(&format!("how {name} was carried out cannot be read: {error}")))?;
    match setup.backend {
        Kind::Mock => Err(out.refused(&format!("{name} was played by the mock backend, which writes no logs"))),
        Kind::Process | Kind::Docker => {
            let id = AttemptId { run: told.header.id, node: args.node.as_str().into(), number };
            Ok((backend::log_path(&setup.folder, &id), number))
        }
    }
}

/// Whether there need not be a log: the attempt has not begun, or what went well without a word has left its log to another.
fn may_lack(told: &Told, args: &Args, number: u32, log: &Path) -> bool {
    let mut tries = told.history.tries.iter().filter(|it| *it.node == *args.node && it.attempt == number);
    let went = tries.next_back().map(|it| it.went);
    matches!(went, Some(Went::Ordered | Went::Withdrawn | Went::Succeeded)) && log.parent().is_some_and(Path::is_dir)
}

/// Whether nothing more will be written.
fn is_over(told: &Told, args: &Args) -> bool {
    let run = &told.world.run;
    let current = run.find(&args.node).filter(|node| matches!(run.status(*node), Status::Ordered | Status::Running));
    let current = current.and_then(|node| run.attempts.get(&node)).map(|attempt| attempt.number);
    match (current, args.attempt) {
        (None, _) => true,
        (Some(current), Some(asked)) => current != asked,
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_object_wherever_it_is_cut() {
        let written = b"one \"two\"\r\n\n\xff\nlast";
        for part in 1..=written.len() {
            let mut lines = Lines { node: "a", attempt: 2, begun: Vec::new() };
            let mut told: Vec<u8> = written.chunks(part).flat_map(|bytes| lines.of(bytes)).collect();
            told.extend(lines.rest());
            let told = String::from_utf8(told).unwrap();
            let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
            let lines: Vec<serde_json::Value> = told.lines().map(read).collect();
            assert!(lines.iter().all(|line| line["node"] == "a" && line["attempt"] == 2), "{told}");
            let said: Vec<&str> = lines.iter().filter_map(|line| line["line"].as_str()).collect();
            assert_eq!(said, ["one \"two\"", "", "\u{fffd}", "last"], "in parts of {part}");
        }
    }
}
