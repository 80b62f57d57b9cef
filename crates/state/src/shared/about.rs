//! What a server says of itself.

use std::sync::Arc;

use redis::Value;

use super::scripts::text;

/// Whether a server says that it throws nothing away when its memory is full. One that may not be asked is believed.
pub(super) fn keeps(about: &Value) -> bool {
    let bounded = field(about, "maxmemory").is_some_and(|bytes| bytes != "0");
    !bounded || field(about, "maxmemory_policy").is_none_or(|policy| policy == "noeviction")
}

/// What a server calls itself from its start to its end.
pub(super) fn run(about: &Value) -> Option<Arc<str>> {
    let is_one =
        |run: &&str| (1..=64).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_alphanumeric());
    field(about, "run_id").filter(is_one).map(Arc::from)
}

/// What a server says of itself under a name.
fn field<'a>(about: &'a Value, name: &str) -> Option<&'a str> {
    let mut lines = text(about)?.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_throws_away_is_known() {
        for (about, expected) in [
            ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", true),
            ("used_memory:1\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n", true),
            ("maxmemory:100\r\nmaxmemory_policy:volatile-ttl\r\n", false),
            ("", true),
        ] {
            assert_eq!(keeps(&Value::BulkString(about.as_bytes().to_vec())), expected, "{about}");
        }
    }

    #[test]
    fn a_server_that_does_not_say_which_run_it_is_has_none() {
        let said =
            |about: &str| run(&Value::BulkString(about.as_bytes().to_vec())).map(|run| run.to_string());
        assert_eq!(said("redis_version:7\r\nrun_id:0a1b\r\n"), Some(String::from("0a1b")));
        for about in ["", "run_id:\r\n", "run_id:a b\r\n", "xrun_id:0a1b\r\n", "run_id:0a:1b\r\n"] {
            assert_eq!(said(about), None, "{about}");
        }
    }
}
