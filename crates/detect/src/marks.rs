//! Names that say what they are for: classes, functions, files, prefixes of serialized objects.
//!
//! One automaton finds them all in one pass. Each has a score in a short value, one in a long text, and what must stand around
//! it. They are the names that the manuals of the languages themselves have for running code, reading files and loading objects.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::bytes::{MARK, at, before, is_word, skip_space};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};

/// What must stand around a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Nothing in particular.
    Any,
    /// No word character before it.
    Word,
    /// No word character before it, an opening bracket after it.
    Called,
    /// The same, with arguments.
    With,
    /// It begins the value.
    Start,
    /// It begins the value or a quoted part of it.
    Begins,
    /// It is the value, or a path in it that no white space follows or precedes.
    File,
}

type Mark = (&'static str, Family, &'static str, u8, u8, Around);

/// The names, in lower case.
const MARKS: &[Mark] = {
    use Around::{Any, Begins, Called, File, Start, With, Word};
    use Family::{
        Code, Directory, Entity, Jndi, NoSql, Path, Prototype, Script, Serialized, Shell, Ssrf, Template,
    };
    &[
        ("${jndi:", Jndi, "lookup", 10, 9, Any),
        ("jndi:ldap", Jndi, "lookup", 8, 6, Any),
        ("jndi:rmi", Jndi, "lookup", 8, 6, Any),
        ("jndi:dns", Jndi, "lookup", 8, 6, Any),
        ("${env:", Jndi, "lookup", 7, 3, Any),
        ("${sys:", Jndi, "lookup", 7, 3, Any),
        ("${java:", Jndi, "lookup", 7, 3, Any),
        ("${lower:", Jndi, "lookup", 7, 5, Any),
        ("${upper:", Jndi, "lookup", 7, 5, Any),
        ("${ctx:", Jndi, "lookup", 6, 3, Any),
        ("${date:", Jndi, "lookup", 6, 3, Any),
        ("${::-", Jndi, "lookup", 8, 6, Any),
        (":-j}", Jndi, "lookup", 6, 5, Any),
        ("java.lang.runtime", Code, "java-class", 8, 3, Any),
        ("java.lang.processbuilder", Code, "java-class", 8, 3, Any),
        ("java.lang.process", Code, "java-class", 8, 3, Any),
        ("java.lang.class", Code, "java-class", 6, 2, Any),
        ("java.lang.system", Code, "java-class", 6, 2, Any),
        ("java.io.", Code, "java-class", 5, 0, Word),
        ("java.lang.", Code, "java-class", 5, 0, Word),
        ("java.util.", Code, "java-class", 5, 0, Word),
        ("java.net.", Code, "java-class", 5, 0, Word),
        ("java.nio.", Code, "java-class", 5, 0, Word),
        ("java.beans.", Code, "java-class", 5, 0, Word),
        ("java.rmi.", Code, "java-class", 5, 0, Word),
        ("javax.", Code, "java-class", 5, 0, Word),
        ("com.sun.", Code, "java-class", 5, 0, Word),
        ("sun.misc.", Code, "java-class", 5, 0, Word),
        ("org.springframework.", Code, "java-class", 5, 0, Word),
        ("org.apache.", Code, "java-class", 5, 0, Word),
        ("javax.script.scriptengine", Code, "java-class", 8, 3, Any),
        ("javax.naming.initialcontext", Code, "java-class", 7, 3, Any),
        ("com.opensymphony.xwork2", Code, "java-class", 8, 3, Any),
        ("org.apache.commons.collections", Code, "java-class", 6, 2, Any),
        ("org.apache.struts2", Code, "java-class", 6, 2, Any),
        ("freemarker.template.utility", Template, "execute", 8, 3, Any),
        ("com.sun.rowset.jdbcrowsetimpl", Serialized, "gadget", 9, 5, Any),
        ("com.sun.org.apache.", Serialized, "gadget", 8, 3, Any),
        ("java.beans.xmldecoder", Serialized, "gadget", 8, 4, Any),
        ("getruntime()", Code, "java-runtime", 8, 4, Any),
        ("processbuilder(", Code, "java-runtime", 6, 2, Any),
        ("getclass()", Code, "java-reflection", 6, 2, Any),
        (".getmethod(", Code, "java-reflection", 5, 2, Any),
        ("class.forname(", Code, "java-reflection", 6, 2, Any),
        ("class.module.classloader", Code, "class-loader", 9, 6, Any),
        ("class.classloader", Code, "class-loader", 8, 5, Any),
        ("_memberaccess", Template, "ognl", 9, 6, Any),
        ("ognl.", Template, "ognl", 7, 3, Word),
        ("#context[", Template, "ognl", 8, 4, Any),
        ("@java.", Template, "ognl", 8, 4, Any),
        ("t(java.", Template, "spel", 9, 5, Any),
        ("<?php", Code, "php-tag", 8, 4, Any),
        ("<?=", Code, "php-tag", 7, 3, Any),
        ("<? php", Code, "php-tag", 7, 3, Any),
        ("<? echo", Code, "php-tag", 7, 3, Any),
        ("<?import", Script, "import", 7, 3, Any),
        ("<%=", Template, "tag", 5, 2, Any),
        ("<!--#", Code, "server-side-include", 8, 4, Any),
        ("<!entity", Entity, "declaration", 9, 5, Any),
        ("!entity % ", Entity, "declaration", 8, 5, Any),
        ("xi:include", Entity, "include", 7, 3, Any),
        ("phpinfo", Code, "php-function", 6, 2, Called),
        ("shell_exec", Code, "php-function", 8, 3, Called),
        ("passthru", Code, "php-function", 8, 3, Called),
        ("proc_open", Code, "php-function", 8, 3, Called),
        ("popen", Code, "php-function", 5, 1, With),
        ("pcntl_exec", Code, "php-function", 8, 3, Called),
        ("base64_decode", Code, "php-function", 7, 2, Called),
        ("gzinflate", Code, "php-function", 7, 2, Called),
        ("str_rot13", Code, "php-function", 6, 2, Called),
        ("call_user_func", Code, "php-function", 7, 2, Called),
        ("create_function", Code, "php-function", 7, 2, Called),
        ("file_get_contents", Code, "php-function", 7, 2, Called),
        ("file_put_contents", Code, "php-function", 7, 2, Called),
        ("fsockopen", Code, "php-function", 7, 2, Called),
        ("preg_replace", Code, "php-function", 5, 2, With),
        ("move_uploaded_file", Code, "php-function", 7, 2, Called),
        ("ini_set", Code, "php-function", 6, 2, Called),
        ("var_dump", Code, "php-function", 5, 1, With),
        ("highlight_file", Code, "php-function", 6, 2, Called),
        ("show_source", Code, "php-function", 6, 2, Called),
        ("eval", Code, "eval", 5, 1, With),
        ("assert", Code, "eval", 5, 1, With),
        ("system", Code, "system", 5, 1, With),
        ("exec", Code, "system", 5, 1, With),
        ("$_get", Code, "php-variable", 7, 2, Any),
        ("$_post", Code, "php-variable", 7, 2, Any),
        ("$_request", Code, "php-variable", 7, 2, Any),
        ("$_server", Code, "php-variable", 6, 2, Any),
        ("$_cookie", Code, "php-variable", 6, 2, Any),
        ("$_session", Code, "php-variable", 6, 2, Any),
        ("$_files", Code, "php-variable", 6, 2, Any),
        ("$globals", Code, "php-variable", 6, 2, Any),
        ("__import__", Code, "python", 8, 3, Any),
        ("os.system(", Code, "python", 8, 2, Any),
        ("os.popen(", Code, "python", 8, 2, Any),
        ("subprocess.popen(", Code, "python", 7, 2, Any),
        ("subprocess.call(", Code, "python", 7, 2, Any),
        ("subprocess.run(", Code, "python", 7, 2, Any),
        ("subprocess.check_", Code, "python", 7, 2, Any),
        ("subprocess.getoutput(", Code, "python", 7, 2, Any),
        ("subprocess.", Code, "python", 4, 1, Any),
        ("__builtins__", Code, "python", 7, 3, Any),
        ("__globals__", Template, "python-object", 8, 3, Any),
        ("__subclasses__", Template, "python-object", 9, 4, Any),
        ("__mro__", Template, "python-object", 8, 3, Any),
        ("__class__", Template, "python-object", 7, 2, Any),
        ("while(true)", Code, "endless-loop", 5, 0, Any),
        ("while(1)", Code, "endless-loop", 5, 0, Any),
        ("require('child_process')", Code, "node", 9, 4, Any),
        ("require(\"child_process\")", Code, "node", 9, 4, Any),
        ("child_process", Code, "node", 7, 2, Any),
        ("process.mainmodule", Code, "node", 8, 4, Any),
        ("process.binding(", Code, "node", 7, 3, Any),
        ("global.process", Code, "node", 7, 3, Any),
        ("process.env", Code, "node", 5, 1, Any),
        ("constructor.constructor(", Code, "node", 8, 5, Any),
        ("[\"constructor\"]", Code, "node", 7, 4, Any),
        ("['constructor']", Code, "node", 7, 4, Any),
        ("io.popen", Code, "ruby", 7, 2, Any),
        ("kernel.exec", Code, "ruby", 7, 3, Any),
        ("process.spawn", Code, "ruby", 6, 2, Any),
        ("process.fork", Code, "ruby", 6, 2, Any),
        ("fiddle::", Code, "ruby", 6, 2, Any),
        ("marshal.load", Serialized, "ruby", 6, 2, Any),
        ("__proto__", Prototype, "proto", 8, 2, Any),
        ("constructor.prototype", Prototype, "constructor", 8, 2, Any),
        ("constructor[prototype]", Prototype, "constructor", 9, 6, Any),
        ("_$$nd_func$$_", Serialized, "node", 10, 8, Any),
        ("ro0ab", Serialized, "java", 8, 2, Begins),
        ("kztab", Serialized, "java", 8, 2, Begins),
        ("cs7qb", Serialized, "java", 8, 2, Begins),
        ("aced0005", Serialized, "java", 8, 3, Begins),
        ("\u{0}\u{5}sr", Serialized, "java", 8, 6, Any),
        ("aaeaaad/////", Serialized, "dotnet", 9, 5, Begins),
        ("!!python/", Serialized, "yaml", 9, 4, Any),
        ("!!javax.", Serialized, "yaml", 9, 4, Any),
        ("!ruby/object", Serialized, "yaml", 9, 4, Any),
        ("php://", Path, "stream", 8, 3, Any),
        ("expect://", Path, "stream", 8, 4, Word),
        ("phar://", Path, "stream", 8, 4, Word),
        ("zip://", Path, "stream", 7, 3, Word),
        ("glob://", Path, "stream", 7, 3, Word),
        ("ogg://", Path, "stream", 6, 3, Word),
        ("ssh2.", Path, "stream", 4, 1, Word),
        ("compress.zlib://", Path, "stream", 8, 4, Word),
        ("file:/", Path, "file-url", 6, 0, Begins),
        ("gopher://", Ssrf, "scheme", 8, 3, Word),
        ("dict://", Ssrf, "scheme", 8, 3, Word),
        ("netdoc:", Ssrf, "scheme", 7, 3, Word),
        ("jar:http", Ssrf, "scheme", 7, 3, Word),
        ("ldap://", Ssrf, "scheme", 6, 1, Begins),
        ("ldaps://", Ssrf, "scheme", 6, 1, Begins),
        ("rmi://", Ssrf, "scheme", 7, 2, Begins),
        ("tftp://", Ssrf, "scheme", 6, 1, Begins),
        ("169.254.169.254", Ssrf, "metadata", 8, 3, Any),
        ("metadata.google.internal", Ssrf, "metadata", 8, 3, Any),
        ("100.100.100.200", Ssrf, "metadata", 7, 3, Any),
        ("etc/passwd", Path, "file", 7, 0, File),
        ("etc/shadow", Path, "file", 7, 0, File),
        ("etc/group", Path, "file", 6, 0, File),
        ("etc/hosts", Path, "file", 6, 0, File),
        ("etc/issue", Path, "file", 6, 0, File),
        ("etc/motd", Path, "file", 6, 0, File),
        ("etc/sudoers", Path, "file", 6, 0, File),
        ("etc/ssh/", Path, "file", 6, 0, File),
        ("etc/mysql/", Path, "file", 6, 0, File),
        ("etc/apache2/", Path, "file", 6, 0, File),
        ("etc/nginx/", Path, "file", 6, 0, File),
        ("etc/crontab", Path, "file", 6, 0, File),
        ("etcpasswd", Path, "file", 6, 2, Any),
        ("proc/self/", Path, "file", 7, 2, File),
        ("proc/version", Path, "file", 6, 0, File),
        ("proc/cmdline", Path, "file", 6, 0, File),
        ("var/log/", Path, "file", 5, 0, File),
        ("boot.ini", Path, "file", 6, 1, File),
        ("win.ini", Path, "file", 6, 1, File),
        ("oot.ini", Path, "file", 5, 1, File),
        ("system.ini", Path, "file", 5, 0, File),
        ("windows/system32", Path, "file", 7, 2, File),
        ("windows\\system32", Path, "file", 7, 2, File),
        ("winnt/system32", Path, "file", 7, 2, File),
        ("winnt\\system32", Path, "file", 7, 2, File),
        ("inetpub", Path, "file", 6, 1, File),
        ("global.asa", Path, "file", 7, 2, File),
        ("web-inf/", Path, "file", 7, 1, File),
        ("meta-inf/", Path, "file", 5, 0, File),
        (".htaccess", Path, "file", 6, 0, File),
        (".htpasswd", Path, "file", 6, 0, File),
        (".git/", Path, "file", 5, 0, File),
        (".svn/", Path, "file", 5, 0, File),
        (".ssh/", Path, "file", 6, 0, File),
        ("id_rsa", Path, "file", 6, 0, File),
        (".aws/", Path, "file", 6, 0, File),
        (".bash_history", Path, "file", 6, 0, File),
        (".bashrc", Path, "file", 5, 0, File),
        ("wp-config.", Path, "file", 6, 0, File),
        ("/.env", Path, "file", 6, 0, File),
        ("$ifs", Shell, "separator", 8, 3, Any),
        ("${ifs", Shell, "separator", 8, 4, Any),
        ("/dev/tcp/", Shell, "socket", 9, 5, Any),
        ("/dev/udp/", Shell, "socket", 9, 5, Any),
        ("() {", Shell, "function-import", 4, 1, Start),
        ("cmd.exe", Shell, "interpreter", 6, 1, Any),
        ("cmd /c", Shell, "interpreter", 6, 1, Word),
        ("powershell -", Shell, "interpreter", 7, 3, Any),
        ("powershell.exe", Shell, "interpreter", 7, 3, Any),
        ("bash -i", Shell, "interpreter", 7, 3, Word),
        ("bash -c", Shell, "interpreter", 6, 2, Word),
        ("sh -c", Shell, "interpreter", 6, 2, Word),
        ("sh -i", Shell, "interpreter", 6, 2, Word),
        ("nc -e", Shell, "interpreter", 7, 3, Word),
        ("nc -l", Shell, "interpreter", 6, 2, Word),
        ("/bin/sh", Shell, "interpreter", 6, 1, File),
        ("/bin/bash", Shell, "interpreter", 6, 1, File),
        ("invoke-expression", Shell, "powershell", 7, 3, Any),
        ("invoke-webrequest", Shell, "powershell", 7, 3, Any),
        ("invoke-command", Shell, "powershell", 7, 3, Any),
        ("downloadstring(", Shell, "powershell", 8, 4, Any),
        ("new-object ", Shell, "powershell", 6, 2, Word),
        ("certutil", Shell, "windows", 5, 1, Word),
        ("rundll32", Shell, "windows", 6, 2, Word),
        ("document.cookie", Script, "sink", 7, 3, Any),
        ("document.domain", Script, "sink", 6, 2, Any),
        ("document.write", Script, "sink", 6, 2, Any),
        ("document.location", Script, "sink", 6, 2, Any),
        ("window.location", Script, "sink", 5, 1, Any),
        ("window.name", Script, "sink", 5, 1, Any),
        ("window[", Script, "sink", 5, 1, Word),
        ("document[", Script, "sink", 5, 1, Word),
        ("self[", Script, "sink", 4, 0, Word),
        ("string.fromcharcode", Script, "sink", 7, 3, Any),
        (".innerhtml", Script, "sink", 5, 1, Any),
        (".outerhtml", Script, "sink", 5, 1, Any),
        (".parentnode", Script, "sink", 5, 1, Any),
        ("xmlhttprequest", Script, "sink", 4, 1, Any),
        ("document.body", Script, "sink", 5, 1, Word),
        ("document.queryselector", Script, "sink", 5, 1, Word),
        (".call`", Script, "sink", 6, 3, Any),
        ("reflect.", Script, "sink", 4, 0, Word),
        ("localstorage", Script, "sink", 4, 1, Any),
        ("alert", Script, "sink", 5, 1, Called),
        ("prompt", Script, "sink", 5, 1, Called),
        ("confirm", Script, "sink", 5, 1, Called),
        ("settimeout", Script, "sink", 5, 1, Called),
        ("setinterval", Script, "sink", 5, 1, Called),
        ("atob", Script, "sink", 5, 1, Called),
        ("unescape", Script, "sink", 5, 1, With),
        ("expression", Script, "sink", 5, 1, With),
        ("data:text/html", Script, "data-url", 8, 3, Any),
        ("data:text/javascript", Script, "data-url", 8, 3, Any),
        ("data:image/svg+xml", Script, "data-url", 6, 1, Any),
        ("data:application/", Script, "data-url", 5, 1, Begins),
        ("vbscript:", Script, "scheme", 8, 4, Word),
        ("livescript:", Script, "scheme", 7, 4, Word),
        ("-moz-binding", Script, "style", 7, 3, Any),
        ("-o-link", Script, "style", 7, 3, Any),
        ("behavior:", Script, "style", 5, 1, Word),
        ("behaviour:", Script, "style", 5, 1, Word),
        ("+adw-", Script, "utf-7", 8, 5, Any),
        ("srcdoc=", Script, "attribute", 6, 2, Any),
        ("0x2e0x2e", Path, "spelled-dots", 6, 2, Any),
        ("..0x2f", Path, "spelled-dots", 6, 2, Any),
        ("..0x5c", Path, "spelled-dots", 6, 2, Any),
        ("..%u", Path, "spelled-dots", 6, 2, Any),
        ("%2e%2e", Path, "spelled-dots", 6, 2, Any),
        ("%252e", Path, "spelled-dots", 6, 2, Any),
        ("%c0%ae", Path, "spelled-dots", 6, 2, Any),
        ("%c0%af", Path, "spelled-dots", 6, 2, Any),
        ("#set(", Template, "directive", 6, 1, Any),
        ("#set (", Template, "directive", 5, 1, Any),
        ("#foreach(", Template, "directive", 5, 1, Any),
        ("#evaluate(", Template, "directive", 6, 1, Any),
        ("#include(", Template, "directive", 5, 1, Any),
        ("<#assign", Template, "directive", 6, 2, Any),
        ("[php]", Code, "php-tag", 5, 1, Any),
        ("{php}", Code, "php-tag", 5, 1, Any),
        ("[/php]", Code, "php-tag", 5, 1, Any),
        ("[\\php]", Code, "php-tag", 5, 1, Any),
        ("{/php}", Code, "php-tag", 5, 1, Any),
        ("count(/", Directory, "xpath", 7, 0, Any),
        ("name(/", Directory, "xpath", 6, 0, Any),
        ("name(parent::", Directory, "xpath", 7, 0, Any),
        ("name(..", Directory, "xpath", 6, 0, Any),
        ("string-length(", Directory, "xpath", 6, 0, Any),
        ("substring(/", Directory, "xpath", 7, 0, Any),
        ("substring(name", Directory, "xpath", 7, 0, Any),
        ("::node()", Directory, "xpath", 7, 0, Any),
        ("::text()", Directory, "xpath", 7, 0, Any),
        ("/text()", Directory, "xpath", 5, 0, Any),
        ("]|//", Directory, "xpath", 7, 0, Any),
        ("] | //", Directory, "xpath", 7, 0, Any),
        ("|//*", Directory, "xpath", 7, 0, Any),
        ("//*[", Directory, "xpath", 6, 0, Any),
        ("position()=", Directory, "xpath", 6, 0, Any),
        ("db.collection", NoSql, "shell", 6, 2, Any),
        (".mapreduce(", NoSql, "shell", 6, 2, Any),
        ("this.password", NoSql, "javascript", 6, 2, Any),
    ]
};

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(MARKS.iter().map(|mark| mark.0))
        .ok()
});

