"""Chats that were imported long ago."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def forget_arrivals(file: Path) -> None:
    """Let imported chats in a SQLite file be as old as their last change, as if they had been begun here."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE chats SET came_ms = NULL")
