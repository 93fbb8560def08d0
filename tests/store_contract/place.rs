//! Where a test keeps its runs: fresh for each, and removed after it.

use std::{
    io::Write,
    sync::{Arc, Once},
};

use god_flow::store::{self, MemoryStore, Store};
use sqlx::{Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) enum Place {
    Memory(MemoryStore),
    Sqlite(TempDir),
    Postgres { url: String, schema: String },
}

impl Place {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryStore::new())
    }
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }
    /// A schema of its own in the database that is named, if one is.
    pub(crate) async fn postgres() -> Option<Self> {
        let Some(url) = postgres_url() else {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                // Past the test harness, which keeps what `eprintln` says of a passing test to itself.
                let told = "left out: PostgreSQL, for `GOD_FLOW_TEST_POSTGRES` is not set; see scripts/services\n";
                std::io::stderr().write_all(told.as_bytes()).unwrap();
            });
            return None;
        };
        let schema = format!("t{}", Uuid::now_v7().simple());
        execute(&url, format!("CREATE SCHEMA {schema}")).await;
        Some(Self::Postgres { url, schema })
    }
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Memory(_) => "memory:".into(),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("made/runs.db").display()),
            Self::Postgres { url, schema } => format!("{url}?application_name={schema}&options[search_path]={schema}"),
        }
    }
    /// A handle of its own, as another process would have it.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Sqlite(_) | Self::Postgres { .. } => store::open(&self.address()).await.unwrap(),
        }
    }
    /// Does behind the store's back what it would never do.
    pub(crate) async fn tamper(&self, statement: &str) {
        self.try_to_tamper(statement).await.unwrap();
    }
    /// The same, where it may be refused.
    pub(crate) async fn try_to_tamper(&self, statement: &str) -> Result<(), sqlx::Error> {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        match self {
            Self::Memory(_) => panic!("memory has no back"),
            Self::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(folder.path().join("made/runs.db"));
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                let done = sqlx::raw_sql(statement).execute(&mut connection).await;
                connection.close().await.unwrap();
                done.map(drop)
            }
            Self::Postgres { url, schema } => {
                let url = format!("{url}?options[search_path]={schema}");
                let mut connection = PgConnection::connect(&url).await.unwrap();
                let done = sqlx::raw_sql(statement).execute(&mut connection).await;
                connection.close().await.unwrap();
                done.map(drop)
            }
        }
    }
    pub(crate) fn has_its_own_clock(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }
    pub(crate) async fn remove(self) {
        if let Self::Postgres { url, schema } = self {
            execute(&url, format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

fn postgres_url() -> Option<String> {
    std::env::var("GOD_FLOW_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

async fn execute(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
