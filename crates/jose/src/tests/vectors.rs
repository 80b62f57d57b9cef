//! Examples of RFC 7515 appendix A and RFC 8037 appendix A.

use super::mint::set;
use crate::{Fault, SigningKey, base64url, parse, verify};

/// Header, payload and signature of an example; the key; whether the payload is JSON.
const EXAMPLES: [(&str, [&str; 3], &str, bool); 4] = [
    (
        "RFC 7515 A.2",
        [
            "eyJhbGciOiJSUzI1NiJ9",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ],
        r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        true,
    ),
    (
        "RFC 7515 A.3",
        [
            "eyJhbGciOiJFUzI1NiJ9",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ],
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        true,
    ),
    (
        "RFC 7515 A.4",
        [
            "eyJhbGciOiJFUzUxMiJ9",
            "UGF5bG9hZA",
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        ],
        r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
        false,
    ),
    (
        "RFC 8037 A.4",
        [
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ],
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        false,
    ),
];

#[test]
fn verifies_the_examples_of_the_standards() {
    for (name, [header, payload, signature], key, json) in EXAMPLES {
        let keys = set(&[key.to_owned()]);
        let token = format!("{header}.{payload}.{signature}");
        if json {
            let unverified = parse(&token).unwrap();
            let alg = unverified.header().alg;
            assert!(verify(&unverified, &keys, &[alg]).is_ok(), "{name}");
            assert_eq!(unverified.issuer().unwrap(), "joe");
        } else {
            // Not a JWT, which we refuse; the primitive below must still agree with the example.
            assert_eq!(parse(&token).unwrap_err(), Fault::Malformed, "{name}");
            let header = crate::Header::decode(header).unwrap();
            let verifier = keys.keys()[0].verifier(header.alg).unwrap();
            let (input, signature) = (format!("{}.{payload}", token.split('.').next().unwrap()), signature);
            let mut signature = base64url::decode(signature).unwrap();
            assert!(verifier.verify_sig(input.as_bytes(), &signature).is_ok(), "{name}");
            signature[7] ^= 1;
            assert!(verifier.verify_sig(input.as_bytes(), &signature).is_err(), "{name}");
        }
    }
    // RFC 7515 A.1 (HS256) and A.5 (none).
    let claims = EXAMPLES[0].1[1];
    let hs256 = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{claims}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    assert_eq!(parse(&hs256).unwrap_err(), Fault::AlgNotAllowed);
    assert_eq!(parse(&format!("eyJhbGciOiJub25lIn0.{claims}.")).unwrap_err(), Fault::AlgNone);
}

#[test]
fn thumbprints_are_those_of_rfc_7638() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    assert_eq!(key.thumbprint(), again.thumbprint());
    assert_eq!(key.jwks_json(), again.jwks_json());
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&key.jwks_json()).unwrap();
    let theirs = set.keys[0].thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
    assert_eq!(key.thumbprint(), theirs);
    assert!(SigningKey::from_pkcs8(b"not a key").is_err());
    assert!(!format!("{key:?}").contains("\"x\""));
}
