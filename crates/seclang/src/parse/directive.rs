//! Directives by name.

use diagnostics::Diagnostic;

use super::lex::{Line, Word};
use super::{action, error, targets};
use crate::syntax::{
    ActionList, Directive, DirectiveKind, Mode, RuleSyntax, Select, SettingSyntax, Target, Test,
};
use crate::variable::Variable;

/// Settings about logs, files and processes: known, checked for having a value, and left to the embedding program.
const ELSEWHERE: &[&str] = &[
    "SecAuditEngine",
    "SecAuditLog",
    "SecAuditLog2",
    "SecAuditLogDirMode",
    "SecAuditLogFileMode",
    "SecAuditLogFormat",
    "SecAuditLogParts",
    "SecAuditLogRelevantStatus",
    "SecAuditLogStorageDir",
    "SecAuditLogType",
    "SecCollectionTimeout",
    "SecComponentSignature",
    "SecCookieFormat",
    "SecDataDir",
    "SecDebugLog",
    "SecDebugLogLevel",
    "SecGeoLookupDb",
    "SecHttpBlKey",
    "SecParseXmlIntoArgs",
    "SecPcreMatchLimit",
    "SecPcreMatchLimitRecursion",
    "SecRequestBodyInMemoryLimit",
    "SecSensorId",
    "SecServerSignature",
    "SecStatusEngine",
    "SecTmpDir",
    "SecTmpSaveUploadedFiles",
    "SecUnicodeMapFile",
    "SecUploadDir",
    "SecUploadFileLimit",
    "SecUploadFileMode",
    "SecUploadKeepFiles",
    "SecWebAppId",
    "SecXmlExternalEntity",
];

type Parsed<T> = Result<T, Vec<Diagnostic>>;

fn one<T>(result: Result<T, Diagnostic>) -> Parsed<T> {
    result.map_err(|error| vec![error])
}

/// Parses one directive; `None` for those without an effect here.
pub(super) fn directive(line: &Line) -> Parsed<Option<Directive>> {
    let Some((name, words)) = line.words.split_first() else { return Ok(None) };
    let most = match name.text.to_ascii_lowercase().as_str() {
        "secrule" => 3,
        "secaction" | "secmarker" | "secdefaultaction" | "secruleremovebytag" | "secruleremovebymsg" => 1,
        "secruleupdatetargetbyid"
        | "secruleupdatetargetbytag"
        | "secruleupdatetargetbymsg"
        | "secruleupdateactionbyid" => 2,
        _ => usize::MAX,
    };
    if let Some(extra) = words.get(most) {
        let message = format!("`{}` is one word too many", extra.text);
        return one(Err(error("seclang-extra", message, extra.whole())));
    }
    let kind = match name.text.to_ascii_lowercase().as_str() {
        "secrule" => rule(line, words)?,
        "secaction" => sec_action(line, words)?,
        "secmarker" => DirectiveKind::Marker(one(word(line, words, 0))?.text.clone()),
        "secdefaultaction" => DirectiveKind::DefaultAction(action::actions(one(word(line, words, 0))?)?),
        "secruleremovebyid" => DirectiveKind::Remove(one(ids(line, words))?),
        "secruleremovebytag" => DirectiveKind::Remove(vec![tag(one(word(line, words, 0))?)]),
        "secruleremovebymsg" => DirectiveKind::Remove(vec![message(one(word(line, words, 0))?)]),
        "secruleupdatetargetbyid" => {
            let selects = one(ids(line, words.get(..1).unwrap_or_default()))?;
            DirectiveKind::UpdateTarget(selects, one(update(line, words))?)
        }
        "secruleupdatetargetbytag" => {
            DirectiveKind::UpdateTarget(vec![tag(one(word(line, words, 0))?)], one(update(line, words))?)
        }
        "secruleupdatetargetbymsg" => {
            DirectiveKind::UpdateTarget(vec![message(one(word(line, words, 0))?)], one(update(line, words))?)
        }
        "secruleupdateactionbyid" => {
            let selects = one(ids(line, words.get(..1).unwrap_or_default()))?;
            DirectiveKind::UpdateAction(selects, action::actions(one(word(line, words, 1))?)?)
        }
        _ => DirectiveKind::Setting(one(setting(line, name, words))?),
    };
    Ok(Some(Directive { kind }))
}

