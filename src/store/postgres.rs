//! Runs in PostgreSQL: for several machines that share their runs.
//!
//! A batch of records is one statement, and so one transaction and one round trip. What is committed is as safe as the
//! server's `synchronous_commit` says. Leases are rows that end by the server's clock, rather than locks of a session: the
//! death of a machine, unlike that of a process, ends no session.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{
    ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};

use super::{
    Error, Fence, Found, LEASE_TTL_MAX, Ledger, RunHeader, Store, check_new, check_next, check_read,
    find::{self, FOUND_MAX, LATEST},
    inbox, leases, nanos,
    sql::{self, Line, Taken, signed},
};
use crate::run::record::{Digest, Record, RunId};

/// How long a server may keep us waiting before it counts as gone.
const ANSWER_MAX: Duration = Duration::from_secs(20);

const MIGRATIONS: &[(&str, &str)] = &[
    ("runs", include_str!("../../migrations/postgres/0001_runs.sql")),
    ("inbox", include_str!("../../migrations/postgres/0002_inbox.sql")),
    ("ledger", include_str!("../../migrations/postgres/0003_ledger.sql")),
];

pub struct PostgresStore {
    pub(super) place: String,
    pub(super) writer: Line<PgConnection>,
    pub(super) reader: Line<PgConnection>,
}

