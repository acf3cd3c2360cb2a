"""How long chats are kept that nobody changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

MOST_DAYS = 36_500

Days = Annotated[int, Meta(ge=0, le=MOST_DAYS)]


class Outdated(msgspec.Struct, frozen=True):
    """Chats that were changed last, and came here, before a moment; pinned ones too, or only the others."""

    before: datetime
    pinned: bool = False


class RetentionRules(msgspec.Struct, frozen=True):
    """For how many days a chat is kept that nobody changes; 0 is for ever.

    Who is in one of the groups has the group's days in place of ``days``, of several the most: what is kept too long can still be
    deleted. ``pinned`` chats go as well, or are kept.
    """

    days: Days = 0
    by_group: Mapping[str, Days] = {}
    pinned: bool = False

    @property
    def any(self) -> bool:
        """Whether there is somebody whose chats are not kept for ever."""
        return bool(self.days) or any(self.by_group.values())

    def days_of(self, groups: Iterable[str]) -> int | None:
        """Return for how many days the chats of somebody in these groups are kept; None is for ever."""
        own = [self.by_group[group] for group in groups if group in self.by_group] or [self.days]
        return None if 0 in own else max(own)

    def outdated(self, groups: Iterable[str], at: datetime) -> Outdated | None:
        """Return which chats of somebody in these groups are kept no longer at a moment; None is none."""
        days = self.days_of(groups)
        return None if days is None else Outdated(at - timedelta(days=days), self.pinned)
