//! What configuration directives set.

use crate::syntax::Mode;

/// The engine's settings, with the defaults of the recommended configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `SecRuleEngine`.
    pub mode: Mode,
    /// `SecRequestBodyAccess`.
    pub request_body_access: bool,
    /// `REQUEST_BODY` is there for every body, as libmodsecurity has it; otherwise for forms only, as the reference manual says,
    /// and for what `ctl:forceRequestBodyVariable` asks for.
    pub request_body_always: bool,
    /// `SecRequestBodyLimit`, in bytes.
    pub request_body_limit: usize,
    /// `SecRequestBodyNoFilesLimit`, in bytes.
    pub request_body_no_files_limit: usize,
    /// `SecRequestBodyLimitAction Reject`; otherwise the body is inspected to the limit.
    pub request_body_limit_reject: bool,
    /// `SecResponseBodyAccess`.
    pub response_body_access: bool,
    /// `SecResponseBodyLimit`, in bytes.
    pub response_body_limit: usize,
    /// `SecResponseBodyLimitAction Reject`; otherwise the body is inspected to the limit.
    pub response_body_limit_reject: bool,
    /// `SecResponseBodyMimeType`, in lower case.
    pub response_body_types: Vec<String>,
    /// `SecArgumentSeparator`.
    pub argument_separator: u8,
    /// `SecArgumentsLimit`: more arguments are an error of the body.
    pub arguments_limit: usize,
    /// `SecRequestBodyJsonDepthLimit`.
    pub json_depth_limit: usize,
    /// Work that one call may cause, in bytes read by transformations and tests; past it the call is refused.
    pub work_limit: u64,
    /// Bytes that the values of one call may take, transformed ones included; past them the call is refused.
    pub memory_limit: usize,
    /// Rules whose matches are kept for the report.
    pub report_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::On,
            request_body_access: true,
            request_body_always: false,
            request_body_limit: 13_107_200,
            request_body_no_files_limit: 131_072,
            request_body_limit_reject: true,
            response_body_access: false,
            response_body_limit: 524_288,
            response_body_limit_reject: false,
            response_body_types: ["text/plain", "text/html", "text/xml"].map(str::to_owned).to_vec(),
            argument_separator: b'&',
            arguments_limit: 1000,
            json_depth_limit: 128,
            work_limit: 1 << 27,
            memory_limit: 64 << 20,
            report_limit: 512,
        }
    }
}
