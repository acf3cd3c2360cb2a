"""What the driver's errors mean to us. Addresses and texts of the database go to the log at most, never to a person."""

from __future__ import annotations

import logging

from bson.errors import InvalidStringData
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)

from jupyter_aichat.errors import AIChatError, InvalidRequest, StoreUnavailable, TooLarge
from jupyter_aichat.stores.mongo_base import ALONE, AWAY, AlreadyThere, NotThere

_REFUSED = "MongoDB refuses what the chats need: check the user, its rights and authSource in AIChatApp.store_url."

_ALREADY_THERE = frozenset({48, 11000})  # a collection; a key
_TOO_LARGE = frozenset({10334, 17419, 17420})
_NO_TRANSACTIONS = frozenset({20, 263})
_NOT_ALLOWED = frozenset({13, 18, 8000})


def translate(error: Exception, log: logging.Logger) -> Exception:
    """Return our error for one of the driver's, or for a fault of ours, which the log explains."""
    if isinstance(error, AIChatError | AlreadyThere | NotThere):
        return error
    if isinstance(error, UnicodeEncodeError | InvalidStringData):
        return InvalidRequest("Text may not contain lone surrogates.")
    if isinstance(error, DuplicateKeyError) or _codes(error) & _ALREADY_THERE:
        return AlreadyThere()
    if isinstance(error, DocumentTooLarge) or _codes(error) & _TOO_LARGE:
        return TooLarge("This is larger than the database can keep in one piece (16 MB).")
    return _refusal(error, log)


def _refusal(error: Exception, log: logging.Logger) -> AIChatError:
    if isinstance(error, ConfigurationError):
        log.error("MongoDB cannot be asked: %s", error)
        return StoreUnavailable(_REFUSED)
    if _codes(error) & _NO_TRANSACTIONS:
        return StoreUnavailable(ALONE)
    if _codes(error) & _NOT_ALLOWED:
        log.error("MongoDB refuses: %s", error)
        return StoreUnavailable(_REFUSED)
    if not _is_the_databases(error):
        log.error("A question to MongoDB failed", exc_info=error)
    return StoreUnavailable(AWAY, retry_after=5)


def _codes(error: Exception) -> set[int]:
    """The server's codes, also of single writes of a bulk."""
    codes = set()
    if isinstance(error, OperationFailure) and error.code is not None:
        codes.add(error.code)
    if isinstance(error, BulkWriteError):
        codes |= {each["code"] for each in error.details.get("writeErrors", ())}
    return codes


def _is_the_databases(error: Exception) -> bool:
    """Whether the database is away or busy, rather than that it was asked something wrong."""
    if isinstance(error, ConnectionFailure | TimeoutError):
        return True
    transient = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")
    return isinstance(error, PyMongoError) and (error.timeout or any(map(error.has_error_label, transient)))
