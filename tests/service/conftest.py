"""The replicas that those tests share who break nothing of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.cluster import Cluster, cluster

LINES = ("--Admission.capacity={'endless-30': 1}", "--OllamaProvider.parallel=0")
SCRIPTED = (
    *("counter-5-1", "counter-200-20", "counter-240-20", "counter-900-40"),
    *("endless-20", "endless-30", "slow-load-20000", "markdown-20", "code-2000"),
)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three replicas; one answer of endless-30 is written at once."""
    names = [f"--ScriptedProvider.names={name}" for name in SCRIPTED]
    with cluster(tmp_path_factory.mktemp("cluster"), *names, *LINES) as cluster_:
        yield cluster_
