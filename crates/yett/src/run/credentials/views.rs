//! What the store says, as the control API says it.

use credentials::NewKey;
use manage_api::{ApiKey, Application, AuditEntry, CreatedKey, Problem, Revocation, Said};
use store::{AuditRow, StoreError};

pub(super) fn application(one: store::Application) -> Application {
    Application {
        id: one.id,
        name: one.name,
        owner: one.owner,
        status: one.status.name().to_owned(),
        created: one.created,
        changed: one.changed,
    }
}

pub(super) fn key(one: store::ApiKey, now: u64) -> ApiKey {
    ApiKey {
        state: one.state(now).name().to_owned(),
        id: one.id.to_string(),
        application: one.application,
        application_name: one.name,
        label: one.label,
        scopes: one.scopes,
        created: one.created,
        expires: one.expires,
        retires: one.retires,
        replaced_by: one.replaced_by.map(|id| id.to_string()),
        revoked: one.revoked,
        last_used: one.last_used,
    }
}

pub(super) fn created((one, secret): (store::ApiKey, NewKey), now: u64) -> Said {
    Said::Created(CreatedKey { key: secret.reveal().to_owned(), details: key(one, now) })
}

pub(super) fn revocation(one: store::Revocation) -> Revocation {
    Revocation {
        id: one.id,
        kind: one.kind.name().to_owned(),
        issuer: one.issuer,
        value: one.value,
        before: one.before,
        reason: one.reason,
        created: one.created,
        expires: one.expires,
    }
}

pub(super) fn audit_entry(row: AuditRow) -> AuditEntry {
    AuditEntry {
        sequence: row.sequence,
        at: row.at,
        actor: row.actor,
        action: row.action,
        target: row.target,
        detail: row.detail,
        hash: row.hash,
    }
}

pub(super) fn problem(why: &StoreError) -> Problem {
    let (status, code, title) = match why {
        StoreError::Missing(_) => (404, "not_found", "there is no such thing"),
        StoreError::Conflict(_) => (409, "conflict", "it cannot be as asked"),
        StoreError::Invalid(_) => (400, "request_invalid", "the request is not valid"),
        StoreError::Unavailable(_) => (503, "store_unavailable", "the store cannot be used"),
        StoreError::Unknown(_) => (503, "store_unknown", "whether it was kept is not known"),
        StoreError::Full(_) => (507, "store_full", "the store has no room left"),
        StoreError::Unfit(_) => (500, "store_unfit", "the store cannot be read"),
    };
    Problem::new(status, code, title, why.to_string())
}
