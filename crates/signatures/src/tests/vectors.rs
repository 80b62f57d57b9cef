//! RFC 9421 appendix B.2, with the keys of appendix B.1.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jose::KeySet;

use super::{headers, message};
use crate::{Algorithm, ContentDigest, Key, KeyFault, Signature};

/// Appendix B.1.2, its public half; `kid` as the examples call it.
const RSA_PSS: &str = r#"{"kty":"RSA","kid":"test-key-rsa-pss","e":"AQAB","n":"r4tmm3r20Wd_PbqvP1s2-QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w"}"#;
/// Appendix B.1.3.
const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"test-key-ecc-p256","x":"qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA","y":"Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"}"#;
/// Appendix B.1.4.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;
/// Appendix B.1.4, as the appendix has it.
const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----";
/// Appendix B.1.5.
const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

const DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

/// The fields of `test-request`.
const REQUEST: [(&str, &str); 5] = [
    ("host", "example.com"),
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", "application/json"),
    ("content-digest", DIGEST),
    ("content-length", "18"),
];

/// Section, `Signature-Input`, `Signature`.
const SIGNED: [(&str, &str, &str); 5] = [
    (
        "B.2.1",
        r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
        "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
    ),
    (
        "B.2.2",
        r#"sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
        "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
    ),
    (
        "B.2.3",
        r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
        "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
    ),
    (
        "B.2.5",
        r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    ),
    (
        "B.2.6",
        r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    ),
];

fn set() -> Arc<KeySet> {
    let text = format!("{{\"keys\":[{RSA_PSS},{P256},{ED25519}]}}");
    Arc::new(KeySet::parse(text.into()).unwrap())
}

/// The key of an example, by its `keyid`.
fn key(id: &str) -> Key {
    match id {
        "test-shared-secret" => Key::secret(&STANDARD.decode(SECRET).unwrap()),
        "test-key-rsa-pss" => Key::of_set(&set(), id, Some(Algorithm::RsaPssSha512)).unwrap(),
        id => Key::of_set(&set(), id, None).unwrap(),
    }
}

#[test]
fn the_examples_of_the_standard_verify_and_no_change_of_them_does() {
    for (section, input, signature) in SIGNED {
        let mut fields = REQUEST.to_vec();
        fields.extend([("signature-input", input), ("signature", signature)]);
        let signed = headers(&fields);
        let read = Signature::read(&signed).unwrap().unwrap();
        let key = key(read.key.as_deref().unwrap());
        let mut message = message(&signed);
        let base = read.base(&message).unwrap();
        assert!(read.is_by(&key, &base), "{section}");
        assert_eq!(read.created, Some(1_618_884_473), "{section}");
        for at in 0..base.len() {
            let mut other = base.clone();
            other[at] ^= 1;
            assert!(!read.is_by(&key, &other), "{section} at {at}");
        }
        // The first two cover neither method nor path.
        if read.covers("@method") {
            message.method = "PUT";
            assert!(!read.is_by(&key, &read.base(&message).unwrap()), "{section}");
        }
    }
}

/// B.2.4 signs an answer, which the gateway does not read; its base is the appendix's own.
#[test]
fn the_example_of_an_answer_verifies_by_its_base() {
    let base = "\"@status\": 200\n\"content-type\": application/json\n\"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n\"content-length\": 23\n\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\"";
    let signature =
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==";
    let signature = STANDARD.decode(signature).unwrap();
    let key = key("test-key-ecc-p256");
    assert_eq!(key.algorithm(), Algorithm::EcdsaP256Sha256);
    assert!(key.verifies(base.as_bytes(), &signature));
    assert!(!key.verifies(base.replace("200", "201").as_bytes(), &signature));
    assert!(!key.verifies(base.as_bytes(), &signature[1..]), "shorter");
}

#[test]
fn the_digest_of_the_example_is_that_of_its_body() {
    let digest = ContentDigest::read(&headers(&REQUEST)).unwrap().unwrap();
    assert!(digest.is_of(br#"{"hello": "world"}"#));
    assert!(!digest.is_of(br#"{"hello": "World"}"#) && !digest.is_of(b""));
}

#[test]
fn keys_are_what_they_say_and_nothing_else() {
    let set = set();
    assert_eq!(Key::of_set(&set, "test-key-rsa-pss", None).unwrap_err(), KeyFault::Undecided);
    assert_eq!(
        Key::of_set(&set, "test-key-ed25519", Some(Algorithm::RsaPssSha512)).unwrap_err(),
        KeyFault::Unfit
    );
    assert_eq!(
        Key::of_set(&set, "test-key-ed25519", Some(Algorithm::HmacSha256)).unwrap_err(),
        KeyFault::Unfit
    );
    assert_eq!(Key::of_set(&set, "nobody", None).unwrap_err(), KeyFault::NotInSet);
    let twice = format!("{{\"keys\":[{ED25519},{}]}}", P256.replace("test-key-ecc-p256", "test-key-ed25519"));
    let twice = Arc::new(KeySet::parse(twice.into()).unwrap());
    assert_eq!(Key::of_set(&twice, "test-key-ed25519", None).unwrap_err(), KeyFault::Twice);

    let key = Key::pem(ED25519_PEM, None).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
    assert_eq!(Key::pem(ED25519_PEM, Some(Algorithm::EcdsaP256Sha256)).unwrap_err(), KeyFault::Unfit);
    for wrong in
        ["", "AAAA", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "-----BEGIN PRIVATE KEY-----"]
    {
        assert_eq!(Key::pem(wrong, None).unwrap_err(), KeyFault::NotPem, "{wrong}");
    }
    let nothing = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    assert_eq!(Key::pem(nothing, None).unwrap_err(), KeyFault::Unfit);
    assert_eq!(format!("{key:?}"), "Key { algorithm: \"ed25519\", .. }");
}