fn word<'a>(line: &Line, words: &'a [Word], at: usize) -> Result<&'a Word, Diagnostic> {
    words.get(at).ok_or_else(|| {
        error("seclang-missing", "something is missing at the end of this directive", line.span)
    })
}

fn tag(word: &Word) -> Select {
    Select::Tag(word.text.clone())
}

fn message(word: &Word) -> Select {
    Select::Message(word.text.clone())
}

fn update(line: &Line, words: &[Word]) -> Result<Vec<Target>, Diagnostic> {
    targets(word(line, words, 1)?, true)
}

/// `SecRuleRemoveById 1 5-9 "12,20-30"`.
fn ids(line: &Line, words: &[Word]) -> Result<Vec<Select>, Diagnostic> {
    word(line, words, 0)?;
    let mut found = Vec::new();
    for word in words {
        for piece in word.text.split([',', ' ']).map(str::trim).filter(|piece| !piece.is_empty()) {
            let select = id_range(piece).ok_or_else(|| {
                let message = format!("`{piece}` is neither a rule id nor a range of them");
                error("seclang-bad-id", message, word.whole())
            })?;
            found.push(select);
        }
    }
    Ok(found)
}

/// `12` or `12-15`.
pub(super) fn id_range(text: &str) -> Option<Select> {
    // An update may name a rule inside a chain, `12:1`; the chain is meant as a whole here.
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(Select::Ids(from.trim().parse().ok()?, to.trim().parse().ok()?))
}

fn rule(line: &Line, words: &[Word]) -> Parsed<DirectiveKind> {
    let mut errors = Vec::new();
    let mut keep = |error: Diagnostic| errors.push(error);
    let targets = targets(one(word(line, words, 0))?, false).map_err(&mut keep).ok();
    let test = test(one(word(line, words, 1))?).map_err(&mut keep).ok();
    let actions = match words.get(2).map(action::actions).transpose() {
        Ok(actions) => Some(actions.unwrap_or_default()),
        Err(more) => {
            errors.extend(more);
            None
        }
    };
    match (targets, test, actions) {
        (Some(targets), Some(test), Some(actions)) if errors.is_empty() => {
            Ok(DirectiveKind::Rule(Box::new(RuleSyntax {
                targets,
                test: Some(test),
                actions,
                span: line.span,
            })))
        }
        _ => Err(errors),
    }
}

fn sec_action(line: &Line, words: &[Word]) -> Parsed<DirectiveKind> {
    let actions: ActionList = action::actions(one(word(line, words, 0))?)?;
    Ok(DirectiveKind::Rule(Box::new(RuleSyntax {
        targets: Vec::new(),
        test: None,
        actions,
        span: line.span,
    })))
}

/// `!@rx …`; without an operator it is `@rx`.
fn test(word: &Word) -> Result<Test, Diagnostic> {
    let text = word.text.as_str();
    let trimmed = text.trim_start();
    let (negated, rest) = match trimmed.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, trimmed),
    };
    let span = word.whole();
    let Some(named) = rest.strip_prefix('@') else {
        let from = text.len() - rest.len();
        let argument_span = word.span(from, text.len());
        return Ok(Test { negated, name: "rx".to_owned(), argument: rest.to_owned(), span, argument_span });
    };
    let (name, argument) = named.split_once(char::is_whitespace).unwrap_or((named, ""));
    if name.is_empty() {
        return Err(error("seclang-no-operator", "`@` is not followed by the name of an operator", span));
    }
    let argument = if name.eq_ignore_ascii_case("rx") { argument } else { argument.trim() };
    let from = text.len().saturating_sub(argument.len());
    let argument_span = word.span(from, text.len());
    Ok(Test { negated, name: name.to_ascii_lowercase(), argument: argument.to_owned(), span, argument_span })
}

