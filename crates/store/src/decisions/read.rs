//! Finding decisions: one by its id, or page by page by what they say.
//!
//! A page looks at a bounded number of records, so that no question holds up the database for long, whatever it asks for; a page
//! may be empty and have a next one.

use engine::evidence::TEXT;
use engine::text::{bounded, inert, push_json};
use engine::{CallId, Evidence, Kept};

use super::DecisionStore;
use crate::fault::StoreError;
use crate::link::{Row, Value, Work, damaged};
use crate::{PATIENCE, in_time};

/// Records that one page looks at.
const LOOKED_AT: u64 = 20_000;

macro_rules! columns {
    () => {
        "SELECT sequence, id, at, kept, status, code, control, method, path, api, operation, address, issuer, subject, \
         application, micros"
    };
}
macro_rules! matching {
    ($lowered:literal) => {
        concat!(
            " FROM yett_decisions WHERE sequence > $1 AND sequence < $2 AND ($3 IS NULL OR subject = $3) \
             AND ($4 IS NULL OR issuer = $4) AND ($5 IS NULL OR application = $5) AND ($6 IS NULL OR api = $6) \
             AND ($7 IS NULL OR operation = $7) AND ($8 IS NULL OR address = $8) AND ($9 IS NULL OR code = $9) \
             AND ($10 IS NULL OR control = $10) AND ($11 IS NULL OR kept = $11) AND ($12 IS NULL OR at >= $12) \
             AND ($13 IS NULL OR at < $13) AND ($14 IS NULL OR ",
            $lowered,
            " LIKE $14 ESCAPE '!')"
        )
    };
}
macro_rules! statements {
    ($lowered:literal) => {
        Statements {
            newest_first: concat!(columns!(), matching!($lowered), " ORDER BY sequence DESC LIMIT $15"),
            oldest_first: concat!(columns!(), matching!($lowered), " ORDER BY sequence LIMIT $15"),
            whole: concat!(
                columns!(),
                ", document",
                matching!($lowered),
                " ORDER BY sequence DESC LIMIT $15"
            ),
        }
    };
}
/// What finds decisions. Texts are lowered as [`pattern`] lowers what is asked for: ASCII letters and no other. SQLite's `LOWER`
/// does just that; PostgreSQL's follows the locale of its database, unless it is told the collation of bytes.
const SQLITE: Statements = statements!("LOWER(document)");
const POSTGRES: Statements = statements!("LOWER(document COLLATE \"C\")");
const BY_ID: &str = concat!(columns!(), ", document FROM yett_decisions WHERE id = $1");

struct Statements {
    newest_first: &'static str,
    oldest_first: &'static str,
    whole: &'static str,
}

impl Statements {
    const fn of(work: &Work) -> &'static Self {
        match work {
            Work::Sqlite(_) => &SQLITE,
            Work::Postgres(_) => &POSTGRES,
        }
    }
}

/// What decisions have to say to be found; what is not asked for is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who called, as their issuer calls them.
    pub subject: Option<String>,
    /// Who vouches for them.
    pub issuer: Option<String>,
    /// Which application called.
    pub application: Option<String>,
    /// Name of the API.
    pub api: Option<String>,
    /// Name of the operation.
    pub operation: Option<String>,
    /// Address of the client.
    pub address: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The control that ended it or would have.
    pub control: Option<String>,
    /// Why it is kept.
    pub kept: Option<Kept>,
    /// Not before this moment, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Before this moment.
    pub until: Option<u64>,
    /// Anything in the record, whatever the case of ASCII letters.
    pub text: Option<String>,
}

impl Filter {
    fn values(&self, after: u64, before: u64, most: u64) -> [Value; 15] {
        let text = |text: &Option<String>| Value::Text(text.as_deref().map(|text| inert(text, TEXT).into()));
        [
            Value::from(after),
            Value::from(before),
            text(&self.subject),
            text(&self.issuer),
            text(&self.application),
            text(&self.api),
            text(&self.operation),
            text(&self.address),
            text(&self.code),
            text(&self.control),
            Value::Text(self.kept.map(|kept| kept.name().to_owned())),
            Value::from(self.since),
            Value::from(self.until),
            Value::Text(self.text.as_deref().map(pattern)),
            Value::from(most),
        ]
    }
}

/// A pattern of SQL's `LIKE` that finds a text as it stands in a JSON string.
fn pattern(text: &str) -> String {
    let mut written = Vec::new();
    push_json(&mut written, bounded(text, TEXT));
    let written = String::from_utf8(written).unwrap_or_default().to_ascii_lowercase();
    let inside = written.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let mut out = String::from("%");
    for char in inside.chars() {
        if matches!(char, '%' | '_' | '!') {
            out.push('!');
        }
        out.push(char);
    }
    out.push('%');
    out
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At the newest, and back from there.
    Newest,
    /// Before a number, and back from there.
    Before(u64),
    /// After a number, and on from there.
    After(u64),
}

