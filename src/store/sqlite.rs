//! Runs in one SQLite file: the store that needs nothing installed.
//!
//! One connection writes and one reads, so that a page that is read never delays an append. The log before the write is
//! flushed with every commit. Several processes may use one file and wait for one another; only one that is put to sleep
//! in the very middle of a commit keeps the others out, as [`Error::Unreachable`], until it is woken or killed.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{
    Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{
    Error, Fence, Found, Ledger, RunHeader, Store, check_new, check_next, check_read,
    find::{self, FOUND_MAX, LATEST},
    inbox, leases, nanos,
    private::make_file,
    sql::{self, Line, Taken, signed},
    timestamp,
};
use crate::run::record::{Digest, Record, RunId};

/// How long to wait while another process writes.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// How long to wait before a file that is being made by another process is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

const MIGRATIONS: &[(&str, &str)] = &[
    ("runs", include_str!("../../migrations/sqlite/0001_runs.sql")),
    ("inbox", include_str!("../../migrations/sqlite/0002_inbox.sql")),
    ("ledger", include_str!("../../migrations/sqlite/0003_ledger.sql")),
];

pub struct SqliteStore {
    pub(super) place: String,
    pub(super) writer: Line<SqliteConnection>,
    pub(super) reader: Line<SqliteConnection>,
}

/// One at a time within this process: closing a file that another thread has just begun to use would void its locks.
static OPENING: Mutex<()> = Mutex::const_new(());

