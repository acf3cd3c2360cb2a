"""What can go wrong, as one tree.

Every error carries a stable ``code``. Front ends translate the code; ``message`` is the English sentence
that says what happened and what to do. HTTP statuses belong to `protocol.errors`.
"""

from __future__ import annotations

from typing import ClassVar


class AIChatError(Exception):
    """Base of all errors that may reach a person.

    Parameters
    ----------
    message
        One sentence: what happened, and the next step.
    details
        Plain JSON values that a client can act on (``run_id``, ``retry_after`` in seconds …).
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str = "", **details: object) -> None:
        super().__init__(message or type(self).__doc__ or self.code)
        self.details = details

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return str(self)


class InvalidRequest(AIChatError):
    """The request has the wrong shape."""

    code = "invalid_request"


class InvalidOption(InvalidRequest):
    """An option is unknown, out of bounds or not yours to set."""

    code = "invalid_option"


class NotFound(AIChatError):
    """There is no such thing here."""

    code = "not_found"


class Forbidden(AIChatError):
    """You may not do this."""

    code = "forbidden"


class ModelNotAllowed(AIChatError):
    """The model is there, and for others."""

    code = "model_not_allowed"


class BadOrigin(AIChatError):
    """A page of another site may not ask for this."""

    code = "bad_origin"


class Unauthenticated(AIChatError):
    """Log in, or use a token that is valid."""

    code = "unauthenticated"


class NameTaken(AIChatError):
    """This user name is taken; choose another."""

    code = "name_taken"


class LastAdministrator(AIChatError):
    """This is the only administrator who can log in; make another one first."""

    code = "last_administrator"


class RateLimited(AIChatError):
    """Too many tries; wait a while."""

    code = "rate_limited"


class QuotaExceeded(AIChatError):
    """Your quota is used up."""

    code = "quota_exceeded"


class RunActive(AIChatError):
    """The message before this one is still being written."""

    code = "run_active"


class IdempotencyConflict(AIChatError):
    """This idempotency key was used for another request."""

    code = "idempotency_conflict"


class TooManyChats(AIChatError):
    """You have as many chats as you may have; delete some."""

    code = "too_many_chats"


class CannotContinue(AIChatError):
    """This answer cannot be continued."""

    code = "cannot_continue"


class TooLarge(AIChatError):
    """The request is too large."""

    code = "too_large"


class UnsupportedMedia(AIChatError):
    """The request's encoding is not supported."""

    code = "unsupported_media"


class TooManyRuns(AIChatError):
    """Too many of your answers are being written; wait for one to end."""

    code = "too_many_runs"


class QueueFull(AIChatError):
    """The service is busy; try again in a moment."""

    code = "queue_full"


class NotReady(AIChatError):
    """The service is starting or stopping; try again in a moment."""

    code = "not_ready"


class BadUpstream(AIChatError):
    """What answers in the place of the service is not the service."""

    code = "bad_upstream"


class StoreUnavailable(AIChatError):
    """The chats cannot be read or written right now; try again in a moment."""

    code = "store_unavailable"


class BusUnavailable(AIChatError):
    """Processes cannot tell each other about runs right now."""

    code = "not_ready"


class CacheUnavailable(AIChatError):
    """Short-lived values cannot be read or written right now."""

    code = "not_ready"


class ProviderError(AIChatError):
    """The model server answered with an error."""

    code = "provider_error"


class ProviderUnreachable(ProviderError):
    """The model server does not answer."""

    code = "provider_unreachable"


class ProviderBusy(ProviderError):
    """The model server has too many requests waiting."""

    code = "provider_busy"


class ProviderTimeout(ProviderError):
    """The model server stopped sending."""

    code = "timeout"


class ModelNotFound(ProviderError):
    """The model server does not have this model."""

    code = "model_not_found"


class ModelUnsupported(ProviderError):
    """The model cannot do what was asked."""

    code = "model_unsupported"


class ContextTooLong(ProviderError):
    """The message is longer than the model can read."""

    code = "context_too_long"


class StreamInterrupted(ProviderError):
    """The model server closed the connection before the answer was complete."""

    code = "interrupted"
