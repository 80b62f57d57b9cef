//! Commands of a shell: after a separator, within a substitution, or as the whole value.
//!
//! Many commands are words of English (`find`, `more`, `who`), and separators are punctuation; so a command of that kind counts
//! only with what makes it one: an option, a path, a redirection, or another separator right behind it.

use crate::bytes::{
    AMPERSAND, BRACKET, MARK, QUOTE, SLASH, SPACE, at, before, from, is_word, part, skip_space,
};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};

/// Separators of a value that are looked at.
const SEPARATORS: usize = 1024;
/// White space between a separator and its command that is skipped at most.
const GAP: usize = 24;

/// How much a command's name alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    None,
    /// A word of English too.
    Word,
    /// Hardly a word.
    Sure,
}

fn command(name: &[u8]) -> Command {
    match name {
        b"whoami" | b"uname" | b"wget" | b"curl" | b"ncat" | b"netcat" | b"bash" | b"zsh" | b"ksh"
        | b"csh" | b"nslookup" | b"ifconfig" | b"ipconfig" | b"netstat" | b"powershell" | b"pwsh"
        | b"chmod" | b"chown" | b"printenv" | b"xargs" | b"awk" | b"sed" | b"grep" | b"egrep" | b"telnet"
        | b"sshd" | b"scp" | b"tftp" | b"crontab" | b"sudo" | b"useradd" | b"adduser" | b"certutil"
        | b"rundll32" | b"wmic" | b"mkfifo" | b"nohup" | b"busybox" | b"traceroute" | b"tasklist"
        | b"systeminfo" | b"cmd" | b"perl" | b"php" | b"python" | b"python3" | b"python2" | b"ruby"
        | b"gcc" | b"lsof" | b"pwd" | b"rmdir" | b"passwd" | b"tracert" | b"nmap" | b"regedit"
        | b"sqlite3" | b"mysql" | b"psql" | b"openssl" | b"socat" | b"lua" | b"nc" | b"ls" | b"ping"
        | b"cat" | b"chroot" | b"dmesg" | b"ifdown" | b"iptables" | b"killall" | b"logname"
        | b"lsb_release" | b"lscpu" | b"mknod" | b"rsync" | b"ssh" | b"strace" | b"tcpdump" | b"umask"
        | b"wc" | b"vim" | b"dir" | b"sh" | b"ps" | b"df" | b"du" | b"rm" | b"cp" | b"mv" | b"ln"
        | b"dig" | b"sleep" | b"hostname" | b"getent" | b"base64" | b"xxd" | b"mkdir" | b"uptime"
        | b"md5sum" | b"mshta" | b"iwr" | b"iex" | b"iwmi" | b"gdb" | b"gawk" | b"mawk" | b"nawk"
        | b"irb" | b"ansible" | b"aptitude" | b"bsdtar" | b"tclsh" | b"expect" | b"ldconfig" | b"setenv"
        | b"fgrep" | b"wish" | b"jrunscript" | b"pip3" | b"pip" | b"npm" | b"npx" | b"gem" | b"kubectl"
        | b"perf" | b"c89" | b"c99" | b"rmt" | b"ausyscall" | b"bcdboot" | b"bitsadmin" | b"cscript"
        | b"wscript" | b"regsvr32" | b"msiexec" | b"schtasks" | b"taskkill" | b"whois" | b"ifup"
        | b"arping" | b"nmcli" | b"dpkg" | b"rpm" => Command::Sure,
        b"id" | b"echo" | b"type" | b"find" | b"head" | b"tail" | b"more" | b"less" | b"sort" | b"cut"
        | b"tee" | b"who" | b"w" | b"kill" | b"touch" | b"tar" | b"env" | b"set" | b"export" | b"printf"
        | b"exec" | b"eval" | b"source" | b"net" | b"ftp" | b"su" | b"at" | b"date" | b"time" | b"test"
        | b"true" | b"false" | b"cd" | b"copy" | b"del" | b"move" | b"start" | b"reg" | b"node" | b"make"
        | b"nice" | b"host" | b"last" | b"file" | b"strings" | b"split" | b"tac" | b"nl" | b"od" | b"rev"
        | b"unzip" | b"zip" | b"gzip" | b"mail" | b"reboot" | b"shutdown" | b"halt" | b"mount" | b"ed"
        | b"ex" | b"vi" | b"man" | b"apt" | b"yum" | b"git" | b"docker" | b"alias" | b"history" | b"jobs"
        | b"read" | b"wait" | b"ip" | b"route" | b"arp" | b"finger" | b"top" | b"free" | b"users"
        | b"groups" | b"cal" | b"dd" | b"diff" | b"yes" | b"comm" | b"uniq" | b"locate" | b"which"
        | b"whereis" | b"service" | b"systemctl" => Command::Word,
        _ => Command::None,
    }
}

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    let separates = text.has(MARK | QUOTE | AMPERSAND | BRACKET);
    let lines = text.has(SPACE) && text.bytes.contains(&b'\n');
    if separates || lines {
        separated(text, best);
    }
    if text.has(SPACE | SLASH) && !text.long && text.place != Place::Header {
        whole(text, best);
    }
    if !text.long && text.place != Place::Header {
        batch(text, best);
        expansions(text, best);
    }
    imported(text, best);
    if text.has(SLASH) && !text.long {
        globbed(text, best);
    }
}

