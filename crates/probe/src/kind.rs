//! What kind of file some bytes are, by their first bytes (the signatures of the formats' own specifications, as the WHATWG MIME
//! Sniffing Standard and Debian's `file` use them), and which media types and extensions may be said of that kind.
//!
//! A signature says what a reader will take the bytes for, not that they are whole.

mod signs;
mod table;

use table::{ROWS, Row, TEXT_EXTENSIONS};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing at all.
    Empty,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF, 87a or 89a.
    Gif,
    /// WebP.
    Webp,
    /// Windows bitmap.
    Bmp,
    /// TIFF.
    Tiff,
    /// Windows icon or cursor.
    Icon,
    /// AVIF.
    Avif,
    /// HEIF and HEIC.
    Heif,
    /// MP4, QuickTime and their kin.
    Mp4,
    /// MP3.
    Mp3,
    /// Ogg.
    Ogg,
    /// WAV.
    Wav,
    /// FLAC.
    Flac,
    /// Matroska and WebM.
    Matroska,
    /// TrueType, OpenType, WOFF.
    Font,
    /// PDF.
    Pdf,
    /// PostScript.
    PostScript,
    /// Rich Text Format.
    Rtf,
    /// Compound File Binary: Word, Excel and PowerPoint before 2007, Outlook, installers.
    Compound,
    /// A ZIP archive of nothing that is known better.
    Zip,
    /// Office Open XML: Word, Excel and PowerPoint since 2007.
    OfficeXml,
    /// OpenDocument.
    OpenDocument,
    /// A Java or Android archive.
    Jar,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// 7z.
    SevenZip,
    /// RAR.
    Rar,
    /// tar.
    Tar,
    /// A program for Linux.
    Elf,
    /// A program for Windows.
    Pe,
    /// A program for macOS, or a Java class.
    MachO,
    /// WebAssembly.
    Wasm,
    /// A Windows shortcut.
    Shortcut,
    /// Text that begins with `#!`.
    Script,
    /// SQLite.
    Sqlite,
    /// HTML.
    Html,
    /// SVG.
    Svg,
    /// XML of another vocabulary.
    Xml,
    /// UTF-8 without control characters.
    Text,
    /// Nothing that is known here.
    Data,
}

impl Kind {
    /// The kind of some bytes; those of a whole file, since text is text to its end.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        signs::kind(bytes)
    }

    /// Its name in configuration and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Media types that may be said of it, the usual one first. Text has any of `text/*`.
    #[must_use]
    pub fn media_types(self) -> &'static [&'static str] {
        self.row().media
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.kind == self).unwrap_or(&table::DATA)
    }

    /// Whether it is a program, or something that a shell runs.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(
            self,
            Kind::Elf | Kind::Pe | Kind::MachO | Kind::Wasm | Kind::Shortcut | Kind::Script | Kind::Jar
        )
    }

    /// Whether it is read as text: UTF-8 throughout, but for RTF and PostScript, which are known by how they begin and hold what
    /// they like after that.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Kind::Text | Kind::Xml | Kind::Svg | Kind::Html | Kind::Script | Kind::Rtf | Kind::PostScript
        )
    }

    /// Whether it is a ZIP archive underneath.
    #[must_use]
    pub const fn is_zip(self) -> bool {
        matches!(self, Kind::Zip | Kind::OfficeXml | Kind::OpenDocument | Kind::Jar)
    }

    /// Whether it is a picture that browsers show.
    #[must_use]
    pub const fn is_picture(self) -> bool {
        matches!(
            self,
            Kind::Png
                | Kind::Jpeg
                | Kind::Gif
                | Kind::Webp
                | Kind::Bmp
                | Kind::Tiff
                | Kind::Icon
                | Kind::Avif
                | Kind::Heif
        )
    }

    /// Whether `media_type` (an essence in lower case) may be said of it. Types that say nothing, or that are not known
    /// here, may be said of everything.
    #[must_use]
    pub fn agrees_with(self, media_type: &str) -> bool {
        let mut named = ROWS.iter().filter(|row| row.media.contains(&media_type)).peekable();
        if named.peek().is_some() {
            return named.any(|row| row.kind == self || (row.kind == Kind::Zip && self.is_zip()));
        }
        let (top, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
        let structured = [
            "json",
            "xml",
            "x-www-form-urlencoded",
            "x-ndjson",
            "json-seq",
            "yaml",
            "x-yaml",
            "javascript",
            "graphql",
        ];
        match top {
            _ if self == Kind::Empty => true,
            "text" => self.is_text(),
            "application" if structured.contains(&subtype) => self.is_text(),
            _ if subtype.ends_with("+json") || subtype.ends_with("+xml") => self.is_text(),
            // Of a picture, a film or a sound whose format is not known here: at least it is nothing else.
            "image" | "audio" | "video" | "font" => {
                self == Kind::Data
                    || self.media_types().iter().any(|known| known.split('/').next() == Some(top))
            }
            _ => true,
        }
    }

    /// Whether a file of this kind may have this extension (without its dot); `None` when the extension is not known here.
    #[must_use]
    pub fn agrees_with_extension(self, extension: &str) -> Option<bool> {
        let extension = extension.to_ascii_lowercase();
        let extension = extension.as_str();
        let mut named = ROWS.iter().filter(|row| row.extensions.contains(&extension)).peekable();
        if named.peek().is_some() {
            return Some(named.any(|row| row.kind == self) || self == Kind::Empty);
        }
        TEXT_EXTENSIONS.contains(&extension).then(|| self.is_text() || self == Kind::Empty)
    }
}

/// Whether bytes are UTF-8 without control characters other than those that texts have, whatever they begin like: `GIF89a` begins a
/// picture and may begin a sentence.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    signs::is_text(bytes)
}

/// The kind of this name in configuration: that of [`Kind::name`].
#[must_use]
pub fn named(name: &str) -> Option<Kind> {
    ROWS.iter().find(|row| row.name == name).map(|row| row.kind)
}

/// All kinds.
pub fn all() -> impl Iterator<Item = Kind> {
    ROWS.iter().map(|row| row.kind)
}

/// All kinds by which a media type is known.
pub fn of_media_type(media_type: &str) -> impl Iterator<Item = Kind> {
    ROWS.iter().filter(move |row| row.media.contains(&media_type)).map(|row| row.kind)
}

#[cfg(test)]
mod tests;
