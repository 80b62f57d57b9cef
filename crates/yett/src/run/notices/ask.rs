//! What operators ask of sinks, and what they are told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use manage_api::{
    AskNotices, DeadLetter, DeadLetters, MAX_DEAD_LETTERS, Problem, Retried, Retry, SaidNotices, SinkStatus,
    Sinks,
};
use store::{Dead, Ending, Spool, StoreError};

use super::Notices;
use super::intake::item;
use super::sink::{Told, unix};

impl Notices {
    /// Answers what is asked.
    pub(in crate::run) async fn ask(self: Arc<Self>, ask: AskNotices) -> Result<SaidNotices, Problem> {
        let done = tokio::spawn(async move { self.answer(ask).await });
        let broke = |_| Problem::new(500, "internal", "a fault of this build", "ask again");
        done.await.unwrap_or_else(|error| Err(broke(error)))
    }

    async fn answer(self: &Arc<Self>, ask: AskNotices) -> Result<SaidNotices, Problem> {
        // Of a call that has just ended it is on its way.
        self.spool_in_time().await;
        match ask {
            AskNotices::Sinks => {
                let told = self.state();
                let lost = told.lost.iter().map(|(_, count)| count).sum();
                let sinks = told.sinks.into_iter().map(status).collect();
                Ok(SaidNotices::Sinks(Sinks { sinks, lost, fault: told.fault }))
            }
            AskNotices::Dead(sink, after) => {
                let spool = self.open_spool()?;
                let most = MAX_DEAD_LETTERS as u64;
                let page = spool.dead(sink.as_deref(), after, most).await.map_err(|why| problem(&why))?;
                let next = page.last().filter(|_| page.len() == MAX_DEAD_LETTERS);
                let next = next.map(|last| last.notice.sequence);
                Ok(SaidNotices::Dead(DeadLetters { letters: page.into_iter().map(letter).collect(), next }))
            }
            AskNotices::Retry(retry) => self.retry(&retry).await.map(SaidNotices::Retried),
        }
    }

    async fn retry(&self, retry: &Retry) -> Result<Retried, Problem> {
        let spool = self.open_spool()?;
        let sink = self.sinks.lock().get(&retry.sink).map(Arc::clone);
        let sink = sink.ok_or_else(|| {
            let detail = format!("the configuration has no sink `{}`", retry.sink);
            Problem::new(404, "not_found", "there is no such sink", detail)
        })?;
        let at = unix(&*self.services.clock);
        let put_back = spool.revive(&sink.name, retry.id.as_deref(), (sink.room(), at)).await;
        let put_back = put_back.map_err(|why| problem(&why))?;
        let too_late = put_back.iter().filter_map(|notice| sink.push(item(notice), &*self.services.clock));
        let too_late: Vec<Ending> = too_late.collect();
        if !too_late.is_empty() {
            spool.end(&too_late).await.map_err(|why| problem(&why))?;
        }
        let owed = spool.owed().await.map_err(|why| problem(&why))?;
        let left = owed.iter().find(|one| one.sink == sink.name).map_or(0, |one| one.dead);
        sink.counts.letters.store(left, Ordering::Relaxed);
        Ok(Retried { retried: (put_back.len() - too_late.len()) as u64, left })
    }

    fn open_spool(&self) -> Result<Arc<Spool>, Problem> {
        let fault = self.state.lock().fault.clone();
        self.spool.lock().clone().ok_or_else(|| match fault {
            Some(why) => problem(&StoreError::Unavailable(why)),
            None => {
                let detail = "nobody is told of anything: write `notify: { sinks: { … } }`";
                Problem::new(409, "no_sinks", "there are no sinks", detail)
            }
        })
    }
}

fn status(told: Told) -> SinkStatus {
    SinkStatus {
        name: told.name,
        state: told.state.to_owned(),
        error: told.error,
        waiting: told.waiting as u64,
        waiting_bytes: told.bytes,
        oldest: told.oldest,
        spooled: told.spooled,
        delivered: told.delivered,
        failed: told.failed,
        dead: told.dead,
        dead_letters: told.letters,
    }
}

fn letter(dead: Dead) -> DeadLetter {
    DeadLetter {
        sequence: dead.notice.sequence,
        sink: dead.notice.sink,
        id: dead.id,
        at: dead.notice.at,
        dead: dead.dead,
        tries: dead.notice.tries,
        why: dead.why,
        event: serde_json::from_str(&dead.body).unwrap_or_default(),
    }
}

fn problem(why: &StoreError) -> Problem {
    let (status, code, title) = match why {
        StoreError::Full(_) => (507, "spool_full", "the disk of the spool has no room left"),
        StoreError::Unfit(_) => (500, "spool_unfit", "the spool cannot be read"),
        _ => (503, "spool_unavailable", "the spool cannot be used"),
    };
    let detail = format!("{title}: {}", crate::run::credentials::plain(why));
    Problem::new(status, code, title, detail)
}
