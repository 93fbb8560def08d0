//! What the two databases have in common: connections that are opened anew when they break, rows, migrations, errors.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    ColumnIndex, Connection, Decode, Row, SqlSafeStr, Type,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};
use tokio::sync::{Mutex, MutexGuard};

use super::{Error, RunHeader, timestamp};
use crate::run::record::{Digest, Record, RunId};

/// A connection that has rested for longer is tried before it is used.
const REST_MAX: Duration = Duration::from_secs(1);

/// One connection, used by one caller at a time.
pub(super) struct Line<C: Connection> {
    options: C::Options,
    resting: Mutex<Option<Resting<C>>>,
}

struct Resting<C> {
    connection: C,
    since: Instant,
}

/// The connection while somebody uses it. Unless it is put back it is closed, and with it whatever was half done: so it
/// is after an error, and when the caller is dropped in the middle.
pub(super) struct Taken<'l, C> {
    connection: C,
    place: MutexGuard<'l, Option<Resting<C>>>,
}

impl<C: Connection> Line<C> {
    pub(super) fn new(options: C::Options) -> Self {
        Self { options, resting: Mutex::new(None) }
    }
    pub(super) async fn take(&self) -> Result<Taken<'_, C>, sqlx::Error> {
        let mut place = self.resting.lock().await;
        if let Some(Resting { mut connection, since }) = place.take()
            && (since.elapsed() < REST_MAX || connection.ping().await.is_ok())
        {
            return Ok(Taken { connection, place });
        }
        Ok(Taken { connection: C::connect_with(&self.options).await?, place })
    }
}
impl<C> Taken<'_, C> {
    pub(super) fn put_back(mut self) {
        *self.place = Some(Resting { connection: self.connection, since: Instant::now() });
    }
}
impl<C> Deref for Taken<'_, C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.connection
    }
}
impl<C> DerefMut for Taken<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

/// Numbers beyond those that a database holds are those of nothing that is stored.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The text that was found under a digest, if it is that text.
pub(super) fn workflow(place: &str, digest: Digest, source: Option<String>) -> Result<Arc<str>, Error> {
    let source = source.ok_or(Error::NoSuchWorkflow { digest })?;
    if Digest::of(&source) != digest {
        let why = format!("the workflow under the digest {digest} is not the one that was stored");
        return Err(Error::Corrupt { place: place.into(), why });
    }
    Ok(source.into())
}

/// Brings the tables up to date by the migrations, from the first on. One that was released is never changed.
pub(super) async fn migrate(
    place: &str,
    connection: &mut impl Migrate,
    scripts: &[(&'static str, &'static str)],
) -> Result<(), Error> {
    let migration = |(version, (about, script)): (i64, &(&'static str, &'static str))| {
        Migration::new(version, (*about).into(), MigrationType::Simple, script.into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations((1..).zip(scripts).map(migration).collect());
    // `run` takes whatever can become a connection, and then its future is not known to be `Send`.
    migrator.run_direct(None, connection, false).await.map_err(|cause| match cause {
        MigrateError::Execute(cause) => error(place, cause),
        cause => Error::Migration { place: place.into(), source: Box::new(cause) },
    })
}

/// The columns `seq, at, kind, body, hash`.
pub(super) fn record<'r, R>(place: &str, row: &'r R) -> Result<Record, Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    let read = || {
        let seq: i64 = row.try_get(0)?;
        let hash: &[u8] = row.try_get(4)?;
        Ok(Record {
            seq: u64::try_from(seq).map_err(|error| sqlx::Error::Decode(error.into()))?,
            at: timestamp(row.try_get(1)?),
            kind: Arc::from(row.try_get::<&str, _>(2)?),
            body: Arc::from(row.try_get::<&str, _>(3)?),
            hash: Digest::from_bytes(hash.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?),
        })
    };
    read().map_err(|cause| error(place, cause))
}

/// The columns `id, name, workflow, title, simulated, created_at, state, ended_at, setup`.
pub(super) fn header<'r, R>(place: &str, row: &'r R) -> Result<RunHeader, Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    let read = || {
        let id: &[u8] = row.try_get(0)?;
        let workflow: &[u8] = row.try_get(2)?;
        Ok(RunHeader {
            id: RunId::from_bytes(id.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?),
            name: row.try_get(1)?,
            workflow: Digest::from_bytes(workflow.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?),
            title: row.try_get(3)?,
            simulated: row.try_get(4)?,
            created_at: timestamp(row.try_get(5)?),
            state: row.try_get(6)?,
            ended_at: row.try_get::<Option<i64>, _>(7)?.map(timestamp),
            setup: row.try_get(8)?,
        })
    };
    read().map_err(|cause| error(place, cause))
}

/// Tells apart whether the store is away, damaged, or unable.
pub(super) fn error(place: &str, cause: sqlx::Error) -> Error {
    let place = place.to_owned();
    match &cause {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            Error::Unreachable { place, source: Box::new(cause) }
        }
        sqlx::Error::Database(told) if told.code().is_some_and(|code| is_away(&code)) => {
            Error::Unreachable { place, source: Box::new(cause) }
        }
        sqlx::Error::Decode(why) => Error::Corrupt { place, why: why.to_string() },
        sqlx::Error::ColumnDecode { index, source } => {
            Error::Corrupt { place, why: format!("column {index}: {source}") }
        }
        _ => Error::Failed { place, source: Box::new(cause) },
    }
}

/// Why a run could not be added.
pub(super) fn not_created(place: &str, run: &RunHeader, cause: sqlx::Error) -> Error {
    match &cause {
        sqlx::Error::Database(why) if why.is_unique_violation() => Error::RunExists { run: run.id },
        sqlx::Error::Database(why) if why.is_foreign_key_violation() => Error::NoSuchWorkflow { digest: run.workflow },
        _ => error(place, cause),
    }
}

/// What passes by itself. PostgreSQL: a broken connection (08), no room for one more, or on the disk (53), a server that stops
/// or starts (57P) or is a standby still (25006), a query that was called off (57014) or in the way of another (40001, 40P01,
/// 55P03). SQLite: locked by another process for longer than we wait, or a file that cannot be opened.
fn is_away(code: &str) -> bool {
    ["08", "53", "57P"].iter().any(|class| code.len() == 5 && code.starts_with(class))
        || matches!(code, "25006" | "57014" | "40001" | "40P01" | "55P03" | "14")
        || BUSY.contains(&code)
}

/// SQLite's codes for a lock that another process holds.
const BUSY: [&str; 3] = ["5", "261", "517"];

/// Whether it is worth trying again, for another process has only been in the way.
pub(super) fn is_busy(error: &Error) -> bool {
    let Error::Unreachable { source, .. } = error else { return false };
    match source.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(told)) => told.code().is_some_and(|code| BUSY.contains(&&*code)),
        _ => false,
    }
}
