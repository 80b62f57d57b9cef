//! Whom an address stands for when calls are counted.

use std::net::IpAddr;

/// The bytes that calls from an address are counted by, and how many of them: all of IPv4, the first 64 bits of IPv6, since
/// a subscriber gets a /64 at least and may use each address of it once.
#[must_use]
pub fn bucket(address: IpAddr) -> ([u8; 8], usize) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            ([a, b, c, d, 0, 0, 0, 0], 4)
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h, ..] = v6.octets();
            ([a, b, c, d, e, f, g, h], 8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_bucket() {
        let of = |text: &str| bucket(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
