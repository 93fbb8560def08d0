//! `god-flow clean`: removes what runs that are over have left on this host.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::{Exit, carry, out::Out, setup, stored::Where, table};
use crate::{
    backend::docker::{Kind, Leftover, Leftovers},
    driver,
    run::RunId,
    store::{self, Pages, RunHeader, Store},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Keeps what runs left that ended less than so many days ago, and images that were built since then.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(..=36_500), allow_negative_numbers = true)]
    keep_days: u32,
    /// Says what would be removed, and removes nothing.
    #[arg(long)]
    dry_run: bool,
    /// The Docker engine of this host; left out, the one of the settings or of `DOCKER_HOST`.
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let cleaned = args.place.open(out).and_then(|stored| carry::block_on(clean(args, stored.store, out)));
    cleaned.unwrap_or_else(|exit| exit)
}

async fn clean(args: &Args, store: Arc<dyn Store>, out: &Out) -> Result<Exit, Exit> {
    let failed = |error: store::Error| out.failure(&driver::full(&error));
    let folder = carry::folder(&carry::address(args.place.store.as_deref()));
    let engine = setup::engine(args.engine.as_deref());
    let leftovers = Leftovers::below(&folder);
    let unread = |error| out.failure(&format!("what trainings left in {} cannot be listed: {error}", folder.display()));
    let mut found = leftovers.of_host().map_err(unread)?;
    match leftovers.of_engine(engine).await {
        Ok(of_engine) => found.extend(of_engine),
        Err(why) if args.engine.is_some() => return Err(out.refused(&why)),
        Err(why) => out.say(&format!("no containers and images are looked at (--engine names their engine): {why}\n")),
    }
    let runs = store.list(usize::MAX).await.map_err(failed)?;
    let before = Timestamp::now() - (i64::from(args.keep_days) * 24).hours();
    let mut found = over(found, &runs, before);
    keep_needed(&*store, &runs, &mut found).await.map_err(failed)?;
    found.sort_by(|a, b| (a.kind, a.made, &a.name).cmp(&(b.kind, b.made, &b.name)));
    let mut wrong = Vec::new();
    let mut gone = Vec::new();
    for it in found {
        let removed = if args.dry_run { Ok(true) } else { leftovers.remove(&it, engine).await };
        match removed {
            Ok(true) => gone.push(it),
            Ok(false) => out.say(&format!("{} is in use, and stays\n", it.name)),
            Err(why) => wrong.push(format!("{} cannot be removed: {why}", it.name)),
        }
    }
    let told = told(args, &gone, &runs, out);
    Ok(if wrong.is_empty() { told } else { out.failure(&wrong.join("\n       ")) })
}

/// What belongs to runs of this store that ended before a moment, and images that were built before it.
fn over(found: Vec<Leftover>, runs: &[RunHeader], before: Timestamp) -> Vec<Leftover> {
    let ended: HashMap<RunId, Option<Timestamp>> = runs.iter().map(|run| (run.id, run.ended_at)).collect();
    let is_over = |it: &Leftover| match it.run {
        Some(run) => ended.get(&run).copied().flatten().is_some_and(|end| end <= before),
        None => it.kind == Kind::Image && it.made <= before,
    };
    found.into_iter().filter(is_over).collect()
}

/// Keeps what runs that are not over may need yet: the images that their records name, or those of the runs that they do
/// again, and what is left of the runs that these name, of which they may have kept results.
async fn keep_needed(store: &dyn Store, runs: &[RunHeader], found: &mut Vec<Leftover>) -> Result<(), store::Error> {
    let word = |it: &Leftover| it.run.map_or_else(|| it.id.clone(), |run| run.to_string());
    let mut free: HashSet<String> = found.iter().map(word).collect();
    let mut needed: Vec<RunId> = runs.iter().filter(|run| run.ended_at.is_none()).map(|run| run.id).collect();
    let mut at = 0;
    while let Some(run) = needed.get(at).copied() {
        let mut pages = Pages::of(store, run, 0);
        while let Some(records) = pages.next().await? {
            for record in records {
                free.retain(|word| !record.body.contains(word.as_str()));
                // A run says at its beginning which one it does again.
                if record.seq == 0 {
                    let named = runs.iter().map(|run| run.id).filter(|id| record.body.contains(&id.to_string()));
                    needed.extend(named.filter(|id| !needed.contains(id)).collect::<Vec<_>>());
                }
            }
        }
        at += 1;
    }
    found.retain(|it| free.contains(&word(it)));
    Ok(())
}

fn told(args: &Args, gone: &[Leftover], runs: &[RunHeader], out: &Out) -> Exit {
    if out.json {
        return out.json_data(&json!({ "dry_run": args.dry_run, "removed": gone }));
    }
    if gone.is_empty() {
        out.say("there is nothing to remove\n");
        return Exit::Fine;
    }
    let rows = gone.iter().map(|it| {
        let of = runs.iter().find(|run| Some(run.id) == it.run).map_or("-", |run| run.name.as_str());
        let kind = match it.kind {
            Kind::Container => "container",
            Kind::Network => "network",
            Kind::Image => "image",
            Kind::Output => "output",
        };
        let size = if it.bytes == 0 { "-".into() } else { table::rough(it.bytes) };
        vec![kind.into(), size, table::moment(it.made), of.into(), it.name.clone()]
    });
    let exit = out.data(&table::table(&["what", "size", "made", "run", "name"], rows));
    let (all, size) = (gone.len(), table::rough(gone.iter().map(|it| it.bytes).sum()));
    let would = if args.dry_run { "would be" } else { "are" };
    out.say(&format!("{all} {would} removed, of {size}\n"));
    exit
}