fn offer(best: &mut Best, rule: &'static str, (start, end): (usize, usize), score: u8) {
    best.offer(Hit { family: Family::Shell, rule, start, end, score });
}

/// One command as it is written: with a path before it, with quotes, backslashes and carets inside.
struct Written {
    command: Command,
    /// Whether a path to it is written out.
    path: bool,
    /// Whether signs stand inside that only hide it.
    hidden: bool,
    /// Whether it begins with a letter in lower case.
    lower: bool,
    end: usize,
}

fn written(bytes: &[u8], start: usize) -> Written {
    let mut name = [0u8; 16];
    let (mut length, mut end, mut path, mut hidden, mut signs) = (0, start, false, false, 0);
    for byte in from(bytes, start).iter().take(64) {
        match byte {
            b'/' => {
                length = 0;
                path = true;
            }
            b'\'' | b'"' | b'\\' | b'^' if signs < 8 => signs += 1,
            byte if is_word(*byte) || matches!(byte, b'-' | b'.') => {
                // Signs before the first letter are no disguise of the word.
                hidden |= length > 0 && signs > 0;
                let Some(slot) = name.get_mut(length) else { break };
                *slot = byte.to_ascii_lowercase();
                length += 1;
            }
            b'$' if length > 0 && matches!(at(bytes, end + 1), b'@' | b'*') => hidden = true,
            b'@' | b'*' if hidden && before(bytes, end) == b'$' => {}
            _ => break,
        }
        end += 1;
    }
    let name = name.get(..length).unwrap_or_default();
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    let name = name.strip_suffix(b".com").unwrap_or(name);
    let system = path
        && [&b"/bin/"[..], b"/sbin/", b"/usr/bin/", b"/usr/sbin/", b"/usr/local/"]
            .iter()
            .any(|known| crate::bytes::starts(from(bytes, start), known));
    let known = match (command(name), name.iter().position(|byte| *byte == b'-')) {
        (Command::None, Some(dash)) => match command(part(name, 0, dash)) {
            Command::Sure => Command::Sure,
            _ => Command::None,
        },
        (known, _) => known,
    };
    let first = from(bytes, start).iter().take(64).find(|byte| byte.is_ascii_alphanumeric());
    let lower = first.is_none_or(|first| !first.is_ascii_uppercase());
    Written { command: known, path: system, hidden: hidden && signs > 0, lower, end }
}

/// What follows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nothing, or another separator.
    End,
    /// Options, paths, numbers, variables, redirections.
    Argument,
    /// Some word.
    Word,
    /// What follows no command.
    Else,
}

