"""Opening the database of an index by its URL: a SQLite file, or PostgreSQL.

    sqlite:////srv/ward/index.sqlite
    postgresql://user@db.example:5432/yilian?password_file=index.password
    postgresql:///yilian?host=/run/postgresql&user=yilian

Of PostgreSQL's connection URIs (PostgreSQL 15, section 34.1.1.2) these parameters are taken: `host`
(a folder is that of the Unix socket), `port`, `user`, `sslmode` (`disable`, `require`,
`verify-full`), `sslrootcert`; and two of our own: `password_file`, a file of mode 0600 that holds
the password alone, and `schema`. Without `password_file` the password is looked up where libpq
looks: `PGPASSWORD`, then the file `PGPASSFILE` or `~/.pgpass`. A password in the URL is refused.
Without `sslmode` a host that is not this machine must show a certificate that verifies.

The password is read at each connection, so it may be changed while the node runs; it is in no URL,
log or `repr`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text

from yilian.gateway.index.errors import (
    INDEX_PASSWORD_REFUSED,
    INDEX_UNAVAILABLE,
    INDEX_URL_REFUSED,
)

PORT = 5432
SECONDS = 30
"""A statement, or an answer, that takes longer is given up."""
CONNECTIONS = 10
MORE = 10
WAIT = 10.0
_PARAMETERS = {"host", "port", "user", "sslmode", "sslrootcert", "password_file", "schema"}
_HERE = ("localhost", "127.0.0.1", "::1")
_SSL = ("disable", "require", "verify-full")
_NAME_BYTES = 63
"""PostgreSQL cuts longer names, so that two of them might become one."""

Synced = Literal["on", "off"]


class Server(NamedTuple):
    """Where a PostgreSQL database is, and as whom it is asked; the password stands elsewhere."""

    host: str
    port: int
    database: str
    user: str
    schema: str
    sslmode: str
    sslrootcert: str | None
    password_file: Path | None


def is_postgresql(url: str) -> bool:
    """Tell whether a URL names a PostgreSQL database."""
    return url.partition(":")[0] in ("postgresql", "postgres")


def read_url(url: str, schema: str, folder: Path) -> Server:
    """Take a PostgreSQL URL apart; `schema` holds the tables where the URL names none.

    `folder`: where relative paths begin. Refuses `index_url_refused`, naming the part.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        port = parsed.port
    except (exc.ArgumentError, ValueError):
        raise INDEX_URL_REFUSED(part="url") from None
    if parsed.drivername != "postgresql":
        raise INDEX_URL_REFUSED(part="scheme")
    asked = _parameters(parsed)
    host = asked.get("host", parsed.host or "localhost")
    sslmode = asked.get("sslmode", "disable" if _is_here(host) else "verify-full")
    if sslmode not in _SSL:
        raise INDEX_URL_REFUSED(part="sslmode")
    if not parsed.database:
        raise INDEX_URL_REFUSED(part="database")
    number = asked.get("port", str(port or PORT))
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 65_536):
        raise INDEX_URL_REFUSED(part="port")
    secret, roots = asked.get("password_file"), asked.get("sslrootcert")
    server = Server(
        host=host,
        port=int(number),
        database=parsed.database,
        user=asked.get("user", parsed.username or os.environ.get("PGUSER") or "yilian"),
        schema="",
        sslmode=sslmode,
        sslrootcert=None if roots is None else str(folder / roots),
        password_file=None if secret is None else folder / secret,
    )
    return in_schema(server, asked.get("schema", schema))


def _parameters(parsed: URL) -> dict[str, str]:
    if parsed.password is not None:
        raise INDEX_URL_REFUSED(part="password")
    asked: dict[str, str] = {}
    for name, value in parsed.query.items():
        if name not in _PARAMETERS or not isinstance(value, str) or not value:
            # A value is never told: it may be the password.
            raise INDEX_URL_REFUSED(part=name if name in _PARAMETERS else "query")
        asked[name] = value
    return asked


def _is_here(host: str) -> bool:
    return host.startswith("/") or host in _HERE


def password(server: Server) -> str | None:
    """Find the password of a server, as libpq does (PostgreSQL 15, section 34.16).

    Refuses `index_password_refused` for a file that is absent or that others may read.
    """
    if server.password_file is not None:
        return _secret(server.password_file)
    if "PGPASSWORD" in os.environ:
        return os.environ["PGPASSWORD"]
    named = os.environ.get("PGPASSFILE")
    path = Path(named) if named else Path.home() / ".pgpass"
    if not named and not path.exists():
        return None
    host = "localhost" if server.host.startswith("/") else server.host
    wanted = (host, str(server.port), server.database, server.user)
    for line in _secret(path).splitlines():
        fields = _fields(line)
        if len(fields) == 5 and all(
            have in ("*", want) for have, want in zip(fields, wanted, strict=False)
        ):
            return fields[4]
    return None


