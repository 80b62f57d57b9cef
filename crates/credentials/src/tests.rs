use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::*;

/// Bytes that only look random, the same every time.
fn drawn(seed: u64) -> NewKey {
    let mut state = seed;
    NewKey::draw(|bytes| {
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    })
}

fn hash_key(byte: u8) -> Arc<HashKey> {
    Arc::new(HashKey::new(&[byte; 32]).unwrap())
}

#[test]
fn a_key_has_the_form_that_scanners_look_for() {
    let key = drawn(1);
    let text = key.reveal();
    assert_eq!(text.len(), LENGTH);
    assert_eq!(LENGTH, 51);
    let (id, rest) = text.strip_prefix("yett_").unwrap().split_once('_').unwrap();
    assert_eq!((id, id.len(), rest.len()), (key.id.as_str(), 12, 33));
    assert!(id.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(Presented::parse(text.as_bytes()).unwrap().id, key.id);
    assert_eq!(public_id(text), Some(key.id));
    assert_eq!(public_id(id), Some(key.id));
    assert_eq!(public_id("yett_short"), None);
    assert_eq!(public_id(&format!("{id}x")), None);
    assert_ne!(drawn(2).reveal(), text);
}

#[test]
fn digits_are_drawn_evenly() {
    let mut counts: HashMap<u8, u32> = HashMap::new();
    for seed in 0..2_000 {
        let key = drawn(seed);
        let secret = &key.reveal().as_bytes()[18..45];
        secret.iter().for_each(|byte| *counts.entry(*byte).or_default() += 1);
    }
    // 54,000 digits over 62: 871 each, with a deviation of 29.
    assert_eq!(counts.len(), 62);
    assert!(counts.values().all(|count| (700..1_050).contains(count)), "{counts:?}");
}

#[test]
fn what_cannot_be_a_key_is_told_before_anything_is_hashed() {
    let key = drawn(3);
    let good = key.reveal();
    let swapped = {
        let mut bytes = good.as_bytes().to_vec();
        let other = if bytes[30] == b'a' { b'b' } else { b'a' };
        bytes[30] = other;
        bytes
    };
    let cases: Vec<(Vec<u8>, Malformed)> = vec![
        (Vec::new(), Malformed::Prefix),
        (b"Bearer x".to_vec(), Malformed::Prefix),
        (good.replace("yett_", "YETT_").into_bytes(), Malformed::Prefix),
        (b"yett_".to_vec(), Malformed::Length),
        (good.as_bytes()[..50].to_vec(), Malformed::Length),
        (format!("{good}x").into_bytes(), Malformed::Length),
        (format!("{good} ").into_bytes(), Malformed::Length),
        (format!("{good}, {good}").into_bytes(), Malformed::Length),
        (vec![b'y'; 1 << 20], Malformed::Prefix),
        (good.replacen('_', "-", 2).replacen('-', "_", 1).into_bytes(), Malformed::Character),
        ([&good.as_bytes()[..49], "é".as_bytes()].concat(), Malformed::Character),
        ([&good.as_bytes()[..50], b"\0"].concat(), Malformed::Character),
        (swapped, Malformed::Checksum),
        (good.to_ascii_lowercase().into_bytes(), Malformed::Checksum),
    ];
    for (text, why) in cases {
        assert_eq!(Presented::parse(&text).unwrap_err(), why, "{}", text.escape_ascii());
    }
    assert!(!format!("{key:?} {:?}", Presented::parse(good.as_bytes()).unwrap()).contains(&good[18..]));
}

fn entry(key: &HashKey, text: &str) -> Entry {
    Entry {
        hash: key.hash(&Presented::parse(text.as_bytes()).unwrap()),
        application: "app".into(),
        name: "shop".into(),
        scopes: Box::new([0]),
        until: NEVER,
        replaced: false,
        revoked: false,
        suspended: false,
        usage: Arc::default(),
    }
}

#[test]
fn a_key_is_what_its_table_says_at_that_second() {
    let hashing = hash_key(1);
    let (good, other) = (drawn(4), drawn(5));
    let presented = Presented::parse(good.reveal().as_bytes()).unwrap();
    let check = |change: &dyn Fn(&mut Entry), hashing: &Arc<HashKey>, now| {
        let mut entry = entry(&hash_key(1), good.reveal());
        change(&mut entry);
        let table = Table::new(Arc::clone(hashing), 1, vec!["a".into()], HashMap::from([(good.id, entry)]));
        format!("{:?}", table.check(&presented, now)).split(['(', ' ']).next().unwrap().to_owned()
    };
    assert_eq!(check(&|_| {}, &hashing, 100), "Good");
    assert_eq!(check(&|one| one.until = 101, &hashing, 100), "Good");
    assert_eq!(check(&|one| one.until = 100, &hashing, 100), "Over");
    assert_eq!(check(&|one| one.suspended = true, &hashing, 100), "Suspended");
    assert_eq!(check(&|one| (one.suspended, one.revoked) = (true, true), &hashing, 100), "Revoked");
    // Another store's key, or ours after its hashing key was lost: nothing is said of what the entry is.
    assert_eq!(check(&|one| one.revoked = true, &hash_key(2), 100), "Wrong");
    let table = Table::new(hashing, 1, Vec::new(), HashMap::new());
    let unknown = Presented::parse(other.reveal().as_bytes()).unwrap();
    assert!(matches!(table.check(&unknown, 100), Checked::Unknown));
}

#[test]
fn cores_see_a_table_from_the_moment_it_is_published() {
    let published = Arc::new(Published::default());
    let held: Held<usize> = Held::new(Arc::clone(&published));
    assert!(held.get(|_| 0).is_none());
    let hashing = hash_key(1);
    let key = drawn(6);
    let table = |sequence, keys| Table::new(Arc::clone(&hashing), sequence, Vec::new(), keys);
    published.publish(table(7, HashMap::new()));
    assert_eq!(held.get(Table::len).map(|held| (held.0.sequence(), held.1)), Some((7, 0)));
    published.publish(table(8, HashMap::from([(key.id, entry(&hashing, key.reveal()))])));
    assert_eq!(held.get(Table::len).map(|held| (held.0.sequence(), held.1)), Some((8, 1)));
    // Made once per table.
    assert_eq!(held.get(|_| unreachable!("nothing changed")).map(|held| held.1), Some(1));
}

#[test]
fn uses_are_told_once() {
    let usage = Usage::since(5);
    assert_eq!(usage.unwritten(), None);
    usage.mark(9);
    usage.mark(7);
    assert_eq!((usage.last(), usage.unwritten()), (9, Some(9)));
    usage.wrote(9);
    assert_eq!(usage.unwritten(), None);
}

#[test]
fn hashes_are_keyed_and_written_as_hexadecimal() {
    let key = drawn(7);
    let presented = Presented::parse(key.reveal().as_bytes()).unwrap();
    let (one, two) = (hash_key(1), hash_key(2));
    let hash = one.hash(&presented);
    assert_eq!(Hash::from_hex(&hash.to_hex()), Some(hash));
    assert!(one.is(&presented, &hash) && !two.is(&presented, &hash));
    assert_ne!(one.fingerprint(), two.fingerprint());
    assert_ne!(one.seal("a", &[b"b", b"c"]), one.seal("a", &[b"bc", b""]));
    for bad in ["", "ab", &hash.to_hex().to_uppercase(), &hash.to_hex().replacen(|_| true, "é", 2)] {
        assert_eq!(Hash::from_hex(bad), None, "{bad}");
    }
    assert!(HashKey::new(&[1; 31]).is_err());
}

proptest! {
    #[test]
    fn one_changed_character_is_always_noticed(seed in 0_u64..1000, at in 18_usize..51, to in "[0-9A-Za-z]") {
        let key = drawn(seed);
        let mut bytes = key.reveal().as_bytes().to_vec();
        prop_assume!(bytes[at] != to.as_bytes()[0]);
        bytes[at] = to.as_bytes()[0];
        // CRC-32 finds every burst of up to 32 bits.
        prop_assert_eq!(Presented::parse(&bytes).unwrap_err(), Malformed::Checksum);
    }

    #[test]
    fn whatever_comes_is_read_without_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "yett_[0-9A-Za-z_]{40,50}") {
        let _ = Presented::parse(&bytes);
        let _ = Presented::parse(text.as_bytes());
        let _ = public_id(&text);
    }
}
