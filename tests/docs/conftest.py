"""What readers of the pages have: a model server, and Helm."""

from __future__ import annotations

from tests.cli.conftest import models
from tests.deploy.conftest import helm

__all__ = ["helm", "models"]
