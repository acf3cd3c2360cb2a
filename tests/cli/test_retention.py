"""`jupyter aichat retention`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.arrivals import forget_arrivals
from tests.cli.conftest import Done, Run
from tests.service_app.matrix import FILE

RULES = ("--Retention.days=365", "--Retention.days_by_group=brief=30")


@pytest.fixture
def people(run: Run, create: Callable[..., Done], tmp_path: Path) -> None:
    """Ada and Ben, who is in a group, with a chat of long ago each."""
    old = {
        **FILE["chats"][0],
        "title": "Secret",
        "created_at": "2020-02-02T12:00:00Z",
        "updated_at": "2020-02-02T12:00:00Z",
    }
    (tmp_path / "old.json").write_text(json.dumps({**FILE, "chats": [old]}))
    for name in ("Ada", "Ben"):
        create(name)
        assert run("import", name, "old.json").code == 0
    run("users", "group", "add", "ben", "Brief")
    assert run("retention", *RULES, "--dry-run", "--json").rows == [], "what came just now is kept, however old it is"
    forget_arrivals(tmp_path / "chats.sqlite3")


@pytest.mark.usefixtures("people")
def test_it_says_how_many_of_whom_and_deletes_them_when_that_is_meant(run: Run) -> None:
    rows = [("Ada", 365, 1), ("Ben", 30, 1)]
    for arguments in (("--dry-run",), ("--dry-run",), ("-y",)):
        found = run("retention", *RULES, *arguments, "--json").rows
        assert [(row["name"], row["days"], row["chats"]) for row in found] == rows
    assert run("retention", *RULES, "-y", "--json").rows == []
    expired = [row for row in run("audit", "--json").rows if row["action"] == "chats_expired"]
    assert [(row["actor"], row["details"]["chats"]) for row in expired] == [("retention", "1")] * 2
    assert "Secret" not in json.dumps(expired)


@pytest.mark.usefixtures("people")
def test_people_read_a_table(run: Run) -> None:
    lines = [line.split() for line in run("retention", *RULES, "--dry-run").out.splitlines()]
    assert lines == [
        ["NAME", "GROUPS", "DAYS", "CHATS"],
        ["Ada", "-", "365", "1"],
        ["Ben", "brief", "30", "1"],
        ["GROUP", "CHATS"],
        ["brief", "1"],
        ["2", "chats", "would", "be", "deleted."],
    ]


@pytest.mark.usefixtures("people")
def test_nothing_is_deleted_unasked_or_without_a_rule(run: Run) -> None:
    assert run("retention", *RULES).code == 1
    assert run("retention", *RULES, stdin="n\n", terminal=True).code == 1
    without = run("retention", "-y")
    assert (without.code, "All chats are kept" in without.err) == (1, True)
    assert len(run("retention", *RULES, "--dry-run", "--json").rows) == 2
