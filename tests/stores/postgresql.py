"""A PostgreSQL server of our own for tests: its data in a scratch folder, gone at the end."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

MISSING = "PostgreSQL is not installed: tools/services.sh brings it"


def binaries() -> Path:
    """Find the server's programs, or skip with the command that brings them."""
    pytest.importorskip("pg8000", reason='the driver is missing: pip install -e ".[postgresql]"')
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.skip(MISSING)
    return Path(on_path).parent


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class PostgreSQL:
    """One server with one user and one database, over TCP with SCRAM and a Unix socket."""

    user = "yilian"

    def __init__(self, folder: Path) -> None:
        self._bin = binaries()
        self.folder = folder
        self.port = free_port()
        self.password = secrets.token_hex(12)
        self.password_file = folder / "password"
        self.password_file.write_text(self.password + "\n")
        self.password_file.chmod(0o600)
        self._data = folder / "data"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(self.password_file, "postgres", "postgres")
        self._run(
            "initdb",
            *("-D", str(self._data), "-U", self.user, "-A", "scram-sha-256", "-E", "UTF8"),
            *("--pwfile", str(self.password_file), "--no-locale", "--no-sync"),
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"),
                  "-o", options, "start")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `immediate` is what a crash does."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")

    def url(self, schema: str, *, socket: bool = False) -> str:
        """Give the URL of a schema; the password stands in its file."""
        asked = f"password_file={self.password_file}&schema={schema}"
        if socket:
            return f"postgresql:///postgres?host={self.folder}&port={self.port}&user=yilian&{asked}"
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres?{asked}"

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self._bin / program), *arguments)
        if os.getuid() == 0:
            command = ("runuser", "-u", "postgres", "--", *command)
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout[-500:]}{done.stderr[-500:]}")

    def __enter__(self) -> PostgreSQL:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop("immediate")


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Run a server in a scratch folder with a short path: a socket's name may not be long."""
    with tempfile.TemporaryDirectory(prefix="yilian-pg-") as folder:
        Path(folder).chmod(0o755)
        with PostgreSQL(Path(folder)) as server:
            yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for all tests of a run."""
    with running() as server:
        yield server


BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql")))
"""What the tests of an index run against."""