impl SqliteStore {
    /// Opens the file; makes it, its folder and its tables where they are not there yet.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let place = format!("sqlite:{}", path.as_ref().display());
        let cannot = |cause: std::io::Error| Error::Unreachable { place: place.clone(), source: Box::new(cause) };
        let path = std::path::absolute(path.as_ref()).map_err(cannot)?;
        let _alone = OPENING.lock().await;
        make_file(&path).map_err(cannot)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY_MAX)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .row_buffer_size(512)
            // On a Mac a plain flush may leave data in the cache of the disk. Elsewhere these do nothing.
            .pragma("fullfsync", "ON")
            .pragma("checkpoint_fullfsync", "ON");
        let options = sqlx::ConnectOptions::disable_statement_logging(options);
        let reader = Line::new(options.clone().pragma("query_only", "ON"));
        let store = Self { writer: Line::new(options), reader, place };
        store.migrate().await?;
        Ok(store)
    }

    /// Two processes that make one file at the same time get in each other's way in a manner that SQLite does not wait
    /// for by itself.
    async fn migrate(&self) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            match self.try_to_migrate().await {
                Err(error) if sql::is_busy(&error) && started.elapsed() < BUSY_MAX => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_migrate(&self) -> Result<(), Error> {
        let mut writer = self.take(&self.writer).await?;
        let mut transaction =
            writer.begin_with("BEGIN IMMEDIATE").await.map_err(|cause| sql::error(&self.place, cause))?;
        sql::migrate(&self.place, &mut *transaction, MIGRATIONS).await?;
        transaction.commit().await.map_err(|cause| sql::error(&self.place, cause))?;
        writer.put_back();
        Ok(())
    }

    pub(super) async fn take<'l>(
        &self,
        line: &'l Line<SqliteConnection>,
    ) -> Result<Taken<'l, SqliteConnection>, Error> {
        line.take().await.map_err(self.failed())
    }

    pub(super) fn failed(&self) -> impl Fn(sqlx::Error) -> Error {
        |cause| sql::error(&self.place, cause)
    }

    fn headers(&self, rows: &[SqliteRow]) -> Result<Vec<RunHeader>, Error> {
        rows.iter().map(|row| sql::header(&self.place, row)).collect()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn place(&self) -> &str {
        &self.place
    }

    async fn create(&self, run: &RunHeader, records: &[Record]) -> Result<(), Error> {
        check_new(run.id, records)?;
        let (created_at, ended_at) = (nanos(run.created_at)?, run.ended_at.map(nanos).transpose()?);
        let mut writer = self.take(&self.writer).await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed())?;
        let added = sqlx::query(
            "INSERT INTO run (id, name, workflow, title, simulated, created_at, state, ended_at, setup)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        sqlx::query("INSERT INTO lease (run, token, holder, held_until) VALUES (?, 0, '', ?)")
            .bind(&run.id.as_bytes()[..])
            .bind(i64::MIN)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed())?;
        check_next(run.id, 0, records)?;
        insert(&mut transaction, &Fence { run: run.id, token: 0 }, records).await.map_err(self.failed())?;
        transaction.commit().await.map_err(self.failed())?;
        writer.put_back();
        Ok(())
    }

    async fn append(&self, fence: &Fence, records: &[Record]) -> Result<(), Error> {
        check_new(fence.run, records)?;
        let mut writer = self.take(&self.writer).await?;
        // One statement is a transaction by itself, and the fewer of them there are, the fewer turns of the connection's
        // thread are waited for.
        let added = if records.len() <= ROWS_MAX {
            insert(&mut writer, fence, records).await.map_err(self.failed())?
        } else {
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed())?;
            let added = insert(&mut transaction, fence, records).await.map_err(self.failed())?;
            if added { transaction.commit().await } else { transaction.rollback().await }.map_err(self.failed())?;
            added
        };
        if !added || records.is_empty() {
            self.expect(&mut writer, fence, records).await?;
        }
        writer.put_back();
        Ok(())
    }

    async fn page(&self, run: RunId, from: u64, max: usize) -> Result<Vec<Record>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let rows =
            sqlx::query("SELECT seq, at, kind, body, hash FROM event WHERE run = ? AND seq >= ? ORDER BY seq LIMIT ?")
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
    }

    async fn header(&self, run: RunId) -> Result<RunHeader, Error> {
        let mut reader = self.take(&self.reader).await?;
        let row = sqlx::query(
            "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run WHERE id = ?",
        )
        .bind(&run.as_bytes()[..])
        .fetch_optional(&mut *reader)
        .await
        .map_err(self.failed())?;
        reader.put_back();
        sql::header(&self.place, &row.ok_or(Error::NoSuchRun { run })?)
    }

    async fn list(&self, max: usize) -> Result<Vec<RunHeader>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let rows = sqlx::query(
            "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run
             ORDER BY created_at DESC, id DESC LIMIT ?",
        )
        .bind(signed(max as u64))
        .fetch_all(&mut *reader)
        .await
        .map_err(self.failed())?;
        reader.put_back();
        self.headers(&rows)
    }

    async fn find(&self, text: &str) -> Result<Found, Error> {
        if text == LATEST {
            return Ok(self.list(1).await?.pop().map_or(Found::None, Found::One));
        }
        let ids = find::ids(text);
        let bound = |id: Option<&RunId>| id.map(|id| id.as_bytes().to_vec());
        let mut reader = self.take(&self.reader).await?;
        let rows = sqlx::query(
            "SELECT id, name, workflow, title, simulated, created_at, state, ended_at, setup FROM run
             WHERE id BETWEEN ?1 AND ?2 OR (?3 <> '' AND substr(name, 1, length(?3)) = ?3)
             ORDER BY name = ?3 DESC, created_at DESC, id DESC LIMIT ?4",
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
    }

    async fn summarize(&self, fence: &Fence, state: &str, ended_at: Option<Timestamp>) -> Result<(), Error> {
        let mut writer = self.take(&self.writer).await?;
        let done = sqlx::query(
            "UPDATE run SET state = ?, ended_at = ? WHERE id = ?
             AND EXISTS (SELECT 1 FROM lease WHERE lease.run = run.id AND token = ?)",
        )
        .bind(state)
        .bind(ended_at.map(nanos).transpose()?)
        .bind(&fence.run.as_bytes()[..])
        .bind(signed(fence.token))
        .execute(&mut *writer)
        .await
        .map_err(self.failed())?;
        writer.put_back();
        self.fenced_unless(done.rows_affected() == 1, fence).await
    }

    async fn put_workflow(&self, source: &str) -> Result<Digest, Error> {
        let digest = Digest::of(source);
        let mut writer = self.take(&self.writer).await?;
        sqlx::query("INSERT INTO workflow (digest, source) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&digest.as_bytes()[..])
            .bind(source)
            .execute(&mut *writer)
            .await
            .map_err(self.failed())?;
        writer.put_back();
        Ok(digest)
    }

    async fn workflow(&self, digest: Digest) -> Result<Arc<str>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let source: Option<String> = sqlx::query_scalar("SELECT source FROM workflow WHERE digest = ?")
            .bind(&digest.as_bytes()[..])
            .fetch_optional(&mut *reader)
            .await
            .map_err(self.failed())?;
        reader.put_back();
        sql::workflow(&self.place, digest, source)
    }

    async fn tell(&self, run: RunId, command: &str) -> Result<u64, Error> {
        self.header(run).await?;
        let mut writer = self.take(&self.writer).await?;
        let id = inbox::sqlite::tell(&mut writer, run, command).await.map_err(self.failed())?;
        writer.put_back();
        Ok(id)
    }

    async fn told(&self, run: RunId) -> Result<Vec<(u64, Arc<str>)>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let told = inbox::sqlite::told(&mut reader, run).await.map_err(self.failed())?;
        reader.put_back();
        Ok(told)
    }

    async fn answer(&self, fence: &Fence, command: u64, answer: &str) -> Result<(), Error> {
        let mut writer = self.take(&self.writer).await?;
        let done = inbox::sqlite::answer(&mut writer, fence, command, answer).await.map_err(self.failed())?;
        writer.put_back();
        let known = done || self.answer_to(fence.run, command).await?.is_some();
        self.fenced_unless(known, fence).await
    }

    async fn answer_to(&self, run: RunId, command: u64) -> Result<Option<Arc<str>>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let answer = inbox::sqlite::answer_to(&mut reader, run, command).await.map_err(self.failed())?;
        reader.put_back();
        Ok(answer)
    }

    async fn lease(&self, run: RunId, holder: &str, ttl: Duration, now: Timestamp) -> Result<Fence, Error> {
        let (now, until) = (nanos(now)?, leases::end(now, ttl)?);
        let mut writer = self.take(&self.writer).await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed())?;
        let last = leases::sqlite::last(&mut transaction, run).await.map_err(self.failed())?;
        let (token, by, held_until) = last.ok_or(Error::NoSuchRun { run })?;
        if leases::holds(now, held_until) {
            transaction.rollback().await.map_err(self.failed())?;
            writer.put_back();
            return Err(Error::Held { run, by, until: timestamp(held_until) });
        }
        leases::sqlite::take(&mut transaction, run, token + 1, holder, until).await.map_err(self.failed())?;
        transaction.commit().await.map_err(self.failed())?;
        writer.put_back();
        Ok(Fence { run, token: token.unsigned_abs() + 1 })
    }

    async fn renew(&self, fence: &Fence, ttl: Duration, now: Timestamp) -> Result<(), Error> {
        let held = self.hold_until(fence, leases::end(now, ttl)?).await?;
        self.fenced_unless(held, fence).await
    }

    async fn release(&self, fence: Fence) -> Result<(), Error> {
        self.hold_until(&fence, i64::MIN).await?;
        Ok(())
    }

    async fn driver(&self, run: RunId, now: Timestamp) -> Result<Option<String>, Error> {
        let now = nanos(now)?;
        let mut reader = self.take(&self.reader).await?;
        let last = leases::sqlite::last(&mut reader, run).await.map_err(self.failed())?;
        reader.put_back();
        let (_, by, until) = last.ok_or(Error::NoSuchRun { run })?;
        Ok(leases::holds(now, until).then_some(by))
    }

    fn ledger(&self) -> &dyn Ledger {
        self
    }
}

