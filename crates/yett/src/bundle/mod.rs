//! Signed bundles of rules, which travel as one file and need no network.
//!
//! A bundle is an envelope of DSSE 1.0.2 (`DSSEv1`, the pre-authentication encoding of its protocol.md) in JSON, signed by Ed25519. What is
//! signed is the type and the payload, byte for byte, so that nothing is parsed before its signature has been checked. The payload is
//! JSON: the name of the set, its version, when it was made, until when it may be installed, and the files.
//!
//! Promises: a bundle that is forged, changed or cut off yields nothing; paths stay below the folder that they are put into; sizes and
//! counts are bounded.

pub(crate) mod folder;
mod key;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) use key::{PublicKeys, SigningKey};

/// Bytes of a bundle as it travels.
pub(crate) const MAX_BUNDLE: usize = 48 << 20;
/// Bytes of its files together.
const MAX_FILES: usize = 24 << 20;
/// Files of a bundle.
const MAX_COUNT: usize = 1_000;
/// Steps of a path, and bytes of each.
const MAX_STEPS: usize = 4;
const MAX_STEP: usize = 100;
/// Signatures of a bundle: those of the keys that it was signed with, old and new.
const MAX_SIGNATURES: usize = 8;
/// What the payload is.
const TYPE: &str = "application/vnd.yett.bundle+json";

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The name of the set: a folder has it.
    pub(crate) name: String,
    /// Later ones are greater.
    pub(crate) version: u64,
    /// When it was made, in seconds since 1970.
    pub(crate) made: u64,
    /// Until when it may be installed, so that nobody is kept at an old one for ever.
    pub(crate) until: u64,
    /// Contents by path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Whether its name can be a folder's.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > MAX_STEP || !self.name.bytes().all(letter) {
            return Err(format!(
                "`{}` is no name of a bundle: it has lower case letters, digits and `-`",
                self.name.escape_debug()
            ));
        }
        if self.files.is_empty() || self.files.len() > MAX_COUNT {
            return Err(format!("a bundle has 1 to {MAX_COUNT} files, and this one {}", self.files.len()));
        }
        let bytes: usize = self.files.values().map(Vec::len).sum();
        if bytes > MAX_FILES {
            return Err(format!("the files of a bundle have at most {MAX_FILES} bytes, and these {bytes}"));
        }
        let mut seen = BTreeSet::new();
        for path in self.files.keys() {
            // A file system may hold names for one that differ in case.
            if !is_plain(path) || !seen.insert(path.to_ascii_lowercase()) {
                return Err(format!("`{}` is no path of a bundle's file", path.escape_debug()));
            }
        }
        let below = |path: &String| seen.iter().any(|other| other.starts_with(&format!("{path}/")));
        match seen.iter().find(|path| below(path)) {
            Some(path) => Err(format!("`{path}` is a file and a folder")),
            None => Ok(()),
        }
    }

    fn payload(&self) -> String {
        let files: BTreeMap<&str, String> =
            self.files.iter().map(|(path, bytes)| (path.as_str(), STANDARD.encode(bytes))).collect();
        json!({
            "name": self.name,
            "version": self.version,
            "made": self.made,
            "until": self.until,
            "files": files,
        })
        .to_string()
    }

    fn of_payload(payload: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(payload).ok()?;
        let number = |key: &str| value.get(key)?.as_u64();
        let files = value.get("files")?.as_object()?.iter().map(|(path, text)| {
            let bytes = STANDARD.decode(text.as_str()?).ok()?;
            Some((path.clone(), bytes))
        });
        Some(Self {
            name: value.get("name")?.as_str()?.to_owned(),
            version: number("version")?,
            made: number("made")?,
            until: number("until")?,
            files: files.collect::<Option<_>>()?,
        })
    }

    /// As it travels.
    ///
    /// # Errors
    /// When it would not be taken where it arrives.
    pub(crate) fn seal(&self, key: &SigningKey) -> Result<String, String> {
        self.check()?;
        let payload = self.payload();
        let signature = STANDARD.encode(key.sign(&encoded(payload.as_bytes())));
        let signatures = json!([{ "keyid": key.id(), "sig": signature }]);
        let sealed =
            json!({ "payloadType": TYPE, "payload": STANDARD.encode(payload), "signatures": signatures });
        let text = format!("{sealed}\n");
        if text.len() > MAX_BUNDLE {
            return Err(format!("the bundle has more than {MAX_BUNDLE} bytes"));
        }
        Ok(text)
    }

    /// What a bundle holds that one of these keys signed.
    ///
    /// # Errors
    /// When it is not whole, or nobody who is believed has signed it.
    pub(crate) fn open(sealed: &[u8], keys: &PublicKeys) -> Result<Self, String> {
        let cut = || String::from("it is no bundle, or not a whole one");
        let envelope: Value = serde_json::from_slice(sealed).map_err(|_| cut())?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if text(&envelope, "payloadType").as_deref() != Some(TYPE) {
            return Err(cut());
        }
        let payload =
            text(&envelope, "payload").and_then(|text| STANDARD.decode(text).ok()).ok_or_else(cut)?;
        let signatures = envelope.get("signatures").and_then(Value::as_array).ok_or_else(cut)?;
        let message = encoded(&payload);
        let is_good = |signature: &Value| {
            let bytes = text(signature, "sig").and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| keys.verify(&message, &bytes))
        };
        if !signatures.iter().take(MAX_SIGNATURES).any(is_good) {
            return Err(String::from("no key that is believed has signed it"));
        }
        let bundle =
            Self::of_payload(&payload).ok_or_else(|| String::from("its payload is of another kind"))?;
        bundle.check()?;
        Ok(bundle)
    }
}

