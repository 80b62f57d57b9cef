//! One command: its name in all its disguises, and what follows it.

use crate::bytes::{at, before, from, is_word, part, skip_space};

/// How much a command's name alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
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

/// One command as it is written: with a path before it, with quotes, backslashes and carets inside.
pub(super) struct Written {
    pub(super) command: Command,
    /// Whether a path to it is written out.
    pub(super) path: bool,
    /// Whether signs stand inside that only hide it.
    pub(super) hidden: bool,
    /// Whether it begins with a letter in lower case.
    pub(super) lower: bool,
    pub(super) end: usize,
}

pub(super) fn written(bytes: &[u8], start: usize) -> Written {
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
pub(super) enum After {
    /// Nothing, or another separator.
    End,
    /// Options, paths, numbers, variables, redirections.
    Argument,
    /// Some word.
    Word,
    /// What follows no command.
    Else,
}

pub(super) fn after(bytes: &[u8], end: usize) -> After {
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
