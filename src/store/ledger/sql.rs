//! The ledger in either database: the same statements, the same way through them. A caller sees to it that nobody else
//! writes to the ledger meanwhile.

use std::collections::BTreeSet;

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{Asked, Balance, Error, Kind, Known, Movement, Rao, RunId, Transfer, decide};
use crate::store::{
    nanos,
    sql::{self, signed},
    timestamp,
};

macro_rules! columns {
    () => {
        "SELECT number, kind, key, account, amount, run, node, who, why, at FROM movement"
    };
}

const ONE: &str = concat!(columns!(), " WHERE kind = $1 AND key = $2");
const ALL: &str = concat!(columns!(), " ORDER BY number DESC LIMIT $1");
const OF_ACCOUNT: &str = concat!(columns!(), " WHERE account = $2 ORDER BY number DESC LIMIT $1");
const OF_RUN: &str = concat!(columns!(), " WHERE run = $2 ORDER BY number DESC LIMIT $1");
const OF_BOTH: &str = concat!(columns!(), " WHERE account = $2 AND run = $3 ORDER BY number DESC LIMIT $1");
const ADD: &str = "INSERT INTO movement (kind, key, account, amount, run, node, who, why, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING number";

macro_rules! driven {
    () => {
        "SELECT run.simulated, lease.token FROM run JOIN lease ON lease.run = run.id WHERE run.id = $1"
    };
}
macro_rules! sums {
    () => {
        "SELECT CAST(coalesce(sum(CASE kind WHEN 'charge' THEN -amount ELSE amount END), 0) AS BIGINT),
            CAST(coalesce(sum(CASE kind WHEN 'credit' THEN amount ELSE 0 END), 0) AS BIGINT),
            CAST(coalesce(sum(CASE kind WHEN 'charge' THEN amount ELSE 0 END), 0) AS BIGINT),
            CAST(coalesce(sum(CASE kind WHEN 'refund' THEN amount ELSE 0 END), 0) AS BIGINT),
            count(*), account FROM movement"
    };
}

const SUMS: &str = concat!(sums!(), " GROUP BY account ORDER BY account");
const SUMS_OF: &str = concat!(sums!(), " WHERE account = $1 GROUP BY account");

/// The columns of [`ONE`].
fn movement<'r, R>(row: &'r R) -> Result<Movement, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Option<&'r [u8]>: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
{
    let word: &str = row.try_get(1)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    let run: Option<&[u8]> = row.try_get(5)?;
    let run = run.map(|run| run.try_into().map(RunId::from_bytes)).transpose();
    Ok(Movement {
        number: row.try_get::<i64, _>(0)?.unsigned_abs(),
        kind: kind.ok_or_else(|| sqlx::Error::Decode(format!("no movement is a `{word}`").into()))?,
        key: row.try_get(2)?,
        account: row.try_get(3)?,
        amount: rao(row.try_get(4)?)?,
        run: run.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        node: row.try_get(6)?,
        who: row.try_get(7)?,
        why: row.try_get(8)?,
        at: timestamp(row.try_get(9)?),
    })
}

/// The columns of [`SUMS`].
fn balance<'r, R>(row: &'r R) -> Result<Balance, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Balance {
        balance: rao(row.try_get(0)?)?,
        credited: rao(row.try_get(1)?)?,
        charged: rao(row.try_get(2)?)?,
        refunded: rao(row.try_get(3)?)?,
        movements: row.try_get::<i64, _>(4)?.unsigned_abs(),
        account: row.try_get(5)?,
    })
}

/// Money that is below nothing has been tampered with.
fn rao(amount: i64) -> Result<Rao, sqlx::Error> {
    let told = |_| sqlx::Error::Decode(format!("the ledger has an amount of {amount} RAO").into());
    u64::try_from(amount).map(Rao).map_err(told)
}

