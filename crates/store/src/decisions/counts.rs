//! Counts of what controls in shadow said of calls: of all calls, whatever is kept of each.
//!
//! They come by the minute and are folded to hours once they are [`FOLDED`] old. What is older than decisions may be is removed, and the
//! oldest of what is more than [`ROWS`]. Several gateways add to the same rows. A batch says who it is, so that one which is written
//! again, since nobody knows whether it was kept, counts once.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use engine::{Part, ShadowCount};

use super::{DecisionStore, Filter};
use crate::fault::StoreError;
use crate::link::{Row, Value, Work, damaged};
use crate::{PATIENCE, in_time};

/// How old counts by the minute get before they are folded to hours.
pub const FOLDED: Duration = Duration::from_secs(2 * 3_600);
/// Rows that are held: some 20 MiB.
const ROWS: u64 = 100_000;
/// Rows of one statement; what is left over of a batch goes one by one.
const TOGETHER: usize = 32;
/// Columns of a row.
const COLUMNS: usize = 8;
/// Rows of an answer.
const ANSWERED: u64 = 2_000;
/// How long it is known which batches were written.
const REMEMBERED: u64 = 24 * 3_600_000;
const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

static ADD_MANY: LazyLock<String> = LazyLock::new(|| add(TOGETHER));
static ADD_ONE: LazyLock<String> = LazyLock::new(|| add(1));

const KEY: &str = "at, api, operation, control, part, code";
const MORE: &str = "ON CONFLICT (at, api, operation, control, part, code) DO UPDATE SET \
                    calls = yett_shadow_counts.calls + excluded.calls, good = yett_shadow_counts.good + excluded.good";

fn add(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * COLUMNS + 1;
        let numbers: Vec<String> = (first..first + COLUMNS).map(|number| format!("${number}")).collect();
        format!("({})", numbers.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO yett_shadow_counts ({KEY}, calls, good) VALUES {} {MORE}", rows.join(", "))
}

/// Minutes to hours. The first minute of an hour becomes that hour.
static FOLD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO yett_shadow_counts ({KEY}, calls, good) \
         SELECT at - at % 3600000, api, operation, control, part, code, CAST(SUM(calls) AS BIGINT), \
         CAST(SUM(good) AS BIGINT) FROM yett_shadow_counts WHERE at < $1 AND at % 3600000 <> 0 \
         GROUP BY at - at % 3600000, api, operation, control, part, code {MORE}"
    )
});
const FOLDED_AWAY: &str = "DELETE FROM yett_shadow_counts WHERE at < $1 AND at % 3600000 <> 0";

const SUMS: &str = "SELECT api, operation, control, part, code, CAST(SUM(calls) AS BIGINT), CAST(SUM(good) AS BIGINT), \
                    MIN(at), MAX(at) FROM yett_shadow_counts WHERE at >= $1 AND ($2 IS NULL OR control = $2 \
                    OR substr(control, 1, length(CAST($2 AS TEXT)) + 1) = CAST($2 AS TEXT) || '.') \
                    AND ($3 IS NULL OR api = $3) AND ($4 IS NULL OR operation = $4) \
                    GROUP BY api, operation, control, part, code ORDER BY 7 DESC, 6 DESC, 1, 2, 3, 4, 5 LIMIT $5";

/// Some counts, and who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountBatch {
    /// Of this batch alone, in the world: it was random.
    pub id: u128,
    /// The counts, in any order.
    pub counts: Vec<ShadowCount>,
}

/// Calls of one operation, by what one control in shadow said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Sums over the time that was asked for; `at` is the first of it, to the minute or the hour.
    pub sum: ShadowCount,
    /// When the last minute or hour of it began, in milliseconds since 1970.
    pub last: u64,
}

/// What was counted since a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedSince {
    /// From when on, in milliseconds since 1970: the moment that was asked for, to the minute or the hour.
    pub since: u64,
    /// The sums, those with the most good calls first.
    pub sums: Vec<Counted>,
    /// Whether there are more than one answer holds.
    pub more: bool,
}

impl Counted {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            sum: ShadowCount {
                at: row.number(7)?,
                api: row.text(0)?.into(),
                operation: row.text(1)?.into(),
                control: row.text(2)?.into(),
                part: Part::of_name(&row.text(3)?).ok_or_else(damaged)?,
                code: row.text(4)?.into(),
                calls: row.number(5)?,
                good: row.number(6)?,
            },
            last: row.number(8)?,
        })
    }
}