fn after(bytes: &[u8], end: usize) -> After {
    let next = at(bytes, end);
    if end >= bytes.len() {
        return After::End;
    }
    match next {
        b';' | b'|' | b'&' | b'`' | b'\n' | b'\r' | b'#' | b'\'' | b'"' | 0 => After::End,
        b')' => After::End,
        b'<' | b'>' | b'$' | b'{' => After::Argument,
        b' ' | b'\t' | b'+' | b',' if next != b',' || at(bytes, end + 1) == b'/' => {
            let argument = skip_space(bytes, end + usize::from(next == b'+' || next == b','));
            let (first, second) = (at(bytes, argument), at(bytes, argument + 1));
            match first {
                b'-' | b'/' if !second.is_ascii_whitespace() && second != 0 => After::Argument,
                b'$' | b'~' | b'>' | b'<' | b'*' | b'`' => After::Argument,
                b'"' | b'\'' => After::Argument,
                b'.' if matches!(second, b'.' | b'/') => After::Argument,
                b';' | b'|' | b'&' | b')' | b'#' => After::End,
                b'0'..=b'9' => After::Argument,
                0 if argument >= bytes.len() => After::End,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => word_argument(bytes, argument),
                _ => After::Else,
            }
        }
        b'/' | b'\\' => After::Argument,
        _ => After::Else,
    }
}

/// A word that is a path, a URL, a drive or a host is an argument.
fn word_argument(bytes: &[u8], start: usize) -> After {
    let word = from(bytes, start)
        .iter()
        .take(48)
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b';' | b'|' | b'&'));
    let (mut signs, mut length) = (0, 0);
    for byte in word {
        signs += usize::from(matches!(byte, b'/' | b':' | b'=' | b'.' | b'\\'));
        length += 1;
    }
    let last = before(bytes, start + length);
    if signs > 0 && last != b'.' && last != b':' { After::Argument } else { After::Word }
}

fn separated(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let mut seen = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let (rule, weight) = match byte {
            b';' => ("after-semicolon", 0),
            b'|' => ("after-pipe", 0),
            b'&' => ("after-ampersand", 0),
            b'\n' => ("after-line-break", -1),
            b'`' => ("in-backticks", 0),
            b'(' if before(bytes, index) == b'$' => ("substitution", 2),
            b'(' if matches!(before(bytes, index), b'<' | b'>') => ("substitution", 1),
            b'{' if before(bytes, index) != b'$' => ("in-braces", -1),
            _ => continue,
        };
        seen += 1;
        if seen > SEPARATORS {
            return;
        }
        let gap = from(bytes, index + 1)
            .iter()
            .take(GAP)
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == 0);
        let start = index + 1 + gap.count();
        let start = start
            + from(bytes, start)
                .iter()
                .take(8)
                .take_while(|byte| matches!(byte, b'(' | b'{' | b'+' | b'!' | b' '))
                .count();
        let found = written(bytes, start);
        let Some((short, long)) = weight_of(bytes, &found) else { continue };
        let spaced = start > index + 1 && byte != b'\n';
        let short = adjust(bytes, index, byte, (short + weight, spaced), &found);
        let long = if byte == b'\n' { 0 } else { long };
        let mut score = text.weigh(found.end, u8::try_from(short.clamp(0, 9)).unwrap_or(0), long);
        // User agents list what they are after semicolons.
        if text.place == Place::Header && !found.path && !found.hidden && rule != "substitution" && index > 0
        {
            score = score.saturating_sub(2);
        }
        offer(best, rule, (index, found.end), score);
    }
}

/// What a command after a separator is worth in a short value and in a long text.
fn weight_of(bytes: &[u8], found: &Written) -> Option<(i8, u8)> {
    let after = after(bytes, found.end);
    let hidden = i8::from(found.hidden) * 2;
    let base = match (found.command, after) {
        (Command::None, _) | (_, After::Else) => return None,
        (Command::Sure, After::End) => (6, 1),
        (Command::Sure, After::Argument) => (7, 2),
        (Command::Sure, After::Word) => (4, 0),
        (Command::Word, After::End) => (5, 0),
        (Command::Word, After::Argument) => (5, 1),
        (Command::Word, After::Word) => (1, 0),
    };
    let path = if found.path { (2, 1) } else { (0, 0) };
    Some((base.0 + hidden + path.0, base.1 + path.1))
}

