//! The bodies of requests: `ExportTraceServiceRequest` and its two sisters, which are alike on the wire.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::wire::{Any, attribute, bytes, message};

/// The semantic conventions that attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Who exports: a `Resource`. What the operator says replaces what would be said otherwise.
pub(super) fn resource(own: &[(String, String)], instance: &str) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let usual = [("service.name", "yett"), ("service.version", version), ("service.instance.id", instance)];
    let mut out = Vec::with_capacity(256);
    for (key, value) in usual {
        if own.iter().all(|(written, _)| written != key) {
            attribute(&mut out, 1, key, Any::Text(value));
        }
    }
    for (key, value) in own {
        attribute(&mut out, 1, key, Any::Text(value));
    }
    out
}

/// The body of a request with these spans, records or metrics.
pub(super) fn body<'a>(resource: &[u8], parts: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let size: usize = parts.clone().map(<[u8]>::len).sum();
    let mut out = Vec::with_capacity(size + resource.len() + 256);
    message(&mut out, 1, |out| {
        bytes(out, 1, resource);
        message(out, 2, |out| {
            message(out, 1, |out| {
                bytes(out, 1, b"yett");
                bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            parts.for_each(|part| out.extend_from_slice(part));
        });
        bytes(out, 3, SCHEMA.as_bytes());
    });
    out
}

/// The same, as small as a quick look makes it (RFC 1952).
pub(super) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}
