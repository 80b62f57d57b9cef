//! The tables, as steps from one version to the next. A step is never changed once it was released; what is new is a new step.
//!
//! Types are those that both databases know: `TEXT` and `BIGINT` (seconds since 1970, but where they say otherwise).

/// Where versions and the fingerprint of the hashing key are; there before the first step.
pub(crate) const META: &str =
    "CREATE TABLE IF NOT EXISTS yett_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";

/// Statements of each step; a store has the version of the steps that it took.
pub(crate) const STEPS: &[&[&str]] = &[APPLICATIONS, REVOCATIONS, SAID];

const APPLICATIONS: &[&str] = &[
    // One row: who changes something locks it first, so that changes are serial and the chain has no forks.
    "CREATE TABLE yett_chain (id BIGINT PRIMARY KEY, sequence BIGINT NOT NULL, hash TEXT NOT NULL)",
    "INSERT INTO yett_chain (id, sequence, hash) VALUES (1, 0, '')",
    "CREATE TABLE yett_audit (sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor TEXT NOT NULL, \
     action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE yett_applications (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, \
     status TEXT NOT NULL CHECK (status IN ('active', 'suspended')), created_at BIGINT NOT NULL, \
     changed_at BIGINT NOT NULL)",
    "CREATE TABLE yett_api_keys (id TEXT PRIMARY KEY, \
     application TEXT NOT NULL REFERENCES yett_applications (id), label TEXT NOT NULL, hash TEXT NOT NULL, \
     scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, retires_at BIGINT, replaced_by TEXT, \
     revoked_at BIGINT, last_used_at BIGINT)",
    "CREATE INDEX yett_api_keys_application ON yett_api_keys (application)",
];

const REVOCATIONS: &[&str] = &[
    "CREATE TABLE yett_revocations (id TEXT PRIMARY KEY, \
     kind TEXT NOT NULL CHECK (kind IN ('token', 'digest', 'subject', 'session', 'application', 'issuer')), \
     issuer TEXT NOT NULL, value TEXT NOT NULL, before_at BIGINT, reason TEXT NOT NULL, created_at BIGINT NOT NULL, \
     expires_at BIGINT NOT NULL, sequence BIGINT NOT NULL, UNIQUE (kind, issuer, value))",
    "CREATE INDEX yett_revocations_expires ON yett_revocations (expires_at)",
    // The number of the change that wrote the row last: what is newer than what a gateway knows is read, and not all.
    "CREATE INDEX yett_revocations_sequence ON yett_revocations (sequence)",
    // Security events that took effect, by a digest of who sent them and their `jti`.
    "CREATE TABLE yett_events (digest TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)",
    "CREATE INDEX yett_events_expires ON yett_events (expires_at)",
];

const SAID: &[&str] = &[
    // When a revocation was said last, in µs since 1970: an undo of before that takes nothing back.
    "ALTER TABLE yett_revocations ADD COLUMN said_at BIGINT NOT NULL DEFAULT 0",
    "UPDATE yett_revocations SET said_at = created_at * 1000000",
];
