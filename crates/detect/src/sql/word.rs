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

/// What a word tells.
pub(crate) fn word(text: &[u8]) -> Word {
    if !(2..=LONGEST).contains(&text.len()) {
        return Word::Other;
    }
    let Some(lower) = Lower::new(text) else { return Word::Other };
    let lower = lower.as_slice();
    match lower.len() {
        2..=6 => short(lower),
        _ => long(lower),
    }
}

fn short(lower: &[u8]) -> Word {
    match lower {
        b"or" | b"and" | b"xor" | b"not" => Word::Logic,
        b"union" | b"except" => Word::Union,
        b"select" => Word::Select,
        b"all" | b"top" => Word::Quantifier,
        b"from" => Word::From,
        b"where" | b"having" | b"when" | b"if" => Word::Clause,
        b"order" | b"group" => Word::Order,
        b"by" => Word::By,
        b"like" | b"ilike" | b"rlike" | b"regexp" | b"glob" | b"in" | b"is" | b"div" | b"mod" | b"match" => {
            Word::Compare
        }
        b"null" | b"true" | b"false" | b"dual" | b"user" => Word::Literal,
        b"case" => Word::Case,
        b"then" => Word::Then,
        b"insert" | b"update" | b"delete" | b"drop" | b"create" | b"alter" | b"grant" | b"merge"
        | b"begin" | b"copy" | b"use" | b"set" | b"show" | b"load" | b"rename" | b"commit" | b"revoke"
        | b"attach" => Word::Statement,
        b"into" | b"table" | b"view" | b"index" | b"schema" | b"login" | b"role" => Word::Object,
        b"exec" | b"call" => Word::Execute,
        b"limit" | b"offset" => Word::Limit,
        b"sleep" | b"elt" => Word::Weapon,
        b"ascii" | b"substr" | b"mid" | b"left" | b"right" | b"length" | b"len" | b"concat" | b"char"
        | b"chr" | b"cast" | b"count" | b"hex" | b"unhex" | b"ord" | b"lower" | b"upper" | b"md5"
        | b"sha1" | b"conv" | b"bin" | b"floor" | b"rand" | b"exp" | b"iif" | b"ifnull" | b"nvl"
        | b"repeat" | b"power" => Word::Function,
        _ => Word::Other,
    }
}

fn long(lower: &[u8]) -> Word {
    match lower {
        b"distinct" | b"distinctrow" => Word::Quantifier,
        b"intersect" => Word::Union,
        b"between" | b"similar" | b"soundslike" | b"contains" => Word::Compare,
        b"current_user" | b"session_user" | b"system_user" | b"unknown" => Word::Literal,
        b"declare" | b"truncate" | b"shutdown" | b"replace" | b"handler" | b"savepoint" | b"rollback"
        | b"reconfigure" | b"analyze" | b"describe" | b"explain" | b"prepare" | b"deallocate" | b"backup" => {
            Word::Statement
        }
        b"database" | b"function" | b"trigger" | b"procedure" | b"extension" | b"password"
        | b"constraint" => Word::Object,
        b"execute" => Word::Execute,
        b"waitfor" => Word::Waitfor,
        b"outfile" | b"dumpfile" => Word::Outfile,
        b"substring" | b"concat_ws" | b"group_concat" | b"string_agg" | b"listagg" | b"char_length"
        | b"convert" | b"coalesce" | b"decode" | b"unicode" | b"ascii_str" | b"nchr" | b"quotename"
        | b"version" | b"system_info" | b"current_setting" | b"row_count" | b"exists" | b"least"
        | b"greatest" | b"bit_length" | b"json_extract" | b"json_value" | b"procedureanalyse"
        | b"reverse" => Word::Function,
        _ => dangerous(lower),
    }
}

/// Functions that hardly anybody names but for an injection.
fn dangerous(lower: &[u8]) -> Word {
    match lower {
        b"benchmark"
        | b"pg_sleep"
        | b"extractvalue"
        | b"updatexml"
        | b"load_file"
        | b"xp_cmdshell"
        | b"sp_executesql"
        | b"sp_oacreate"
        | b"sp_configure"
        | b"xp_dirtree"
        | b"xp_regread"
        | b"xp_fileexist"
        | b"sp_password"
        | b"sp_makewebtask"
        | b"opendatasource"
        | b"openrowset"
        | b"openquery"
        | b"dbms_pipe"
        | b"dbms_lock"
        | b"dbms_utility"
        | b"dbms_xmlgen"
        | b"dbms_ldap"
        | b"dbms_scheduler"
        | b"dbms_java"
        | b"dbms_output"
        | b"utl_inaddr"
        | b"utl_http"
        | b"utl_file"
        | b"ctxsys"
        | b"xmltype"
        | b"randomblob"
        | b"regexp_substring"
        | b"generate_series"
        | b"make_set"
        | b"name_const"
        | b"gtid_subset"
        | b"gtid_subtract"
        | b"json_keys"
        | b"crypt_key"
        | b"geometrycollection"
        | b"polygon"
        | b"multipoint"
        | b"linestring"
        | b"multilinestring"
        | b"multipolygon"
        | b"st_latfromgeohash"
        | b"load_extension"
        | b"query_to_xml"
        | b"database_to_xml"
        | b"lo_import"
        | b"lo_export"
        | b"pg_read_file"
        | b"pg_ls_dir"
        | b"dblink_connect"
        | b"sqlid_to_sqlhash"
        | b"java_class"
        | b"sys_eval"
        | b"sys_exec"
        | b"autonomous_transaction"
        | b"waitfor_delay" => Word::Weapon,
        _ => catalog(lower),
    }
}

/// Tables and views of catalogs.
fn catalog(lower: &[u8]) -> Word {
    match lower {
        b"information_schema"
        | b"pg_catalog"
        | b"pg_user"
        | b"pg_shadow"
        | b"pg_tables"
        | b"pg_database"
        | b"sysobjects"
        | b"syscolumns"
        | b"sysusers"
        | b"sysdatabases"
        | b"sysmaster"
        | b"sysibm"
        | b"sqlite_master"
        | b"sqlite_schema"
        | b"sqlite_temp_master"
        | b"all_tables"
        | b"all_users"
        | b"user_tables"
        | b"user_tab_columns"
        | b"all_tab_columns"
        | b"dba_users"
        | b"msysaccessobjects"
        | b"msysobjects"
        | b"sysrelations"
        | b"table_name"
        | b"column_name"
        | b"table_schema"
        | b"schema_name"
        | b"v$version"
        | b"sysprocesses"
        | b"user_users" => Word::Catalog,
        _ => Word::Other,
    }
}
