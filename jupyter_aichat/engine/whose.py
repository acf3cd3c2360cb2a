"""Which options are a person's to set, and which the operator's."""

from __future__ import annotations

from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import InvalidOption


def check_whose(options: Options, *, shared: bool) -> None:
    """Raise `InvalidOption` where models are shared, for what would load one anew under the others who use it."""
    if shared and options.num_ctx is not None:
        raise InvalidOption("num_ctx is the operator's to set here: it would reload a model that others use.")