/// Takes the habits of prose and markup into account.
fn adjust(bytes: &[u8], index: usize, byte: u8, (score, spaced): (i8, bool), found: &Written) -> i8 {
    match byte {
        // What no second one ends is a quotation, and what stands between pairs of them too.
        b'`' if memchr::memchr(b'`', from(bytes, found.end)).is_none()
            || part(bytes, 0, index).iter().rev().take_while(|byte| **byte == b'`').count() % 2 == 1 =>
        {
            0
        }
        b'`' => {
            // `name` in running text is a quotation; alone, or with arguments and nothing around, it is none.
            let around = bytes.len() - (found.end - index).min(bytes.len());
            if around > 40 { score - 3 } else { score }
        }
        b'&' if before(bytes, index) == b'&' => score + 1,
        // A parameter that an earlier reader did not split: `a=1&id=2`.
        b'&' if at(bytes, found.end) == b'=' => 0,
        b'&' if found.command == Command::Word && found.end < bytes.len() => score - 2,
        b'|' if spaced
            && memchr::memchr_iter(b'|', bytes).take(3).count() > 2
            && found.command == Command::Word =>
        {
            score - 3
        }
        b'{' if at(bytes, found.end) != b',' => 0,
        // `with` and, on the next line, `Python 3.`; `$(MAKE)`: where line breaks and substitutions are read, commands are lower case.
        b'\n' | b'(' if !found.path && !found.lower => 0,
        b'\n' if found.command == Command::Word => score - 2,
        b';' | b'|' if !spaced && found.command == Command::Sure && score == 4 => 5,
        // `50% off; more`: a sentence goes on.
        b';' if spaced
            && found.command == Command::Word
            && !found.hidden
            && memchr::memchr(b' ', part(bytes, 0, index)).is_some() =>
        {
            score - 2
        }
        _ => score,
    }
}

/// The value is a command: `cat /etc/passwd`, `/usr/bin/id`, `ping -n 31 127.0.0.1`.
fn whole(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let start = from(bytes, 0)
        .iter()
        .take(4)
        .take_while(|byte| matches!(byte, b'"' | b'\'' | b' ' | b'=' | b'!'))
        .count();
    let found = written(bytes, start);
    if found.command == Command::None {
        return;
    }
    let after = after(bytes, found.end);
    let score = match (found.path, found.command, after) {
        (true, _, After::End | After::Argument) => 6,
        (_, Command::Sure, After::Argument) => {
            let argument = part(bytes, found.end, found.end + 64);
            let option = memchr::memmem::find(argument, b" -").is_some();
            let path = memchr::memmem::find(argument, b" /").is_some()
                || memchr::memmem::find(argument, b"://").is_some();
            let few = bytes.iter().filter(|byte| **byte == b' ').count() <= 5;
            if (option || path) && few || found.hidden { 6 } else { 3 }
        }
        (_, Command::Word, After::Argument) => {
            let argument = part(bytes, found.end, found.end + 64);
            if memchr::memmem::find(argument, b" /").is_some() || found.hidden { 5 } else { 2 }
        }
        _ if found.hidden => 6,
        (_, Command::Word | Command::Sure, After::Word | After::End)
            if runs_another(bytes, start, found.end) =>
        {
            5
        }
        (_, Command::Word | Command::Sure, After::End)
            if matches!(at(bytes, found.end), b';' | b'|') && found.end + 1 == bytes.len() =>
        {
            5
        }
        _ => 0,
    };
    offer(best, "command", (start, found.end), score);
}

/// `time id`, `nohup curl`: a command that runs another.
fn runs_another(bytes: &[u8], start: usize, end: usize) -> bool {
    const RUNNERS: [&[u8]; 8] =
        [b"time", b"nohup", b"strace", b"sudo", b"exec", b"xargs", b"nice", b"busybox"];
    let name = part(bytes, start, end);
    let next = skip_space(bytes, end);
    let other = written(bytes, next);
    RUNNERS.iter().any(|runner| name.eq_ignore_ascii_case(runner))
        && next > end
        && other.command == Command::Sure
        && other.end - next > 2
}