macro_rules! ledger {
    ($module:ident, $connection:ty, $driven:expr) => {
        pub(super) mod $module {
            use super::*;

            /// Makes a movement, or says why not. What failed is to be rolled back.
            pub(in super::super) async fn transfer(
                connection: &mut $connection,
                place: &str,
                asked: &Asked<'_>,
            ) -> Result<Transfer, Error> {
                let failed = |cause| sql::error(place, cause);
                let mut known = Known::default();
                if let Some(by) = asked.what.by() {
                    let run = by.fence.run;
                    let row: Option<(bool, i64)> = sqlx::query_as($driven)
                        .bind(&run.as_bytes()[..])
                        .fetch_optional(&mut *connection)
                        .await
                        .map_err(failed)?;
                    let (simulated, token) = row.ok_or(Error::NoSuchRun { run })?;
                    if token != signed(by.fence.token) {
                        return Err(Error::Fenced { run });
                    }
                    known.simulated = simulated;
                }
                let (kind, key) = (asked.what.kind(), asked.what.key());
                known.same = find(connection, kind, key).await.map_err(failed)?;
                if let Some((kind, key)) = asked.other() {
                    known.other = find(connection, kind, key).await.map_err(failed)?;
                }
                if let Some(account) = asked.account(known.other.as_ref()) {
                    known.account = balance_of(connection, account).await.map_err(failed)?;
                }
                match decide(asked, known) {
                    Err(answer) => Ok(answer),
                    Ok(mut new) => {
                        new.number = add(connection, &new, nanos(new.at)?).await.map_err(failed)?;
                        Ok(Transfer::Made(new))
                    }
                }
            }

            async fn find(
                connection: &mut $connection,
                kind: Kind,
                key: &str,
            ) -> Result<Option<Movement>, sqlx::Error> {
                let row = sqlx::query(ONE).bind(kind.word()).bind(key).fetch_optional(connection).await?;
                row.as_ref().map(movement).transpose()
            }

            async fn balance_of(connection: &mut $connection, account: &str) -> Result<Option<Balance>, sqlx::Error> {
                let row = sqlx::query(SUMS_OF).bind(account).fetch_optional(connection).await?;
                row.as_ref().map(balance).transpose()
            }

            async fn add(connection: &mut $connection, new: &Movement, at: i64) -> Result<u64, sqlx::Error> {
                let number: i64 = sqlx::query_scalar(ADD)
                    .bind(new.kind.word())
                    .bind(&new.key)
                    .bind(&new.account)
                    .bind(signed(new.amount.0))
                    .bind(new.run.map(|run| run.as_bytes().to_vec()))
                    .bind(&new.node)
                    .bind(&new.who)
                    .bind(&new.why)
                    .bind(at)
                    .fetch_one(connection)
                    .await?;
                Ok(number.unsigned_abs())
            }

            pub(in super::super) async fn balances(
                connection: &mut $connection,
                of: Option<&[String]>,
            ) -> Result<Vec<Balance>, sqlx::Error> {
                let Some(of) = of else {
                    let rows = sqlx::query(SUMS).fetch_all(connection).await?;
                    return rows.iter().map(balance).collect();
                };
                let mut balances = Vec::new();
                for account in of.iter().collect::<BTreeSet<_>>() {
                    balances.extend(balance_of(connection, account).await?);
                }
                Ok(balances)
            }

            pub(in super::super) async fn movements(
                connection: &mut $connection,
                account: Option<&str>,
                run: Option<RunId>,
                max: usize,
            ) -> Result<Vec<Movement>, sqlx::Error> {
                let run = run.map(|run| run.as_bytes().to_vec());
                let text = match (account, &run) {
                    (None, None) => ALL,
                    (Some(_), None) => OF_ACCOUNT,
                    (None, Some(_)) => OF_RUN,
                    (Some(_), Some(_)) => OF_BOTH,
                };
                let mut query = sqlx::query(text).bind(signed(max as u64));
                if let Some(account) = account {
                    query = query.bind(account.to_owned());
                }
                if let Some(run) = run {
                    query = query.bind(run);
                }
                query.fetch_all(connection).await?.iter().map(movement).collect()
            }
        }
    };
}

ledger!(sqlite, sqlx::SqliteConnection, driven!());
// The lease is locked, so that nobody takes the run over in between.
ledger!(postgres, sqlx::PgConnection, concat!(driven!(), " FOR SHARE OF lease"));
