//! System calls that a gateway never makes and an intruder would: starting programs, looking into other processes, mounting,
//! changing kernel, clock or user, and ways around other filters. They fail as if the right to them were missing (EPERM).
//!
//! A list of what is denied rather than of what is allowed: libraries and the C library change what they call from release to
//! release, and the process must not die of that in the middle of a call.

use rustix::io::Errno;
#[cfg(target_arch = "x86_64")]
use seccompiler::sock_filter;
use seccompiler::{TargetArch, apply_filter_all_threads, compile_from_json};
use serde_json::{Value, json};

/// Names of the filters: of what is denied, and of what the kernel is said not to know.
const FILTER: &str = "gateway";
const UNKNOWN: &str = "unknown";
/// Denied whatever their arguments are.
const DENIED: &[&str] = &[
    // Programs.
    "execve",
    "execveat",
    // Other processes.
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    // Mounts, roots, namespaces.
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "mount_setattr",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "setns",
    "unshare",
    // The kernel and the machine.
    "bpf",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "perf_event_open",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "syslog",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "vhangup",
    // Users, and memory that the kernel waits for others with.
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
    "personality",
    "userfaultfd",
    // Keys of the kernel, files past their paths, and calls that no filter sees.
    "add_key",
    "request_key",
    "keyctl",
    "name_to_handle_at",
    "open_by_handle_at",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
];

/// Other ways to make a process, where the machine has them.
const FORKS: &[&str] = if cfg!(target_arch = "x86_64") { &["fork", "vfork"] } else { &[] };
/// `clone` with this flag makes a thread; without it, a process (clone(2)).
const CLONE_THREAD: u64 = 0x1_0000;
/// Families of sockets that are spoken: AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK, by which the C library asks for its addresses.
const FAMILIES: [u64; 4] = [1, 2, 10, 16];
/// What types into a terminal, as if its user did: TIOCSTI, TIOCLINUX.
const TYPING: [u64; 2] = [0x5412, 0x541c];

/// Denied with some arguments only: sockets of other families, typing into the terminal it was started from, and processes of its
/// own, which would live on without it and keep what it holds.
fn by_argument() -> impl Iterator<Item = Value> {
    let argument =
        |index: u8, op: Value, value: u64| json!({ "index": index, "type": "dword", "op": op, "val": value });
    let families: Vec<Value> = FAMILIES.iter().map(|family| argument(0, json!("ne"), *family)).collect();
    let typing = TYPING
        .into_iter()
        .map(move |what| json!({ "syscall": "ioctl", "args": [argument(1, json!("eq"), what)] }));
    let process = argument(0, json!({ "masked_eq": CLONE_THREAD }), 0);
    let others =
        [json!({ "syscall": "socket", "args": families }), json!({ "syscall": "clone", "args": [process] })];
    others.into_iter().chain(typing)
}

/// Denies them to all threads of the process.
///
/// # Errors
/// Why it cannot, as a clause: the machine is none that filters are made for, or the kernel has no filters.
pub(super) fn deny() -> Result<(), String> {
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let named = DENIED.iter().chain(FORKS).map(|name| json!({ "syscall": name }));
    let denied: Vec<Value> = named.chain(by_argument()).collect();
    // Its flags are where no filter sees them; the C library goes on with `clone` when the kernel does not know it.
    let unknown = vec![json!({ "syscall": "clone3" })];
    let filter = |errno: Errno, calls: Vec<Value>| {
        let action = json!({ "errno": errno.raw_os_error() });
        json!({ "mismatch_action": "allow", "match_action": action, "filter": calls })
    };
    let filters = json!({ FILTER: filter(Errno::PERM, denied), UNKNOWN: filter(Errno::NOSYS, unknown) });
    let programs =
        compile_from_json(filters.to_string().as_bytes(), machine).map_err(|error| error.to_string())?;
    #[cfg(target_arch = "x86_64")]
    apply_filter_all_threads(&OTHER_NUMBERS).map_err(|error| error.to_string())?;
    for name in [FILTER, UNKNOWN] {
        let program = programs.get(name).ok_or("the filter is not there")?;
        apply_filter_all_threads(program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The same calls have other numbers for programs with short pointers (x32), where the kernel has these: from bit 30 on. None of
/// ours is one. Loads the number, and denies from there on: `seccomp_data`, classic BPF.
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: [sock_filter; 4] = [
    // BPF_LD | BPF_W | BPF_ABS
    sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
    // BPF_JMP | BPF_JGE | BPF_K
    sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 },
    // BPF_RET: SECCOMP_RET_ERRNO with EPERM, SECCOMP_RET_ALLOW
    sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0001 },
    sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
];
