//! How much memory bodies may hold: what the machine and its control groups leave to the process decides, so that the budget bites
//! before the kernel does (THREATS row 48).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use engine::bounds::{BODIES_BYTES, BODIES_SHARE};

const GROUPS: &str = "/sys/fs/cgroup";
/// Less memory for bodies than this is a mistake, in bytes.
const LEAST: usize = 64 * 1024;
/// Longer no file here is, in bytes.
const MOST: u64 = 64 * 1024;

/// Bytes for bodies with so many cores: [`BODIES_BYTES`] each, at most one part in [`BODIES_SHARE`] of the memory there is.
pub(crate) fn for_bodies(cores: usize) -> usize {
    share(available(&read), cores)
}

/// What the kernel says in a file, as far as anybody needs it.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The same as an operator says it.
///
/// # Errors
/// When it is no size, or so small that no body finds room.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let size: spec::Size =
        text.parse().map_err(|why: spec::ParseError| format!("{}; {}", why.message, why.help))?;
    match size.as_usize() {
        bytes if bytes >= LEAST => Ok(bytes),
        _ => Err(String::from("no body would find room; write at least `64KiB`")),
    }
}

fn share(available: Option<u64>, cores: usize) -> usize {
    let wanted = BODIES_BYTES.saturating_mul(cores);
    let most = available.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    wanted.min(most / BODIES_SHARE)
}

/// Bytes that the process may use: the machine's, or fewer where a control group says so.
fn available(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(limit_file).flat_map(|file| limits(&file, read));
    let machine = read(Path::new("/proc/meminfo")).as_deref().and_then(total);
    machine.into_iter().chain(limits).min()
}

/// The machine's memory in what `/proc/meminfo` says.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Where the limit of a group stands that a line of `/proc/self/cgroup` names, of version 2 (`0::/path`) or 1 (`4:memory:/path`).
fn limit_file(line: &str) -> Option<PathBuf> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let (root, file) = match controllers {
        "" => (PathBuf::from(GROUPS), "memory.max"),
        "memory" => (Path::new(GROUPS).join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    Some(root.join(path.trim_start_matches('/')).join(file))
}

/// The limits of a group and of all above it: a group has what the narrowest of them leaves. In a container the path may be that of
/// the host, which is not to be seen: then only what is above it counts, up to the container's own.
fn limits(file: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Vec<u64> {
    let Some(name) = file.file_name() else { return Vec::new() };
    let above = file.ancestors().skip(1).take_while(|folder| folder.starts_with(GROUPS));
    // `max`, of a group without a limit, is no number.
    above.filter_map(|folder| read(&folder.join(name))?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    type Files<'f> = &'f [(&'f str, &'f str)];

    fn seen(files: Files<'_>) -> Option<u64> {
        available(&|path| {
            let of = |(name, text): &(&str, &str)| (Path::new(name) == path).then(|| (*text).to_owned());
            files.iter().find_map(of)
        })
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let machine = ("/proc/meminfo", "MemTotal:       24576 kB\nMemFree: 1 kB\n");
        let two = ("/proc/self/cgroup", "0::/a/b\n");
        let one = ("/proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/x\n0::/\n");
        let cases: [(Files<'_>, Option<u64>); 7] = [
            (&[], None),
            (&[machine], Some(24 * MIB)),
            (&[machine, two, ("/sys/fs/cgroup/a/b/memory.max", "max\n")], Some(24 * MIB)),
            (&[machine, two, ("/sys/fs/cgroup/a/b/memory.max", "8388608\n")], Some(8 * MIB)),
            (&[machine, two, ("/sys/fs/cgroup/a/memory.max", "4194304\n")], Some(4 * MIB)),
            // A container that sees its own group as the root, under the host's path.
            (&[machine, one, ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n")], Some(2 * MIB)),
            (&[machine, two, ("/sys/fs/cgroup/memory.max", "99999999999999\n")], Some(24 * MIB)),
        ];
        for (files, limit) in cases {
            assert_eq!(seen(files), limit, "{files:?}");
        }
    }

    #[test]
    fn what_an_operator_says_is_a_size_that_bodies_find_room_in() {
        assert_eq!(size("64KiB"), Ok(64 * 1024));
        for wrong in ["0B", "63KiB", "-1", "many", ""] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_quarter_of_the_memory_at_most() {
        assert_eq!(share(None, 2), 2 * BODIES_BYTES);
        assert_eq!(share(Some(u64::MAX), 3), 3 * BODIES_BYTES);
        assert_eq!(share(Some(512 * MIB), 8), BODIES_BYTES / 2);
    }
}
