"""What clients are told of the counts of their requests (draft-ietf-httpapi-ratelimit-headers)."""

from __future__ import annotations

from jupyter_aichat.limits.requests import Allowed, Counter

_NAMES: dict[Counter, str] = {"address": "default"}
"""Counters that clients know by another name."""


def rate_headers(allowed: Allowed) -> dict[str, str]:
    """Return the headers: how many in which window, and how many are left until when there are more."""
    if not allowed.allowances:
        return {}
    named = [(_NAMES.get(each.counter, each.counter), each) for each in allowed.allowances]
    return {
        "RateLimit-Policy": ", ".join(
            f'"{name}";q={each.rate.most};w={each.rate.window_s:.0f}' for name, each in named
        ),
        "RateLimit": ", ".join(f'"{name}";r={each.left};t={each.eases_s}' for name, each in named),
    }
