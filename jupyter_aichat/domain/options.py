"""Sampling options that a person may set, each bounded; absent means the model's own default."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_STOPS = 8


class Options(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Options of a chat or of one send; those of the send win, field by field.

    ``system`` and ``think`` are ours; the rest are the provider's sampling parameters. ``num_ctx`` (tokens)
    reloads a shared model, so it is the operator's to allow.
    """

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1000)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    stop: (
        Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=MAX_STOPS)] | None
    ) = None
    num_predict: Annotated[int, Meta(ge=1, le=131_072)] | None = None
    repeat_penalty: Annotated[float, Meta(ge=0, le=4)] | None = None
    repeat_last_n: Annotated[int, Meta(ge=-1, le=32_768)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    num_ctx: Annotated[int, Meta(ge=256, le=2_097_152)] | None = None
    system: Annotated[str, Meta(max_length=65_536)] | None = None
    think: bool | None = None

    def over(self, base: Options) -> Options:
        """Return these options laid over `base`."""
        return msgspec.structs.replace(
            base, **{f: v for f in self.__struct_fields__ if (v := getattr(self, f)) is not None}
        )
