"""What the exports of others have in common: a tree of texts, which becomes a chat of ours.

Elsewhere several messages of one side may follow each other (a tool's steps, an answer in parts), and a chat may begin
with an answer. Here questions and answers take turns. So what follows on the same side is joined, and what has no
partner gets an empty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.message import Message, Role
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart
from jupyter_aichat.transfer.fault import fault
from jupyter_aichat.transfer.own import MAX_MESSAGES, MAX_TITLE
from jupyter_aichat.transfer.own_reading import MAX_TEXT, length_of

NO_QUESTION = "…"
MAX_JOINED = 32 * 1024 * 1024
"""Characters of a chat once its messages are joined: an answer that branches in its middle is told once for each branch."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LONGEST_NAME = 256
_OVERHEAD = 64  # what a part costs beside its text


class Node(msgspec.Struct, frozen=True):
    """A message of somebody else's; without a role, or with no parts, it is only a step to the next."""

    name: str
    parent: str | None
    role: Role | None
    parts: tuple[Part, ...] = ()
    at: float | None = None
    model: str | None = None
    complete: bool = True


class Story(msgspec.Struct, frozen=True):
    """A chat of somebody else's; ``place`` is where it stands in the file, times are seconds since 1970."""

    title: str
    nodes: Mapping[str, Node]
    place: str
    created: float | None = None
    updated: float | None = None
    leaf: str | None = None
    model: str | None = None
    pinned: bool = False
    archived: bool = False


def text_part(text: str) -> TextPart:
    """Return a text without what no store can hold."""
    return TextPart(_clean(text))


def thinking_part(text: str) -> ThinkingPart:
    """The same of what was thought before an answer."""
    return ThinkingPart(_clean(text))


def conversation(story: Story) -> Conversation:
    """Return the chat; raises `Fault` for a tree that is none, and for what is too large."""
    if len(story.nodes) > 2 * MAX_MESSAGES:
        raise fault(f"A chat has at most {MAX_MESSAGES:,} messages.", story.place)
    tree = _Tree(story)
    for name in _in_order(story):
        tree.add(story.nodes[name])
    tree.answer_all()
    chat_id, leaf = ChatId(new_id()), tree.place_of(story.leaf)
    messages = tree.messages(chat_id)
    if not messages:
        raise fault("This chat has no messages.", story.place)
    if len(messages) > MAX_MESSAGES:
        raise fault(f"A chat has at most {MAX_MESSAGES:,} messages.", story.place)
    created = moment(story.created) or messages[0].created_at
    chat = Chat(
        chat_id, _clean(story.title).strip()[:MAX_TITLE], created, moment(story.updated) or created,
        model=_name(story.model), pinned=story.pinned, archived=story.archived,
        active_leaf=messages[-1 if leaf is None else leaf].id,
    )  # fmt: skip
    return Conversation(chat, messages)


def moment(seconds: float | None) -> datetime | None:
    """Return a time in milliseconds; None for one that is none, or that has not come yet."""
    if seconds is None or not 0 < seconds < now().timestamp() + 60:
        return None
    return datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)


def _in_order(story: Story) -> Iterable[str]:
    """Yield each message after its parent, in the order of the file otherwise; raises `Fault` for a circle."""
    children: dict[str | None, list[str]] = {}
    for name, node in story.nodes.items():
        parent = node.parent if node.parent in story.nodes else None
        children.setdefault(parent, []).append(name)
    count, waiting = 0, list(reversed(children.get(None, [])))
    while waiting:
        name = waiting.pop()
        count += 1
        yield name
        waiting += reversed(children.get(name, []))
    if count != len(story.nodes):
        raise fault("The messages of this chat are in a circle.", story.place)


@dataclass
class _Draft:
    """A message as it grows."""

    above: int | None
    role: Role
    parts: list[Part]
    at: datetime
    model: str | None
    complete: bool
    length: int = 0
    children: int = 0


class _Tree:
    """The chat as it grows; ``_places`` says which message of ours each of theirs went into."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._drafts: list[_Draft] = []
        self._places: dict[str, int | None] = {}
        self._length = 0

    def add(self, node: Node) -> None:
        """Take a message, whose parent was taken before."""
        above = self._places.get(node.parent) if node.parent is not None else None
        if node.role is None or not node.parts:
            self._places[node.name] = above
            return
        if above is not None and self._drafts[above].role == node.role:
            self._places[node.name] = self._join(above, node)
            return
        if node.role == "assistant" and above is None:
            above = self._put(None, Node("", None, "user", (TextPart(NO_QUESTION),), node.at))
        self._places[node.name] = self._put(above, node)

    def answer_all(self) -> None:
        """Give each question that nobody answered an answer that was interrupted: it can be asked for again."""
        for place, draft in enumerate(tuple(self._drafts)):
            if draft.role == "user" and not draft.children:
                self._put(place, Node("", None, "assistant", complete=False))

    def place_of(self, name: str | None) -> int | None:
        """Return which message one of theirs went into, or where it is a question its first answer; None for none."""
        place = self._places.get(name) if name is not None else None
        if place is None or self._drafts[place].role == "assistant":
            return place
        return next((n for n, each in enumerate(self._drafts) if each.above == place), place)

    def messages(self, chat_id: ChatId) -> tuple[Message, ...]:
        """Return the messages, with ids of their own."""
        ids = [MessageId(new_id()) for _ in self._drafts]
        return tuple(
            Message(
                ids[n], chat_id, None if each.above is None else ids[each.above], each.role, _joined(each.parts),
                "completed" if each.complete else "interrupted", n + 1, each.at,
                model=_name(each.model) if each.role == "assistant" else None,
                reason=None if each.complete else "imported",
            )
            for n, each in enumerate(self._drafts)
        )  # fmt: skip

    def _put(self, above: int | None, node: Node, before: _Draft | None = None) -> int:
        """Add a message; it begins with what stands ``before``."""
        parent = None if above is None else self._drafts[above]
        at = moment(node.at) or (parent.at if parent else moment(self._story.created) or now())
        parts, length = (list(before.parts), before.length) if before else ([], 0)
        model = node.model or (before.model if before else None)
        draft = _Draft(above, node.role or "assistant", parts, at, model, node.complete, length)
        self._length += length
        self._extend(draft, node)
        self._drafts.append(draft)
        if parent is not None:
            parent.children += 1
        return len(self._drafts) - 1

    def _join(self, above: int, node: Node) -> int:
        """Let a message go on with what follows on the same side; beside it, where something else goes on from it already."""
        before = self._drafts[above]
        if before.children:
            return self._put(before.above, node, before)
        self._extend(before, node)
        before.model, before.complete = before.model or node.model, node.complete
        return above

    def _extend(self, draft: _Draft, node: Node) -> None:
        added = sum(
            _OVERHEAD + length_of(part.text) for part in node.parts if isinstance(part, TextPart | ThinkingPart)
        )
        draft.length += added
        self._length += added
        if draft.length > MAX_TEXT or self._length > MAX_JOINED:
            raise fault("The messages of this chat are too long.", self._story.place)
        draft.parts += node.parts


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Parts of one kind that follow each other are one, with an empty line between."""
    found: list[Part] = []
    for kind, group in groupby(parts, type):
        if kind is TextPart or kind is ThinkingPart:
            found.append(kind("\n\n".join(part.text for part in group if isinstance(part, TextPart | ThinkingPart))))
        else:
            found += group
    return tuple(found)


def _clean(text: str) -> str:
    return text.replace("\0", _REPLACEMENT)


def _name(model: str | None) -> str | None:
    return _clean(model)[:_LONGEST_NAME] if model else None
