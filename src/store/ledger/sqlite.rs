//! The ledger in a SQLite file. A transaction that writes is alone with the file.

use async_trait::async_trait;
use sqlx::Connection;

use super::{Asked, Balance, Error, Ledger, Movement, RunId, Transfer, sql};
use crate::store::SqliteStore;

#[async_trait]
impl Ledger for SqliteStore {
    async fn transfer(&self, asked: &Asked<'_>) -> Result<Transfer, Error> {
        let mut writer = self.take(&self.writer).await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed())?;
        let answer = sql::sqlite::transfer(&mut transaction, &self.place, asked).await?;
        transaction.commit().await.map_err(self.failed())?;
        writer.put_back();
        Ok(answer)
    }

    async fn balances(&self, of: Option<&[String]>) -> Result<Vec<Balance>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let balances = sql::sqlite::balances(&mut reader, of).await.map_err(self.failed())?;
        reader.put_back();
        Ok(balances)
    }

    async fn movements(&self, account: Option<&str>, run: Option<RunId>, max: usize) -> Result<Vec<Movement>, Error> {
        let mut reader = self.take(&self.reader).await?;
        let movements = sql::sqlite::movements(&mut reader, account, run, max).await.map_err(self.failed())?;
        reader.put_back();
        Ok(movements)
    }
}
