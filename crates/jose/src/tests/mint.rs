//! A mint that signs whatever it is told to.

use crate::{Algorithm, KeySet, base64url};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use std::sync::LazyLock;

pub(super) enum Pair {
    Rsa(&'static rsa::KeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(super) struct Mint {
    pub(super) algorithm: Algorithm,
    pub(super) pair: Pair,
}

pub(super) static RSA: LazyLock<rsa::KeyPair> =
    LazyLock::new(|| rsa::KeyPair::generate(KeySize::Rsa2048).unwrap());

impl Mint {
    pub(super) fn new(algorithm: Algorithm) -> Mint {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Algorithm::Es384 => {
                Pair::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
            }
            Algorithm::Es512 => {
                Pair::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap())
            }
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Pair::Rsa(&RSA),
        };
        Mint { algorithm, pair }
    }

    /// The public members of the key, without braces.
    pub(super) fn public(&self) -> String {
        match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_public(pair);
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, base64url::encode(&n), base64url::encode(&e))
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                format!(r#""kty":"EC","crv":"{crv}","x":"{x}","y":"{y}""#)
            }
            Pair::Ed(pair) => {
                let x = base64url::encode(pair.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
        }
    }

    /// A set with this key, called `k1`, with `extra` members such as `,"use":"sig"`.
    pub(super) fn set(&self, extra: &str) -> KeySet {
        set(&[format!(r#"{{{},"kid":"k1"{extra}}}"#, self.public())])
    }

    pub(super) fn raw(&self, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, input, &mut out).unwrap();
                out
            }
            Pair::Ec(pair) => pair.sign(&random, input).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// A token of exactly these two texts, signed with this key whatever the header says.
    pub(super) fn jws(&self, header: &str, payload: &str) -> String {
        self.parts(&base64url::encode(header.as_bytes()), &base64url::encode(payload.as_bytes()))
    }

    /// As [`Mint::jws`], of parts already encoded.
    pub(super) fn parts(&self, header: &str, payload: &str) -> String {
        let input = format!("{header}.{payload}");
        let signature = base64url::encode(&self.raw(input.as_bytes()));
        format!("{input}.{signature}")
    }

    pub(super) fn header(&self) -> String {
        format!(r#"{{"alg":"{}","kid":"k1"}}"#, self.algorithm)
    }

    pub(super) fn token(&self, payload: &str) -> String {
        self.jws(&self.header(), payload)
    }

    pub(super) fn pkcs8(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(*pair).unwrap().as_ref().to_vec(),
            Pair::Ec(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
        }
    }

    pub(super) fn pem(&self) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(self.pkcs8());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }
}

/// Modulus and exponent out of the `RSAPublicKey` of PKCS #1, for moduli of 2048 bits and an exponent of three bytes.
pub(super) fn rsa_public(pair: &rsa::KeyPair) -> (Vec<u8>, Vec<u8>) {
    let der = pair.public_key().as_ref();
    (der[9..der.len() - 5].to_vec(), der[der.len() - 3..].to_vec())
}

pub(super) fn set(keys: &[String]) -> KeySet {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into()).unwrap()
}
