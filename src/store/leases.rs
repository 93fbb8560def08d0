//! Who holds a run and until when: the statements of the two databases, and what all stores reckon alike.
//!
//! The stores call these with a connection in hand. In SQLite a lease ends by the time that callers tell, in PostgreSQL by
//! the clock of the server.

use std::time::Duration;

use jiff::Timestamp;

use super::{Error, Fence, LEASE_TTL_MAX, nanos, sql::signed};
use crate::run::record::RunId;

/// When a lease that is taken or renewed now ends.
pub(super) fn end(now: Timestamp, ttl: Duration) -> Result<i64, Error> {
    let ttl = i64::try_from(ttl.min(LEASE_TTL_MAX).as_nanos()).expect("a minute fits");
    Ok(nanos(now)?.saturating_add(ttl))
}

/// Whether a lease that ends then is in force now.
pub(super) fn holds(now: i64, until: i64) -> bool {
    let longest = i64::try_from(LEASE_TTL_MAX.as_nanos()).expect("a minute fits");
    now < until && until <= now.saturating_add(longest)
}

pub(super) mod sqlite {
    use sqlx::SqliteConnection;

    use super::{Fence, RunId, signed};

    /// The lease as it was taken last: its token, by whom, and when it ends.
    pub(in super::super) async fn last(
        connection: &mut SqliteConnection,
        run: RunId,
    ) -> Result<Option<(i64, String, i64)>, sqlx::Error> {
        sqlx::query_as("SELECT token, holder, held_until FROM lease WHERE run = ?")
            .bind(&run.as_bytes()[..])
            .fetch_optional(connection)
            .await
    }

    pub(in super::super) async fn take(
        connection: &mut SqliteConnection,
        run: RunId,
        token: i64,
        holder: &str,
        until: i64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE lease SET token = ?, holder = ?, held_until = ? WHERE run = ?")
            .bind(token)
            .bind(holder)
            .bind(until)
            .bind(&run.as_bytes()[..])
            .execute(connection)
            .await
            .map(drop)
    }

    /// Whether the lease was still the fence's.
    pub(in super::super) async fn hold(
        connection: &mut SqliteConnection,
        fence: &Fence,
        until: i64,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query("UPDATE lease SET held_until = ? WHERE run = ? AND token = ?")
            .bind(until)
            .bind(&fence.run.as_bytes()[..])
            .bind(signed(fence.token))
            .execute(connection)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) mod postgres {
    use std::time::Duration;

    use sqlx::PgConnection;

    use super::{Fence, LEASE_TTL_MAX, RunId, signed};

    /// The token of the new lease; nothing where another is in force, or there is no such run.
    pub(in super::super) async fn take(
        connection: &mut PgConnection,
        run: RunId,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "UPDATE lease SET token = token + 1, holder = $2,
                 held_until = clock_timestamp() + $3 * interval '1 microsecond'
             WHERE run = $1 AND NOT (held_until > clock_timestamp()
                 AND held_until <= clock_timestamp() + $4 * interval '1 microsecond')
             RETURNING token",
        )
        .bind(&run.as_bytes()[..])
        .bind(holder)
        .bind(micros(ttl))
        .bind(micros(LEASE_TTL_MAX))
        .fetch_optional(connection)
        .await
    }

    /// Who took the lease last, and how long it still is.
    pub(in super::super) async fn last(
        connection: &mut PgConnection,
        run: RunId,
    ) -> Result<Option<(String, Duration)>, sqlx::Error> {
        let last: Option<(String, i64)> = sqlx::query_as(
            "SELECT holder, (extract(epoch FROM held_until - clock_timestamp()) * 1000000)::bigint
             FROM lease WHERE run = $1",
        )
        .bind(&run.as_bytes()[..])
        .fetch_optional(connection)
        .await?;
        Ok(last.map(|(holder, left)| (holder, Duration::from_micros(u64::try_from(left).unwrap_or(0)))))
    }

    /// Whether the lease was still the fence's.
    pub(in super::super) async fn hold(
        connection: &mut PgConnection,
        fence: &Fence,
        ttl: Duration,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE lease SET held_until = clock_timestamp() + $3 * interval '1 microsecond'
             WHERE run = $1 AND token = $2",
        )
        .bind(&fence.run.as_bytes()[..])
        .bind(signed(fence.token))
        .bind(micros(ttl))
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    fn micros(ttl: Duration) -> i64 {
        i64::try_from(ttl.min(LEASE_TTL_MAX).as_micros()).expect("a minute fits")
    }
}
