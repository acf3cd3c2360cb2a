"""One real Hub for the tests of this folder, with its proxy, the chat as its service, and Ada's and Eve's own servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import _need
from tests.hub.process import Hub, proxy_program, running
from tests.service_app.conftest import closed_sockets

__all__ = ["closed_sockets"]


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The Hub."""
    pytest.importorskip("jupyterhub")
    proxy = proxy_program()
    _need(proxy, "no configurable-http-proxy here: npm ci --prefix tests/hub")
    with running(tmp_path_factory.mktemp("hub"), str(proxy)) as hub:
        yield hub
