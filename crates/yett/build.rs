//! Puts the pages of the codes (`docs/errors`) into the binary, for `yett explain`: a new code needs its page and nothing here.

use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = PathBuf::from(root).join("../../docs/errors").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut pages = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "md") && name != "README" {
            pages.push((name, path));
        }
    }
    pages.sort();
    let mut table = Vec::new();
    writeln!(table, "&[")?;
    for (name, path) in &pages {
        writeln!(table, "    ({name:?}, include_str!({path:?})),")?;
    }
    writeln!(table, "]")?;
    fs::write(out.join("pages.rs"), table)?;
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", folder.display())
}