/// A decision under its number: in the order in which they came to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// From 1; numbers may be left out.
    pub sequence: u64,
    /// The decision.
    pub evidence: Evidence,
}

impl Stored {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let text = |at: usize| row.text(at).map(Box::from);
        let id = u128::from_str_radix(&row.text(1)?, 16).map_err(|_| damaged())?;
        Ok(Self {
            sequence: row.number(0)?,
            evidence: Evidence {
                id: CallId(id),
                at: row.number(2)?,
                kept: Kept::of_name(&row.text(3)?).ok_or_else(damaged)?,
                status: u16::try_from(row.number(4)?).map_err(|_| damaged())?,
                code: text(5)?,
                control: text(6)?,
                method: text(7)?,
                path: text(8)?,
                api: text(9)?,
                operation: text(10)?,
                address: text(11)?,
                issuer: text(12)?,
                subject: text(13)?,
                application: text(14)?,
                micros: row.number(15)?,
                document: Box::default(),
            },
        })
    }
}

/// Some decisions, without their documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub decisions: Vec<Stored>,
    /// Where the next page begins; going back, `None` when there is none.
    pub next: Option<u64>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Number of the last record.
    pub last: u64,
    /// Bytes that all take.
    pub bytes: u64,
    /// When the call of the oldest began, in milliseconds since 1970.
    pub oldest: Option<u64>,
}

impl DecisionStore {
    /// The decision of a call, with its document.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find(&self, id: CallId) -> Result<Option<Stored>, StoreError> {
        in_time(PATIENCE, async {
            let rows = self.link.read().await?.rows(BY_ID, [Value::from(id.to_string())]).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            with_document(row).map(Some)
        })
        .await
    }

    /// A page of at most `most` decisions.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn page(&self, filter: &Filter, from: Position, most: usize) -> Result<Page, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let (first, last) = bounds(&mut work).await?;
            let (most, all) = (most as u64, Statements::of(&work));
            let (sql, after, before) = match from {
                Position::Newest => (all.newest_first, last.saturating_sub(LOOKED_AT), last + 1),
                Position::Before(before) => {
                    let before = before.min(last + 1);
                    (all.newest_first, before.saturating_sub(1 + LOOKED_AT), before)
                }
                Position::After(after) => {
                    let after = after.max(first.saturating_sub(1)).min(last);
                    (all.oldest_first, after, last.min(after + LOOKED_AT) + 1)
                }
            };
            let rows = work.rows(sql, filter.values(after, before, most)).await?;
            let decisions: Vec<Stored> = rows.iter().map(Stored::read).collect::<Result<_, _>>()?;
            let cut = decisions.last().filter(|_| decisions.len() as u64 == most).map(|last| last.sequence);
            let next = match from {
                Position::After(_) => Some(cut.unwrap_or(before - 1)),
                // Nothing is left where the oldest was looked at.
                _ => cut.or(Some(after + 1)).filter(|next| *next > first),
            };
            Ok(Page { decisions, next })
        })
        .await
    }

    /// A page of at most `most` decisions with their documents, back from before a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn whole(&self, filter: &Filter, before: u64, most: usize) -> Result<Page, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let (first, last) = bounds(&mut work).await?;
            let before = before.min(last + 1);
            let after = before.saturating_sub(1 + LOOKED_AT);
            let rows =
                work.rows(Statements::of(&work).whole, filter.values(after, before, most as u64)).await?;
            let decisions: Vec<Stored> = rows.iter().map(with_document).collect::<Result<_, _>>()?;
            let cut = decisions.last().filter(|_| decisions.len() == most).map(|last| last.sequence);
            let next = cut.or(Some(after + 1)).filter(|next| *next > first);
            Ok(Page { decisions, next })
        })
        .await
    }

    /// How much there is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held(&self) -> Result<Held, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let rows = work.rows("SELECT sequence, bytes FROM yett_decision_head WHERE id = 1", []).await?;
            let head = rows.first().ok_or_else(damaged)?;
            let (last, bytes) = (head.number(0)?, head.number(1)?);
            let oldest = work.rows("SELECT at FROM yett_decisions ORDER BY sequence LIMIT 1", []).await?;
            Ok(Held { last, bytes, oldest: oldest.first().map(|row| row.number(0)).transpose()? })
        })
        .await
    }
}

fn with_document(row: &Row) -> Result<Stored, StoreError> {
    let mut found = Stored::read(row)?;
    found.evidence.document = row.text(16)?.into();
    Ok(found)
}

/// The numbers of the oldest record that is there, and of the last that was written.
async fn bounds(work: &mut Work) -> Result<(u64, u64), StoreError> {
    let rows = work.rows("SELECT sequence FROM yett_decision_head WHERE id = 1", []).await?;
    let last = rows.first().ok_or_else(damaged)?.number(0)?;
    let oldest = work.rows("SELECT sequence FROM yett_decisions ORDER BY sequence LIMIT 1", []).await?;
    let first = oldest.first().map(|row| row.number(0)).transpose()?;
    Ok((first.unwrap_or(last + 1), last))
}
