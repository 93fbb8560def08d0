//! Runs in their store, for the commands that look at one or tell it something.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Exit, call, carry, out::Out};
use crate::{
    driver,
    run::{Illegal, Reader, Record, Replay, RunId, World, explain},
    store::{self, Found, RunHeader, Store},
    view::{History, State},
    workflow::Workflow,
};

/// Where the runs are.
#[derive(clap::Args)]
pub(super) struct Where {
    /// Where runs are kept: a path, `sqlite:PATH` or `postgres://…`. Left out: the one of the settings, or
    /// `.god-flow/god-flow.db`.
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
}

/// An open store.
pub(super) struct Stored {
    pub(super) store: Arc<dyn Store>,
}

/// A run with all that its records say.
pub(super) struct Told {
    pub(super) header: RunHeader,
    /// Who drives it now.
    pub(super) driver: Option<String>,
    pub(super) workflow: Arc<Workflow>,
    pub(super) source: Arc<str>,
    pub(super) records: Vec<Record>,
    pub(super) world: World,
    pub(super) history: History,
}

impl Where {
    /// Why there is nothing to look at, where the store is a file that nobody has made yet.
    pub(super) fn missing(&self) -> Option<String> {
        carry::missing(self.store.as_deref())
    }

    /// The store, which is there already: whoever only looks makes none.
    pub(super) fn open(&self, out: &Out) -> Result<Stored, Exit> {
        match self.missing() {
            Some(why) => Err(out.wrong(&why)),
            None => self.open_or_make(out),
        }
    }

    pub(super) fn open_or_make(&self, out: &Out) -> Result<Stored, Exit> {
        let address = carry::address(self.store.as_deref());
        Ok(Stored { store: carry::block_on(carry::open(&address, out))? })
    }
}

impl Stored {
    /// The run that a person means.
    pub(super) fn find(&self, text: &str, out: &Out) -> Result<RunHeader, Exit> {
        match carry::block_on(self.store.find(text)).map_err(|error| out.failure(&driver::full(&error)))? {
            Found::One(header) => Ok(header),
            Found::None if text == "@latest" => Err(out.wrong("there are no runs yet")),
            Found::None => Err(out.wrong(&format!("there is no run `{text}`; `god-flow runs` lists them"))),
            Found::Several(runs) => {
                let names: Vec<String> = runs.iter().map(|run| format!("{} ({})", run.name, run.id)).collect();
                Err(out.wrong(&format!("`{text}` may mean several runs: {}", names.join(", "))))
            }
        }
    }

    /// Whether more has been stored of a run than was told.
    pub(super) fn has_more(&self, told: &Told, out: &Out) -> Result<bool, Exit> {
        let page = carry::block_on(self.store.page(told.header.id, told.records.len() as u64, 1));
        page.map(|page| !page.is_empty()).map_err(|error| out.failure(&driver::full(&error)))
    }

    /// The run read back, and looked ahead in.
    pub(super) fn told(&self, text: &str, out: &Out) -> Result<Told, Exit> {
        let header = self.find(text, out)?;
        carry::block_on(self.told_of(header, out))
    }

    pub(super) async fn told_of(&self, header: RunHeader, out: &Out) -> Result<Told, Exit> {
        let told = async {
            let driver = self.store.driver(header.id, Timestamp::now()).await?;
            let source = self.store.workflow(header.workflow).await?;
            let workflow = driver::workflow(&source)?;
            let records = driver::records(&*self.store, header.id).await?;
            let (mut world, history) = folded(header.id, workflow.clone(), &records)?;
            driver::remember(&*self.store, &mut world).await?;
            Ok::<_, driver::Error>((driver, source, workflow, records, world, history))
        };
        let (driver, source, workflow, records, mut world, history) =
            told.await.map_err(|error| out.failure(&format!("{}: {}", header.name, driver::full(&error))))?;
        world.look_ahead();
        Ok(Told { header, driver, workflow, source, records, world, history })
    }
}

/// How a run stands in a few words. Whoever died could not say so: what they left is listed as if it still ran.
pub(super) async fn state<'r>(
    store: &dyn Store,
    run: &'r RunHeader,
) -> Result<(&'r str, Option<String>), store::Error> {
    let driver = if run.ended_at.is_none() { store.driver(run.id, Timestamp::now()).await? } else { None };
    let is_left = run.ended_at.is_none() && driver.is_none() && run.stands().0 == driver::RUNNING;
    Ok((if is_left { State::Interrupted.word() } else { run.stands().0 }, driver))
}

/// A run that keeps others from starting: how it stands, and how it is taken up where nobody drives it.
pub(super) async fn in_the_way(
    store: &dyn Store,
    run: &RunHeader,
    address: Option<&str>,
) -> Result<String, store::Error> {
    let (name, (state, driver)) = (&run.name, state(store, run).await?);
    Ok(match driver {
        Some(_) => format!("{name} ({state})"),
        None => {
            let resume = call::about("resume", run, address);
            format!("{name} ({state}; no process drives it; take it up with: {resume})")
        }
    })
}

/// A run and its history, from one reading of its records.
fn folded(run: RunId, workflow: Arc<Workflow>, records: &[Record]) -> Result<(World, History), Illegal> {
    let Some((first, rest)) = records.split_first() else {
        return World::replay(run, workflow, records).map(|world| (world, History::default()));
    };
    let mut reader = Reader::of(run);
    let mut replay = Replay::begin(workflow, &reader.read(first)?)?;
    let mut history = History::default();
    history.take(first)?;
    for record in rest {
        let read = reader.read(record)?;
        replay.go_on(&read)?;
        history.fold(record, read.event);
    }
    Ok((replay.end(), history))
}

impl Told {
    /// The moment to speak of: now, or the last that is known where the run is over or goes by a clock of its own.
    pub(super) fn now(&self) -> Timestamp {
        let last = self.history.last.unwrap_or_else(Timestamp::now);
        if self.world.run.simulated || self.history.ended.is_some() { last } else { last.max(Timestamp::now()) }
    }

    /// Whether it is not over and nobody drives it.
    pub(super) fn is_left(&self) -> bool {
        self.driver.is_none() && self.world.run.outcome.is_none()
    }

    /// How it is taken up.
    pub(super) fn resume(&self, place: &Where) -> String {
        call::about("resume", &self.header, place.store.as_deref())
    }

    /// Says that there is no such node, and which one is near.
    pub(super) fn no_node(&self, id: &str, out: &Out) -> Exit {
        let help = match explain::nearest(&self.world.run, id) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`god-flow show {}` lists its steps", self.header.name),
        };
        out.wrong(&format!("there is no node `{id}` in {}; {help}", self.header.name))
    }
}
