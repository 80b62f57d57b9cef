//! Fields that say two things, or something that is not taken; each beside one that is.

use super::{base, headers, message};
use crate::{ContentDigest, Fault, Key, Signature};

const GOOD: (&str, &str) = ("a=(\"@method\");created=1;keyid=\"k\"", "a=:AAAA:");

fn read(fields: &[(&str, &str)]) -> Result<Option<Signature>, Fault> {
    Signature::read(&headers(fields))
}

#[test]
fn there_is_one_signature_or_none() {
    assert!(read(&[]).unwrap().is_none());
    let (input, signature) = GOOD;
    assert!(read(&[("signature-input", input), ("signature", signature)]).unwrap().is_some());
    let two = format!("{input}, b=(\"@path\")");
    for (input, signature, fault) in [
        (&*two, "a=:AAAA:, b=:AAAA:", Fault::Several),
        (&*two, signature, Fault::Several),
        (input, "a=:AAAA:, b=:AAAA:", Fault::Several),
        (input, "b=:AAAA:", Fault::LabelMismatch),
        (input, "A=:AAAA:", Fault::Malformed),
        (input, "a=:AAAA:, a=:BBBB:", Fault::Twice),
        ("a=(\"@method\"), a=(\"@path\")", signature, Fault::Twice),
        ("a=(\"@method\");created=1;created=2", signature, Fault::Twice),
        ("a=(\"@query-param\";name=\"a\";name=\"b\")", signature, Fault::Twice),
        ("", "", Fault::Several),
        ("a", signature, Fault::Malformed),
        ("a=\"@method\"", signature, Fault::Malformed),
        (input, "a=(:AAAA:)", Fault::Malformed),
        (input, "a=\"AAAA\"", Fault::Malformed),
        (input, "a=AAAA", Fault::Malformed),
        (input, "a=:AA!A:", Fault::Malformed),
        (input, "a=:AAAA:;x", Fault::Malformed),
        ("a=(\"@method\"", signature, Fault::Malformed),
        ("a=('@method')", signature, Fault::Malformed),
        ("a=(\"@method\" ,\"@path\")", signature, Fault::Malformed),
        ("a=(\"@method\"\"@path\")", signature, Fault::Malformed),
    ] {
        let found = read(&[("signature-input", input), ("signature", signature)]);
        assert_eq!(found.unwrap_err(), fault, "{input} {signature}");
    }
    assert_eq!(read(&[("signature-input", input)]).unwrap_err(), Fault::Halves);
    assert_eq!(read(&[("signature", signature)]).unwrap_err(), Fault::Halves);
    // A second line is a second member, wherever it comes from.
    let lines = [("signature-input", input), ("signature-input", "b=()"), ("signature", signature)];
    assert_eq!(read(&lines).unwrap_err(), Fault::Several);
}

#[test]
fn white_space_and_the_order_of_parameters_are_read_as_the_standard_says() {
    // The base is written anew: what stands between the components does not count, in which order they stand does.
    let fields = headers(&[]);
    let message = message(&fields);
    let spaced = base(&message, "(  \"@method\"   \"@path\" );created=1;keyid=\"k\"").unwrap();
    assert_eq!(spaced, base(&message, "(\"@method\" \"@path\");created=1;keyid=\"k\"").unwrap());
    assert_ne!(spaced, base(&message, "(\"@path\" \"@method\");created=1;keyid=\"k\"").unwrap());
    assert_ne!(spaced, base(&message, "(\"@method\" \"@path\");keyid=\"k\";created=1").unwrap());
    assert!(spaced.ends_with("\"@signature-params\": (\"@method\" \"@path\");created=1;keyid=\"k\""));
    assert!(base(&message, "(\"@method\"\t\"@path\")").is_err(), "a tab is no space there");
}

