//! The rules: each with words of which one is in every match, and the pattern that has to match around it. A pattern knows that a
//! line may end by `\n` as JSON writes it, and is bounded by the window that it is looked for in.

use super::Class;

pub(super) struct Rule {
    pub(super) class: Class,
    pub(super) name: &'static str,
    pub(super) words: &'static [&'static str],
    pub(super) pattern: &'static str,
    /// Bytes before the word that are looked at.
    pub(super) before: usize,
    /// Bytes after it.
    pub(super) after: usize,
}

const fn rule(
    class: Class,
    name: &'static str,
    words: &'static [&'static str],
    pattern: &'static str,
    (before, after): (usize, usize),
) -> Rule {
    Rule { class, name, words, pattern, before, after }
}

pub(super) static RULES: &[Rule] = &[
    rule(
        Class::Trace,
        "java",
        &[".java:", ".kt:", ".scala:", "(Native Method)", "(Unknown Source)"],
        r"at [\w$.<>/]+\((?:[\w$]+\.(?:java|kt|scala):\d{1,6}|Native Method|Unknown Source)\)",
        (350, 10),
    ),
    rule(
        Class::Trace,
        "python",
        &["Traceback (most recent call last)"],
        r"Traceback \(most recent call last\)",
        (0, 0),
    ),
    rule(Class::Trace, "python", &["\", line "], r#"File \\?"[^"\n]+\.pyx?\\?", line \d{1,6}"#, (220, 10)),
    rule(
        Class::Trace,
        "node",
        &[".js:", ".mjs:", ".cjs:", ".ts:", "node:internal/"],
        r#"at (?:[\w$.<>\[\] ]+ \()?(?:file://|/|[A-Z]:[\\/]|node:)[^\s()"]+:\d{1,6}:\d{1,6}"#,
        (320, 120),
    ),
    rule(Class::Trace, "go", &["goroutine "], r"goroutine \d{1,9} \[[a-zA-Z ,0-9]{1,60}\]:", (0, 80)),
    rule(
        Class::Trace,
        "php",
        &[" on line "],
        r"(?:Fatal error|Parse error|Warning|Notice|Deprecated)(?:</b>)?: .+ in (?:<b>)?.+\.(?:php|inc|phtml).{0,40} on line (?:<b>)?\d{1,6}",
        (560, 12),
    ),
    rule(Class::Trace, "php", &["#0 "], r"#0 [^\s(]+\.php\(\d{1,6}\): ", (0, 220)),
    rule(Class::Trace, "ruby", &[".rb:"], r"[\w/.-]+\.rb:\d{1,6}:in [`']", (200, 20)),
    rule(Class::Trace, "dotnet", &[":line "], r"at [\w.<>`+]+\(.*\) in .+:line \d{1,6}", (600, 8)),
    rule(
        Class::Trace,
        "dotnet",
        &["at System.", "at Microsoft."],
        r"at (?:System|Microsoft)\.[\w.`<>+]{3,200}\(",
        (0, 210),
    ),
    rule(
        Class::Trace,
        "rust",
        &["panicked at "],
        r"thread '[^'\n]{1,60}'(?: \(\d{1,9}\))? panicked at ",
        (90, 0),
    ),
    rule(
        Class::Database,
        "mysql",
        &[
            "You have an error in your SQL syntax",
            "that corresponds to your MySQL server",
            "that corresponds to your MariaDB server",
        ],
        r"You have an error in your SQL syntax|that corresponds to your (?:MySQL|MariaDB) server",
        (0, 0),
    ),
    rule(Class::Database, "oracle", &["ORA-"], r"ORA-\d{5}: ", (0, 8)),
    rule(
        Class::Database,
        "postgresql",
        &[
            "syntax error at or near",
            "PSQLException",
            "violates unique constraint",
            "violates foreign key constraint",
            "PG::",
        ],
        r"syntax error at or near|PSQLException|value violates unique constraint|violates foreign key constraint|PG::\w{3,40}(?:Error|Violation)",
        (12, 60),
    ),
    rule(Class::Database, "sql", &["SQLSTATE["], r"SQLSTATE\[\w{5}\]", (0, 8)),
    rule(
        Class::Database,
        "sql",
        &["java.sql.SQL", "SQLSyntaxErrorException"],
        r"java\.sql\.SQL\w{1,60}Exception|SQLSyntaxErrorException",
        (0, 70),
    ),
    rule(
        Class::Database,
        "mssql",
        &[
            "Unclosed quotation mark after the character string",
            "Microsoft OLE DB Provider for",
            "ODBC SQL Server Driver",
        ],
        r"Unclosed quotation mark after the character string|Microsoft OLE DB Provider for|ODBC SQL Server Driver",
        (0, 0),
    ),
    rule(
        Class::Database,
        "sqlite",
        &["SQLITE_ERROR", "sqlite3.OperationalError", "SQLite3::SQLException", "sqlite3.IntegrityError"],
        r"SQLITE_ERROR|sqlite3\.(?:Operational|Integrity)Error|SQLite3::SQLException",
        (0, 0),
    ),
    rule(
        Class::Database,
        "mongodb",
        &["MongoServerError", "MongoError:"],
        r"MongoServerError|MongoError:",
        (0, 0),
    ),
    rule(
        Class::Listing,
        "index",
        &["Index of /", "Directory listing for /"],
        r"<(?:title|h1)>(?:Index of|Directory listing for) /",
        (8, 0),
    ),
    rule(Class::Listing, "parent", &["[To Parent Directory]"], r"\[To Parent Directory\]", (0, 0)),
    rule(
        Class::Secret,
        "private key",
        &["PRIVATE KEY-----"],
        r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s\\:,-]*?-----END [A-Z0-9 ]{0,24}PRIVATE KEY-----|[A-Za-z0-9+/=\s\\:,]*)",
        (36, 8200),
    ),
    rule(Class::Secret, "aws", &["AKIA", "ASIA"], r"(?:AKIA|ASIA)[A-Z2-7]{16}\b", (0, 17)),
    rule(
        Class::Secret,
        "github",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
        (0, 260),
    ),
    rule(Class::Secret, "gitlab", &["glpat-"], r"glpat-[\w-]{20,64}", (0, 70)),
    rule(
        Class::Secret,
        "slack",
        &["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"],
        r"xox[abprs]-[A-Za-z0-9-]{10,}",
        (0, 255),
    ),
    rule(Class::Secret, "stripe", &["sk_live_", "rk_live_"], r"[sr]k_live_[A-Za-z0-9]{16,}", (0, 255)),
    rule(Class::Secret, "google", &["AIza"], r"AIza[\w-]{35}", (0, 36)),
    rule(Class::Secret, "sendgrid", &["SG."], r"SG\.[\w-]{16,32}\.[\w-]{16,64}", (0, 100)),
    rule(Class::Secret, "npm", &["npm_"], r"npm_[A-Za-z0-9]{36}\b", (0, 37)),
    rule(Class::Secret, "anthropic", &["sk-ant-"], r"sk-ant-[\w-]{20,}", (0, 255)),
    rule(Class::Secret, "openai", &["T3BlbkFJ"], r"sk-[\w-]{10,100}T3BlbkFJ[\w-]{10,100}", (110, 110)),
    rule(
        Class::Secret,
        "password hash",
        &["$2a$", "$2b$", "$2y$"],
        r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}",
        (0, 60),
    ),
    rule(Class::Secret, "password hash", &["$argon2"], r"\$argon2(?:id|i|d)\$[\w=,$+/.-]{20,}", (0, 255)),
    rule(
        Class::Secret,
        "password hash",
        &["$6$", "$5$"],
        r"\$[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}",
        (0, 130),
    ),
    rule(
        Class::Secret,
        "connection",
        &[
            "postgres://",
            "postgresql://",
            "mysql://",
            "mongodb://",
            "mongodb+srv://",
            "redis://",
            "amqp://",
            "amqps://",
            "rediss://",
        ],
        r#"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:@/"'\\]{0,64}:[^\s@/"'\\]{1,128}@"#,
        (0, 200),
    ),
];
