//! What a process of this system reads beside its own files: to look up names, to trust certificates, to know the time zone, the number
//! of cores and its libraries.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::folders;

/// Files and folders that stay what they are.
const FIXED: [&str; 19] = [
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr",
    "/lib",
    "/lib64",
    "/proc/self",
    "/sys/fs/cgroup",
];
/// Names under which systems keep the authorities that they trust: links to wherever they lie.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];
/// Variables that name such files elsewhere, of ours and of PostgreSQL's.
const VARIABLES: [&str; 5] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
/// Where name servers are written.
const RESOLVER: &str = "/etc/resolv.conf";

/// What of it is to be read.
pub(super) fn places() -> BTreeSet<PathBuf> {
    let mut all: BTreeSet<PathBuf> = FIXED.iter().map(PathBuf::from).collect();
    all.extend(AUTHORITIES.iter().filter_map(|name| Path::new(name).canonicalize().ok()));
    let named = VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from);
    // A mounted volume puts its files behind a link that it swaps.
    all.extend(named.flat_map(|path| folders(&path).into_iter().chain([path])));
    all.extend(around(Path::new(RESOLVER)));
    all
}

/// What is to be read to see a file also once another one was put in its place, as those do who write name servers: the folders
/// of the links that lead to it, or its own folder. A file that is mounted by itself is not replaced. Without this, names would not
/// be looked up any more after the next change of the network, and nothing would say so.
fn around(file: &Path) -> BTreeSet<PathBuf> {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
    let folder = file.parent().unwrap_or(file);
    if file.is_symlink() {
        // What links to it may be replaced as well, but not in the folder of all the system's settings.
        return folders(file).into_iter().filter(|one| one != folder).chain([file.to_owned()]).collect();
    }
    let mounted = device(file) != device(folder);
    [if mounted { file } else { folder }.to_owned()].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_replaced_is_seen_by_its_folder_and_no_more_of_it_than_that() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for folder in ["etc", "run"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        fs::write(root.join("run/stub.conf"), "").unwrap();
        fs::write(root.join("etc/plain.conf"), "").unwrap();
        symlink("../run/stub.conf", root.join("etc/resolv.conf")).unwrap();
        let linked = around(&root.join("etc/resolv.conf"));
        assert_eq!(linked, [root.join("etc/resolv.conf"), root.join("run")].into());
        assert_eq!(around(&root.join("etc/plain.conf")), [root.join("etc")].into());
        // /proc/self/status lies on another device than what it is compared with.
        assert_eq!(around(Path::new("/proc")), [PathBuf::from("/proc")].into());
    }
}