#[test]
fn components_are_known_and_there_once() {
    let fields = headers(&[("x-a", "1"), ("priority", "u=1")]);
    let message = message(&fields);
    for good in
        ["(\"@method\" \"x-a\")", "(\"x-a\" \"x-a\";bs)", "(\"priority\" \"priority\";key=\"u\")", "()"]
    {
        assert!(base(&message, good).is_ok(), "{good}");
    }
    for (covered, fault) in [
        ("(\"@method\" \"@method\")", Fault::ComponentTwice),
        ("(\"x-a\" \"@path\" \"x-a\")", Fault::ComponentTwice),
        ("(\"x-a\";bs \"x-a\";bs)", Fault::ComponentTwice),
        ("(\"X-A\")", Fault::NameMalformed),
        ("(\"@Method\")", Fault::NameMalformed),
        ("(x-a)", Fault::NameMalformed),
        ("(:AAAA:)", Fault::NameMalformed),
        ("(1)", Fault::NameMalformed),
        ("(\"\")", Fault::NameMalformed),
        ("(\"x a\")", Fault::NameMalformed),
        ("(\"x-a: 1\")", Fault::NameMalformed),
        ("(\"@status\")", Fault::DerivedUnknown),
        ("(\"@signature-params\")", Fault::DerivedUnknown),
        ("(\"@whatever\")", Fault::DerivedUnknown),
        ("(\"@method\";req)", Fault::OtherMessage),
        ("(\"x-a\";req)", Fault::OtherMessage),
        ("(\"x-a\";tr)", Fault::OtherMessage),
        ("(\"x-a\";tr;bs)", Fault::OtherMessage),
        ("(\"@method\";bs)", Fault::ComponentParameter),
        ("(\"@path\";name=\"a\")", Fault::ComponentParameter),
        ("(\"@query-param\")", Fault::ComponentParameter),
        ("(\"@query-param\";name=a)", Fault::ComponentParameter),
        ("(\"@query-param\";name=\"a\";x)", Fault::ComponentParameter),
        ("(\"x-a\";bs;sf)", Fault::ComponentParameter),
        ("(\"x-a\";bs;key=\"u\")", Fault::ComponentParameter),
        ("(\"x-a\";bs=?0)", Fault::ComponentParameter),
        ("(\"x-a\";bs=1)", Fault::ComponentParameter),
        ("(\"x-a\";key=u)", Fault::ComponentParameter),
        ("(\"x-a\";other)", Fault::ComponentParameter),
        ("(\"signature\";key=\"a\")", Fault::CoversItself),
        ("(\"signature-input\")", Fault::CoversItself),
        ("(\"x-b\")", Fault::FieldMissing),
        ("(\"priority\";key=\"i\")", Fault::MemberMissing),
    ] {
        assert_eq!(base(&message, covered), Err(fault), "{covered}");
    }
}

#[test]
fn parameters_have_their_types_and_bounds() {
    let long = "k".repeat(257);
    let most = "k".repeat(256);
    let fields = headers(&[]);
    let message = message(&fields);
    for good in
        ["();created=1;expires=2;nonce=\"n\";alg=\"ed25519\";keyid=\"k\";tag=\"t\"", "();alg=\"whatever\""]
    {
        assert!(base(&message, good).is_ok(), "{good}");
    }
    assert!(base(&message, &format!("();keyid=\"{most}\"")).is_ok());
    for (parameters, fault) in [
        ("();created=\"1\"", Fault::ParameterMalformed),
        ("();created=1.5", Fault::ParameterMalformed),
        ("();created=-1", Fault::ParameterMalformed),
        ("();created=@1", Fault::ParameterMalformed),
        ("();created", Fault::ParameterMalformed),
        ("();expires=soon", Fault::ParameterMalformed),
        ("();keyid=k", Fault::ParameterMalformed),
        ("();keyid=\"\"", Fault::ParameterMalformed),
        ("();nonce=:AAAA:", Fault::ParameterMalformed),
        ("();alg=ed25519", Fault::ParameterMalformed),
        ("();other=1", Fault::ParameterUnknown),
        (&*format!("();keyid=\"{long}\""), Fault::TooLarge),
        ("();created=1;Created=2", Fault::Malformed),
        ("();created=1234567890123456", Fault::Malformed),
    ] {
        assert_eq!(base(&message, parameters), Err(fault), "{parameters}");
    }
    let many = |count| {
        let names: Vec<String> = (0..count).map(|number| format!("\"x-{number}\";bs")).collect();
        base(&message, &format!("({})", names.join(" ")))
    };
    assert_eq!(many(64), Err(Fault::FieldMissing));
    assert_eq!(many(65), Err(Fault::TooLarge));
    let large = format!("a=:{}:", "AAAA".repeat(400));
    assert_eq!(read(&[("signature-input", GOOD.0), ("signature", &large)]).unwrap_err(), Fault::TooLarge);
    let large = format!("a=();nonce=\"n\"{}", " ".repeat(9000));
    let large = format!("{large}, b");
    assert_eq!(read(&[("signature-input", &large), ("signature", GOOD.1)]).unwrap_err(), Fault::TooLarge);
}

