//! The ledger in PostgreSQL. Whoever lets money move locks the table against the others until it has moved; those who
//! only look are not kept waiting.

use async_trait::async_trait;
use sqlx::Connection;

use super::{Asked, Balance, Error, Ledger, Movement, RunId, Transfer, sql};
use crate::store::PostgresStore;

#[async_trait]
impl Ledger for PostgresStore {
    async fn transfer(&self, asked: &Asked<'_>) -> Result<Transfer, Error> {
        self.in_time(async {
            let mut writer = self.take(&self.writer).await?;
            let mut transaction = writer.begin().await.map_err(self.failed())?;
            sqlx::query("LOCK TABLE movement IN SHARE ROW EXCLUSIVE MODE")
                .execute(&mut *transaction)
                .await
                .map_err(self.failed())?;
            let answer = sql::postgres::transfer(&mut transaction, &self.place, asked).await?;
            transaction.commit().await.map_err(self.failed())?;
            writer.put_back();
            Ok(answer)
        })
        .await
    }

    async fn balances(&self, of: Option<&[String]>) -> Result<Vec<Balance>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let balances = sql::postgres::balances(&mut reader, of).await.map_err(self.failed())?;
            reader.put_back();
            Ok(balances)
        })
        .await
    }

    async fn movements(&self, account: Option<&str>, run: Option<RunId>, max: usize) -> Result<Vec<Movement>, Error> {
        self.in_time(async {
            let mut reader = self.take(&self.reader).await?;
            let movements = sql::postgres::movements(&mut reader, account, run, max).await.map_err(self.failed())?;
            reader.put_back();
            Ok(movements)
        })
        .await
    }
}
