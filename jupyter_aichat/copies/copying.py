"""One store's records written into another store: in order, a few in memory at once, and compared at the end.

The target notes which copy it is. One that was cut off is made again over what it left; another copy, or a store that has records
of its own, is refused. A copy that is whole already is compared and left as it is, since people may have used it meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable

from jupyter_aichat.copies.tally import Sum, Sums, Tally, text_of
from jupyter_aichat.domain.record import KINDS, Kind, Record
from jupyter_aichat.errors import NotReady
from jupyter_aichat.stores.records import CopyNote, Reading, RecordStore

Progress = Callable[[Kind, int], None]
"""Called with a kind and how many records of it are done."""

_RECORDS_AT_ONCE = 500
_BYTES_AT_ONCE = 4 * 1024 * 1024


class Source:
    """What is copied: by its name, kind by kind."""

    name: str
    kinds: Collection[Kind]

    def records(self, kind: Kind) -> AsyncIterator[Record]:
        """Yield all records of a kind."""
        raise NotImplementedError


class StoreSource(Source):
    """All records of a store, as they are at one moment."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name, self.kinds, self._reading = name, KINDS, reading

    def records(self, kind: Kind) -> AsyncIterator[Record]:
        """Yield all records of a kind."""
        return self._reading.records(kind)


async def copy(source: Source, target: RecordStore, progress: Progress = lambda _kind, _count: None) -> Sums:
    """Copy all records, and return what they come to; raises `NotReady` where the target is not for them, or not the same at last."""
    if await target.in_use():
        raise NotReady("A service uses the store that shall be written: stop it first.")
    note = await target.copy_note()
    if note is not None and note.of == source.name and note.done:
        return await _compared(source, target)
    if (note is None or note.of != source.name) and not await target.is_empty():
        raise NotReady("The store that shall be written has records already; a copy is made into an empty one only.")
    await target.note_copy(CopyNote(source.name, False))
    sums: Sums = {}
    for kind in KINDS:
        if kind in source.kinds:
            sums[kind] = await _carry(source, kind, target, progress)
    _check(sums, await sums_of(target, sums))
    await target.note_copy(CopyNote(source.name, True))
    return sums


async def _carry(source: Source, kind: Kind, target: RecordStore, progress: Progress) -> Sum:
    tally, some, size = Tally(), list[Record](), 0
    await target.begin(kind)
    async for record in source.records(kind):
        text = text_of(record)
        tally.add(text)
        some.append(record)
        size += len(text)
        if len(some) >= _RECORDS_AT_ONCE or size >= _BYTES_AT_ONCE:
            await target.write(kind, some)
            some, size = [], 0
            progress(kind, tally.count)
    if some:
        await target.write(kind, some)
    progress(kind, tally.count)
    return tally.sum


async def sums_of(store: RecordStore, kinds: Iterable[Kind]) -> Sums:
    """Return what the records of a store come to."""
    async with store.reading() as reading:
        return {kind: await _summed(reading.records(kind)) for kind in kinds}


async def _summed(records: AsyncIterator[Record]) -> Sum:
    tally = Tally()
    async for record in records:
        tally.add(text_of(record))
    return tally.sum


async def _compared(source: Source, target: RecordStore) -> Sums:
    wanted = {kind: await _summed(source.records(kind)) for kind in KINDS if kind in source.kinds}
    try:
        _check(wanted, await sums_of(target, wanted))
    except NotReady as error:
        raise NotReady(f"This copy was made before, and one of both stores was used since: {error}") from None
    return wanted


def _check(wanted: Sums, found: Sums) -> None:
    other = [
        f"{kind} ({found[kind].count} in place of {wanted[kind].count})"
        for kind in wanted
        if wanted[kind] != found[kind]
    ]
    if other:
        raise NotReady(f"The stores are not the same: {', '.join(other)}.")
