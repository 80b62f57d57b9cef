//! The kinds of difference that there are between seclang and libmodsecurity, each with who is right by the ModSecurity Reference
//! Manual (v3.x), the condition under which it occurs, and the smallest example.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::ftw::wire::Request;
use super::{mutate, place};

/// Who is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Seclang,
    Libmodsecurity,
    /// The manual doesn't say.
    Unsaid,
}

/// A rule that one of the two logged.
pub struct Case<'a> {
    pub facts: &'a Facts,
    pub request: &'a Request,
    pub rule: u64,
    pub ours: &'a BTreeSet<u64>,
    pub theirs: &'a BTreeSet<u64>,
    /// What seclang logs when `^` and `$` stand at lines, too.
    pub at_lines: &'a BTreeSet<u64>,
}

/// A kind of difference.
pub struct Kind {
    pub name: &'static str,
    pub right: Right,
    pub why: &'static str,
    pub explains: fn(&Case<'_>) -> bool,
    pub example: Example,
}

/// The smallest example: rules, a request, what seclang logs and what libmodsecurity does.
pub struct Example {
    pub rules: &'static str,
    pub target: &'static str,
    /// Media type and body, when there is one.
    pub body: Option<(&'static str, &'static str)>,
    pub ours: &'static [u64],
    pub theirs: &'static [u64],
}

/// Rules that say only that a body could not be read, that it isn't strict, or that the score is reached.
pub const BROKEN: u64 = 200_002;
pub const NOT_STRICT: u64 = 200_003;
pub const SCORES: [u64; 2] = [949_110, 959_100];

impl Case<'_> {
    fn only_ours(&self) -> bool {
        self.ours.contains(&self.rule)
    }

    fn kind(&self) -> String {
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(b"content-type");
        let value = self.request.headers.iter().find(named).map(|(_, value)| value.to_ascii_lowercase());
        String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
    }

    fn is_multipart(&self) -> bool {
        self.kind().starts_with("multipart/form-data")
    }

    fn is_xml(&self) -> bool {
        self.kind().split(';').next().unwrap_or_default().trim().contains("xml")
    }

    fn is_broken(&self) -> bool {
        self.ours.contains(&BROKEN) || self.theirs.contains(&BROKEN)
    }
}

const AT_LINES: &str = r#"SecRule ARGS "@rx ^b$" "id:1,phase:2,pass,log,msg:'x'""#;
const DECODED: &str = r#"SecRule REQUEST_URI "@contains %41" "id:1,phase:1,pass,log,msg:'x'"
SecRule REQUEST_URI "@contains A" "id:2,phase:1,pass,log,msg:'x'""#;
const DOMAIN: &str = r#"SecRule REQUEST_URI "@contains example" "id:1,phase:1,pass,log,msg:'x'""#;
const HEAD: &str = r#"SecRule ARGS "@rx ^(b)" "id:1,phase:2,pass,log,msg:'x',capture,t:none,t:lowercase,multiMatch,chain"
    SecRule TX:1 "@streq c" "t:none""#;
const MATCHED: &str = r#"SecRule ARGS "@rx b" "id:1,phase:2,pass,log,msg:'x',chain"
    SecRule MATCHED_VARS "@rx c" "chain"
        SecRule MATCHED_VARS "@rx d" "t:none""#;
