"""What of the deployment is tested with everything else: containers take minutes, and have a target of their own."""

from __future__ import annotations

import os

import pytest

from tests.conftest import IN_CI
from tests.deploy.helm import VALUES, Helm, Rendered, binary

collect_ignore = [] if os.environ.get("AICHAT_TEST_CONTAINERS") else ["test_containers.py"]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The real Helm, on the chart."""
    program = binary()
    if program is None:
        if IN_CI:
            pytest.fail("no Helm here: tests/deploy/install-helm.sh")
        pytest.skip("no Helm here: `make helm` builds it (needs Go 1.24+)")
    return Helm(program)


@pytest.fixture(scope="module", params=VALUES)
def rendered(helm: Helm, request: pytest.FixtureRequest) -> Rendered:
    """What the chart is with each set of values."""
    return helm.render(VALUES[request.param])


@pytest.fixture(scope="module")
def everything(helm: Helm) -> Rendered:
    """What it is with all that it can have."""
    return helm.render(VALUES["everything"])
