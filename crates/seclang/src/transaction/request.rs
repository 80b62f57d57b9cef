//! Filling the variables of the request.

use super::{Transaction, Verdict};
use crate::body::{Pairs, form, json, multipart, xml};
use crate::syntax::Processor;
use crate::transform::url_decode;
use crate::variable::Variable as V;

/// Depth and attributes of an XML body at most.
const XML_BOUNDS: xml::Bounds = xml::Bounds { depth: 256, attributes: 4096 };

impl Transaction<'_> {
    /// The client's address, as text.
    pub fn remote_address(&mut self, address: &str) {
        self.scalar(V::RemoteAddr, address.as_bytes());
    }

    /// A name for the call that nothing else has.
    pub fn unique_id(&mut self, id: &str) {
        self.scalar(V::UniqueId, id.as_bytes());
    }

    /// How long the call took so far, in microseconds; rules use it for sampling.
    pub fn duration(&mut self, microseconds: u64) {
        self.scalar(V::Duration, microseconds.to_string().as_bytes());
    }

    /// The request line: method, target and protocol (`HTTP/1.1`) as they came.
    pub fn request_line(&mut self, method: &[u8], target: &[u8], protocol: &[u8]) {
        let line = [method, target, protocol].join(&b' ');
        self.scalar(V::RequestLine, line.trim_ascii_end());
        self.scalar(V::RequestMethod, method);
        self.scalar(V::RequestProtocol, protocol);
        self.scalar(V::RequestUriRaw, target);
        let local = without_authority(target);
        let (uri, _) = form::split(local, b'#');
        self.scalar(V::RequestUri, uri);
        let (path, query) = form::split(uri, b'?');
        let mut decoded = Vec::with_capacity(path.len());
        decode_path(path, &mut decoded);
        self.scalar(V::RequestFilename, &decoded);
        let base = decoded.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        self.scalar(V::RequestBasename, base);
        self.scalar(V::QueryString, query);
        let (pairs, broken) = form::fields(query, self.engine.settings.argument_separator);
        self.arguments(V::ArgsGet, V::ArgsGetNames, &pairs);
        if broken {
            self.scalar(V::UrlencodedError, b"1");
        }
    }

    /// One header as it came.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        self.member(V::RequestHeaders, V::RequestHeadersNames, name, value);
        if name.eq_ignore_ascii_case(b"cookie") {
            for (name, value) in form::cookies(value) {
                self.member(V::RequestCookies, V::RequestCookiesNames, name, value);
            }
        }
        if name.eq_ignore_ascii_case(b"content-type") {
            let kind = value.trim_ascii_start().to_ascii_lowercase();
            if kind.starts_with(b"application/x-www-form-urlencoded") {
                self.processor = Some(Processor::UrlEncoded);
            } else if kind.starts_with(b"multipart/form-data") {
                self.processor = Some(Processor::Multipart);
            }
        }
    }

    /// All headers are there: runs phase 1.
    pub fn request_head_done(&mut self) -> Verdict {
        self.phase(1)
    }

    /// The whole body, empty when there is none: runs phase 2.
    pub fn request_body(&mut self, body: &[u8]) -> Verdict {
        let settings = &self.engine.settings;
        let mut body = body;
        let over = body.len() > settings.request_body_limit;
        if over {
            let (limit, reject) = (settings.request_body_limit, settings.request_body_limit_reject);
            self.scalar(V::InboundDataError, b"1");
            if reject && self.request_body_access {
                self.body_failed("the request body is larger than the limit".to_owned());
                self.refuse(413);
            }
            body = body.get(..limit).unwrap_or(body);
        }
        self.scalar(V::RequestBodyLength, body.len().to_string().as_bytes());
        if self.request_body_access && !body.is_empty() {
            self.process_body(body);
        }
        self.body_scalars();
        self.phase(2)
    }

    fn process_body(&mut self, body: &[u8]) {
        let is_form = self.processor == Some(Processor::UrlEncoded);
        let forced = self.processor.is_none() && self.force_body;
        if is_form || forced || self.engine.settings.request_body_always {
            self.scalar(V::RequestBody, body);
        }
        let limit = self.engine.settings.request_body_no_files_limit;
        if self.processor.is_some_and(|processor| processor != Processor::Multipart) && body.len() > limit {
            self.body_failed("the request body without its files is larger than the limit".to_owned());
        }
        match self.processor {
            None => {}
            Some(Processor::UrlEncoded) => {
                let (pairs, broken) = form::fields(body, self.engine.settings.argument_separator);
                self.arguments(V::ArgsPost, V::ArgsPostNames, &pairs);
                if broken {
                    self.scalar(V::UrlencodedError, b"1");
                }
            }
            Some(Processor::Json) => {
                let settings = &self.engine.settings;
                let bounds =
                    json::Bounds { depth: settings.json_depth_limit, values: settings.arguments_limit };
                let (pairs, error) = json::flatten(body, bounds);
                self.arguments(V::ArgsPost, V::ArgsPostNames, &pairs);
                if let Some(error) = error {
                    self.body_failed(format!("JSON parsing error: {error}"));
                }
            }
            Some(Processor::Xml) => {
                let (xml, error) = xml::read(body, XML_BOUNDS);
                self.entry(V::Xml, b"/*", &xml.text);
                for value in &xml.attributes {
                    self.entry(V::Xml, b"//@*", value);
                }
                if let Some(error) = error {
                    self.body_failed(format!("XML parsing error: {error}"));
                }
            }
            Some(Processor::Multipart) => self.multipart(body),
        }
        let work = body.len() as u64;
        self.spend(work);
    }

    fn multipart(&mut self, body: &[u8]) {
        let kind = self.header(V::RequestHeaders, b"content-type").unwrap_or_default();
        let found = multipart::read(&kind, body);
        let mut files_size = 0;
        self.arguments(V::ArgsPost, V::ArgsPostNames, &found.fields);
        for file in &found.files {
            files_size += file.content.len();
            self.entry(V::Files, &file.name, &file.file_name);
            self.entry(V::FilesNames, &file.name, &file.name);
            self.entry(V::MultipartFilename, &file.name, &file.file_name);
            self.entry(V::FilesSizes, &file.name, file.content.len().to_string().as_bytes());
            if self.engine.reads_files {
                self.entry(V::FilesTmpContent, &file.name, &file.content);
            }
        }
        for (name, _) in &found.fields {
            self.entry(V::MultipartName, name, name);
        }
        for (name, line) in &found.headers {
            self.entry(V::MultipartPartHeaders, name, line);
        }
        self.scalar(V::FilesCombinedSize, files_size.to_string().as_bytes());
        if body.len().saturating_sub(files_size) > self.engine.settings.request_body_no_files_limit {
            self.body_failed("the request body without its files is larger than the limit".to_owned());
        }
        self.multipart_flags(&found);
        if let Some(error) = found.error {
            self.body_failed(format!("Multipart parsing error: {error}"));
        }
    }

    fn multipart_flags(&mut self, found: &multipart::Multipart) {
        let flags = found.flags;
        self.scalar(V::MultipartUnmatchedBoundary, flags.unmatched_boundary.value());
        for (variable, set) in [
            (V::MultipartBoundaryQuoted, flags.boundary_quoted),
            (V::MultipartBoundaryWhitespace, flags.boundary_whitespace),
            (V::MultipartDataBefore, flags.data_before),
            (V::MultipartDataAfter, flags.data_after),
            (V::MultipartHeaderFolding, flags.header_folding),
            (V::MultipartLfLine, flags.lf_line),
            (V::MultipartMissingSemicolon, flags.missing_semicolon),
            (V::MultipartInvalidQuoting, flags.invalid_quoting),
            (V::MultipartInvalidHeaderFolding, flags.invalid_header_folding),
            (V::MultipartInvalidPart, flags.invalid_part),
            (V::MultipartFileLimitExceeded, flags.file_limit_exceeded),
            (V::MultipartStrictError, found.strict_error()),
        ] {
            self.scalar(variable, if set { b"1" } else { b"0" });
        }
    }

    /// Arguments up to the limit; more are an error of the request.
    fn arguments(&mut self, variable: V, names: V, pairs: &Pairs) {
        let limit = self.engine.settings.arguments_limit;
        for (name, value) in pairs.iter().take(limit) {
            self.arguments_size += name.len() + value.len();
            self.member(variable, names, name, value);
        }
        if pairs.len() > limit {
            self.body_failed("there are more arguments than the limit".to_owned());
        }
    }

    fn body_failed(&mut self, why: String) {
        self.body_error.get_or_insert(why);
    }

    fn body_scalars(&mut self) {
        let error = self.body_error.clone();
        let flag: &[u8] = if error.is_some() { b"1" } else { b"0" };
        self.scalar(V::ReqbodyError, flag);
        self.scalar(V::ReqbodyProcessorError, flag);
        let message = error.unwrap_or_default();
        self.scalar(V::ReqbodyErrorMsg, message.as_bytes());
        self.scalar(V::ReqbodyProcessorErrorMsg, message.as_bytes());
        self.scalar(V::ArgsCombinedSize, self.arguments_size.to_string().as_bytes());
        if self.processor != Some(Processor::Multipart) {
            self.scalar(V::MultipartStrictError, b"0");
            self.scalar(V::MultipartUnmatchedBoundary, b"0");
        }
    }

    /// The first header of a name.
    pub(super) fn header(&self, variable: V, name: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|entry| {
            entry.variable == variable && self.texts.get(entry.name).eq_ignore_ascii_case(name)
        })?;
        Some(self.texts.get(entry.value).to_vec())
    }
}

/// A target in absolute form (RFC 9112, section 3.2.2) without its scheme and authority.
fn without_authority(target: &[u8]) -> &[u8] {
    let Some(at) = crate::bytes::find(target, b"://") else { return target };
    let scheme = target.get(..at).unwrap_or_default();
    if scheme.is_empty() || !scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)) {
        return target;
    }
    let rest = target.get(at + 3..).unwrap_or_default();
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')) {
        Some(path) => rest.get(path..).unwrap_or_default(),
        None => b"",
    }
}

/// Percent-decodes a path, in which `+` is itself.
fn decode_path(path: &[u8], out: &mut Vec<u8>) {
    for (index, piece) in path.split(|byte| *byte == b'+').enumerate() {
        if index > 0 {
            out.push(b'+');
        }
        url_decode(piece, out);
    }
}
