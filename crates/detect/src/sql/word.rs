//! Words of SQL, by what they tell. The lists are those of the manuals of MySQL, PostgreSQL, SQL Server, Oracle and SQLite.

use crate::bytes::Lower;

/// What a word tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Any other.
    Other,
    /// `or`, `and`, `xor`, `not`.
    Logic,
    Union,
    Select,
    /// `all`, `distinct`, `top`.
    Quantifier,
    From,
    /// `where`, `having`, `when`, `if`, `on`: a condition follows.
    Clause,
    /// `order`, `group`.
    Order,
    By,
    /// `like`, `rlike`, `regexp`, `between`, `in`, `is`, `div`, `mod`.
    Compare,
    /// `null`, `true`, `false`, `current_user`, `dual`.
    Literal,
    /// `case`.
    Case,
    Then,
    /// The beginning of a statement.
    Statement,
    /// What statements are about: `table`, `into`, `database`, `procedure`.
    Object,
    /// A function that waits, reads files, makes calls or is known for nothing but injection.
    Weapon,
    /// A function that takes texts apart or puts them together, as blind injection does.
    Function,
    /// A table or view of the catalog.
    Catalog,
    /// `limit`, `offset`, `procedure`, `outfile`.
    Limit,
    Outfile,
    /// `exec`, `execute`, `call`.
    Execute,
    Waitfor,
}

/// Longest word of the lists.
const LONGEST: usize = 28;

/// The lists: what a word in lower case tells, and with which letters words of a length begin.
macro_rules! words {
    ($($word:ident: $($text:literal)+;)+) => {
        fn listed(lower: &[u8]) -> Word {
            match lower {
                $($($text)|+ => Word::$word,)+
                _ => Word::Other,
            }
        }

        const STARTS: [u32; LONGEST + 1] = starts(&[$($($text),+),+]);
    };
}

/// By length, a bit for each letter with which a word begins.
#[allow(clippy::indexing_slicing, reason = "runs when the crate is compiled, over the lists")]
const fn starts(words: &[&[u8]]) -> [u32; LONGEST + 1] {
    let (mut table, mut index) = ([0; LONGEST + 1], 0);
    while index < words.len() {
        table[words[index].len()] |= 1 << (words[index][0] - b'a');
        index += 1;
    }
    table
}

/// What a word tells. Most are told from the lists by their length and first letter.
pub(crate) fn word(text: &[u8]) -> Word {
    let Some(starts) = STARTS.get(text.len()) else { return Word::Other };
    let first = text.first().map_or(0, |first| first | 0x20);
    if !first.is_ascii_lowercase() || starts >> (first - b'a') & 1 == 0 {
        return Word::Other;
    }
    Lower::new(text).map_or(Word::Other, |lower| listed(lower.as_slice()))
}

words! {
    Logic: b"or" b"and" b"xor" b"not";
    Union: b"union" b"except" b"intersect";
    Select: b"select";
    Quantifier: b"all" b"top" b"distinct" b"distinctrow";
    From: b"from";
    Clause: b"where" b"having" b"when" b"if";
    Order: b"order" b"group";
    By: b"by";
    Compare: b"like" b"ilike" b"rlike" b"regexp" b"glob" b"in" b"is" b"div" b"mod" b"match" b"between"
        b"similar" b"soundslike" b"contains";
    Literal: b"null" b"true" b"false" b"dual" b"user" b"current_user" b"session_user" b"system_user"
        b"unknown";
    Case: b"case";
    Then: b"then";
    Statement: b"insert" b"update" b"delete" b"drop" b"create" b"alter" b"grant" b"merge" b"begin" b"copy"
        b"use" b"set" b"show" b"load" b"rename" b"commit" b"revoke" b"attach" b"declare" b"truncate"
        b"shutdown" b"replace" b"handler" b"savepoint" b"rollback" b"reconfigure" b"analyze" b"describe"
        b"explain" b"prepare" b"deallocate" b"backup";
    Object: b"into" b"table" b"view" b"index" b"schema" b"login" b"role" b"database" b"function" b"trigger"
        b"procedure" b"extension" b"password" b"constraint";
    Execute: b"exec" b"call" b"execute";
    Limit: b"limit" b"offset";
    Weapon: b"sleep" b"elt" b"benchmark" b"pg_sleep" b"extractvalue" b"updatexml" b"load_file" b"xp_cmdshell"
        b"sp_executesql" b"sp_oacreate" b"sp_configure" b"xp_dirtree" b"xp_regread" b"xp_fileexist"
        b"sp_password" b"sp_makewebtask" b"opendatasource" b"openrowset" b"openquery" b"dbms_pipe"
        b"dbms_lock" b"dbms_utility" b"dbms_xmlgen" b"dbms_ldap" b"dbms_scheduler" b"dbms_java" b"dbms_output"
        b"utl_inaddr" b"utl_http" b"utl_file" b"ctxsys" b"xmltype" b"randomblob" b"regexp_substring"
        b"generate_series" b"make_set" b"name_const" b"gtid_subset" b"gtid_subtract" b"json_keys" b"crypt_key"
        b"geometrycollection" b"polygon" b"multipoint" b"linestring" b"multilinestring" b"multipolygon"
        b"st_latfromgeohash" b"load_extension" b"query_to_xml" b"database_to_xml" b"lo_import" b"lo_export"
        b"pg_read_file" b"pg_ls_dir" b"dblink_connect" b"sqlid_to_sqlhash" b"java_class" b"sys_eval"
        b"sys_exec" b"autonomous_transaction" b"waitfor_delay";
    Function: b"ascii" b"substr" b"mid" b"left" b"right" b"length" b"len" b"concat" b"char" b"chr" b"cast"
        b"count" b"hex" b"unhex" b"ord" b"lower" b"upper" b"md5" b"sha1" b"conv" b"bin" b"floor" b"rand"
        b"exp" b"iif" b"ifnull" b"nvl" b"repeat" b"power" b"substring" b"concat_ws" b"group_concat"
        b"string_agg" b"listagg" b"char_length" b"convert" b"coalesce" b"decode" b"unicode" b"ascii_str"
        b"nchr" b"quotename" b"version" b"system_info" b"current_setting" b"row_count" b"exists" b"least"
        b"greatest" b"bit_length" b"json_extract" b"json_value" b"procedureanalyse" b"reverse";
    Waitfor: b"waitfor";
    Outfile: b"outfile" b"dumpfile";
    Catalog: b"information_schema" b"pg_catalog" b"pg_user" b"pg_shadow" b"pg_tables" b"pg_database"
        b"sysobjects" b"syscolumns" b"sysusers" b"sysdatabases" b"sysmaster" b"sysibm" b"sqlite_master"
        b"sqlite_schema" b"sqlite_temp_master" b"all_tables" b"all_users" b"user_tables" b"user_tab_columns"
        b"all_tab_columns" b"dba_users" b"msysaccessobjects" b"msysobjects" b"sysrelations" b"table_name"
        b"column_name" b"table_schema" b"schema_name" b"v$version" b"sysprocesses" b"user_users";
}
