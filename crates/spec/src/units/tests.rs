use super::*;
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Each text, with what it prints as; the printed form reads back as the same.
fn reads<T: FromStr<Err = ParseError> + Display + PartialEq + Debug>(cases: &[(&str, &str)]) {
    for (text, printed) in cases {
        let value: T = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), *printed, "{text}");
        assert_eq!(printed.parse::<T>().ok(), Some(value), "{text}");
    }
}

fn refuses<T: FromStr<Err = ParseError> + Debug>(cases: &[&str]) {
    for text in cases {
        let error = text.parse::<T>().expect_err(text);
        assert!(!error.message.is_empty() && !error.help.is_empty(), "{text}");
    }
}

#[test]
fn durations() {
    reads::<Duration>(&[
        ("500ms", "500ms"),
        ("5s", "5s"),
        ("2m", "2m"),
        ("1h30m", "1h30m"),
        ("7d", "7d"),
        ("90s", "1m30s"),
        ("0s", "0s"),
        ("1s500ms", "1s500ms"),
        ("3650d", "3650d"),
        ("24h", "1d"),
    ]);
    refuses::<Duration>(&[
        "",
        "5",
        "s",
        "5 s",
        "5S",
        "1.5s",
        "-5s",
        "5s5",
        "5s1m",
        "1m1m",
        "3651d",
        "99999999999999999999s",
        "18446744073709551615d",
        "5µs",
        "5s ",
        "+5s",
    ]);
    assert_eq!("1h30m".parse::<Duration>().expect("good").get().as_secs(), 5400);
}

#[test]
fn sizes() {
    reads::<Size>(&[
        ("64KiB", "64KiB"),
        ("1MiB", "1MiB"),
        ("10MB", "10MB"),
        ("512B", "512B"),
        ("1024B", "1KiB"),
        ("0B", "0B"),
        ("2048MiB", "2GiB"),
        ("1024GiB", "1024GiB"),
        ("1500KB", "1500KB"),
    ]);
    refuses::<Size>(&[
        "",
        "64",
        "64kb",
        "64 KiB",
        "KiB",
        "1.5MiB",
        "-1B",
        "1025GiB",
        "18446744073709551615GiB",
        "1K",
    ]);
    assert_eq!("10MB".parse::<Size>().expect("good").bytes(), 10_000_000);
}

#[test]
fn shares() {
    reads::<Percent>(&[("0%", "0%"), ("20%", "20%"), ("100%", "100%")]);
    refuses::<Percent>(&["", "%", "20", "101%", "-1%", "1.5%", "20 %", "300%"]);
    assert_eq!("20%".parse::<Percent>().expect("good").get(), 20);
}

#[test]
fn keys_and_names_of_tls() {
    let pin = format!("sha256:{}", "0aF9".repeat(16));
    reads::<Pin>(&[(&pin, &pin.to_ascii_lowercase())]);
    refuses::<Pin>(&[
        "",
        "sha256:",
        &pin[1..],
        &pin[..70],
        &format!("{pin}0"),
        &pin.replace('F', "g"),
        &pin.replace('0', "+"),
    ]);
    assert_eq!(pin.parse::<Pin>().expect("good").bytes()[..2], [0x0a, 0xf9]);
    reads::<ServerName>(&[("Orders.internal", "orders.internal"), ("a", "a")]);
    refuses::<ServerName>(&["", "a b", "http://a", "a:1", "-a", "a..b", "a."]);
}

#[test]
fn ways_to_choose_a_target() {
    reads::<Balance>(&[
        ("round_robin", "round_robin"),
        ("least_busy", "least_busy"),
        ("hash:address", "hash:address"),
        ("hash:subject", "hash:subject"),
        ("hash:header:X-Cart", "hash:header:x-cart"),
    ]);
    refuses::<Balance>(&[
        "",
        "random",
        "hash",
        "hash:",
        "hash:header:",
        "hash:header:a b",
        "hash:cookie:a",
        "ROUND_ROBIN",
    ]);
}

#[test]
fn rates() {
    reads::<Rate>(&[
        ("60/min", "60/min"),
        ("5/s", "5/s"),
        ("10000/month", "10000/month"),
        ("2/hour", "2/hour"),
        ("100/10s", "100/10s"),
        ("1/1day", "1/day"),
    ]);
    refuses::<Rate>(&[
        "",
        "60",
        "60/",
        "/min",
        "60/minute",
        "0/s",
        "5/0s",
        "60 / min",
        "-1/s",
        "1.5/s",
        "5/s/s",
        "1000000000001/s",
        "1/100001s",
        "60x/s",
    ]);
    let rate: Rate = "100/10s".parse().expect("good");
    assert_eq!((rate.count(), rate.window().as_secs(), rate.unit()), (100, 10, RateUnit::Second));
}

#[test]
fn references() {
    reads::<SecretRef>(&[
        ("env:TLS_KEY", "env:TLS_KEY"),
        ("file:a b/k.pem", "file:a b/k.pem"),
        ("env:_1", "env:_1"),
    ]);
    for secret in ["hunter2", "env:1X", "env:", "env:A-B", "file:", "ENV:A", "", "vault:x"] {
        let error = secret.parse::<SecretRef>().expect_err(secret);
        let shown = error.to_string();
        assert!(secret.is_empty() || !shown.contains("hunter2") && !shown.contains("A-B"), "{shown}");
    }
    reads::<FileRef>(&[("./a.yaml", "./a.yaml"), ("file:cert.pem", "cert.pem"), ("/abs", "/abs")]);
    refuses::<FileRef>(&["", "file:", "http://x/a", "file:https://x", "a\0b"]);
    reads::<FileRef>(&[("file:file:x", "file:file:x"), ("//x", "//x")]);
    reads::<FileOrUrl>(&[("jwks.json", "file:jwks.json"), ("https://x/jwks", "https://x/jwks")]);
    reads::<FileOrUrl>(&[("//x", "file://x"), ("file:file:x", "file:file:x"), ("file:///x", "file:///x")]);
    refuses::<FileOrUrl>(&["", "ftp://x/y", "file:https://x"]);
}

