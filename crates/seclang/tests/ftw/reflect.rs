//! The tests' backend: it answers 200 and nothing, or at `/reflect` what it is told to.

use base64::Engine as _;
use serde_json::Value;

use super::wire::Request;

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Answers a request.
pub fn answer(request: &Request) -> Answer {
    let mut answer = Answer { status: 200, ..Answer::default() };
    if request.method != b"POST" || !request.target.starts_with(b"/reflect") {
        answer.headers.push(("Content-Length".into(), "0".into()));
        return answer;
    }
    let Ok(told) = serde_json::from_slice::<Value>(&request.body) else {
        answer.status = 400;
        answer.body = b"Invalid JSON in request body".to_vec();
        return answer;
    };
    if let Some(status) = told["status"].as_u64() {
        answer.status = u16::try_from(status).unwrap_or(400);
    }
    if let Some(headers) = told["headers"].as_object() {
        let header =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
        answer.headers.extend(headers.iter().map(header));
    }
    let plain = told["body"].as_str().unwrap_or_default();
    answer.body = if plain.is_empty() {
        let encoded: String = told["encodedBody"].as_str().unwrap_or_default().split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default()
    } else {
        plain.as_bytes().to_vec()
    };
    if !answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        answer.headers.push(("Content-Type".into(), sniffed(&answer.body).into()));
    }
    answer.headers.push(("Content-Length".into(), answer.body.len().to_string()));
    answer
}

/// What the backend takes a body for when it isn't told (WHATWG MIME Sniffing, as far as the tests need it).
fn sniffed(body: &[u8]) -> &'static str {
    let start: Vec<u8> = body.trim_ascii_start().iter().take(16).map(u8::to_ascii_lowercase).collect();
    let html: [&[u8]; 14] = [
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<script",
        b"<iframe",
        b"<h1",
        b"<div",
        b"<font",
        b"<table",
        b"<a",
        b"<style",
        b"<title",
        b"<b",
        b"<body",
    ];
    if html
        .iter()
        .any(|tag| start.starts_with(tag) && matches!(start.get(tag.len()), Some(b' ' | b'>') | None))
    {
        return "text/html; charset=utf-8";
    }
    if start.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if body.iter().take(512).any(binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" }
}
