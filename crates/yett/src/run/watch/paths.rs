//! Which names on the disk decide what is read at a path: the file, every folder above it, and every link on the way with
//! what it leads to. A new version is put in the place of any of them: an editor replaces the file, a deployment the folder,
//! Kubernetes the link `..data` through which all files of a mounted volume are seen.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links followed on the way to one file, as many as Linux does (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A folder as the disk knows it: device and inode.
pub(super) type Identity = (u64, u64);

/// What a folder is; `None` when it is not there.
pub(super) fn identity(folder: &Path) -> Option<Identity> {
    let found = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    Some((found.dev(), found.ino()))
}

/// The names that decide, each as seen from a folder without links, which is how events name it. On the way to what is not
/// there, the first name that is missing is the last of them.
pub(in crate::run) fn deciding(path: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut next = std::path::absolute(path).ok();
    for _ in 0..=MAX_LINKS {
        let Some(path) = next.take() else { break };
        next = walk(&path, &mut found);
    }
    found
}

/// Walks down to the first link, whose target with the rest of the path comes back.
fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        match component {
            Component::Prefix(_) | Component::RootDir => at.push(component),
            Component::CurDir => {}
            // No link lies above, so what is above is the parent.
            Component::ParentDir => drop(at.pop()),
            Component::Normal(name) => {
                let folder = at.clone();
                at.push(name);
                found.insert(at.clone());
                let kind = fs::symlink_metadata(&at).ok()?.file_type();
                if kind.is_symlink() {
                    return Some(folder.join(fs::read_link(&at).ok()?).join(components.as_path()));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Names below the folder of the test.
    fn below(root: &Path, path: &str) -> Vec<String> {
        let all = deciding(&root.join(path)).into_iter();
        all.filter_map(|name| Some(name.strip_prefix(root).ok()?.display().to_string()))
            .filter(|name| !name.is_empty())
            .collect()
    }

    #[test]
    fn files_folders_and_links_decide() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["conf", "real/deep", "volume/..1"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["conf/a.yaml", "real/deep/b.yaml", "volume/..1/c.yaml"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink("../real/deep/b.yaml", root.join("conf/b.yaml")).unwrap();
        symlink(root.join("real"), root.join("alias")).unwrap();
        symlink("..1", root.join("volume/..data")).unwrap();
        symlink("..data/c.yaml", root.join("volume/c.yaml")).unwrap();
        symlink("round", root.join("round")).unwrap();
        let cases: [(&str, &[&str]); 7] = [
            ("conf/a.yaml", &["conf", "conf/a.yaml"]),
            ("conf/../conf/./a.yaml", &["conf", "conf/a.yaml"]),
            ("conf/none/x/y.yaml", &["conf", "conf/none"]),
            ("conf/b.yaml", &["conf", "conf/b.yaml", "real", "real/deep", "real/deep/b.yaml"]),
            ("alias/deep/b.yaml", &["alias", "real", "real/deep", "real/deep/b.yaml"]),
            (
                "volume/c.yaml",
                &["volume", "volume/..1", "volume/..1/c.yaml", "volume/..data", "volume/c.yaml"],
            ),
            ("round", &["round"]),
        ];
        for (path, names) in cases {
            assert_eq!(below(&root, path), names, "{path}");
        }
    }

    #[test]
    fn a_folder_in_the_place_of_another_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();
        let before = identity(&old);
        assert!(before.is_some());
        fs::rename(&old, dir.path().join("older")).unwrap();
        assert_eq!(identity(&old), None);
        fs::rename(&new, &old).unwrap();
        assert_ne!(identity(&old), before);
        fs::write(&new, "").unwrap();
        assert_eq!(identity(&new), None, "a file is no folder");
    }
}
