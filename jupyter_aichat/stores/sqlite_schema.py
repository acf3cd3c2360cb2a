"""The tables of the SQLite store, as numbered steps that only go forward.

Each user-owned table is led by ``owner_id``. A row keeps its value as JSON in ``body``; what is searched, ordered by or
changed on its own stands in columns, which win over the body.
"""

from __future__ import annotations

import sqlite3

from jupyter_aichat.errors import StoreUnavailable

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE chats (
        owner_id TEXT NOT NULL, id TEXT NOT NULL, folded_title TEXT NOT NULL, pinned INTEGER NOT NULL,
        archived INTEGER NOT NULL, updated_ms INTEGER NOT NULL, counter INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
        PRIMARY KEY (owner_id, id)
    ) WITHOUT ROWID;
    CREATE INDEX chats_by_change ON chats (owner_id, archived, pinned DESC, updated_ms DESC, id DESC);
    CREATE TABLE messages (
        owner_id TEXT NOT NULL, id TEXT NOT NULL, chat_id TEXT NOT NULL, n INTEGER NOT NULL, depth INTEGER NOT NULL,
        parent_id TEXT, body BLOB NOT NULL,
        PRIMARY KEY (owner_id, id)
    );
    CREATE UNIQUE INDEX messages_by_n ON messages (owner_id, chat_id, n);
    CREATE TABLE runs (
        owner_id TEXT NOT NULL, id TEXT NOT NULL, chat_id TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER NOT NULL,
        instance TEXT, epoch INTEGER NOT NULL, stop_requested INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (owner_id, id)
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_chat ON runs (owner_id, chat_id, active);
    CREATE INDEX runs_by_instance ON runs (instance) WHERE active = 1;
    CREATE TABLE segments (
        owner_id TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (owner_id, run_id, seq, part)
    ) WITHOUT ROWID;
    CREATE TABLE idempotency (
        owner_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, chat_id TEXT NOT NULL,
        run_id TEXT NOT NULL, message_id TEXT NOT NULL, chat_created INTEGER NOT NULL, deleted_ms INTEGER,
        PRIMARY KEY (owner_id, key)
    ) WITHOUT ROWID;
    CREATE INDEX idempotency_by_chat ON idempotency (owner_id, chat_id);
    CREATE TABLE instances (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL
    );
    """,
    "CREATE INDEX idempotency_by_deletion ON idempotency (deleted_ms) WHERE deleted_ms IS NOT NULL;",
    """
    CREATE TABLE accounts (owner_id TEXT PRIMARY KEY, folded_name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, owner_id TEXT NOT NULL, expires_ms INTEGER NOT NULL, body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_owner ON sessions (owner_id);
    CREATE INDEX sessions_by_end ON sessions (expires_ms);
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY, owner_id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX tokens_by_owner ON tokens (owner_id);
    CREATE TABLE invitations (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, expires_ms INTEGER NOT NULL, body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE marks (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE audit (
        n INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT, subject TEXT, action TEXT NOT NULL, body BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE shares (
        id TEXT PRIMARY KEY, owner_id TEXT NOT NULL, chat_id TEXT NOT NULL, reader_id TEXT, hash TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL, expires_ms INTEGER, body BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX shares_by_chat ON shares (owner_id, chat_id);
    CREATE INDEX shares_by_reader ON shares (reader_id, created_ms DESC, id DESC) WHERE reader_id IS NOT NULL;
    """,
    """
    CREATE TABLE usage (
        owner_id TEXT NOT NULL, day TEXT NOT NULL, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL, ms INTEGER NOT NULL, runs INTEGER NOT NULL,
        PRIMARY KEY (owner_id, day, model)
    ) WITHOUT ROWID;
    CREATE INDEX usage_by_day ON usage (day, owner_id, model);
    """,
    """
    CREATE TABLE memberships (
        name TEXT NOT NULL, owner_id TEXT NOT NULL, PRIMARY KEY (name, owner_id)
    ) WITHOUT ROWID;
    CREATE INDEX memberships_by_owner ON memberships (owner_id);
    """,
    """
    CREATE TABLE charged (
        owner_id TEXT NOT NULL, run_id TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (owner_id, run_id)
    ) WITHOUT ROWID;
    CREATE INDEX charged_by_time ON charged (at_ms);
    """,
    "ALTER TABLE chats ADD COLUMN came_ms INTEGER;",
    "CREATE TABLE remains (owner_id TEXT NOT NULL, chat_id TEXT NOT NULL, PRIMARY KEY (owner_id, chat_id)) WITHOUT ROWID;",
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest step; two processes may open it at once."""
    if _version(connection) == len(STEPS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > len(STEPS):
            raise StoreUnavailable("The chats were written by a newer version of jupyterlab-aichat; please upgrade it.")
        for number, step in enumerate(STEPS[version:], version + 1):
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
