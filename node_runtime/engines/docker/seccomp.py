"""The seccomp profile of task containers: an allow-list of system calls, as JSON for the engine.

System calls that aren't listed fail with EPERM. Only the native architecture is allowed: in 32-bit mode `socketcall`
hides the family of a socket. Build steps can't be given a profile and run under the engine's default.
"""

import json
from collections.abc import Iterator
from copy import copy
from hashlib import sha256
from typing import Any

from docker.types import ContainerConfig

from node_runtime.errors import HostError
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.platform.paths import cache_folder

ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}

# the engine's runtime ignores names that an architecture lacks
ALLOWED = {
    "files": """
        access chmod chown close close_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate fchdir fchmod
        fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat
        fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr ioctl lchown lgetxattr link linkat
        listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat newfstatat open openat
        openat2 readahead readlink readlinkat removexattr rename renameat renameat2 rmdir setxattr stat statfs statx
        symlink symlinkat sync sync_file_range syncfs truncate umask unlink unlinkat utime utimensat utimes chdir
    """,
    "reading and writing": """
        copy_file_range pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv sendfile splice tee vmsplice write
        writev
    """,
    "waiting for files": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 inotify_add_watch
        inotify_init inotify_init1 inotify_rm_watch pipe pipe2 poll ppoll pselect6 select signalfd signalfd4
        timerfd_create timerfd_gettime timerfd_settime
    """,
    "memory": """
        brk cachestat madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect
        mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
    """,
    "placement of memory": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "processes and threads": """
        arch_prctl capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getpgid getpgrp
        getpid getppid getpriority getrlimit getrusage getsid gettid kill pidfd_open pidfd_send_signal prctl prlimit64
        rseq set_robust_list set_thread_area set_tid_address setpgid setpriority setrlimit setsid tgkill times tkill
        vfork wait4 waitid
    """,
    "scheduling": """
        getcpu ioprio_get ioprio_set sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
        sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
        sched_setscheduler sched_yield
    """,
    "locks": "futex futex_requeue futex_wait futex_waitv futex_wake",
    "signals": """
        pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
        rt_sigtimedwait rt_tgsigqueueinfo sigaltstack
    """,
    "time": """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
        timer_delete timer_getoverrun timer_gettime timer_settime
    """,
    "users": """
        getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups setregid
        setresgid setresuid setreuid setuid
    """,
    "sockets": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg
        sendto setsockopt shutdown
    """,
    "between processes": """
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget
        semop semtimedop shmat shmctl shmdt shmget
    """,
    "about the machine, and a tighter sandbox": """
        getrandom landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp sysinfo uname
    """,
}

# ENOSYS: programs fall back; on EPERM some fail (clone3: no thread starts)
MISSING = """
    clone3 io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register
    io_uring_setup
"""

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_ROUTE = 0  # NETLINK_ROUTE: lets a program read its addresses
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_SAME_PERSONALITY, _ASKED_PERSONALITY = 0, 0xFFFFFFFF
_ENOSYS = 38
_OPTION = "seccomp="


def profile(architecture: str) -> str:
    """Build the profile for an engine on `architecture`, as JSON.

    Raises `HostError` for an unsupported architecture.
    """
    if architecture not in ARCHITECTURES:
        raise HostError(
            f"the engine's processor is {architecture}, which is not supported",
            remedy=f"use an engine on one of: {', '.join(sorted(ARCHITECTURES))}",
        )
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": [ARCHITECTURES[architecture]],
            "syscalls": list(_rules()),
        }
    )


def with_profile_file(config: ContainerConfig) -> ContainerConfig:
    """Name the configuration's profile by a file of this user that holds it, for an engine that takes it as a path.

    Such an engine (Podman) reads the file at once, so it has to have it at the same path.
    """
    host = config["HostConfig"]
    options = [_by_file(option) if option.startswith(_OPTION) else option for option in host["SecurityOpt"]]
    changed = copy(config)
    changed["HostConfig"] = {**host, "SecurityOpt": options}
    return changed


def _by_file(option: str) -> str:
    text = option.removeprefix(_OPTION)
    path = cache_folder() / f"seccomp-{sha256(text.encode()).hexdigest()[:16]}.json"
    with host_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=0o444)
    return f"{_OPTION}{path}"


def _rules() -> Iterator[dict[str, Any]]:
    yield _allow(*(name for names in ALLOWED.values() for name in names.split()))
    for family in (_UNIX, _INET, _INET6):
        yield _allow("socket", _equals(0, family))
    yield _allow("socket", _equals(0, _NETLINK), _equals(2, _ROUTE))
    yield _allow("socketpair", _equals(0, _UNIX))
    yield _allow("clone", {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": _NEW_NAMESPACES, "valueTwo": 0})
    for value in (_SAME_PERSONALITY, _ASKED_PERSONALITY):
        yield _allow("personality", _equals(0, value))
    # engine 20.10 ignores `defaultErrnoRet`, but not a rule's own errno
    yield {"names": MISSING.split(), "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS}


def _allow(*parts: str | dict[str, Any]) -> dict[str, Any]:
    """A rule that allows system calls when all conditions on their arguments hold."""
    return {
        "names": [part for part in parts if isinstance(part, str)],
        "action": "SCMP_ACT_ALLOW",
        "args": [part for part in parts if not isinstance(part, str)],
    }


def _equals(index: int, value: int) -> dict[str, Any]:
    """A condition on all 64 bits of an argument, so that the upper half can't hide a value."""
    return {"index": index, "op": "SCMP_CMP_EQ", "value": value}
