//! A name server that answers as a test says, by UDP and TCP on one port: packets of RFC 1035 written by hand, good and hostile.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

/// Type of an IPv4 address.
pub const A: u16 = 1;
/// Type of a name in place of another.
pub const CNAME: u16 = 5;
/// Type of an IPv6 address.
pub const AAAA: u16 = 28;

/// Type of a record of a service (RFC 2782).
pub const SRV: u16 = 33;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its number.
    pub id: u16,
    /// The name in lower case, without its last dot.
    pub name: String,
    /// The type.
    pub kind: u16,
    /// Whether it came by TCP.
    pub tcp: bool,
    /// As it stood in the packet: name, type and class.
    raw: Vec<u8>,
}

impl Question {
    fn read(packet: &[u8], tcp: bool) -> Option<Self> {
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*packet.get(at)?);
            if length == 0 {
                break;
            }
            let label = packet.get(at + 1..at + 1 + length)?;
            labels.push(String::from_utf8_lossy(label).to_lowercase());
            at += 1 + length;
        }
        let raw = packet.get(12..at + 5)?.to_vec();
        let number = |from: &[u8]| u16::from_be_bytes([from[0], from[1]]);
        let (id, kind) = (number(packet), number(&raw[raw.len() - 4..]));
        Some(Self { id, name: labels.join("."), kind, tcp, raw })
    }

    /// An answer with these records.
    #[must_use]
    pub fn answer(&self, records: &[Record]) -> Vec<u8> {
        self.packet(0, false, records)
    }

    /// An answer without records and with this code: 2 for a server that fails, 3 for a name that is not there.
    #[must_use]
    pub fn code(&self, code: u8) -> Vec<u8> {
        self.packet(code, false, &[])
    }

    /// An answer that is too long for UDP.
    #[must_use]
    pub fn truncated(&self) -> Vec<u8> {
        self.packet(0, true, &[])
    }

    fn packet(&self, code: u8, truncated: bool, records: &[Record]) -> Vec<u8> {
        let mut packet = self.id.to_be_bytes().to_vec();
        // QR and RD, perhaps TC; RA and the code (section 4.1.1).
        packet.extend([0x81 | u8::from(truncated) << 1, 0x80 | code]);
        for count in [1, records.len(), 0, 0] {
            packet.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        packet.extend(&self.raw);
        for record in records {
            record.write(&mut packet);
        }
        packet
    }

    /// Where the answer's records begin in its packet.
    #[must_use]
    pub fn end(&self) -> usize {
        12 + self.raw.len()
    }
}

/// A record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its name, without compression; without one, the name that was asked for.
    pub name: Option<String>,
    /// Its type.
    pub kind: u16,
    /// For how many seconds it holds.
    pub ttl: u32,
    /// What it says.
    pub data: Vec<u8>,
}

impl Record {
    /// An address of the name that was asked for.
    #[must_use]
    pub fn address(address: IpAddr, ttl: u32) -> Self {
        let (kind, data) = match address {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        Self { name: None, kind, ttl, data }
    }

    /// Another name for the one that was asked for.
    #[must_use]
    pub fn alias(to: &str, ttl: u32) -> Self {
        Self { name: None, kind: CNAME, ttl, data: encode(to) }
    }

    /// A place where the service runs that was asked for.
    #[must_use]
    pub fn place((priority, weight): (u16, u16), host: &str, port: u16, ttl: u32) -> Self {
        let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
        Self { name: None, kind: SRV, ttl, data: [numbers, encode(host)].concat() }
    }

    /// The same of another name.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    fn write(&self, packet: &mut Vec<u8>) {
        match &self.name {
            Some(name) => packet.extend(encode(name)),
            // A pointer to the question.
            None => packet.extend([0xc0, 12]),
        }
        packet.extend(self.kind.to_be_bytes());
        packet.extend([0, 1]);
        packet.extend(self.ttl.to_be_bytes());
        packet.extend(u16::try_from(self.data.len()).unwrap().to_be_bytes());
        packet.extend(&self.data);
    }
}

/// A name as labels.
#[must_use]
pub fn encode(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// Packets for a question; none at all for silence.
type Script = dyn Fn(&Question) -> Vec<Vec<u8>> + Send + Sync;

/// A running name server.
#[derive(Debug, Clone)]
pub struct Dns {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl Dns {
    /// Answers each question by what `script` says, until the process ends.
    ///
    /// # Panics
    /// When no port is free for both.
    #[must_use]
    pub fn start(script: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (udp, tcp) = (0..100).find_map(|_| both().ok()).unwrap();
        let server = Self { address: udp.local_addr().unwrap(), asked: Arc::default() };
        let script: Arc<Script> = Arc::new(script);
        let (own, told) = (server.clone(), Arc::clone(&script));
        std::thread::spawn(move || own.serve_udp(&udp, &*told));
        let own = server.clone();
        std::thread::spawn(move || {
            for socket in tcp.incoming().flatten() {
                let (own, script) = (own.clone(), Arc::clone(&script));
                std::thread::spawn(move || own.serve_tcp(socket, &*script));
            }
        });
        server
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that was asked, in order.
    ///
    /// # Panics
    /// When a thread of it panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// How often an address of this type was asked for.
    #[must_use]
    pub fn count(&self, kind: u16) -> usize {
        self.asked().iter().filter(|question| question.kind == kind).count()
    }

    fn take(&self, packet: &[u8], tcp: bool, script: &Script) -> Vec<Vec<u8>> {
        let Some(question) = Question::read(packet, tcp) else { return Vec::new() };
        self.asked.lock().unwrap().push(question.clone());
        script(&question)
    }

    fn serve_udp(&self, socket: &UdpSocket, script: &Script) {
        let mut space = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut space) {
            for packet in self.take(&space[..length], false, script) {
                let _ = socket.send_to(&packet, from);
            }
        }
    }

    fn serve_tcp(&self, mut socket: TcpStream, script: &Script) {
        let mut length = [0; 2];
        while socket.read_exact(&mut length).is_ok() {
            let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
            if socket.read_exact(&mut packet).is_err() {
                return;
            }
            for packet in self.take(&packet, true, script) {
                let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
                if socket.write_all(&[&length[..], &packet].concat()).is_err() {
                    return;
                }
            }
        }
    }
}

/// Both on one port.
fn both() -> std::io::Result<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let tcp = TcpListener::bind(udp.local_addr()?)?;
    Ok((udp, tcp))
}
