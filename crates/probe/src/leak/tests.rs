use super::*;

/// Split, so that nobody who looks for secrets in sources finds these, which are none.
fn joined(parts: &[&str]) -> String {
    parts.concat()
}

fn names(text: &str) -> Vec<(Class, &'static str)> {
    find(text.as_bytes()).all.iter().map(|leak| (leak.class, leak.name)).collect()
}

#[test]
fn all_rules_are_rules() {
    assert!(compiled().is_some());
    for rule in RULES {
        assert!(!rule.words.is_empty(), "{}", rule.pattern);
    }
}

#[test]
fn leaks_are_found_and_what_is_like_them_is_not() {
    let (trace, database, listing, secret) = (Class::Trace, Class::Database, Class::Listing, Class::Secret);
    let upper = "ABCDEFGHIJKLMNOP";
    let long = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ";
    let cases: Vec<(String, Option<(Class, &str)>)> = vec![
        ("\tat com.acme.Orders.load(Orders.java:42)".into(), Some((trace, "java"))),
        (
            r#"{"trace":"x\n\tat java.base/java.lang.Thread.run(Unknown Source)"}"#.into(),
            Some((trace, "java")),
        ),
        ("see Orders.java:42 in the manual".into(), None),
        ("Traceback (most recent call last):".into(), Some((trace, "python"))),
        (r#"  File "/srv/app/main.py", line 10, in <module>"#.into(), Some((trace, "python"))),
        (r#"{"t":"File \"/srv/app/main.py\", line 10"}"#.into(), Some((trace, "python"))),
        (r#"the "file", line 10"#.into(), None),
        ("    at Object.<anonymous> (/srv/app/index.js:10:5)".into(), Some((trace, "node"))),
        ("    at node:internal/main/run_main_module:23:47".into(), Some((trace, "node"))),
        ("https://example.com/app.js:443".into(), None),
        ("goroutine 17 [running]:".into(), Some((trace, "go"))),
        ("a goroutine 17 of them".into(), None),
        (
            "<b>Fatal error</b>: Uncaught Error: x in <b>/var/www/index.php</b> on line <b>3</b>".into(),
            Some((trace, "php")),
        ),
        ("#0 /var/www/index.php(12): f()".into(), Some((trace, "php"))),
        ("Warning: stand in the queue on line 3".into(), None),
        ("app/models/order.rb:12:in `load'".into(), Some((trace, "ruby"))),
        (r"   at Acme.Orders.Load(Int32 id) in C:\src\Orders.cs:line 12".into(), Some((trace, "dotnet"))),
        ("   at System.Data.SqlClient.SqlCommand.Execute(String s)".into(), Some((trace, "dotnet"))),
        ("thread 'main' panicked at src/main.rs:2:5".into(), Some((trace, "rust"))),
        ("the crowd panicked at noon".into(), None),
        ("You have an error in your SQL syntax; check".into(), Some((database, "mysql"))),
        ("ORA-00942: table or view does not exist".into(), Some((database, "oracle"))),
        ("ORA-12 is a plane".into(), None),
        ("ERROR: syntax error at or near \"select\"".into(), Some((database, "postgresql"))),
        ("SQLSTATE[42000]: Syntax error".into(), Some((database, "sql"))),
        ("Unclosed quotation mark after the character string ''".into(), Some((database, "mssql"))),
        ("sqlite3.OperationalError: near".into(), Some((database, "sqlite"))),
        ("<html><head><title>Index of /backup</title>".into(), Some((listing, "index"))),
        ("Index of /backup is the name of a song".into(), None),
        (joined(&["{\"key\":\"AKIA", upper, "\"}"]), Some((secret, "aws"))),
        (joined(&["AKIA", upper, "Q"]), None),
        (joined(&[r"\nghp", "_", long]), Some((secret, "github"))),
        (joined(&["ghp", "_", "short"]), None),
        (joined(&["glpat", "-", &long[..20]]), Some((secret, "gitlab"))),
        (joined(&["xoxb", "-", "1234567890"]), Some((secret, "slack"))),
        (joined(&["sk_", "live_", &long[..20]]), Some((secret, "stripe"))),
        (joined(&["AIza", &long[..35]]), Some((secret, "google"))),
        (joined(&["$2b$", "12$", long, &long[..17]]), Some((secret, "password hash"))),
        (joined(&["$argon2id$", "v=19$m=65536,t=2,p=1$", long]), Some((secret, "password hash"))),
        ("postgres://user:secret@db:5432/x".into(), Some((secret, "connection"))),
        ("postgres://db:5432/x".into(), None),
        (
            joined(&["-----BEGIN RSA PRI", "VATE KEY-----\nMIIE\n-----END RSA PRI", "VATE KEY-----"]),
            Some((secret, "private key")),
        ),
        ("a PRIVATE KEY----- is drawn".into(), None),
        ("-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----".into(), None),
        ("an ordinary answer about orders, at length".into(), None),
    ];
    for (text, expected) in cases {
        assert_eq!(names(&text).first().copied(), expected, "{text}");
    }
}

#[test]
fn secrets_are_masked_whole_and_json_stays_json() {
    let key = joined(&["-----BEGIN PRI", "VATE KEY-----\\nMIIEabc=\\n-----END PRI", "VATE KEY-----"]);
    let token = joined(&["ghp", "_", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"]);
    let text = format!(r#"{{"a":"{key}\n","b":["x {token}\"quoted\"",1]}}"#);
    let mut bytes = text.clone().into_bytes();
    let leaks = find(&bytes);
    assert_eq!(leaks.all.len(), 2);
    mask(&mut bytes, &leaks.all, Class::Secret);
    let masked = String::from_utf8(bytes).unwrap();
    let stars = |length: usize| "*".repeat(length);
    assert_eq!(
        masked,
        format!(r#"{{"a":"{}\n","b":["x {}\"quoted\"",1]}}"#, stars(key.len()), stars(token.len()))
    );
    // A key that is cut off before an escape: the escape stays whole.
    let cut = joined(&["-----BEGIN PRI", "VATE KEY-----\\nMIIE\\\"x"]);
    let mut bytes = cut.into_bytes();
    let leaks = find(&bytes);
    mask(&mut bytes, &leaks.all, Class::Secret);
    assert!(bytes.ends_with(b"*\\\"x") && !bytes.starts_with(b"-"), "{}", bytes.escape_ascii());
    // A character by its number, of which a key seems to begin with the last digit.
    let numbered = joined(&["\\uAAAA", "KIA", "ABCDEFGHIJKLMNOP"]);
    let mut bytes = numbered.into_bytes();
    let leaks = find(&bytes);
    mask(&mut bytes, &leaks.all, Class::Secret);
    assert_eq!(bytes, joined(&["\\uAAAA", &stars(19)]).into_bytes());
    let mut other = text.clone().into_bytes();
    mask(&mut other, &find(text.as_bytes()).all, Class::Trace);
    assert_eq!(other, text.into_bytes());
}

#[test]
fn work_is_bounded() {
    let many = "thread 'x' panicked at ".repeat(LEAKS + 1);
    let found = find(many.as_bytes());
    assert!(found.more && found.all.len() == LEAKS);
    let candidates = find(".java:".repeat(CANDIDATES + 1).as_bytes());
    assert!(candidates.more && candidates.all.is_empty());
    assert!(!find(".java:".repeat(CANDIDATES).as_bytes()).more);
    for (windows, ended) in [(10, false), (11, true)] {
        let text = ".java:".repeat(windows);
        assert_eq!(find_while(text.as_bytes(), |candidates| candidates < 10).is_none(), ended);
    }
}

proptest::proptest! {
    #[test]
    fn leaks_lie_inside_and_masks_leave_lengths(before: Vec<u8>, after: Vec<u8>, rule in 0..RULES.len()) {
        let word = RULES[rule].words[0].as_bytes();
        let mut bytes = [before.as_slice(), word, &after].concat();
        let length = bytes.len();
        let found = find(&bytes);
        for leak in &found.all {
            proptest::prop_assert!(leak.start < leak.end && leak.end <= length);
        }
        for class in [Class::Trace, Class::Database, Class::Listing, Class::Secret] {
            mask(&mut bytes, &found.all, class);
        }
        proptest::prop_assert_eq!(bytes.len(), length);
    }
}
