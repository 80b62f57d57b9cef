//! From what somebody asks to have revoked to what the store keeps: which issuer is meant, what a token is known by, how long it
//! has to be remembered.

use std::time::Duration;

use controls::authentication::{apikey, issued};
use controls::security::{authority_issuer, signers_issuer, users_issuer, webhook_issuer};
use credentials::{Kind, token_digest};
use manage_api::{Issued, NewRevocation, Problem};
use spec::Document;

/// How long something is revoked when nobody says: longer than any access token should be good.
const LASTS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long certificates, signers, users and senders are revoked when nobody says: there is no saying how long those of a subject are good.
const OTHERS_LAST: Duration = store::MAX_TTL;
/// How long after its end a token is still remembered: more than clocks may differ by.
const LEEWAY: u64 = 24 * 3600;
/// Last second of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What the store is to keep.
///
/// # Errors
/// What is wrong with what was asked.
pub(super) fn resolve(
    new: NewRevocation,
    document: &Document,
    now: u64,
) -> Result<store::NewRevocation, Problem> {
    let Some(kind) = Kind::parse(&new.kind) else {
        return Err(Problem::invalid(format!("nothing is revoked by `{}`", new.kind.escape_debug())));
    };
    let mut lasts = new.lasts.map(Duration::from_secs);
    if let Some(token) = &new.token {
        if kind != Kind::Token || new.issuer.is_some() || new.value.is_some() {
            return Err(Problem::invalid("a token stands for itself: leave `issuer` and `value` out"));
        }
        let known = by_token(token, document.issuers.values().map(|issuer| &issuer.value), now);
        return Ok(store::NewRevocation { reason: new.reason, lasts: lasts.unwrap_or(known.lasts), ..known });
    }
    let issuer = match (&new.issuer, kind) {
        (None, Kind::Digest) => String::new(),
        (Some(_), Kind::Digest) => {
            return Err(Problem::invalid("a digest is that of one token, whoever issued it"));
        }
        (Some(issuer), kind) => {
            let (iss, vouches) = issuer_of(issuer, document)?;
            if let Some(why) = vouches.misfit(issuer, kind) {
                return Err(Problem::invalid(why));
            }
            lasts = lasts.or((vouches != Vouches::Tokens).then_some(OTHERS_LAST));
            iss
        }
        (None, _) => return Err(Problem::invalid("of which issuer is not said")),
    };
    let until_now = match new.issued {
        Some(issued) => issued == Issued::UntilNow,
        None => kind == Kind::Subject,
    };
    Ok(store::NewRevocation {
        kind,
        issuer,
        value: new.value.unwrap_or_default(),
        before: until_now.then_some(now),
        reason: new.reason,
        lasts: lasts.unwrap_or(LASTS),
    })
}

/// What a token is known by. Nothing of it is verified: whoever asks may revoke it, or has verified it.
///
/// It is its `jti` where an issuer of the document signs it and its own words count. Of what an issuer is asked about, the answer
/// counts, which may name another `jti` or none; that, and what names no issuer of ours, is known by its digest.
pub(super) fn by_token<'d>(
    token: &str,
    mut issuers: impl Iterator<Item = &'d spec::Issuer>,
    now: u64,
) -> store::NewRevocation {
    let digest = || token_digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut known = store::NewRevocation {
        kind: Kind::Digest,
        issuer: String::new(),
        value: digest(),
        before: None,
        reason: String::new(),
        lasts: LASTS,
    };
    let Ok(parsed) = jose::parse(token) else { return known };
    let payload = parsed.into_payload();
    let claim = |name| payload.root().get(name);
    let text = |name| {
        let text = claim(name).and_then(|claim| claim.as_str())?;
        let good = (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control);
        good.then(|| text.into_owned())
    };
    if let (Some(issuer), Some(id)) = (text("iss"), text("jti"))
        && issuers.any(|one| issued::iss(one) == issuer && one.introspection.is_none())
    {
        (known.kind, known.issuer, known.value) = (Kind::Token, issuer, id);
    }
    let expires = claim("exp").and_then(|exp| exp.as_number()).and_then(|number| number.as_f64());
    if let Some(expires) = expires.filter(|expires| *expires >= 0.0) {
        // Rounded down and not past what there is, so that the conversion is exact; the leeway is more than what is lost.
        known.lasts = remembered(expires.min(LAST_SECOND) as u64, now);
    }
    known
}

/// How long a token has to be remembered that ends at a second.
pub(super) fn remembered(expires: u64, now: u64) -> Duration {
    Duration::from_secs(expires.saturating_sub(now).saturating_add(LEEWAY)).min(store::MAX_TTL)
}

/// What is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vouches {
    Tokens,
    Certificates,
    Signatures,
    /// Users, and senders of webhooks.
    Callers,
}

impl Vouches {
    /// Why nothing is revoked by a kind of whom `named` vouches for, where that is so.
    fn misfit(self, named: &str, kind: Kind) -> Option<String> {
        let named = named.escape_debug();
        let all = matches!(kind, Kind::Subject | Kind::Issuer);
        match self {
            Self::Certificates if !all => Some(format!(
                "`{named}` are authorities of certificates, of which all of a `subject` or all are revoked; one by the \
                 SHA-256 of its DER, as `yett revoke token --sha256`"
            )),
            Self::Signatures if matches!(kind, Kind::Token | Kind::Session) => Some(format!(
                "`{named}` are signers, of which all of a `subject`, an `application` or all are revoked"
            )),
            Self::Callers if !all => {
                Some(format!("`{named}` issues no tokens: a `subject` of it is revoked, or all"))
            }
            _ => None,
        }
    }
}

/// `iss` of an issuer that is named as the document names it, or by its URL; of whoever else vouches, as principals name them.
fn issuer_of(named: &str, document: &Document) -> Result<(String, Vouches), Problem> {
    if named == apikey::ISSUER {
        return Err(Problem::invalid(
            "API keys are revoked by `yett key revoke`, and all of an application by `yett app suspend`",
        ));
    }
    let tokens =
        document.issuers.iter().map(|(name, issuer)| (name, issued::iss(issuer).to_owned(), Vouches::Tokens));
    let authorities = document.authorities.keys();
    let certificates = authorities.map(|name| (name, authority_issuer(name), Vouches::Certificates));
    let signers = document.signers.keys();
    let signatures = signers.map(|name| (name, signers_issuer(name), Vouches::Signatures));
    let users = document.users.keys().map(|name| (name, users_issuer(name), Vouches::Callers));
    let senders = document.webhooks.keys().map(|name| (name, webhook_issuer(name), Vouches::Callers));
    let all: Vec<_> = tokens.chain(certificates).chain(signatures).chain(users).chain(senders).collect();
    let found = all.iter().find(|(name, iss, _)| *name == named || *iss == named);
    found.map(|(_, iss, vouches)| (iss.clone(), *vouches)).ok_or_else(|| {
        let hint = diagnostics::nearest(named, all.iter().map(|(name, ..)| name.as_str()));
        let hint = hint.map(|near| format!(": did you mean `{near}`?"));
        let names = || all.iter().map(|(name, ..)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint = hint.unwrap_or_else(|| format!("; these are: {}", names()));
        Problem::invalid(format!("`{}` is no issuer of the document{hint}", named.escape_debug()))
    })
}
