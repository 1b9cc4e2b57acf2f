"""The schema of the book of record, brought to the current version by SQL files under a lock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.backends import DatabaseBackend
from yoyo.migrations import MigrationList

import infra

MIGRATIONS = Path(infra.__file__).parent / "migrations"

_LOCK = 0x706C617A6F
"""The advisory lock that migrating takes ("plazo"); PostgreSQL frees it when its holder dies."""


def migrate(url: str) -> tuple[str, ...]:
    """Apply what is missing, one process at a time; the names of what was applied.

    Each file is one transaction. Raises psycopg.OperationalError when the database is away.
    """
    with psycopg.connect(url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        with _opened(url) as (backend, migrations):
            # A migration that was killed leaves yoyo's own lock behind; ours was freed.
            backend.break_lock()
            missing = backend.to_apply(migrations)
            with backend.lock():
                backend.apply_migrations(missing)
            return tuple(migration.id for migration in missing)


def missing(url: str) -> tuple[str, ...]:
    """The names of the migrations that are not applied yet."""
    with _opened(url) as (backend, migrations):
        return tuple(migration.id for migration in backend.to_apply(migrations))


@contextmanager
def _opened(url: str) -> Iterator[tuple[DatabaseBackend, MigrationList]]:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgresql", "postgres"):
        raise ValueError(f'"{scheme}" is no PostgreSQL address; write postgresql://HOST/DATABASE')
    backend = get_backend(f"postgresql+psycopg://{rest}")
    try:
        yield backend, read_migrations(str(MIGRATIONS))
    finally:
        backend.connection.close()
