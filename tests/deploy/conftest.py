"""What of the deployment is tested with everything else: containers take minutes, and have a target of their own."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("AICHAT_TEST_CONTAINERS") else ["test_containers.py"]