#[test]
fn what_covers_a_part_of_a_field_does_not_cover_it() {
    let covered = |input: &str, name: &str| {
        let fields = [("signature-input", &*format!("a={input}")), ("signature", "a=:AAAA:")];
        read(&fields).unwrap().unwrap().covers(name)
    };
    for input in ["(\"content-digest\")", "(\"content-digest\";bs)", "(\"content-digest\";sf)"] {
        assert!(covered(input, "content-digest"), "{input}");
    }
    assert!(!covered("(\"content-digest\";key=\"sha-256\")", "content-digest"));
    assert!(!covered("(\"@query-param\";name=\"@query\")", "@query"));
    assert!(covered("(\"@query\")", "@query") && !covered("(\"@query\")", "@path"));
}

#[test]
fn the_algorithm_is_the_keys() {
    let key = Key::secret(&[7; 32]);
    let agrees = |alg: &str| {
        let input = format!("a=(){alg}");
        let read = read(&[("signature-input", &input), ("signature", "a=:AAAA:")]).unwrap().unwrap();
        read.agrees_with(&key)
    };
    assert_eq!(agrees(""), Ok(()));
    assert_eq!(agrees(";alg=\"hmac-sha256\""), Ok(()));
    for other in ["ed25519", "rsa-v1_5-sha256", "none", "HMAC-SHA256"] {
        assert_eq!(agrees(&format!(";alg=\"{other}\"")), Err(Fault::AlgorithmMismatch), "{other}");
    }
}

#[test]
fn digests_are_of_hashes_that_hold() {
    // Of nothing.
    const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let digest = |text: &str| ContentDigest::read(&headers(&[("content-digest", text)]));
    assert!(ContentDigest::read(&headers(&[])).unwrap().is_none());
    assert!(digest(EMPTY).unwrap().unwrap().is_of(b""));
    assert!(!digest(EMPTY).unwrap().unwrap().is_of(b"x"));
    // Another beside it counts for nothing, and both of two count.
    let beside = format!("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, {EMPTY}");
    assert!(digest(&beside).unwrap().unwrap().is_of(b""));
    let both = format!("{EMPTY}, sha-512=:{}=:", format_args!("{}A", "A".repeat(85)));
    assert!(!digest(&both).unwrap().unwrap().is_of(b""), "the other is wrong");
    for (text, fault) in [
        ("", Fault::DigestUnknown),
        ("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", Fault::DigestUnknown),
        ("sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:", Fault::DigestUnknown),
        ("unixsum=:AAA=:", Fault::DigestUnknown),
        ("SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", Fault::DigestMalformed),
        ("sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Fault::DigestMalformed),
        ("sha-256=:47DEQpj8HBSa:", Fault::DigestMalformed),
        ("sha-256=::", Fault::DigestMalformed),
        ("sha-256=(:AAAA:)", Fault::DigestMalformed),
        (&*format!("{EMPTY}, {EMPTY}"), Fault::DigestMalformed),
    ] {
        assert_eq!(digest(text).unwrap_err(), fault, "{text}");
    }
}