impl DecisionStore {
    /// Adds a batch. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// When it cannot be kept: then nothing of it was, but for [`StoreError::Unknown`], after which it can be written again.
    pub async fn count(&self, batch: &CountBatch, now: u64) -> Result<(), StoreError> {
        let work = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let sql = "INSERT INTO yett_shadow_batches (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
            let is_new =
                work.execute(sql, [Value::from(format!("{:032x}", batch.id)), Value::from(now)]).await? > 0;
            if is_new {
                add_all(&mut work, &batch.counts).await?;
            }
            Ok(work)
        })
        .await?;
        work.commit(PATIENCE).await
    }

    /// Folds what is old, and removes what is older than `age` and what is too much.
    ///
    /// # Errors
    /// When it cannot be done now.
    pub async fn fold_counts(&self, age: Duration, now: u64) -> Result<(), StoreError> {
        let work = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let folded = now.saturating_sub(millis(FOLDED));
            let folded = folded - folded % HOUR;
            work.execute(&FOLD, [Value::from(folded)]).await?;
            work.execute(FOLDED_AWAY, [Value::from(folded)]).await?;
            let over = Value::from(now.saturating_sub(millis(age)));
            work.execute("DELETE FROM yett_shadow_counts WHERE at < $1", [over]).await?;
            let forgotten = Value::from(now.saturating_sub(REMEMBERED));
            work.execute("DELETE FROM yett_shadow_batches WHERE at < $1", [forgotten]).await?;
            let last = "SELECT at FROM yett_shadow_counts ORDER BY at DESC LIMIT 1 OFFSET $1";
            if let Some(row) = work.rows(last, [Value::from(ROWS)]).await?.first() {
                let sql = "DELETE FROM yett_shadow_counts WHERE at <= $1";
                work.execute(sql, [Value::from(row.number(0)?)]).await?;
            }
            Ok(work)
        })
        .await?;
        work.commit(PATIENCE).await
    }

    /// What was counted since a moment, of the control, API and operation that the filter names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn counted(&self, filter: &Filter, since: u64, now: u64) -> Result<CountedSince, StoreError> {
        // An hour that was folded counts whole.
        let step = if now.saturating_sub(since) < millis(FOLDED) { MINUTE } else { HOUR };
        let since = since - since % step;
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let text = |text: &Option<String>| Value::Text(text.clone());
            let (control, api, operation) = (&filter.control, &filter.api, &filter.operation);
            let values =
                [Value::from(since), text(control), text(api), text(operation), Value::from(ANSWERED + 1)];
            let rows = work.rows(SUMS, values).await?;
            let mut sums: Vec<Counted> = rows.iter().map(Counted::read).collect::<Result<_, _>>()?;
            let more = sums.len() as u64 > ANSWERED;
            sums.truncate(usize::try_from(ANSWERED).unwrap_or(usize::MAX));
            Ok(CountedSince { since, sums, more })
        })
        .await
    }
}

/// Adds counts, those of one row together and all in one order: gateways that write at once do not wait for each other in a circle.
async fn add_all(work: &mut Work, counts: &[ShadowCount]) -> Result<(), StoreError> {
    let mut rows: BTreeMap<[&str; 5], BTreeMap<u64, (u64, u64)>> = BTreeMap::new();
    for count in counts {
        let key = [&*count.api, &count.operation, &count.control, count.part.name(), &count.code];
        let (calls, good) = rows.entry(key).or_default().entry(count.at).or_default();
        (*calls, *good) = (*calls + count.calls, *good + count.good);
    }
    let rows = rows.into_iter().flat_map(|([api, operation, control, part, code], minutes)| {
        minutes.into_iter().map(move |(at, (calls, good))| {
            let [at, calls, good] = [at, calls, good].map(Value::from);
            let [api, operation, control, part, code] =
                [api, operation, control, part, code].map(Value::from);
            [at, api, operation, control, part, code, calls, good]
        })
    });
    let rows: Vec<[Value; COLUMNS]> = rows.collect();
    let (many, rest) = rows.split_at(rows.len() - rows.len() % TOGETHER);
    for some in many.chunks(TOGETHER).chain(rest.chunks(1)) {
        let sql = if some.len() == TOGETHER { &ADD_MANY } else { &ADD_ONE };
        work.execute_all(sql, some.iter().flatten().cloned().collect()).await?;
    }
    Ok(())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
