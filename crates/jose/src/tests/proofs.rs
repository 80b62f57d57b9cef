//! Proofs of possession: the example of RFC 9449, the thumbprint of RFC 7638, and every algorithm. Hostile ones are put to the
//! gateway's own control, where each has its status.

use super::mint::Mint;
use crate::{Algorithm, Fault, Proof, base64url};

/// RFC 9449 section 4.1, figure 2: made for `POST https://server.example.com/token`.
const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// Its key's thumbprint, as `jkt` of section 6.1.
const EXAMPLE_KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// RFC 7638 section 3.1: a key, and its thumbprint.
const RSA_KEY: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
const RSA_THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

fn thumbprint(proof: &Proof<'_>) -> String {
    base64url::encode(proof.thumbprint())
}

#[test]
fn the_examples_of_the_standards() {
    let proof = Proof::read(EXAMPLE, &Algorithm::ALL).unwrap();
    assert_eq!(thumbprint(&proof), EXAMPLE_KEY);
    proof.verify().unwrap();
    let claims = proof.claims().unwrap();
    assert_eq!((&*claims.id, &*claims.method), ("-BwC3ESc6acc2lTc", "POST"));
    assert_eq!((&*claims.uri, claims.issued), ("https://server.example.com/token", 1_562_262_616));
    assert_eq!((claims.token, claims.nonce, claims.expires), (None, None, None));
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"RS256","jwk":{RSA_KEY}}}"#);
    let text = format!("{}.{}.AAAA", base64url::encode(header.as_bytes()), base64url::encode(b"{}"));
    let proof = Proof::read(&text, &Algorithm::ALL).unwrap();
    assert_eq!(thumbprint(&proof), RSA_THUMBPRINT);
    assert_eq!(proof.verify(), Err(Fault::BadSignature));
    assert_eq!(proof.claims().unwrap_err(), Fault::ClaimMissing);
}

#[test]
fn every_algorithm_has_its_proof_and_refuses_another() {
    let claims = r#"{"jti":"a","htm":"GET","htu":"https://a/","iat":1}"#;
    for algorithm in Algorithm::ALL {
        let mint = Mint::new(algorithm);
        let header =
            |alg: Algorithm| format!(r#"{{"typ":"dpop+jwt","alg":"{alg}","jwk":{{{}}}}}"#, mint.public());
        let text = mint.jws(&header(algorithm), claims);
        let proof = Proof::read(&text, &[algorithm]).unwrap();
        proof.verify().unwrap();
        assert_eq!(proof.claims().unwrap().id, "a");
        let others: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|one| *one != algorithm).collect();
        assert_eq!(Proof::read(&text, &others).unwrap_err(), Fault::AlgNotAllowed, "{algorithm}");
        for other in others {
            let text = mint.jws(&header(other), claims);
            let refused = Proof::read(&text, &Algorithm::ALL).and_then(|proof| proof.verify());
            assert!(refused.is_err(), "{algorithm} as {other}");
        }
    }
}

#[test]
fn nothing_of_a_proof_is_shown() {
    let proof = Proof::read(EXAMPLE, &Algorithm::ALL).unwrap();
    let shown = format!("{proof:?}");
    assert!(shown.contains(EXAMPLE_KEY) && !shown.contains("server.example.com"), "{shown}");
}
