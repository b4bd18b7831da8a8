"""The user that PostgreSQL runs as: it refuses root, so root becomes somebody else first (decision 0002).

Imported, it chooses that user. Run as a script it becomes the user and then the given program; the
script stands alone, as it is started without our packages: standard library only.
"""

import ctypes
import os
import pwd
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PREFERRED = ("postgres", "nobody")

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_CHOWN, _KILL, _SETGID, _SETUID = 0, 5, 6, 7
_TO_SERVE_AS_ANOTHER = sum(1 << capability for capability in (_CHOWN, _DAC_OVERRIDE, _KILL, _SETGID, _SETUID))
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
_CLONE_NEWUSER = 0x10000000


class User(NamedTuple):
    """Numbers of a user and its group; user 0 stands for a namespace in which root has another number."""

    uid: int
    gid: int


def choose(cluster: Path, home: Path) -> User:
    """Ourselves unless we are root. For root the owner of `cluster`, so that the choice is made once; before there is
    one, the owner of the folder `home`, postgres, nobody or whoever owns the folder around our data directory, the
    first that root may become, else 0.
    """
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    if cluster.exists():
        return _owner(cluster)
    candidates = [_owner(home), *_preferred(), _owner(home.parent.parent)]
    return next((user for user in candidates if user.uid != 0 and _may_become(user)), User(0, 0))


def command(user: User, folder: Path, program: Path) -> list[str]:
    """The start of a command line that runs `program` as `user`, able to work in `folder`."""
    if os.geteuid() != 0:
        return [str(program)]
    launch = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*launch, str(user.uid), str(user.gid), str(folder), str(program)]


def _owner(path: Path) -> User:
    status = path.stat()
    return User(status.st_uid, status.st_gid)


def _preferred() -> list[User]:
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return [User(accounts[name].pw_uid, accounts[name].pw_gid) for name in PREFERRED if name in accounts]


def _may_become(user: User) -> bool:
    if sys.platform != "linux":
        return True
    mapped = _is_mapped(user.uid, "uid") and _is_mapped(user.gid, "gid")
    return mapped and _capabilities("CapEff") & _TO_SERVE_AS_ANOTHER == _TO_SERVE_AS_ANOTHER


def _is_mapped(number: int, kind: str) -> bool:
    lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    ranges = (tuple(map(int, line.split())) for line in lines)
    return any(first <= number < first + count for first, _, count in ranges)


def main(arguments: list[str]) -> None:
    """Becomes `uid gid`, then the program: the arguments are those of `command` and the program's own."""
    uid, gid, folder, *program = arguments
    try:
        become(User(int(uid), int(gid)))
        execute(folder, program)
    except OSError as error:
        sys.exit(f"cannot run {program[0]} ({error}): run Tocsin as a user other than root, or set TOCSIN_DATABASE_URL")


def become(user: User) -> None:
    """Makes this process the user. What root could do stays within reach until the next program runs."""
    if user.uid == 0:
        group = os.getegid()
        _call("unshare", _CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text("1 0 1")
        Path("/proc/self/gid_map").write_text(f"1 {group} 1")
    else:
        if sys.platform == "linux":
            _hold_on_to_capabilities()
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)


def execute(folder: str, program: list[str]) -> None:
    """Runs the program. Where only root may pass (a home of mode 700 around the folder or the binaries), it keeps the
    least capability of root that lets it pass.
    """
    if sys.platform != "linux":
        _run(folder, program)
    for capabilities in (0, 1 << _DAC_READ_SEARCH, 1 << _DAC_OVERRIDE):
        with suppress(PermissionError):
            _keep(capabilities)
            _run(folder, program)
    raise PermissionError(f"{folder} or the program is closed to user {os.geteuid()}")


def _run(folder: str, program: list[str]) -> None:
    next(Path(folder).iterdir(), None)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted; the program was chosen by us.


def _hold_on_to_capabilities() -> None:
    _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # PostgreSQL asks access(2) about its binaries, which passes over the capabilities of all but root without this.
    with suppress(PermissionError):
        _call("prctl", _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)


def _keep(capabilities: int) -> None:
    """Works with these alone, and hands them on to the next program; all others end there."""
    permitted = _capabilities("CapPrm")
    words = (capabilities, permitted & 0xFFFFFFFF, capabilities, 0, permitted >> 32, 0)
    _call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), struct.pack("=6I", *words))
    if capabilities:
        _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capabilities.bit_length() - 1, 0, 0)


def _capabilities(kind: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith(f"{kind}:")), 16)


def _call(name: str, *arguments: int | bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(sys.argv[1:])