/// `() { :;};`: what old shells took for a function.
fn imported(text: &Text<'_>, best: &mut Best) {
    let Some(start) = memchr::memmem::find(text.bytes, b"()") else { return };
    let open = skip_space(text.bytes, start + 2);
    if start <= 2 && at(text.bytes, open) == b'{' {
        offer(best, "function-import", (start, open + 1), 9);
    }
}

/// `/???/c?t`, `/b*n/id`: paths that only a shell can read.
fn globbed(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for start in memchr::memchr_iter(b'/', bytes).take(16) {
        let segment = from(bytes, start + 1);
        let first = segment
            .iter()
            .take_while(|byte| is_word(**byte) || matches!(byte, b'?' | b'*' | b'[' | b']' | b'!' | b'-'))
            .count();
        let globs = part(segment, 0, first).iter().filter(|byte| matches!(byte, b'?' | b'[')).count();
        let system = [&b"/etc/"[..], b"/usr/", b"/bin/", b"/bi", b"/proc/", b"/sbin/"]
            .iter()
            .any(|root| bytes.starts_with(root));
        if system && globs > 0 && segment.get(..first).is_some_and(|segment| segment.contains(&b']')) {
            offer(best, "glob", (start, start + 1 + first), 5);
        }
        if globs >= 2 && at(segment, first) == b'/'
            || globs >= 1 && at(segment, first) == b'/' && part(segment, first, first + 12).contains(&b'?')
        {
            offer(best, "glob", (start, start + 1 + first), 6);
        }
    }
}

/// `FOR %a IN (…) DO`, `IF EXIST x`, `IF a EQU b`: statements of `cmd.exe`; and `alias a=b`.
fn batch(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let start = from(bytes, 0)
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b'&' | b';' | b'|' | b' ' | b'('))
        .count();
    let rest = part(bytes, start, start + 200);
    let has = |word: &[u8]| crate::bytes::contains(rest, word);
    let loops = crate::bytes::starts(rest, b"for ") && rest.contains(&b'%') && has(b" in ") && has(b"do ");
    const TESTS: [&[u8]; 4] = [b"exist ", b"defined ", b"errorlevel ", b"cmdextversion "];
    let compares = compares(rest);
    let tests = crate::bytes::starts(rest, b"if ")
        && (compares || TESTS.iter().any(|word| has(word)) && !rest.contains(&b','));
    let alias = crate::bytes::starts(rest, b"alias ") && rest.contains(&b'=');
    if loops || tests || alias {
        offer(best, "batch", (start, start + rest.len()), 5);
    }
}

/// Whether a comparison stands in the first words of a condition of `cmd.exe`; `==` is none within brackets, where it is C.
fn compares(rest: &[u8]) -> bool {
    const OPERATORS: [&[u8]; 6] = [b" equ ", b" neq ", b" lss ", b" leq ", b" gtr ", b" geq "];
    const WORDS: usize = 6;
    let begins = |index: usize| at(rest, index) != b' ' && before(rest, index) == b' ';
    let end = (1..rest.len()).filter(|index| begins(*index)).nth(WORDS).unwrap_or(rest.len());
    let head = part(rest, 0, end);
    let mut depth = 0i32;
    let equals = head.iter().enumerate().any(|(index, byte)| {
        depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
        *byte == b'=' && at(head, index + 1) == b'=' && depth == 0
    });
    equals || OPERATORS.iter().any(|word| crate::bytes::contains(head, word))
}

/// `$((1+1))`, `$[2+2]`, `${x#y}`: what shells expand.
fn expansions(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for dollar in memchr::memchr_iter(b'$', bytes).take(16) {
        let (next, second) = (at(bytes, dollar + 1), at(bytes, dollar + 2));
        let inside = part(bytes, dollar + 2, dollar + 40);
        let odd = inside
            .iter()
            .take_while(|byte| **byte != b'}')
            .any(|byte| matches!(byte, b'#' | b'@' | b'\'' | b'"' | b'%'));
        let score = match (next, second) {
            (b'(', b'(') | (b'[', _) => 5,
            (b'{', _) if odd => 5,
            (b'\'' | b'"', _) if dollar == 0 || before(bytes, dollar) == b'/' => 4,
            _ => 0,
        };
        offer(best, "expansion", (dollar, dollar + 2), score);
    }
}
