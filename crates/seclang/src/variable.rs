//! The variables of the language, by the reference manual's names (section "Variables").

/// What a rule can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the reference manual describes each by this name")]
pub enum Variable {
    Args,
    ArgsCombinedSize,
    ArgsGet,
    ArgsGetNames,
    ArgsNames,
    ArgsPost,
    ArgsPostNames,
    AuthType,
    Duration,
    Env,
    Files,
    FilesCombinedSize,
    FilesNames,
    FilesSizes,
    FilesTmpContent,
    FilesTmpNames,
    FullRequestLength,
    Geo,
    Global,
    InboundDataError,
    Ip,
    MatchedVar,
    MatchedVarName,
    MatchedVars,
    MatchedVarsNames,
    MultipartBoundaryQuoted,
    MultipartBoundaryWhitespace,
    MultipartDataAfter,
    MultipartDataBefore,
    MultipartFileLimitExceeded,
    MultipartFilename,
    MultipartHeaderFolding,
    MultipartInvalidHeaderFolding,
    MultipartInvalidPart,
    MultipartInvalidQuoting,
    MultipartLfLine,
    MultipartMissingSemicolon,
    MultipartName,
    MultipartPartHeaders,
    MultipartStrictError,
    MultipartUnmatchedBoundary,
    OutboundDataError,
    PathInfo,
    QueryString,
    RemoteAddr,
    RemoteHost,
    RemotePort,
    RemoteUser,
    ReqbodyError,
    ReqbodyErrorMsg,
    ReqbodyProcessor,
    ReqbodyProcessorError,
    ReqbodyProcessorErrorMsg,
    RequestBasename,
    RequestBody,
    RequestBodyLength,
    RequestCookies,
    RequestCookiesNames,
    RequestFilename,
    RequestHeaders,
    RequestHeadersNames,
    RequestLine,
    RequestMethod,
    RequestProtocol,
    RequestUri,
    RequestUriRaw,
    Resource,
    ResponseBody,
    ResponseContentLength,
    ResponseContentType,
    ResponseHeaders,
    ResponseHeadersNames,
    ResponseProtocol,
    ResponseStatus,
    Rule,
    ServerAddr,
    ServerName,
    ServerPort,
    Session,
    SessionId,
    StatusLine,
    Tx,
    UniqueId,
    UrlencodedError,
    User,
    UserId,
    WebAppId,
    Xml,
}

use Variable as V;