impl PostgresStore {
    /// Connects to `postgres://user:password@host:port/database` and makes the tables if they are not there yet.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Address {
            why: format!(
                "expected an address such as `postgres://user:password@host:5432/database`, where `/`, `@` and `:` in a \
                 password are written as the percent codes `%2F`, `%40` and `%3A`: {why}"
            ),
        };
        let options: PgConnectOptions = url.parse().map_err(|error| match error {
            sqlx::Error::Configuration(why) => wrong(&why.to_string()),
            error => wrong(&error.to_string()),
        })?;
        // What follows a slash in a password is taken for the database, and would be shown as its name.
        if options.get_database().is_some_and(|name| name.contains(['/', '@', ':'])) {
            return Err(wrong("the name of the database has one of these letters"));
        }
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let place = format!("postgres://{host}/{}", options.get_database().unwrap_or_default());
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("god-flow") }.disable_statement_logging();
        let store = Self { place, writer: Line::new(options.clone()), reader: Line::new(options) };
        store.in_time(store.migrate()).await?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<(), Error> {
        let mut writer = self.take(&self.writer).await?;
        sql::migrate(&self.place, &mut *writer, MIGRATIONS).await?;
        writer.put_back();
        Ok(())
    }

    pub(super) async fn take<'l>(&self, line: &'l Line<PgConnection>) -> Result<Taken<'l, PgConnection>, Error> {
        line.take().await.map_err(|cause| Error::Unreachable { place: self.place.clone(), source: Box::new(cause) })
    }

    pub(super) fn failed(&self) -> impl Fn(sqlx::Error) -> Error {
        |cause| sql::error(&self.place, cause)
    }

    /// A network that swallows packets would otherwise hold us for a quarter of an hour.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
        match tokio::time::timeout(ANSWER_MAX, work).await {
            Ok(done) => done,
            Err(elapsed) => Err(Error::Unreachable { place: self.place.clone(), source: Box::new(elapsed) }),
        }
    }

    fn headers(&self, rows: &[PgRow]) -> Result<Vec<RunHeader>, Error> {
        rows.iter().map(|row| sql::header(&self.place, row)).collect()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn place(&self) -> &str {
        &self.place
    }

    async fn create(&self, run: &RunHeader, records: &[Record]) -> Result<(), Error> {
        check_new(run.id, records)?;
        check_next(run.id, 0, records)?;
        self.in_time(self.create_all(run, records)).await
    }

    async fn append(&self, fence: &Fence, records: &[Record]) -> Result<(), Error> {
        check_new(fence.run, records)?;
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            let added = insert(&mut writer, fence, records).await;
            match added {
                Ok(rows) if rows == records.len() as u64 && rows > 0 => {}
                // None were wanted, or none were added, or somebody else has just added the same ones.
                Ok(_) => self.expect(&mut writer, fence, records).await?,
                Err(sqlx::Error::Database(why)) if why.is_unique_violation() => {
                    self.expect(&mut writer, fence, records).await?;
                }
                Err(cause) => return Err(sql::error(&self.place, cause)),
            }
            writer.put_back();
            Ok(())
        })
        .await
    }

    async fn page(&self, run: RunId, from: u64, max: usize) -> Result<Vec<Record>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let rows = sqlx::query(
                "SELECT seq, at, kind, body, hash FROM event WHERE run = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
            )
            .bind(&run.as_bytes()[..])
            .bind(signed(from))
            .bind(signed(max as u64))
            .fetch_all(&mut *reader)
            .await
            .map_err(self.failed())?;
            reader.put_back();
            let records = rows.iter().map(|row| sql::record(&self.place, row)).collect::<Result<Vec<_>, _>>()?;
            if records.is_empty() {
                self.header(run).await?;
            }
            check_read(&self.place, run, from, &records)?;
            Ok(records)
        })
        .await
    }

    async fn header(&self, run: RunId) -> Result<RunHeader, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let row = sqlx::query(
                "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run WHERE id = $1",
            )
            .bind(&run.as_bytes()[..])
            .fetch_optional(&mut *reader)
            .await
            .map_err(self.failed())?;
            reader.put_back();
            sql::header(&self.place, &row.ok_or(Error::NoSuchRun { run })?)
        })
        .await
    }

    async fn list(&self, max: usize) -> Result<Vec<RunHeader>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let rows = sqlx::query(
                "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run
                 ORDER BY created_at DESC, id DESC LIMIT $1",
            )
            .bind(signed(max as u64))
            .fetch_all(&mut *reader)
            .await
            .map_err(self.failed())?;
            reader.put_back();
            self.headers(&rows)
        })
        .await
    }

    async fn find(&self, text: &str) -> Result<Found, Error> {
        if text == LATEST {
            return Ok(self.list(1).await?.pop().map_or(Found::None, Found::One));
        }
        let ids = find::ids(text);
        let bound = |id: Option<&RunId>| id.map(|id| id.as_bytes().to_vec());
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let rows = sqlx::query(
                "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run
                 WHERE id BETWEEN $1 AND $2 OR ($3 <> '' AND starts_with(name, $3))
                 ORDER BY name = $3 DESC, created_at DESC, id DESC LIMIT $4",
            )
            .bind(bound(ids.as_ref().map(|(first, _)| first)))
            .bind(bound(ids.as_ref().map(|(_, last)| last)))
            .bind(text)
            .bind(signed(FOUND_MAX as u64))
            .fetch_all(&mut *reader)
            .await
            .map_err(self.failed())?;
            reader.put_back();
            Ok(find::choose(text, self.headers(&rows)?))
        })
        .await
    }

    async fn summarize(&self, fence: &Fence, state: &str, ended_at: Option<Timestamp>) -> Result<(), Error> {
        let ended_at = ended_at.map(nanos).transpose()?;
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            // The lease is locked, so that nobody takes the run over in between.
            let done = sqlx::query(
                "WITH held AS (SELECT run FROM lease WHERE run = $1 AND token = $2 FOR SHARE)
                 UPDATE run SET state = $3, ended_at = $4 FROM held WHERE run.id = held.run",
            )
            .bind(&fence.run.as_bytes()[..])
            .bind(signed(fence.token))
            .bind(state)
            .bind(ended_at)
            .execute(&mut *writer)
            .await
            .map_err(self.failed())?;
            writer.put_back();
            self.fenced_unless(done.rows_affected() == 1, fence).await
        })
        .await
    }

    async fn put_workflow(&self, source: &str) -> Result<Digest, Error> {
        let digest = Digest::of(source);
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            sqlx::query("INSERT INTO workflow (digest, source) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&digest.as_bytes()[..])
                .bind(source)
                .execute(&mut *writer)
                .await
                .map_err(self.failed())?;
            writer.put_back();
            Ok(digest)
        })
        .await
    }

    async fn workflow(&self, digest: Digest) -> Result<Arc<str>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let source: Option<String> = sqlx::query_scalar("SELECT source FROM workflow WHERE digest = $1")
                .bind(&digest.as_bytes()[..])
                .fetch_optional(&mut *reader)
                .await
                .map_err(self.failed())?;
            reader.put_back();
            sql::workflow(&self.place, digest, source)
        })
        .await
    }

    async fn tell(&self, run: RunId, command: &str) -> Result<u64, Error> {
        self.header(run).await?;
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            let id = inbox::postgres::tell(&mut writer, run, command).await.map_err(self.failed())?;
            writer.put_back();
            Ok(id)
        })
        .await
    }

    async fn told(&self, run: RunId) -> Result<Vec<(u64, Arc<str>)>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let told = inbox::postgres::told(&mut reader, run).await.map_err(self.failed())?;
            reader.put_back();
            Ok(told)
        })
        .await
    }

    async fn answer(&self, fence: &Fence, command: u64, answer: &str) -> Result<(), Error> {
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            let done = inbox::postgres::answer(&mut writer, fence, command, answer).await.map_err(self.failed())?;
            writer.put_back();
            let known = done || self.answer_to(fence.run, command).await?.is_some();
            self.fenced_unless(known, fence).await
        })
        .await
    }

    async fn answer_to(&self, run: RunId, command: u64) -> Result<Option<Arc<str>>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let answer = inbox::postgres::answer_to(&mut reader, run, command).await.map_err(self.failed())?;
            reader.put_back();
            Ok(answer)
        })
        .await
    }

    async fn lease(&self, run: RunId, holder: &str, ttl: Duration, now: Timestamp) -> Result<Fence, Error> {
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            if let Some(token) = leases::postgres::take(&mut writer, run, holder, ttl).await.map_err(self.failed())? {
                writer.put_back();
                return Ok(Fence { run, token: token.unsigned_abs() });
            }
            let last = leases::postgres::last(&mut writer, run).await.map_err(self.failed())?;
            writer.put_back();
            let (by, left) = last.ok_or(Error::NoSuchRun { run })?;
            Err(Error::Held { run, by, until: now.checked_add(left).unwrap_or(now) })
        })
        .await
    }

    async fn renew(&self, fence: &Fence, ttl: Duration, _now: Timestamp) -> Result<(), Error> {
        self.in_time(async {
            let held = self.hold_for(fence, ttl).await?;
            self.fenced_unless(held, fence).await
        })
        .await
    }

    async fn release(&self, fence: Fence) -> Result<(), Error> {
        self.in_time(self.hold_for(&fence, Duration::ZERO)).await.map(drop)
    }

    async fn driver(&self, run: RunId, _now: Timestamp) -> Result<Option<String>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let last = leases::postgres::last(&mut reader, run).await.map_err(self.failed())?;
            reader.put_back();
            let (by, left) = last.ok_or(Error::NoSuchRun { run })?;
            Ok((!left.is_zero() && left <= LEASE_TTL_MAX).then_some(by))
        })
        .await
    }

    fn ledger(&self) -> &dyn Ledger {
        self
    }
}