/// What is signed.
fn encoded(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Whether a path leads to a file below a folder, on every system.
fn is_plain(path: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let step = |step: &str| {
        (1..=MAX_STEP).contains(&step.len()) && !step.starts_with('.') && step.bytes().all(letter)
    };
    path.split('/').count() <= MAX_STEPS && path.split('/').all(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: &[&str]) -> Bundle {
        let files = files.iter().map(|path| ((*path).to_owned(), path.as_bytes().to_vec())).collect();
        Bundle { name: String::from("crs"), version: 7, made: 1, until: 9, files }
    }

    #[test]
    fn threat_40_what_is_forged_changed_or_cut_off_yields_nothing() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let keys = PublicKeys::read(&format!("# old\n{}\n\n{}\n", other.public(), key.public())).unwrap();
        let strangers = PublicKeys::read(&SigningKey::generate().unwrap().public()).unwrap();
        let good = bundle(&["rules/a.conf", "b.data"]);
        let sealed = good.seal(&key).unwrap();
        assert_eq!(Bundle::open(sealed.as_bytes(), &keys), Ok(good));
        assert!(Bundle::open(sealed.as_bytes(), &strangers).unwrap_err().contains("believed"));
        for end in (0..sealed.len() - 1).step_by(7) {
            assert!(Bundle::open(&sealed.as_bytes()[..end], &keys).is_err(), "{end}");
        }
        // One bit of what was signed, wherever: the id of the key alone says nothing.
        let mut envelope: Value = serde_json::from_str(&sealed).unwrap();
        envelope["signatures"][0]["keyid"] = "x".into();
        assert!(Bundle::open(envelope.to_string().as_bytes(), &keys).is_ok());
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        for at in (0..payload.len()).step_by(3) {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            envelope["payload"] = STANDARD.encode(changed).into();
            assert!(Bundle::open(envelope.to_string().as_bytes(), &keys).is_err(), "{at}");
        }
        // The same payload under another type is another message.
        let again: Value = serde_json::from_str(&sealed.replace(TYPE, "application/json")).unwrap();
        assert!(Bundle::open(again.to_string().as_bytes(), &keys).is_err());
    }

    #[test]
    fn paths_stay_below_their_folder() {
        let key = SigningKey::generate().unwrap();
        assert!(bundle(&["rules/a.conf", "rules/b.data", "crs-setup.conf.example"]).seal(&key).is_ok());
        for wrong in [
            &[][..],
            &["../a"],
            &["/a"],
            &["a//b"],
            &["a/../b"],
            &["a/"],
            &[".a"],
            &["a\\b"],
            &["a b"],
            &["a\u{202e}"],
            &["a/b/c/d/e"],
            &["a", "A"],
            &["a", "a/b"],
        ] {
            assert!(bundle(wrong).seal(&key).is_err(), "{wrong:?}");
        }
        for name in ["", "..", "CRS", "a/b"] {
            assert!(Bundle { name: name.into(), ..bundle(&["a"]) }.seal(&key).is_err(), "{name}");
        }
    }
}