/// Name, variable, whether it is a collection.
const TABLE: &[(&str, Variable, bool)] = &[
    ("ARGS", V::Args, true),
    ("ARGS_COMBINED_SIZE", V::ArgsCombinedSize, false),
    ("ARGS_GET", V::ArgsGet, true),
    ("ARGS_GET_NAMES", V::ArgsGetNames, true),
    ("ARGS_NAMES", V::ArgsNames, true),
    ("ARGS_POST", V::ArgsPost, true),
    ("ARGS_POST_NAMES", V::ArgsPostNames, true),
    ("AUTH_TYPE", V::AuthType, false),
    ("DURATION", V::Duration, false),
    ("ENV", V::Env, true),
    ("FILES", V::Files, true),
    ("FILES_COMBINED_SIZE", V::FilesCombinedSize, false),
    ("FILES_NAMES", V::FilesNames, true),
    ("FILES_SIZES", V::FilesSizes, true),
    ("FILES_TMP_CONTENT", V::FilesTmpContent, true),
    ("FILES_TMPNAMES", V::FilesTmpNames, true),
    ("FULL_REQUEST_LENGTH", V::FullRequestLength, false),
    ("GEO", V::Geo, true),
    ("GLOBAL", V::Global, true),
    ("INBOUND_DATA_ERROR", V::InboundDataError, false),
    ("IP", V::Ip, true),
    ("MATCHED_VAR", V::MatchedVar, false),
    ("MATCHED_VAR_NAME", V::MatchedVarName, false),
    ("MATCHED_VARS", V::MatchedVars, true),
    ("MATCHED_VARS_NAMES", V::MatchedVarsNames, true),
    ("MULTIPART_BOUNDARY_QUOTED", V::MultipartBoundaryQuoted, false),
    ("MULTIPART_BOUNDARY_WHITESPACE", V::MultipartBoundaryWhitespace, false),
    ("MULTIPART_DATA_AFTER", V::MultipartDataAfter, false),
    ("MULTIPART_DATA_BEFORE", V::MultipartDataBefore, false),
    ("MULTIPART_FILE_LIMIT_EXCEEDED", V::MultipartFileLimitExceeded, false),
    ("MULTIPART_FILENAME", V::MultipartFilename, true),
    ("MULTIPART_HEADER_FOLDING", V::MultipartHeaderFolding, false),
    ("MULTIPART_INVALID_HEADER_FOLDING", V::MultipartInvalidHeaderFolding, false),
    ("MULTIPART_INVALID_PART", V::MultipartInvalidPart, false),
    ("MULTIPART_INVALID_QUOTING", V::MultipartInvalidQuoting, false),
    ("MULTIPART_LF_LINE", V::MultipartLfLine, false),
    ("MULTIPART_MISSING_SEMICOLON", V::MultipartMissingSemicolon, false),
    ("MULTIPART_SEMICOLON_MISSING", V::MultipartMissingSemicolon, false),
    ("MULTIPART_NAME", V::MultipartName, true),
    ("MULTIPART_PART_HEADERS", V::MultipartPartHeaders, true),
    ("MULTIPART_STRICT_ERROR", V::MultipartStrictError, false),
    ("MULTIPART_UNMATCHED_BOUNDARY", V::MultipartUnmatchedBoundary, false),
    ("OUTBOUND_DATA_ERROR", V::OutboundDataError, false),
    ("PATH_INFO", V::PathInfo, false),
    ("QUERY_STRING", V::QueryString, false),
    ("REMOTE_ADDR", V::RemoteAddr, false),
    ("REMOTE_HOST", V::RemoteHost, false),
    ("REMOTE_PORT", V::RemotePort, false),
    ("REMOTE_USER", V::RemoteUser, false),
    ("REQBODY_ERROR", V::ReqbodyError, false),
    ("REQBODY_ERROR_MSG", V::ReqbodyErrorMsg, false),
    ("REQBODY_PROCESSOR", V::ReqbodyProcessor, false),
    ("REQBODY_PROCESSOR_ERROR", V::ReqbodyProcessorError, false),
    ("REQBODY_PROCESSOR_ERROR_MSG", V::ReqbodyProcessorErrorMsg, false),
    ("REQUEST_BODY_PROCESSOR", V::ReqbodyProcessor, false),
    ("REQUEST_BASENAME", V::RequestBasename, false),
    ("REQUEST_BODY", V::RequestBody, false),
    ("REQUEST_BODY_LENGTH", V::RequestBodyLength, false),
    ("REQUEST_COOKIES", V::RequestCookies, true),
    ("REQUEST_COOKIES_NAMES", V::RequestCookiesNames, true),
    ("REQUEST_FILENAME", V::RequestFilename, false),
    ("REQUEST_HEADERS", V::RequestHeaders, true),
    ("REQUEST_HEADERS_NAMES", V::RequestHeadersNames, true),
    ("REQUEST_LINE", V::RequestLine, false),
    ("REQUEST_METHOD", V::RequestMethod, false),
    ("REQUEST_PROTOCOL", V::RequestProtocol, false),
    ("REQUEST_URI", V::RequestUri, false),
    ("REQUEST_URI_RAW", V::RequestUriRaw, false),
    ("RESOURCE", V::Resource, true),
    ("RESPONSE_BODY", V::ResponseBody, false),
    ("RESPONSE_CONTENT_LENGTH", V::ResponseContentLength, false),
    ("RESPONSE_CONTENT_TYPE", V::ResponseContentType, false),
    ("RESPONSE_HEADERS", V::ResponseHeaders, true),
    ("RESPONSE_HEADERS_NAMES", V::ResponseHeadersNames, true),
    ("RESPONSE_PROTOCOL", V::ResponseProtocol, false),
    ("RESPONSE_STATUS", V::ResponseStatus, false),
    ("RULE", V::Rule, true),
    ("SERVER_ADDR", V::ServerAddr, false),
    ("SERVER_NAME", V::ServerName, false),
    ("SERVER_PORT", V::ServerPort, false),
    ("SESSION", V::Session, true),
    ("SESSIONID", V::SessionId, false),
    ("STATUS_LINE", V::StatusLine, false),
    ("TX", V::Tx, true),
    ("UNIQUE_ID", V::UniqueId, false),
    ("URLENCODED_ERROR", V::UrlencodedError, false),
    ("USER", V::User, true),
    ("USERID", V::UserId, false),
    ("WEBAPPID", V::WebAppId, false),
    ("XML", V::Xml, true),
];

impl Variable {
    /// How many there are.
    pub(crate) const COUNT: usize = Variable::Xml as usize + 1;

    /// Looks a variable up by its name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Variable> {
        TABLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)).map(|(_, variable, _)| *variable)
    }

    /// The name as the reference manual writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, variable, _)| *variable == self).map_or("", |(name, ..)| name)
    }

    /// Whether it has members that are selected by a key.
    #[must_use]
    pub fn is_collection(self) -> bool {
        TABLE.iter().any(|(_, variable, collection)| *variable == self && *collection)
    }

    /// Whether rules can change it while they run, so that nothing about it can be computed before.
    pub(crate) fn is_dynamic(self) -> bool {
        matches!(
            self,
            V::Tx
                | V::MatchedVar
                | V::MatchedVarName
                | V::MatchedVars
                | V::MatchedVarsNames
                | V::Rule
                | V::Ip
                | V::Global
                | V::Session
                | V::User
                | V::Resource
                | V::SessionId
                | V::UserId
                | V::Env
                | V::Geo
                | V::ReqbodyProcessor
        )
    }

    /// Persistent collections: they live as long as the call here, because nothing is stored.
    pub(crate) fn is_persistent(self) -> bool {
        matches!(self, V::Ip | V::Global | V::Session | V::User | V::Resource)
    }

    /// The concrete collections behind a name that stands for several.
    pub(crate) fn parts(self) -> &'static [Variable] {
        match self {
            V::Args => &[V::ArgsGet, V::ArgsPost],
            V::ArgsNames => &[V::ArgsGetNames, V::ArgsPostNames],
            _ => &[],
        }
    }
}
