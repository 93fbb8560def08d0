//! What other processes ask of whoever drives a run: statements that both databases take.
//!
//! The stores call these with a connection in hand; what is asked means nothing here.

use std::sync::Arc;

use super::{Fence, sql::signed};
use crate::run::record::RunId;

const TELL: &str = "INSERT INTO inbox (run, command) VALUES ($1, $2) RETURNING id";
const TOLD: &str = "SELECT id, command FROM inbox WHERE run = $1 AND answer IS NULL ORDER BY id";
const ANSWER: &str = "UPDATE inbox SET answer = $1 WHERE id = $2 AND run = $3 AND answer IS NULL
    AND EXISTS (SELECT 1 FROM lease WHERE lease.run = inbox.run AND token = $4)";
const ANSWER_TO: &str = "SELECT answer FROM inbox WHERE id = $1 AND run = $2";

macro_rules! inbox {
    ($module:ident, $connection:ty) => {
        pub(super) mod $module {
            use super::*;

            pub(in super::super) async fn tell(
                connection: &mut $connection,
                run: RunId,
                command: &str,
            ) -> Result<u64, sqlx::Error> {
                let id: i64 =
                    sqlx::query_scalar(TELL).bind(&run.as_bytes()[..]).bind(command).fetch_one(connection).await?;
                Ok(id.unsigned_abs())
            }

            pub(in super::super) async fn told(
                connection: &mut $connection,
                run: RunId,
            ) -> Result<Vec<(u64, Arc<str>)>, sqlx::Error> {
                let rows: Vec<(i64, String)> =
                    sqlx::query_as(TOLD).bind(&run.as_bytes()[..]).fetch_all(connection).await?;
                Ok(rows.into_iter().map(|(id, command)| (id.unsigned_abs(), command.into())).collect())
            }

            /// Whether the fence was good and the command had no answer yet.
            pub(in super::super) async fn answer(
                connection: &mut $connection,
                fence: &Fence,
                command: u64,
                answer: &str,
            ) -> Result<bool, sqlx::Error> {
                let done = sqlx::query(ANSWER)
                    .bind(answer)
                    .bind(signed(command))
                    .bind(&fence.run.as_bytes()[..])
                    .bind(signed(fence.token))
                    .execute(connection)
                    .await?;
                Ok(done.rows_affected() == 1)
            }

            pub(in super::super) async fn answer_to(
                connection: &mut $connection,
                run: RunId,
                command: u64,
            ) -> Result<Option<Arc<str>>, sqlx::Error> {
                let answer: Option<Option<String>> = sqlx::query_scalar(ANSWER_TO)
                    .bind(signed(command))
                    .bind(&run.as_bytes()[..])
                    .fetch_optional(connection)
                    .await?;
                Ok(answer.flatten().map(Into::into))
            }
        }
    };
}

inbox!(sqlite, sqlx::SqliteConnection);
inbox!(postgres, sqlx::PgConnection);
