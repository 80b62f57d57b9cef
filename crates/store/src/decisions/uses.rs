//! First uses that were told of, by their hashes: what a gateway told of is not told of again after a restart, nor by gateways that begin
//! later on the same store. The newest [`bounds::ADMINISTRATIVE_USES`] are held.

use engine::bounds;
use engine::uses::Use;

use super::DecisionStore;
use crate::fault::StoreError;
use crate::link::{Value, damaged};
use crate::{PATIENCE, in_time};

impl DecisionStore {
    /// Those that are held, the newest first.
    ///
    /// # Errors
    /// When it cannot be asked now.
    pub async fn uses(&self) -> Result<Vec<Use>, StoreError> {
        let rows = in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let sql = "SELECT id FROM yett_uses ORDER BY at DESC, id LIMIT $1";
            work.rows(sql, [Value::from(bounds::ADMINISTRATIVE_USES as u64)]).await
        })
        .await?;
        rows.iter().map(|row| Use::from_str_radix(&row.text(0)?, 16).map_err(|_| damaged())).collect()
    }

    /// Adds some at `now` (milliseconds since 1970), and removes the oldest of what is too much.
    ///
    /// # Errors
    /// When they cannot be kept: then none of them was, but for [`StoreError::Unknown`], after which they can be added again.
    pub async fn add_uses(&self, uses: &[Use], now: u64) -> Result<(), StoreError> {
        let work = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            for one in uses {
                let sql = "INSERT INTO yett_uses (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
                work.execute(sql, [Value::from(format!("{one:032x}")), Value::from(now)]).await?;
            }
            let over = "SELECT at FROM yett_uses ORDER BY at DESC LIMIT 1 OFFSET $1";
            let over = work.rows(over, [Value::from(bounds::ADMINISTRATIVE_USES as u64)]).await?;
            if let Some(row) = over.first() {
                let sql = "DELETE FROM yett_uses WHERE at <= $1";
                work.execute(sql, [Value::from(row.number(0)?)]).await?;
            }
            Ok(work)
        })
        .await?;
        work.commit(PATIENCE).await
    }
}
