//! `@ipMatch`: addresses and networks.

use std::net::IpAddr;

/// Networks as address and prefix length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<(u128, u32)>);

/// IPv4 as its mapped IPv6 address (RFC 4291, section 2.5.5.2).
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Networks {
    /// Adds `192.0.2.0/24`, `2001:db8::/32` or a single address; `None` when it is neither.
    pub(crate) fn add(&mut self, text: &str) -> Option<()> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim().parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = prefix.map_or(Some(width), |prefix| prefix.trim().parse().ok())?;
        if prefix > width {
            return None;
        }
        self.0.push((bits(address), prefix + 128 - width));
        Some(())
    }

    /// Whether the value is an address in one of them.
    pub(crate) fn contain(&self, value: &[u8]) -> bool {
        let address = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<IpAddr>().ok());
        let Some(address) = address.map(bits) else { return false };
        let mask = |prefix: u32| u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        self.0.iter().any(|(network, prefix)| (network ^ address) & mask(*prefix) == 0)
    }
}