fn setting(line: &Line, name: &Word, words: &[Word]) -> Result<SettingSyntax, Diagnostic> {
    let lower = name.text.to_ascii_lowercase();
    if ELSEWHERE.iter().any(|known| known.eq_ignore_ascii_case(&lower)) {
        word(line, words, 0)?;
        return Ok(SettingSyntax::Elsewhere);
    }
    let known = [
        "secruleengine",
        "secrequestbodyaccess",
        "secrequestbodylimit",
        "secrequestbodynofileslimit",
        "secrequestbodylimitaction",
        "secresponsebodyaccess",
        "secresponsebodylimit",
        "secresponsebodylimitaction",
        "secresponsebodymimetype",
        "secresponsebodymimetypesclear",
        "secargumentseparator",
        "secargumentslimit",
        "secrequestbodyjsondepthlimit",
    ];
    if !known.contains(&lower.as_str()) {
        let message = format!("`{}` is not a directive that this engine knows", name.text);
        return Err(error("seclang-unknown-directive", message, name.whole()));
    }
    if lower == "secresponsebodymimetypesclear" {
        return Ok(SettingSyntax::ResponseBodyMimeTypes(Vec::new()));
    }
    let value = word(line, words, 0)?;
    honored(&lower, value, words).ok_or_else(|| {
        let message = format!("`{}` is not a value for `{}`", value.text, name.text);
        error("seclang-bad-value", message, value.whole())
    })
}

fn honored(name: &str, value: &Word, words: &[Word]) -> Option<SettingSyntax> {
    let text = value.text.as_str();
    let number = || text.parse::<u64>().ok();
    Some(match name {
        "secruleengine" => SettingSyntax::Engine(mode(text)?),
        "secrequestbodyaccess" => SettingSyntax::RequestBodyAccess(on_off(text)?),
        "secrequestbodylimit" => SettingSyntax::RequestBodyLimit(number()?),
        "secrequestbodynofileslimit" => SettingSyntax::RequestBodyNoFilesLimit(number()?),
        "secrequestbodylimitaction" => SettingSyntax::RequestBodyLimitReject(reject(text)?),
        "secresponsebodyaccess" => SettingSyntax::ResponseBodyAccess(on_off(text)?),
        "secresponsebodylimit" => SettingSyntax::ResponseBodyLimit(number()?),
        "secresponsebodylimitaction" => SettingSyntax::ResponseBodyLimitReject(reject(text)?),
        "secresponsebodymimetype" => SettingSyntax::ResponseBodyMimeTypes(
            words.iter().map(|word| word.text.to_ascii_lowercase()).collect(),
        ),
        "secargumentseparator" => SettingSyntax::ArgumentSeparator(*text.as_bytes().first()?),
        "secargumentslimit" => SettingSyntax::ArgumentsLimit(number()?),
        "secrequestbodyjsondepthlimit" => SettingSyntax::JsonDepthLimit(number()?),
        _ => return None,
    })
}

/// `On`, `Off`, `DetectionOnly`.
pub(super) fn mode(text: &str) -> Option<Mode> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(Mode::On),
        "off" => Some(Mode::Off),
        "detectiononly" => Some(Mode::DetectionOnly),
        _ => None,
    }
}

/// `On` or `Off`.
pub(super) fn on_off(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn reject(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "reject" => Some(true),
        "processpartial" => Some(false),
        _ => None,
    }
}

/// The variable named by the first part of `tx.name`.
pub(super) fn collection(text: &str) -> Option<(Variable, &str)> {
    let (name, key) = text.split_once(['.', ':'])?;
    let variable = Variable::parse(name)?;
    variable.is_collection().then_some((variable, key))
}
