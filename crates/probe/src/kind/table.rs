//! Names, media types (IANA's registry, and what is in use beside it) and extensions of each kind.

use super::Kind;

/// What may be said of a kind.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) media: &'static [&'static str],
    pub(super) extensions: &'static [&'static str],
}

const fn row(
    kind: Kind,
    name: &'static str,
    media: &'static [&'static str],
    extensions: &'static [&'static str],
) -> Row {
    Row { kind, name, media, extensions }
}

/// Of kinds without a row.
pub(super) static DATA: Row = row(Kind::Data, "data", &[], &[]);

/// Extensions of texts, whose content may be any text.
pub(super) const TEXT_EXTENSIONS: &[&str] = &[
    "txt", "csv", "tsv", "md", "json", "log", "css", "yaml", "yml", "toml", "ini", "conf", "ics", "vcf",
    "srt", "eml", "ndjson", "jsonl", "geojson", "sql", "pem",
];

/// One row for each kind.
pub(super) static ROWS: &[Row] = &[
    row(Kind::Empty, "empty", &[], &[]),
    row(Kind::Png, "png", &["image/png", "image/x-png", "image/apng"], &["png", "apng"]),
    row(Kind::Jpeg, "jpeg", &["image/jpeg", "image/jpg", "image/pjpeg"], &["jpg", "jpeg", "jpe", "jfif"]),
    row(Kind::Gif, "gif", &["image/gif"], &["gif"]),
    row(Kind::Webp, "webp", &["image/webp"], &["webp"]),
    row(Kind::Bmp, "bmp", &["image/bmp", "image/x-bmp", "image/x-ms-bmp"], &["bmp", "dib"]),
    row(Kind::Tiff, "tiff", &["image/tiff"], &["tif", "tiff"]),
    row(Kind::Icon, "icon", &["image/x-icon", "image/vnd.microsoft.icon"], &["ico", "cur"]),
    row(Kind::Avif, "avif", &["image/avif"], &["avif"]),
    row(Kind::Heif, "heif", &["image/heif", "image/heic"], &["heif", "heic"]),
    row(
        Kind::Mp4,
        "mp4",
        &["video/mp4", "audio/mp4", "audio/x-m4a", "video/quicktime", "video/3gpp"],
        &["mp4", "m4a", "m4v", "mov", "3gp"],
    ),
    row(Kind::Mp3, "mp3", &["audio/mpeg", "audio/mp3"], &["mp3"]),
    row(
        Kind::Ogg,
        "ogg",
        &["audio/ogg", "video/ogg", "application/ogg", "audio/opus"],
        &["ogg", "oga", "ogv", "opus"],
    ),
    row(Kind::Wav, "wav", &["audio/wav", "audio/x-wav", "audio/wave"], &["wav"]),
    row(Kind::Flac, "flac", &["audio/flac", "audio/x-flac"], &["flac"]),
    row(
        Kind::Matroska,
        "matroska",
        &["video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska"],
        &["webm", "mkv", "mka"],
    ),
    row(
        Kind::Font,
        "font",
        &["font/ttf", "font/otf", "font/woff", "font/woff2"],
        &["ttf", "otf", "woff", "woff2"],
    ),
    row(Kind::Pdf, "pdf", &["application/pdf"], &["pdf"]),
    row(Kind::PostScript, "postscript", &["application/postscript"], &["ps", "eps"]),
    row(Kind::Rtf, "rtf", &["application/rtf", "text/rtf"], &["rtf"]),
    row(
        Kind::Compound,
        "compound",
        &[
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.ms-outlook",
            "application/x-ole-storage",
        ],
        &["doc", "dot", "xls", "xlt", "ppt", "pps", "msg"],
    ),
    row(
        Kind::Zip,
        "zip",
        &["application/zip", "application/x-zip-compressed", "application/epub+zip"],
        &["zip", "epub"],
    ),
    row(
        Kind::OfficeXml,
        "office",
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
            "application/vnd.openxmlformats-officedocument.presentationml.template",
            "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
            "application/vnd.ms-word.document.macroenabled.12",
            "application/vnd.ms-excel.sheet.macroenabled.12",
            "application/vnd.ms-powerpoint.presentation.macroenabled.12",
        ],
        &["docx", "xlsx", "pptx", "dotx", "xltx", "potx", "ppsx", "docm", "xlsm", "pptm"],
    ),
    row(
        Kind::OpenDocument,
        "opendocument",
        &[
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
            "application/vnd.oasis.opendocument.graphics",
        ],
        &["odt", "ods", "odp", "odg"],
    ),
    row(
        Kind::Jar,
        "jar",
        &["application/java-archive", "application/vnd.android.package-archive"],
        &["jar", "war", "ear", "apk"],
    ),
    row(Kind::Gzip, "gzip", &["application/gzip", "application/x-gzip"], &["gz", "tgz"]),
    row(Kind::Bzip2, "bzip2", &["application/x-bzip2"], &["bz2"]),
    row(Kind::Xz, "xz", &["application/x-xz"], &["xz"]),
    row(Kind::Zstd, "zstd", &["application/zstd"], &["zst"]),
    row(Kind::SevenZip, "7z", &["application/x-7z-compressed"], &["7z"]),
    row(Kind::Rar, "rar", &["application/vnd.rar", "application/x-rar-compressed"], &["rar"]),
    row(Kind::Tar, "tar", &["application/x-tar"], &["tar"]),
    row(
        Kind::Elf,
        "elf",
        &["application/x-elf", "application/x-executable", "application/x-sharedlib"],
        &["so", "elf"],
    ),
    row(
        Kind::Pe,
        "pe",
        &["application/vnd.microsoft.portable-executable", "application/x-msdownload"],
        &["exe", "dll", "scr", "sys"],
    ),
    row(Kind::MachO, "macho", &["application/x-mach-binary", "application/java-vm"], &["dylib", "class"]),
    row(Kind::Wasm, "wasm", &["application/wasm"], &["wasm"]),
    row(Kind::Shortcut, "shortcut", &["application/x-ms-shortcut"], &["lnk"]),
    row(Kind::Script, "script", &["application/x-sh", "text/x-shellscript"], &["sh"]),
    row(Kind::Sqlite, "sqlite", &["application/vnd.sqlite3", "application/x-sqlite3"], &["sqlite", "db"]),
    row(Kind::Html, "html", &[], &["html", "htm", "xhtml"]),
    row(Kind::Svg, "svg", &["image/svg+xml"], &["svg", "xml"]),
    row(Kind::Xml, "xml", &["image/svg+xml"], &["xml", "xhtml", "svg", "kml", "gpx"]),
    row(Kind::Text, "text", &[], &["html", "htm"]),
    row(Kind::Data, "data", &[], &[]),
];
