use super::*;

fn found(text: &str) -> Vec<(Class, &'static str, &str)> {
    let leaks = find(text.as_bytes(), |_| true).all;
    leaks.iter().map(|leak| (leak.class, leak.name, &text[leak.start..leak.end])).collect()
}

const CARD: Class = Class::Card;
const ACCOUNT: Class = Class::Account;
const MAIL: Class = Class::Mail;
const PHONE: Class = Class::Phone;
const PERSON: Class = Class::Person;

#[test]
fn personal_data_is_found_where_it_stands() {
    for (text, class, name, value) in [
        (r#"{"card":"4111111111111111"}"#, CARD, "visa", "4111111111111111"),
        (r#"{"card":4111111111111111,"n":1}"#, CARD, "visa", "4111111111111111"),
        ("pay with 4111 1111 1111 1111, please", CARD, "visa", "4111 1111 1111 1111"),
        ("pay with 4111-1111-1111-1111.", CARD, "visa", "4111-1111-1111-1111"),
        ("5555555555554444", CARD, "mastercard", "5555555555554444"),
        ("2223003122003222", CARD, "mastercard", "2223003122003222"),
        ("3782 822463 10005", CARD, "amex", "3782 822463 10005"),
        ("6011111111111117", CARD, "discover", "6011111111111117"),
        ("3530111333300000", CARD, "jcb", "3530111333300000"),
        ("30569309025904", CARD, "diners", "30569309025904"),
        ("6200000000000005", CARD, "unionpay", "6200000000000005"),
        (r#"{"iban":"DE89370400440532013000"}"#, ACCOUNT, "iban", "DE89370400440532013000"),
        ("to GB29 NWBK 6016 1331 9268 19 today", ACCOUNT, "iban", "GB29 NWBK 6016 1331 9268 19"),
        ("NO9386011117947", ACCOUNT, "iban", "NO9386011117947"),
        (r#"{"to":"ada@example.org"}"#, MAIL, "mail", "ada@example.org"),
        ("Ada <ada.lovelace+x@mail.example.co.uk>.", MAIL, "mail", "ada.lovelace+x@mail.example.co.uk"),
        (r#"{"t":"x\nada@example.org"}"#, MAIL, "mail", "ada@example.org"),
        ("grüße@münchen.example", MAIL, "mail", "grüße@münchen.example"),
        ("call +44 20 7946 0958!", PHONE, "phone", "+44 20 7946 0958"),
        (r#"{"a":"+14155550132"}"#, PHONE, "phone", "+14155550132"),
        (r#"{"a":"\u002B14155550132"}"#, PHONE, "phone", r"\u002B14155550132"),
        ("+49 (0)30 901820", PHONE, "phone", "+49 (0)30 901820"),
        (r#"{"phone":"(415) 555-0132"}"#, PHONE, "phone", "(415) 555-0132"),
        (r#"{"mobile_number":"0151 23456789"}"#, PHONE, "phone", "0151 23456789"),
        ("219-09-9999", PERSON, "us ssn", "219-09-9999"),
        (r#"{"ssn":"219099999"}"#, PERSON, "us ssn", "219099999"),
        ("AB 12 34 56 C", PERSON, "uk nino", "AB 12 34 56 C"),
        ("12345678Z", PERSON, "es dni", "12345678Z"),
        ("X1234567L", PERSON, "es nie", "X1234567L"),
        ("RSSMRA85T10A562S", PERSON, "it codice fiscale", "RSSMRA85T10A562S"),
        ("529.982.247-25", PERSON, "br cpf", "529.982.247-25"),
        ("756.9217.0769.85", PERSON, "ch ahv", "756.9217.0769.85"),
        (r#"{"pesel":"44051401359"}"#, PERSON, "pl pesel", "44051401359"),
        (r#"{"steuer_id":"86095742719"}"#, PERSON, "de steuer-id", "86095742719"),
        (r#"{"bsn":"111222333"}"#, PERSON, "nl bsn", "111222333"),
        ("850709-9805", PERSON, "se personnummer", "850709-9805"),
    ] {
        assert_eq!(found(text), [(class, name, value)], "{text}");
    }
}

#[test]
fn what_is_like_it_is_none() {
    for text in [
        // A wrong check digit, a wrong length, a wrong beginning, a part of something longer.
        "4111111111111112",
        "411111111111111",
        "9111111111111111",
        "41111111111111111111111111",
        "4111 111 11111 1111",
        "4111 1111-1111 1111",
        "x4111111111111111",
        "4111111111111111x",
        "4111111111111111.5",
        "0.4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "1700000000000",
        "DE89370400440532013001",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "ADE89370400440532013000",
        "logo@2x.png",
        "user@localhost",
        "@example.org",
        "a@b",
        "a@.org",
        "a@b.c1",
        "git@",
        "2026-11-27T10:00:00+01:00",
        "1+1234567890",
        "+0123456789",
        "+1234567",
        "+12345678901234567",
        r#"{"id":"4155550132"}"#,
        r#"{"phone":"12-34"}"#,
        r#"{"phone":"x","n":1234567}"#,
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "123-45-67890",
        "GB 12 34 56 C",
        "AB 12 34 56 E",
        "12345678A",
        "X1234567A",
        "RSSMRA85T10A562T",
        "529.982.247-26",
        "111.111.111-11",
        "756.9217.0769.86",
        "44051401359",
        "86095742719",
        "111222333",
        "851309-9805",
        "ISBN 978-3-16-148410-0",
        "192.168.100.100",
        "v1.2.3-20260101",
        "1.234.567,89",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn only_what_is_wanted_and_no_more_than_is_told() {
    let text = "ada@example.org 4111111111111111";
    let only = |class| find(text.as_bytes(), |one| one == class).all.len();
    assert_eq!((only(CARD), only(MAIL), only(PHONE)), (1, 1, 0));
    let many = "a@example.org ".repeat(LEAKS);
    assert!(!find(many.as_bytes(), |_| true).more);
    let found = find(format!("{many}b@example.org").as_bytes(), |_| true);
    assert!(found.more && found.all.len() == LEAKS);
}

proptest::proptest! {
    #[test]
    fn what_is_found_lies_inside_and_in_order(bytes: Vec<u8>, text in "[0-9A-Z@+.() \\\\u-]{0,200}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let mut from = 0;
            for leak in find(bytes, |_| true).all {
                proptest::prop_assert!(from <= leak.start && leak.start < leak.end && leak.end <= bytes.len());
                from = leak.end;
            }
        }
    }
}
