//! Where listeners are, and who may write to those that are files.

use super::{Bind, ParseError, text_type};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Where a listener is: an address and port, or `unix:` and the path of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// Address and port.
    Tcp(Bind),
    /// A path, relative to the directory of the document.
    Unix(String),
}

impl ListenAddress {
    /// Address and port; a unix socket has none.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(bind) => Some(bind.address()),
            Self::Unix(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(bind) => bind.is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for ListenAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Some(path) = text.strip_prefix("unix:") else { return text.parse().map(Self::Tcp) };
        // `sun_path` of unix(7), less what the socket is called while it is made.
        if path.is_empty() || path.chars().any(char::is_control) || path.ends_with('/') || path.len() > 90 {
            let help = "write the path of a file of at most 90 bytes, as in `unix:/run/yett/api.sock`";
            return Err(ParseError::new(format!("`{text}` is not a socket to listen on"), help));
        }
        Ok(Self::Unix(path.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(bind) => bind.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

text_type!(
    ListenAddress,
    "an address to listen on",
    "write an IP address and a port, as in `127.0.0.1:8080`",
    schemars::json_schema!({
        "type": "string",
        "description": "an IP address and a port to listen on, as in `127.0.0.1:8080` or `[::]:443`, or a unix socket, as in \
                        `unix:/run/yett/api.sock`",
        "pattern": "^((localhost|[0-9.]+|\\[[0-9a-fA-F:.%]+\\]):[0-9]{1,5}|unix:.*[^/])$",
        "examples": ["127.0.0.1:8080", "unix:/run/yett/api.sock"]
    })
);

/// Permission bits of a file, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileMode(u32);

impl FileMode {
    /// These bits.
    #[must_use]
    pub const fn new(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for FileMode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let octal =
            (3..=4).contains(&digits.len()) && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if octal && bits <= 0o777 => Ok(Self(bits)),
            _ => Err(ParseError::new(
                format!("`{text}` are no permissions"),
                "write three octal digits in quotes, as in `\"660\"`",
            )),
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

text_type!(
    FileMode,
    "permissions",
    "write three octal digits in quotes, as in `\"660\"`",
    schemars::json_schema!({
        "type": "string",
        "description": "permissions of a file in octal",
        "pattern": "^(0o?)?[0-7]{3}$",
        "examples": ["660"]
    })
);