def _secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise INDEX_PASSWORD_REFUSED(reason="readable_by_others")
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise INDEX_PASSWORD_REFUSED(reason="unreadable") from None


def _fields(line: str) -> list[str]:
    r"""Take a line of a password file apart: fields by `:`; `\:` and `\\` stand for themselves."""
    fields, escaped = [""], False
    for each in line:
        if escaped or each not in ":\\":
            fields[-1] += each
            escaped = False
        elif each == "\\":
            escaped = True
        else:
            fields.append("")
    return [] if line.startswith("#") else fields


def in_schema(server: Server, schema: str) -> Server:
    """Give the same server with another schema; refuses `index_url_refused` for a long name."""
    if not 0 < len(schema.encode()) <= _NAME_BYTES or '"' in schema or "\0" in schema:
        raise INDEX_URL_REFUSED(part="schema")
    return server._replace(schema=schema)


def connect(server: Server, *, synced: Synced = "off") -> Engine:
    """Give an engine for a PostgreSQL database whose tables stand in a schema of their own.

    `synced`: whether a commit waits for the disk. Nothing is asked of the server yet. Refuses
    `index_url_refused` where the driver is not installed.
    """
    try:
        import pg8000.dbapi as driver
    except ModuleNotFoundError:
        raise INDEX_URL_REFUSED(part="driver") from None

    def opened() -> Any:
        connection = driver.connect(**_arguments(server))
        try:
            cursor = connection.cursor()
            cursor.execute(f'SET search_path TO "{server.schema}"')
            cursor.execute(f"SET synchronous_commit TO {synced}")
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine(
        "postgresql+pg8000://",
        creator=opened,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=CONNECTIONS,
        max_overflow=MORE,
        pool_timeout=WAIT,
        pool_recycle=1800,
    )


def _arguments(server: Server) -> dict[str, Any]:
    given: dict[str, Any] = {
        "user": server.user,
        "database": server.database,
        "password": password(server),
        "timeout": SECONDS,
        "application_name": "yilian",
    }
    if server.host.startswith("/"):
        return {**given, "unix_sock": f"{server.host}/.s.PGSQL.{server.port}"}
    context: ssl.SSLContext | None = None
    if server.sslmode != "disable":
        context = ssl.create_default_context(cafile=server.sslrootcert)
        if server.sslmode == "require":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    return {**given, "host": server.host, "port": server.port, "ssl_context": context}


@contextmanager
def asked() -> Iterator[None]:
    """Turn a database that does not answer into the refusal `index_unavailable`."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise INDEX_UNAVAILABLE() from error
    except exc.DBAPIError as error:
        if _is_passing(error):
            raise INDEX_UNAVAILABLE() from error
        raise


def _is_passing(error: exc.DBAPIError) -> bool:
    """Tell a server that starts, stops or is full (SQLSTATE classes 08, 53, 57) from a fault."""
    told = getattr(error.orig, "args", ())
    state = told[0].get("C", "") if told and isinstance(told[0], dict) else ""
    return error.connection_invalidated or str(state)[:2] in ("08", "53", "57", "28")


def lock(connection: Connection, schema: str) -> None:
    """Make who opens the same tables at the same moment wait until this transaction ends.

    Its commit waits for the disk, so that a crash of the server does not take the tables away.
    """
    connection.exec_driver_sql("SET LOCAL synchronous_commit TO on")
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"yilian {schema}"},
    )


def make_schema(connection: Connection, schema: str) -> None:
    """Make the schema unless it is there; asks for no right to make one that is."""
    found = connection.execute(
        text("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = :name"), {"name": schema}
    ).first()
    if found is None:
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')


def sqlite(url: str) -> Engine:
    """Give an engine for an index in a SQLite file.

    Raises ValueError for a database in memory, which threads cannot share.
    """
    parsed = make_url(url)
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("the chain index needs a file: a database in memory has one thread")
    engine = create_engine(
        parsed,
        connect_args={"timeout": 10.0, "check_same_thread": False},
        pool_size=20,
        max_overflow=30,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        # The driver's own BEGIN leaves DDL outside transactions; ours (below) does not.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