/// Compiles the automaton, so that no call has to wait for it.
pub(crate) fn prepare() {
    LazyLock::force(&AUTOMATON);
}

/// Offers every name that stands where it means something.
pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    let Some(automaton) = &*AUTOMATON else {
        // Cannot be for a list that the tests compile; were it so, nothing would pass unseen.
        best.offer(Hit { family: Family::Evasion, rule: "no-automaton", start: 0, end: 0, score: 10 });
        return;
    };
    for found in automaton.find_overlapping_iter(text.bytes) {
        let Some((_, family, rule, short, long, around)) = MARKS.get(found.pattern().as_usize()).copied()
        else {
            continue;
        };
        let (start, end) = (found.start(), found.end());
        let score = if matches!(rule, "system" | "eval") {
            text.weigh(end, short, long)
        } else {
            text.pick(short, long)
        };
        if family == Family::Directory && text.place == Place::Header {
            continue;
        }
        // What is no better than what is known need not be looked at.
        if !best.wants(family, score) || !stands(text, family, (start, end), around) {
            continue;
        }
        best.offer(Hit { family, rule, start, end, score });
    }
}

fn stands(text: &Text<'_>, family: Family, (start, end): (usize, usize), around: Around) -> bool {
    let bytes = text.bytes;
    let before = before(bytes, start);
    match around {
        Around::Any => true,
        Around::Word => !is_word(before),
        Around::Called => {
            !is_word(before) && before != b'$' && before != b'.' && {
                let next = skip_space(bytes, end);
                let spaced = if family == Family::Code && text.has(MARK) { 2 } else { 0 };
                let sign = at(bytes, next);
                // Only to JavaScript a template in backticks is an argument.
                next <= end + spaced && (sign == b'(' || sign == b'`' && family == Family::Script)
            }
        }
        Around::With => {
            stands(text, family, (start, end), Around::Called)
                && at(bytes, skip_space(bytes, skip_space(bytes, end) + 1)) != b')'
        }
        Around::Start => start == 0,
        Around::Begins => start == 0 || matches!(before, b'"' | b'\'' | b'=' | b',' | b'(') && start < 16,
        Around::File => {
            let ends = matches!(
                at(bytes, end),
                0 | b'?'
                    | b'#'
                    | b'%'
                    | b'\''
                    | b'"'
                    | b'/'
                    | b'\\'
                    | b'.'
                    | b'&'
                    | b';'
                    | b')'
                    | b'|'
                    | b'`'
            ) || matches!(before, b'/' | b'\\') && text.spaces == 0;
            let words = text.spaces;
            ends && words <= 4 || bytes.len() <= end + 8 && words == 0
        }
    }
}
