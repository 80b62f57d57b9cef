//! What is asked and changes nothing: lists, piece by piece, and whether the chain is whole.

use manage_api::{
    ApplicationDetail, Applications, Ask, Audit, AuditReport, Behind, Keys, MAX_PAGE, Problem, Revocations,
    Said, page,
};
use store::Verified;

use super::Credentials;
use super::views::{application, audit_entry, key, revocation};

/// What is read for one answer: one more than fits says whether there is more.
const READ: usize = MAX_PAGE + 1;

impl Credentials {
    pub(super) async fn serve(&self, actor: &str, ask: Ask) -> Result<Said, Problem> {
        let now = self.clock.unix().seconds();
        match ask {
            Ask::Applications(behind) => {
                let all = self.told(self.store.applications(behind.as_deref(), READ).await)?;
                let (applications, more) = page(all.into_iter().map(application));
                Ok(Said::Applications(Applications { applications, more }))
            }
            Ask::Application(which, behind) => {
                let found = self.store.application(&which, behind.as_ref().map(place), READ).await;
                let (one, keys) = self.told(found)?;
                let (keys, more) = page(keys.into_iter().map(|one| key(one, now)));
                Ok(Said::Detail(ApplicationDetail { application: application(one), keys, more }))
            }
            Ask::Keys(behind) => {
                let all = self.told(self.store.keys(behind.as_ref().map(place), READ).await)?;
                let (keys, more) = page(all.into_iter().map(|one| key(one, now)));
                Ok(Said::Keys(Keys { keys, more }))
            }
            Ask::Audit(after, limit) => {
                let rows = self.told(self.store.audit(after, limit).await)?;
                let (entries, more) = page(rows.into_iter().map(audit_entry));
                Ok(Said::Audit(Audit { entries, more }))
            }
            Ask::VerifyAudit => Ok(Said::Report(match self.told(self.store.verify_audit().await)? {
                Verified::Whole(entries) => AuditReport { whole: true, entries },
                Verified::Broken(entries) => AuditReport { whole: false, entries },
            })),
            Ask::Revocations(behind) => {
                let all = self.told(self.store.revocations(behind.as_ref().map(place), READ).await)?;
                let (revocations, more) = page(all.into_iter().map(revocation));
                Ok(Said::Revocations(Revocations { revocations, more }))
            }
            change => self.change(actor, change, now).await,
        }
    }
}

fn place(behind: &Behind) -> store::Behind<'_> {
    (behind.created, &behind.id)
}