impl SqliteStore {
    /// Why records could not be added; nothing where there were none to add and the lease is still the fence's.
    async fn expect(&self, writer: &mut SqliteConnection, fence: &Fence, records: &[Record]) -> Result<(), Error> {
        let row = sqlx::query(
            "SELECT token, (SELECT coalesce(max(seq) + 1, 0) FROM event WHERE event.run = lease.run)
             FROM lease WHERE run = ?",
        )
        .bind(&fence.run.as_bytes()[..])
        .fetch_optional(writer)
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
    async fn hold_until(&self, fence: &Fence, until: i64) -> Result<bool, Error> {
        let mut writer = self.take(&self.writer).await?;
        let held = leases::sqlite::hold(&mut writer, fence, until).await.map_err(self.failed())?;
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

/// Records that one statement adds.
const ROWS_MAX: usize = 64;

/// For each number of rows up to the most, the statement that adds them where the lease is the fence's and the first of
/// them is the next one.
static INSERTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    // Parameters without numbers: each one that has a number is sought among all that have.
    let insert = |rows: usize| {
        let rows = vec!["(?, ?, ?, ?, ?)"; rows].join(", ");
        format!(
            "INSERT INTO event (run, seq, at, kind, body, hash)
             SELECT ?, column1, column2, column3, column4, column5 FROM (VALUES {rows})
             WHERE EXISTS (SELECT 1 FROM lease WHERE run = ? AND token = ?)
             AND ? = (SELECT coalesce(max(seq) + 1, 0) FROM event WHERE run = ?)"
        )
    };
    (0..=ROWS_MAX).map(insert).collect()
});

/// Adds records, all of them or as many as fit before one that is not the next: then false.
async fn insert(connection: &mut SqliteConnection, fence: &Fence, records: &[Record]) -> Result<bool, sqlx::Error> {
    for records in records.chunks(ROWS_MAX) {
        let run = &fence.run.as_bytes()[..];
        let mut query = sqlx::query(INSERTS[records.len()].as_str()).bind(run);
        for record in records {
            let at = i64::try_from(record.at.as_nanosecond()).map_err(|error| sqlx::Error::Encode(error.into()))?;
            query = query
                .bind(signed(record.seq))
                .bind(at)
                .bind(record.kind.clone())
                .bind(record.body.clone())
                .bind(&record.hash.as_bytes()[..]);
        }
        query = query.bind(run).bind(signed(fence.token)).bind(signed(records[0].seq)).bind(run);
        if query.execute(&mut *connection).await?.rows_affected() != records.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Events hold what entrants sent; other users of the machine have no business with it.
    #[tokio::test]
    async fn files_are_for_the_user_alone_and_flushed_with_every_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/runs.db");
        let store = SqliteStore::open(&path).await.unwrap();
        store.put_workflow("god_flow: 1").await.unwrap();
        for (name, mode) in [("made", 0o700), ("made/runs.db", 0o600), ("made/runs.db-wal", 0o600)] {
            let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
        }
        let mut writer = store.writer.take().await.unwrap();
        let asked: (String, i64, i64) =
            sqlx::query_as("SELECT * FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys")
                .fetch_one(&mut *writer)
                .await
                .unwrap();
        assert_eq!(asked, ("wal".into(), 2, 1));
    }

    #[tokio::test]
    async fn a_file_that_is_in_use_while_it_is_made_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("CREATE TABLE other (a); BEGIN IMMEDIATE; INSERT INTO other VALUES (1)")
            .execute(&mut other)
            .await
            .unwrap();
        let done = tokio::spawn(async move {
            tokio::time::sleep(10 * BUSY_PAUSE).await;
            sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        });
        SqliteStore::open(&path).await.unwrap();
        done.await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "not a database, and long enough to be seen as none at once\n".repeat(20)).unwrap();
        let error = SqliteStore::open(file.path()).await.err().unwrap();
        assert_eq!(error.to_string(), format!("sqlite:{} cannot do what it was asked", file.path().display()));
    }
}
