"""The wire: request and reply bodies, frames, error codes and statuses, and the one codec for them.

Nothing here knows of HTTP servers or of the engine; `jupyter_aichat.server` and the clients are the two ends.
"""