impl PostgresStore {
    async fn create_all(&self, run: &RunHeader, records: &[Record]) -> Result<(), Error> {
        let (created_at, ended_at) = (nanos(run.created_at)?, run.ended_at.map(nanos).transpose()?);
        let mut writer = self.take(&self.writer).await?;
        let mut transaction = writer.begin().await.map_err(self.failed())?;
        let added = sqlx::query(
            "INSERT INTO run (id, name, workflow, title, simulated, created_at, state, ended_at, setup)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&run.id.as_bytes()[..])
        .bind(&run.name)
        .bind(&run.workflow.as_bytes()[..])
        .bind(&run.title)
        .bind(run.simulated)
        .bind(created_at)
        .bind(&run.state)
        .bind(ended_at)
        .bind(&run.setup)
        .execute(&mut *transaction)
        .await;
        added.map_err(|cause| sql::not_created(&self.place, run, cause))?;
        sqlx::query("INSERT INTO lease (run, token, holder, held_until) VALUES ($1, 0, '', clock_timestamp())")
            .bind(&run.id.as_bytes()[..])
            .execute(&mut *transaction)
            .await
            .map_err(self.failed())?;
        insert(&mut transaction, &Fence { run: run.id, token: 0 }, records).await.map_err(self.failed())?;
        transaction.commit().await.map_err(self.failed())?;
        writer.put_back();
        Ok(())
    }

    /// Why records could not be added, or nothing if there were none to add.
    async fn expect(&self, connection: &mut PgConnection, fence: &Fence, records: &[Record]) -> Result<(), Error> {
        let row = sqlx::query(
            "SELECT token, (SELECT coalesce(max(seq) + 1, 0) FROM event WHERE event.run = lease.run)
             FROM lease WHERE run = $1",
        )
        .bind(&fence.run.as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(self.failed())?
        .ok_or(Error::NoSuchRun { run: fence.run })?;
        let (token, next): (i64, i64) =
            (row.try_get(0).map_err(self.failed())?, row.try_get(1).map_err(self.failed())?);
        if token != signed(fence.token) {
            return Err(Error::Fenced { run: fence.run });
        }
        check_next(fence.run, next.unsigned_abs(), records)
    }

    /// Whether the lease was still the fence's.
    async fn hold_for(&self, fence: &Fence, ttl: Duration) -> Result<bool, Error> {
        let mut writer = self.take(&self.writer).await?;
        let held = leases::postgres::hold(&mut writer, fence, ttl).await.map_err(self.failed())?;
        writer.put_back();
        Ok(held)
    }

    /// Nothing was changed either because another holds the run or because there is none.
    async fn fenced_unless(&self, changed: bool, fence: &Fence) -> Result<(), Error> {
        if changed {
            return Ok(());
        }
        self.header(fence.run).await?;
        Err(Error::Fenced { run: fence.run })
    }
}

/// Adds the records if the fence holds and they are the next ones; returns how many were added. The lease stays locked
/// until the commit, so that nobody takes the run over in between.
async fn insert(connection: &mut PgConnection, fence: &Fence, records: &[Record]) -> Result<u64, sqlx::Error> {
    let Some(first) = records.first() else { return Ok(0) };
    let done = sqlx::query(
        "WITH held AS (SELECT run FROM lease WHERE run = $1 AND token = $2 FOR SHARE)
         INSERT INTO event (run, seq, at, kind, body, hash)
         SELECT held.run, $3 + new.row - 1, new.at, new.kind, new.body, new.hash
         FROM held, unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[])
             WITH ORDINALITY AS new (at, kind, body, hash, row)
         WHERE $3 = (SELECT coalesce(max(seq) + 1, 0) FROM event WHERE run = $1)",
    )
    .bind(&fence.run.as_bytes()[..])
    .bind(signed(fence.token))
    .bind(signed(first.seq))
    .bind(records.iter().map(|record| record.at.as_nanosecond() as i64).collect::<Vec<i64>>())
    .bind(records.iter().map(|record| &*record.kind).collect::<Vec<&str>>())
    .bind(records.iter().map(|record| &*record.body).collect::<Vec<&str>>())
    .bind(records.iter().map(|record| &record.hash.as_bytes()[..]).collect::<Vec<&[u8]>>())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
