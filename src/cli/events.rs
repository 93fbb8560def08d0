//! `god-flow events`: a run's events as JSON lines, for programs and for whoever looks closely.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Exit, carry, follow::Followed, out::Out, stored::Where};
use crate::{driver, run::Record, store::PAGE_RECORDS};

/// How often the store is asked for more.
const POLL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// Goes on until the run is over, or no process drives it any more.
    #[arg(short, long)]
    follow: bool,
    /// The first event that is told.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    from: u64,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    follow(args, out).unwrap_or_else(|exit| exit)
}

fn follow(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let stored = args.place.open(out)?;
    let run = stored.find(&args.run, out)?;
    let mut followed = Followed::new(&*stored.store, &run);
    let mut from = args.from;
    loop {
        // What was stored before nobody drove it any more is read after that is known.
        let left = args.follow && followed.is_left(out)?;
        let page = carry::block_on(stored.store.page(run.id, from, PAGE_RECORDS));
        let page = page.map_err(|error| out.failure(&driver::full(&error)))?;
        let mut text = String::new();
        for record in &page {
            text.push_str(&line(record));
            text.push('\n');
        }
        if !text.is_empty() && !out.stream(&text)? {
            return Ok(Exit::Fine);
        }
        from += page.len() as u64;
        let over = page.last().is_some_and(|record| &*record.kind == "finished");
        if over || page.len() < PAGE_RECORDS && !args.follow {
            return Ok(Exit::Fine);
        }
        if page.len() < PAGE_RECORDS {
            if left {
                return Ok(followed.end(args.place.store.as_deref(), out));
            }
            std::thread::sleep(POLL);
        }
    }
}

/// One event on one line; with the moment and the number of its record.
pub(super) fn line(record: &Record) -> String {
    let body: Value = serde_json::from_str(&record.body).unwrap_or_else(|_| record.body.to_string().into());
    json!({ "seq": record.seq, "at": record.at, "event": body }).to_string()
}