const PHRASES: &str = r#"SecRule ARGS "@pm .env secrets.json" "id:1,phase:2,pass,log,msg:'x'""#;
const BASE64: &str = r#"SecRule ARGS "@streq abcd" "id:1,phase:2,pass,log,msg:'x',t:base64Decode""#;
const LINES: &str = r#"SecRule ARGS "@contains bc" "id:1,phase:2,pass,log,msg:'x'""#;
const STRICT: &str = r#"SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,pass,log,msg:'x'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,pass,log,msg:'x'""#;
const READ_ON: &str = r#"SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,pass,log,msg:'x'"
SecRule ARGS "@streq b" "id:1,phase:2,pass,log,msg:'x'""#;
const XML: &str = r#"SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,pass,log,msg:'x'"
SecRule XML:/* "@contains b" "id:1,phase:2,pass,log,msg:'x'""#;
const DOCTYPE: &str = r#"SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,pass,log,msg:'x'""#;
const PATH: &str = r#"SecRule ARGS "@streq a/x../b" "id:1,phase:2,pass,log,msg:'x',t:normalizePath"
SecRule ARGS "@streq a/b" "id:2,phase:2,pass,log,msg:'x',t:normalizePath""#;
const FORM: &str = "multipart/form-data; boundary=b";

/// All of them; the first that explains a rule is its kind.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "anchors-at-lines",
        right: Right::Seclang,
        why: "@rx: \"The entire input is treated as a single line\", `$` does not match before a line feed at the end; libmodsecurity compiles with PCRE2_MULTILINE",
        explains: |case| case.at_lines.contains(&case.rule) == case.theirs.contains(&case.rule),
        example: Example { rules: AT_LINES, target: "/?q=a%0ab", body: None, ours: &[], theirs: &[1] },
    },
    Kind {
        name: "uri-decoded",
        right: Right::Seclang,
        why: "REQUEST_URI: \"the full request URL including the query string data\", decoded by transformations only; libmodsecurity decodes it before rules run",
        explains: |case| {
            let mut decoded = Vec::new();
            seclang::Transformation::UrlDecode.apply(&case.request.target, &mut decoded);
            case.facts.looks_at(case.rule, "REQUEST_URI") && decoded != case.request.target
        },
        example: Example { rules: DECODED, target: "/%41", body: None, ours: &[1], theirs: &[2] },
    },
    Kind {
        name: "uri-with-domain",
        right: Right::Seclang,
        why: "REQUEST_URI: \"will never contain a domain name, even if it was provided on the request line\"; libmodsecurity leaves it in when no path follows",
        explains: |case| {
            let target = &case.request.target;
            let after = target.windows(3).position(|window| window == b"://").map(|at| &target[at + 3..]);
            after.is_some_and(|after| !after.contains(&b'/'))
        },
        example: Example { rules: DOMAIN, target: "http://a.example", body: None, ours: &[], theirs: &[1] },
    },
    Kind {
        name: "multi-match-of-a-chain",
        right: Right::Seclang,
        why: "chain: a rule matches when all of its links do; libmodsecurity logs the first link of a multiMatch rule whatever follows",
        explains: |case| {
            !case.only_ours() && case.facts.says(case.rule, "multiMatch") && case.facts.is_chain(case.rule)
        },
        example: Example { rules: HEAD, target: "/?q=b", body: None, ours: &[], theirs: &[1] },
    },
    Kind {
        name: "matched-vars-of-all-links",
        right: Right::Seclang,
        why: "MATCHED_VARS: \"a collection of all matches for the current operator check\"; libmodsecurity keeps those of the links before",
        explains: |case| case.facts.chains_on(case.rule, &["MATCHED_VAR"]) && !case.is_broken(),
        example: Example { rules: MATCHED, target: "/?p=bc&q=bd", body: None, ours: &[], theirs: &[1] },
    },
    Kind {
        name: "phrases-missed",
        right: Right::Seclang,
        why: "@pm: matches when one of the phrases occurs; libmodsecurity misses one that begins where another that does not go on has a part",
        explains: |case| case.only_ours() && case.facts.says(case.rule, "@pm"),
        example: Example { rules: PHRASES, target: "/?q=secrets.env", body: None, ours: &[1], theirs: &[] },
    },
    Kind {
        name: "base64-without-padding",
        right: Right::Unsaid,
        why: "base64Decode: \"Decodes a Base64-encoded string\"; seclang decodes one whose padding is missing, as decoders behind it do, libmodsecurity nothing of it",
        explains: |case| case.only_ours() && case.facts.says(case.rule, "base64Decode"),
        example: Example { rules: BASE64, target: "/?q=YWJjZA", body: None, ours: &[1], theirs: &[] },
    },
    Kind {
        name: "parts-of-a-segment",
        right: Right::Seclang,
        why: "normalizePath: \"removes directory back-references\", which are whole segments; libmodsecurity takes `x../` for one",
        explains: |case| {
            let target = case.request.target.windows(2).any(|two| two == b"..");
            let body = case.request.body.windows(2).any(|two| two == b"..");
            case.facts.says(case.rule, "normalizePath") && (target || body)
        },
        example: Example { rules: PATH, target: "/?q=a/x../b", body: None, ours: &[1], theirs: &[2] },
    },
    Kind {
        name: "document-type",
        right: Right::Unsaid,
        why: "XML: seclang refuses documents with a type, since entities come with it; libmodsecurity reads past it",
        explains: |case| {
            let has_type = case.request.body.windows(9).any(|word| word.eq_ignore_ascii_case(b"<!DOCTYPE"));
            case.is_xml() && case.only_ours() && case.rule == BROKEN && has_type
        },
        example: Example {
            rules: DOCTYPE,
            target: "/",
            body: Some(("text/xml", "<!DOCTYPE a><a>b</a>")),
            ours: &[BROKEN],
            theirs: &[],
        },
    },
    Kind {
        name: "strict-error-of-the-processor",
        right: Right::Seclang,
        why: "MULTIPART_STRICT_ERROR: 1 when REQBODY_PROCESSOR_ERROR is; libmodsecurity leaves it 0 after most errors",
        explains: |case| case.rule == NOT_STRICT && case.is_multipart() && case.is_broken(),
        example: Example {
            rules: STRICT,
            target: "/",
            body: Some((FORM, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n")),
            ours: &[BROKEN, NOT_STRICT],
            theirs: &[BROKEN],
        },
    },
    Kind {
        name: "empty-body",
        right: Right::Seclang,
        why: "REQBODY_ERROR: \"the status of the request body processor used for request body parsing\"; where there is no body, seclang parses none, and libmodsecurity finds an empty one broken",
        explains: |case| case.request.body.is_empty() && [BROKEN, NOT_STRICT].contains(&case.rule),
        example: Example {
            rules: XML,
            target: "/",
            body: Some(("text/xml", "")),
            ours: &[],
            theirs: &[BROKEN],
        },
    },
    Kind {
        name: "broken-multipart-is-read",
        right: Right::Unsaid,
        why: "a body that is refused as broken: seclang shows rules what could be read of it, libmodsecurity nothing",
        explains: |case| {
            case.is_multipart() && case.is_broken() && case.rule < BROKEN
                || case.rule > 900_000 && case.is_multipart() && case.is_broken()
        },
        example: Example {
            rules: READ_ON,
            target: "/",
            body: Some((FORM, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n")),
            ours: &[1, BROKEN],
            theirs: &[BROKEN],
        },
    },
    Kind {
        name: "broken-xml-is-read",
        right: Right::Unsaid,
        why: "a body that is refused as broken: the two show rules what came before different places in it",
        explains: |case| case.is_xml() && case.is_broken() && case.rule != BROKEN,
        example: Example {
            rules: XML,
            target: "/",
            body: Some(("text/xml", "<a>b")),
            ours: &[1, BROKEN],
            theirs: &[BROKEN],
        },
    },
    Kind {
        name: "lines-of-a-field",
        right: Right::Seclang,
        why: "ARGS: the value of the field; libmodsecurity joins the lines of a multipart field without their ends",
        explains: |case| case.is_multipart() && case.request.body.contains(&b'\n'),
        example: Example {
            rules: LINES,
            target: "/",
            body: Some((
                FORM,
                "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\nc\r\n--b--\r\n",
            )),
            ours: &[],
            theirs: &[1],
        },
    },
];

impl Example {
    /// The request.
    pub fn request(&self) -> Request {
        let mut request = Request {
            method: if self.body.is_some() { b"POST".to_vec() } else { b"GET".to_vec() },
            target: self.target.into(),
            version: b"HTTP/1.1".to_vec(),
            headers: vec![(b"Host".to_vec(), b"a.example".to_vec())],
            body: Vec::new(),
        };
        if let Some((kind, body)) = self.body {
            place::with_body(&mut request, kind, body.into());
            mutate::set(&mut request, "Content-Length", body.len().to_string().as_bytes());
        }
        request
    }

    /// The rules with what they need of the engine.
    pub fn rules(&self) -> String {
        format!("SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\n{}\n", self.rules)
    }
}
