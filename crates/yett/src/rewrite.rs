//! Writing over a file that a person wrote: whole or not at all, with its mode and its owner, and only what was read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use crate::load;

/// Puts `new` in the place of `old`, where `path` leads: a link stays, and the file behind it is another one.
///
/// # Errors
/// When the file is not `old` any more, or cannot be written as it was; then it is as it was.
pub(crate) fn replace(path: &Path, old: &str, new: &str) -> Result<(), String> {
    let shown = path.display();
    let cannot = |error: io::Error| format!("`{shown}` cannot be written: {error}; it is as it was");
    let target = path.canonicalize().map_err(cannot)?;
    let now =
        load::read(&target, spec::MAX_BYTES).map_err(|why| format!("`{shown}` cannot be read: {why}"))?;
    if now.as_slice() != old.as_bytes() {
        return Err(format!(
            "`{shown}` was changed by somebody else meanwhile, and is as they left it: try again"
        ));
    }
    let folder = load::folder(&target);
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&draft, &target, new).and_then(|()| fs::rename(&draft, &target));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.and_then(|()| File::open(&folder)?.sync_all()).map_err(cannot)
}

/// Writes a file that is to take the place of another.
fn write(draft: &Path, target: &Path, text: &str) -> io::Result<()> {
    let like = fs::metadata(target)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    // After the owner, whose change takes bits away.
    file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_or_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("yett.yaml"), dir.path().join("link.yaml"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("yett.yaml", &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(replace(&path, "old", "newer").unwrap_err().contains("somebody else"));
        assert!(replace(&dir.path().join("none"), "", "").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no draft is left behind");
        // A draft that is in the way is somebody's: neither it nor the file is touched.
        let draft = dir.path().join(format!(".yett.yaml.{}", std::process::id()));
        fs::write(&draft, "theirs").unwrap();
        assert!(replace(&path, "new", "newer").unwrap_err().contains("as it was"));
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
