//! When keys were last used: many at once, off the path of calls, and outside of the chain.

use credentials::Table;

use crate::Store;
use crate::fault::StoreError;
use crate::link::Value;

/// Keys of one transaction.
const BATCH: usize = 1_000;

impl Store {
    /// Writes down what the store does not know yet of when keys were used; says of how many keys. What cannot be written is
    /// tried again the next time.
    ///
    /// # Errors
    /// When the store cannot keep it.
    pub async fn write_uses(&self, table: &Table) -> Result<usize, StoreError> {
        let mut news: Vec<_> = table
            .iter()
            .filter_map(|(id, entry)| Some((*id, entry.usage.unwritten()?, &entry.usage)))
            .collect();
        // Rows are locked in one order, whoever else writes.
        news.sort_by_key(|(id, ..)| *id);
        for batch in news.chunks(BATCH) {
            let work = self.in_time(async {
                let mut work = self.link.write().await?;
                for (id, at, _) in batch {
                    let sql = "UPDATE yett_api_keys SET last_used_at = $1 \
                               WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
                    work.execute(sql, [Value::from(*at), Value::from(id.as_str())]).await?;
                }
                Ok(work)
            });
            work.await?.commit(self.patience).await?;
            batch.iter().for_each(|(_, at, usage)| usage.wrote(*at));
        }
        Ok(news.len())
    }
}
