//! Writes small databases in MaxMind's format (MaxMind DB File Format 2.0), for tests.

use std::net::IpAddr;

use serde_json::{Value, json};

/// Where a path of bits leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database that is being written.
pub(super) struct Writer {
    nodes: Vec<[Record; 2]>,
    data: Vec<u8>,
}

/// Address and length of a network as the tree has it: IPv4 below `::/96`.
fn bits(network: &str) -> (u128, u32) {
    let network: spec::Cidr = network.parse().unwrap();
    let prefix = u32::from(network.prefix());
    match network.address() {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 96 + prefix),
        IpAddr::V6(address) => (u128::from(address), prefix),
    }
}

const fn bit(address: u128, at: u32) -> usize {
    ((address >> (127 - at)) & 1) as usize
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { nodes: vec![[Record::Nothing; 2]], data: Vec::new() }
    }

    /// So many nodes, each of which leads to the next on both sides, and the last nowhere.
    pub(super) fn braid(length: usize) -> Self {
        let next = |number| if number < length { Record::Node(number) } else { Record::Nothing };
        Self { nodes: (1..=length).map(|number| [next(number); 2]).collect(), data: Vec::new() }
    }

    /// A network and what is known of it. None may lie in another.
    pub(super) fn network(mut self, network: &str, known: &Value) -> Self {
        let at = self.data.len();
        write(&mut self.data, known);
        self.set(bits(network), Record::Data(at));
        self
    }

    /// A network of IPv6 behind which IPv4 is found as well.
    pub(super) fn alias(mut self, network: &str) -> Self {
        let start = (0..96).fold(0, |node, _| match self.nodes[node][0] {
            Record::Node(next) => next,
            _ => panic!("there is no IPv4"),
        });
        self.set(bits(network), Record::Node(start));
        self
    }

    fn set(&mut self, (address, length): (u128, u32), record: Record) {
        let mut node = 0;
        for at in 0..length - 1 {
            let side = bit(address, at);
            node = match self.nodes[node][side] {
                Record::Node(next) => next,
                Record::Data(_) => panic!("it lies in another"),
                Record::Nothing => {
                    let next = self.nodes.len();
                    self.nodes.push([Record::Nothing; 2]);
                    self.nodes[node][side] = Record::Node(next);
                    next
                }
            };
        }
        self.nodes[node][bit(address, length - 1)] = record;
    }

    pub(super) fn finish(self, kind: &str) -> Vec<u8> {
        let count = self.nodes.len();
        let mut out = Vec::new();
        for record in self.nodes.iter().flatten() {
            let number = match record {
                Record::Nothing => count,
                Record::Node(node) => *node,
                Record::Data(at) => count + 16 + at,
            };
            out.extend_from_slice(&(number as u32).to_be_bytes()[1..]);
        }
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&self.data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let about = json!({
            "node_count": count, "record_size": 24, "ip_version": 6, "database_type": kind, "languages": [], "description": {},
            "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1,
        });
        write(&mut out, &about);
        out
    }
}

/// Lengths below 29 are in the control byte; nothing here is longer.
fn write(out: &mut Vec<u8>, value: &Value) {
    const STRING: u8 = 2;
    const UINT16: u8 = 5;
    const UINT32: u8 = 6;
    const MAP: u8 = 7;
    const UINT64: u8 = 9;
    const ARRAY: u8 = 11;
    match value {
        Value::String(text) => {
            out.push(STRING << 5 | text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => {
            out.push((UINT32 << 5) | 4);
            out.extend_from_slice(&(number.as_u64().unwrap() as u32).to_be_bytes());
        }
        Value::Object(map) => {
            out.push(MAP << 5 | map.len() as u8);
            for (key, value) in map {
                write(out, &Value::from(key.as_str()));
                match (key.as_str(), value.as_u64()) {
                    ("node_count" | "autonomous_system_number", _) | (_, None) => write(out, value),
                    // Of the extended types.
                    ("build_epoch", Some(number)) => {
                        out.extend_from_slice(&[8, UINT64 - 7]);
                        out.extend_from_slice(&number.to_be_bytes());
                    }
                    (_, Some(number)) => {
                        out.push((UINT16 << 5) | 2);
                        out.extend_from_slice(&(number as u16).to_be_bytes());
                    }
                }
            }
        }
        // Arrays are of the extended types, by their number less seven.
        Value::Array(items) => {
            out.extend_from_slice(&[items.len() as u8, ARRAY - 7]);
            items.iter().for_each(|item| write(out, item));
        }
        other => panic!("{other}"),
    }
}
