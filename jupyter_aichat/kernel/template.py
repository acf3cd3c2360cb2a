"""``{{ name }}``, ``{{ df.shape }}``, ``{{ rows[0] }}``: values of the notebook put into a question.

Only names, attributes and constant indexes, and only where the name exists. All other braces stay as they are, so that
pasted templates and code run nothing.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from jupyter_aichat.errors import InvalidRequest

MAX_VALUE = 20_000
"""The longest value that is put in whole, in characters."""

_BRACES = re.compile(r"\{\{([^{}\n]+)\}\}")


class Filled(NamedTuple):
    """The text with its values in place, and whether there were any."""

    text: str
    changed: bool


def fill(text: str, names: Mapping[str, Any]) -> Filled:
    """Put values in; raises `InvalidRequest` where a name exists, but what was asked of it does not."""
    changed = False

    def put(found: re.Match[str]) -> str:
        nonlocal changed
        source = found[1].strip()
        expression = _parse(source)
        if expression is None or _root(expression) not in names:
            return found[0]
        changed = True
        return _shown(source, expression, names)

    return Filled(_BRACES.sub(put, text), changed)


def _parse(source: str) -> ast.expr | None:
    """Return the expression, or None for one of another kind."""
    try:
        with warnings.catch_warnings(action="ignore"):  # whoever pasted "\\d" did not ask for an opinion on it
            expression = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return expression if _allowed(expression) else None


def _allowed(expression: ast.expr) -> bool:
    while isinstance(expression, ast.Attribute) or (
        isinstance(expression, ast.Subscript) and _is_constant(expression.slice)
    ):
        expression = expression.value
    return isinstance(expression, ast.Name)


def _is_constant(index: ast.expr) -> bool:
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        index = index.operand
        return isinstance(index, ast.Constant) and isinstance(index.value, int)
    return isinstance(index, ast.Constant)


def _root(expression: ast.expr) -> str:
    while isinstance(expression, ast.Attribute | ast.Subscript):
        expression = expression.value
    assert isinstance(expression, ast.Name)
    return expression.id


def _shown(source: str, expression: ast.expr, names: Mapping[str, Any]) -> str:
    try:
        value = _value(expression, names)
        text = value if isinstance(value, str) else str(value)
    except Exception as error:  # noqa: BLE001 (attributes and conversions are the user's own code)
        raise InvalidRequest(f"{{{{ {source} }}}}: {type(error).__name__}: {_short(str(error))}") from None
    if len(text) <= MAX_VALUE:
        return text
    return f"{text[:MAX_VALUE]}… (cut: {MAX_VALUE:,} of {len(text):,} characters)"


def _value(expression: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(expression, ast.Name):
        return names[expression.id]
    if isinstance(expression, ast.Attribute):
        return getattr(_value(expression.value, names), expression.attr)
    assert isinstance(expression, ast.Subscript)
    return _value(expression.value, names)[ast.literal_eval(expression.slice)]


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
