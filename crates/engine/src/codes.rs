//! The one table of codes: each way in which a call can end otherwise than with the upstream's answer.
//!
//! A code is stable: clients branch on it, dashboards count it, `docs/errors/<name>.md` explains it (a test holds table
//! and pages together). Its public text says what the caller did, never what stands behind the gateway.

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller.
    Client,
    /// The service behind the gateway.
    Upstream,
    /// A party that vouches for callers: an issuer of tokens.
    Issuer,
    /// The gateway itself.
    Gateway,
}

impl Blame {
    /// Its name in logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Blame::Client => "client",
            Blame::Upstream => "upstream",
            Blame::Issuer => "issuer",
            Blame::Gateway => "gateway",
        }
    }
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name, `snake_case`.
    pub name: &'static str,
    /// HTTP status of the answer.
    pub status: u16,
    /// Who has to act.
    pub blame: Blame,
    /// What the caller reads.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $status:literal, $blame:ident, $title:literal;)*) => {
        $($(#[$doc])* pub static $id: Code = Code { name: $name, status: $status, blame: Blame::$blame, title: $title };)*
        /// Every code, in the order of this file.
        pub static TABLE: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    /// The target has a form that parsers read differently (RFC 3986 section 6; docs/errors).
    PATH_NOT_CANONICAL = "path_not_canonical", 400, Client, "the request target is not in canonical form";
    /// The head breaks RFC 9110 or 9112, or what we accept of them.
    REQUEST_MALFORMED = "request_malformed", 400, Client, "the request is malformed";
    /// The target is longer than the bound.
    TARGET_TOO_LONG = "target_too_long", 414, Client, "the request target is too long";
    /// More or longer header fields than the bound.
    HEADERS_TOO_LARGE = "headers_too_large", 431, Client, "the header section is too large";
    /// No API answers to this host on this listener.
    HOST_UNKNOWN = "host_unknown", 421, Client, "no API is served under this host";
    /// The host is another one than the TLS handshake named (RFC 9110 section 15.5.20).
    MISDIRECTED = "misdirected", 421, Client, "this host is not served on this connection";
    /// The API demands a client certificate and the connection has none.
    CERTIFICATE_REQUIRED = "certificate_required", 403, Client, "a client certificate is required";
    /// The client certificate was good when the connection began and is not any more.
    CERTIFICATE_REFUSED = "certificate_refused", 403, Client, "the client certificate is not accepted";
    /// The client certificate has expired since the connection began.
    CERTIFICATE_EXPIRED = "certificate_expired", 401, Client, "the client certificate has expired";
    /// The client certificate is good, and names nobody who may call here.
    CERTIFICATE_INVALID = "certificate_invalid", 401, Client, "the client certificate names no known caller";
    /// The client certificate is good, and it or all of its subject or authorities was revoked at the gateway.
    CERTIFICATE_REVOKED = "certificate_revoked", 401, Client, "the client certificate was revoked";
    /// No operation of the contract has this path.
    OPERATION_UNKNOWN = "operation_unknown", 404, Client, "the contract has no such operation";
    /// The contract has the path, but not with this method.
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, Client, "the contract does not allow this method here";
    /// CONNECT, Upgrade or h2c where the operation does not declare it.
    UPGRADE_REFUSED = "upgrade_refused", 400, Client, "this operation cannot be upgraded to another protocol";
    /// The operation is a WebSocket and the call is no handshake of one (RFC 9110 section 15.5.22).
    UPGRADE_REQUIRED = "upgrade_required", 426, Client, "this operation is a WebSocket";
    /// A frame breaks RFC 6455, or a text is not UTF-8.
    MESSAGE_MALFORMED = "message_malformed", 400, Client, "a message is malformed";
    /// A message or a frame is longer than the bound.
    MESSAGE_TOO_LARGE = "message_too_large", 413, Client, "a message is too large";
    /// More messages, or frames that carry nothing, than the rate allows.
    MESSAGES_TOO_FAST = "messages_too_fast", 429, Client, "too many messages";
    /// What allowed a live stream does not hold any more: its operation, its principal, their rights.
    STREAM_WITHDRAWN = "stream_withdrawn", 403, Client, "the permission for this stream was withdrawn";
    /// An answer that streams lasted as long as it may, and its protocol has no close for that.
    STREAM_TOO_LONG = "stream_too_long", 504, Client, "the stream has lasted as long as it may";
    /// An expectation other than `100-continue`.
    EXPECTATION_FAILED = "expectation_failed", 417, Client, "the expectation cannot be met";
    /// A cross-origin call from an origin that is not allowed.
    ORIGIN_REFUSED = "origin_refused", 403, Client, "this origin may not call this API";
    /// The client's address is in a network that is not let in.
    ADDRESS_REFUSED = "address_refused", 403, Client, "calls from this address are not taken";
    /// The operation wants a credential and none came.
    CREDENTIAL_MISSING = "credential_missing", 401, Client, "a credential is required";
    /// A credential came in a form that cannot be read, or more than one.
    CREDENTIAL_MALFORMED = "credential_malformed", 400, Client, "the credential cannot be read";
    /// The token is not valid for this API.
    TOKEN_INVALID = "token_invalid", 401, Client, "the access token is not valid";
    /// The token was valid once.
    TOKEN_EXPIRED = "token_expired", 401, Client, "the access token has expired";
    /// The token was valid until it was revoked, or all tokens of its subject, session, application or issuer were.
    TOKEN_REVOKED = "token_revoked", 401, Client, "the access token was revoked";
    /// The proof of possession that came with the token is not good (RFC 9449 section 4.3).
    PROOF_INVALID = "proof_invalid", 401, Client, "the proof of possession is not valid";
    /// The proof of possession lacks a nonce of ours that is still good (RFC 9449 section 9).
    PROOF_NONCE_REQUIRED = "proof_nonce_required", 401, Client, "the proof of possession needs the server's nonce";
    /// Nobody can tell whether a proof was used before.
    PROOF_UNCHECKED = "proof_unchecked", 503, Gateway, "proofs of possession cannot be checked at the moment";
    /// The signature over the request is not good, or does not cover what it has to (RFC 9421 section 3.2).
    SIGNATURE_INVALID = "signature_invalid", 401, Client, "the signature over the request is not valid";
    /// The body is not the one whose digest was signed (RFC 9530).
    DIGEST_MISMATCH = "digest_mismatch", 401, Client, "the body is not the one that was signed";
    /// The API key is malformed, unknown or revoked, or there is more than one.
    KEY_INVALID = "key_invalid", 401, Client, "the API key is not valid";
    /// The API key was valid once.
    KEY_EXPIRED = "key_expired", 401, Client, "the API key has expired";
    /// The API key is good, and its application may not call.
    APPLICATION_SUSPENDED = "application_suspended", 403, Client, "the application is suspended";
    /// The user is not known, or the password is not theirs, or neither can be read (RFC 7617 section 2).
    PASSWORD_INVALID = "password_invalid", 401, Client, "the user name or the password is not right";
    /// The password is right, and the user was revoked.
    USER_REVOKED = "user_revoked", 401, Client, "the user was revoked";
    /// More passwords are being checked than there is room for.
    PASSWORD_UNCHECKED = "password_unchecked", 503, Gateway, "passwords cannot be checked at the moment";
    /// The delivery is not signed by its sender, too old, or was delivered before (Standard Webhooks).
    WEBHOOK_INVALID = "webhook_invalid", 401, Client, "the webhook is not signed by its sender, or not new";
    /// The store of applications has not been read, so no API key can be verified.
    CREDENTIALS_UNAVAILABLE = "credentials_unavailable", 503, Gateway, "API keys cannot be verified at the moment";
    /// The issuer's keys are not known now, so nothing can be verified.
    ISSUER_UNAVAILABLE = "issuer_unavailable", 503, Issuer, "credentials cannot be verified at the moment";
    /// The issuer gives the service no token in exchange for the caller's (RFC 8693 section 2.2.2).
    EXCHANGE_REFUSED = "exchange_refused", 401, Client, "the access token is not accepted for this operation";
    /// The issuer gives no token for the service, so that it could not be told who calls.
    IDENTITY_UNAVAILABLE = "identity_unavailable", 503, Issuer, "the service cannot be told who calls at the moment";
    /// The credential is valid but lacks scopes.
    INSUFFICIENT_SCOPE = "insufficient_scope", 403, Client, "the credential lacks a required scope";
    /// The caller lacks a role or a claim that the configuration requires beside the contract's scopes.
    PRIVILEGE_MISSING = "privilege_missing", 403, Client, "the caller lacks a role or claim that is required here";
    /// The user logged in longer ago than the configuration allows (RFC 9470).
    LOGIN_STALE = "login_stale", 401, Client, "a fresher login is required here";
    /// The user logged in by other means than the configuration asks for (RFC 9470).
    LOGIN_WEAK = "login_weak", 401, Client, "a stronger login is required here";
    /// An id in the call belongs to somebody else, or it cannot be told whose it is.
    OBJECT_FORBIDDEN = "object_forbidden", 403, Client, "the call names an object that is not the caller's";
    /// The same, where callers are not to know that there is such an object.
    OBJECT_NOT_FOUND = "object_not_found", 404, Client, "there is no such object";
    /// It cannot be told now whose an object of the call is.
    OWNER_UNAVAILABLE = "owner_unavailable", 503, Gateway, "the call cannot be decided at the moment";
    /// A policy decision point elsewhere denies the call.
    PDP_DENIED = "pdp_denied", 403, Client, "the policy does not allow this call";
    /// The same, where callers are not to know that there is such a thing.
    PDP_NOT_FOUND = "pdp_not_found", 404, Client, "there is no such resource for this caller";
    /// A policy decision point elsewhere does not answer, or not with a decision.
    PDP_UNAVAILABLE = "pdp_unavailable", 503, Gateway, "the call cannot be decided at the moment";
    /// Policies of the gateway's own do not permit the call.
    POLICY_DENIED = "policy_denied", 403, Client, "the policies do not permit this call";
    /// The same, where callers are not to know that there is such a thing.
    POLICY_NOT_FOUND = "policy_not_found", 404, Client, "there is nothing here for this caller";
    /// What policies are told of a call cannot be told of this one.
    POLICY_UNDECIDED = "policy_undecided", 403, Client, "the policies cannot judge this call";
    /// The call sets a field that this caller may not set, or asks by one that is hidden from this caller.
    PROPERTY_FORBIDDEN = "property_forbidden", 403, Client, "the call sets, reads or asks by a field that this caller may not";
    /// The contract says nothing of security and the configuration does not either.
    UNSECURED_OPERATION = "unsecured_operation", 403, Client, "this operation is not open";
    /// More calls than the rate allows.
    RATE_LIMITED = "rate_limited", 429, Client, "too many calls";
    /// The quota of the window is used up.
    QUOTA_EXHAUSTED = "quota_exhausted", 429, Client, "the quota is used up";
    /// More calls at one time than allowed.
    CONCURRENCY_LIMITED = "concurrency_limited", 429, Client, "too many calls at the same time";
    /// What is left of a limit that several gateways share cannot be told.
    LIMIT_UNCHECKED = "limit_unchecked", 503, Gateway, "limits cannot be checked at the moment";
    /// Too many calls without any credential from this address.
    TOO_MANY_ANONYMOUS = "too_many_anonymous", 429, Client, "too many calls without a credential from this address";
    /// Too many calls without a valid credential from this address.
    TOO_MANY_FAILURES = "too_many_failures", 429, Client, "too many failed calls from this address";
    /// A parameter, header or cookie violates the contract.
    PARAMETER_INVALID = "parameter_invalid", 400, Client, "the parameters violate the contract";
    /// The contract wants a body and none came.
    BODY_MISSING = "body_missing", 400, Client, "a body is required";
    /// A body came where the contract declares none.
    BODY_NOT_DECLARED = "body_not_declared", 400, Client, "this operation takes no body";
    /// The body's media type is not one of the contract's.
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported", 415, Client, "this media type is not accepted here";
    /// The body's content coding is not accepted.
    CODING_UNSUPPORTED = "coding_unsupported", 415, Client, "this content coding is not accepted here";
    /// The body is longer than the bound.
    BODY_TOO_LARGE = "body_too_large", 413, Client, "the body is too large";
    /// The body did not arrive in time or not whole.
    BODY_INCOMPLETE = "body_incomplete", 408, Client, "the body did not arrive in time";
    /// The body is not what its media type says.
    BODY_MALFORMED = "body_malformed", 400, Client, "the body is malformed";
    /// The body, or a field of it, is in clear text where it is to be signed or encrypted.
    BODY_UNPROTECTED = "body_unprotected", 400, Client, "the body has to be signed or encrypted here";
    /// The signature or the encryption of the body, or of a field of it, is not good.
    PROTECTION_INVALID = "protection_invalid", 400, Client, "the body's signature or encryption is not valid";
    /// Nothing is known that the answer could be encrypted with for this caller.
    RECIPIENT_UNKNOWN = "recipient_unknown", 403, Client, "no key is known to encrypt answers for this caller";
    /// The body is deeper, wider or longer inside than the bounds.
    BODY_OUT_OF_BOUNDS = "body_out_of_bounds", 400, Client, "the body exceeds structural bounds";
    /// The body is something else than its media type or its name says.
    CONTENT_MISMATCH = "content_mismatch", 415, Client, "the content is not what it is said to be";
    /// The body has parts of a kind that is not accepted: document types, entities, comments.
    CONTENT_FORBIDDEN = "content_forbidden", 400, Client, "the body has parts that are not accepted here";
    /// A file in the body is of a kind, or has something in it, that is not accepted.
    UPLOAD_REFUSED = "upload_refused", 403, Client, "the uploaded file is not accepted here";
    /// A scanner takes a file in the body for malware.
    UPLOAD_INFECTED = "upload_infected", 403, Client, "the uploaded file was taken for malware";
    /// A scanner of uploads does not answer, or not with a verdict.
    SCANNER_UNAVAILABLE = "scanner_unavailable", 503, Gateway, "uploads cannot be scanned at the moment";
    /// The body violates the contract.
    BODY_INVALID = "body_invalid", 400, Client, "the body violates the contract";
    /// Inspection takes the call for an attack.
    PAYLOAD_REFUSED = "payload_refused", 403, Client, "the call was refused by inspection";
    /// Inspection takes the answer for a leak.
    ANSWER_REFUSED = "answer_refused", 502, Upstream, "the service's answer was withheld";
    /// Fields of the answer are hidden from this caller, and the answer is of a kind in which they cannot be found.
    ANSWER_UNREADABLE = "answer_unreadable", 502, Upstream, "the service's answer could not be read";
    /// No connection to the upstream could be made.
    UPSTREAM_UNREACHABLE = "upstream_unreachable", 502, Upstream, "the service is not reachable";
    /// The upstream closed or reset before its answer was whole.
    UPSTREAM_RESET = "upstream_reset", 502, Upstream, "the service ended the exchange";
    /// The upstream's answer is not HTTP, or breaks its rules.
    UPSTREAM_PROTOCOL = "upstream_protocol", 502, Upstream, "the service answered with something that is not HTTP";
    /// The upstream did not answer in time.
    UPSTREAM_TIMEOUT = "upstream_timeout", 504, Upstream, "the service did not answer in time";
    /// As much is under way at the upstream as its circuit breakers allow.
    UPSTREAM_BUSY = "upstream_busy", 503, Upstream, "the service has no room for this call at the moment";
    /// The upstream's answer violates the contract and validation of responses is enforced.
    RESPONSE_INVALID = "response_invalid", 502, Upstream, "the service's answer violates the contract";
    /// The gateway has no room for this call now.
    OVERLOADED = "overloaded", 503, Gateway, "the gateway has no room for this call at the moment";
    /// The core that the call came to is too late with what it has taken on.
    LOAD_SHED = "load_shed", 503, Gateway, "the gateway is too busy for this call at the moment";
    /// The gateway is shutting down.
    DRAINING = "draining", 503, Gateway, "the gateway is shutting down";
    /// A control could not be built or failed; what it guards stays closed.
    CONTROL_FAILED = "control_failed", 500, Gateway, "the gateway could not decide on this call";
}

/// The code of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    TABLE.iter().copied().find(|code| code.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_and_statuses_are_errors() {
        let mut seen = std::collections::BTreeSet::new();
        for code in TABLE {
            assert!(seen.insert(code.name), "{} twice", code.name);
            assert!(code.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", code.name);
            assert!((400..600).contains(&code.status), "{}", code.name);
        }
    }
}
