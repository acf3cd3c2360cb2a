"""The service for many people: our extension, with accounts, in a server that has nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_aichat.service.extension import ServiceExtension


def _jupyter_server_extension_points() -> list[dict[str, str | type[ServiceExtension]]]:
    from jupyter_aichat.service.extension import ServiceExtension  # noqa: PLC0415

    return [{"module": "jupyter_aichat.service.extension", "app": ServiceExtension}]