#[test]
fn urls() {
    reads::<Url>(&[
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("https://A.Example", "https://A.Example"),
        ("http://my_service:1", "http://my_service:1"),
    ]);
    refuses::<Url>(&[
        "",
        "127.0.0.1:3000",
        "ftp://x",
        "http://",
        "http:///x",
        "http://u:p@x",
        "http://x?a",
        "http://x#a",
        "http://x:",
        "http://x:99999",
        "http://x:+1",
        "http://[::1",
        "http://1.2.3",
        "http://256.1.1.1",
        "http://a..b",
        "http://-a",
        "http://a b",
        "http://é",
        "HTTP://x",
        "http://x\\y",
        "http://[::1]x:80",
    ]);
    let url: Url = "https://API.example.com/v1".parse().expect("good");
    assert_eq!(
        (url.host(), url.port(), url.path(), url.authority()),
        ("api.example.com", 443, "/v1", "api.example.com".into())
    );
    let url: Url = "http://[::1]:81".parse().expect("good");
    assert_eq!(
        (url.host(), url.port(), url.authority(), url.is_loopback()),
        ("::1", 81, "[::1]:81".into(), true)
    );
    let error = "http://user:hunter2@x".parse::<Url>().expect_err("a user");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn addresses() {
    reads::<Bind>(&[
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("localhost:0", "127.0.0.1:0"),
        ("[::]:443", "[::]:443"),
        ("0.0.0.0:80", "0.0.0.0:80"),
    ]);
    refuses::<Bind>(&["", "8080", ":8080", "example.com:80", "127.0.0.1", "127.0.0.1:65536", "::1:80"]);
    assert!("[::1]:1".parse::<Bind>().expect("good").is_loopback());
    assert!(!"[::]:1".parse::<Bind>().expect("good").is_loopback());
}

#[test]
fn sockets() {
    reads::<ListenAddress>(&[
        ("localhost:0", "127.0.0.1:0"),
        ("[::]:443", "[::]:443"),
        ("unix:run/api.sock", "unix:run/api.sock"),
        ("unix:/run/yett/api.sock", "unix:/run/yett/api.sock"),
    ]);
    let long = format!("unix:/{}", "x".repeat(90));
    refuses::<ListenAddress>(&["", "unix", "unix:", "unix:/run/", "unix:a\0b", "unix:a\nb", "8080", &long]);
    assert!("unix:a".parse::<ListenAddress>().expect("good").is_loopback());
    assert!(!"0.0.0.0:1".parse::<ListenAddress>().expect("good").is_loopback());
    reads::<FileMode>(&[("660", "660"), ("0600", "600"), ("0o777", "777"), ("000", "000")]);
    refuses::<FileMode>(&["", "6", "66", "668", "1777", "00660", "-60", "+660", "0x1ff", "rw-"]);
    assert_eq!("640".parse::<FileMode>().expect("good").bits(), 0o640);
}

#[test]
fn ranges() {
    reads::<Cidr>(&[
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ]);
    refuses::<Cidr>(&["", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10/8", "x/8", "10.0.0.0/+8x"]);
    for (range, address, inside) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("10.0.0.0/8", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "10.0.0.1", false),
        ("0.0.0.0/0", "9.9.9.9", true),
        ("2001:db8::/32", "2001:db8:1::", true),
        ("2001:db8::/32", "2001:db9::", false),
    ] {
        let range: Cidr = range.parse().expect("good");
        assert_eq!(range.contains(address.parse().expect("good")), inside, "{range} {address}");
    }
}

proptest! {
    #[test]
    fn durations_print_what_they_read(milliseconds in 0_u64..=3650 * 86_400_000) {
        let duration = Duration::from_millis(milliseconds);
        prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
    }

    #[test]
    fn sizes_print_what_they_read(bytes in 0_u64..=1 << 40) {
        let size = Size::from_bytes(bytes);
        prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}") {
        let _ = text.parse::<Duration>();
        let _ = text.parse::<Size>();
        let _ = text.parse::<Rate>();
        let _ = text.parse::<SecretRef>();
        let _ = text.parse::<Bind>();
        let _ = text.parse::<Cidr>();
        if let Ok(url) = text.parse::<Url>() {
            prop_assert!(!url.host().is_empty());
        }
    }

    #[test]
    fn no_url_is_too_strange(text in "https?://[a-z0-9.:\\[\\]@/_-]{0,30}") {
        if let Ok(url) = text.parse::<Url>() {
            let again = format!("http://{}", url.authority()).parse::<Url>().expect("its authority is good");
            prop_assert_eq!(again.host(), url.host());
        }
    }
}

proptest! {
    #[test]
    fn references_print_as_they_read(
        text in "(file:|env:|https?://|/|:|[a-z.]){1,5}",
    ) {
        fn same<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Result<(), TestCaseError> {
            let Ok(value) = text.parse::<T>() else { return Ok(()) };
            let printed = value.to_string();
            prop_assert_eq!(printed.parse::<T>().ok(), Some(value), "{} as {}", text, printed);
            Ok(())
        }
        same::<FileRef>(&text)?;
        same::<FileOrUrl>(&text)?;
        same::<SecretRef>(&text)?;
    }
}
