"""Answers that are files: sent no faster than the client reads them, and never mistaken for whole when they are not."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tornado.iostream import StreamClosedError

from jupyter_aichat.domain.identity import Ending
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.server.private import PrivateHandler
from jupyter_aichat.transfer.names import disposition

_WRITTEN_AT_ONCE = 64 * 1024


class FileHandler(PrivateHandler):
    """Base of handlers that answer with a file."""

    async def send_file(self, name: str, kind: str, pieces: AsyncIterator[bytes]) -> None:
        """Send a file to be saved under a name. What goes wrong after its beginning cuts it off."""
        self.keep_watching()
        let_go = self.count_connection()
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", disposition(name))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Accel-Buffering", "no")
        waiting = 0
        try:
            async for piece in pieces:
                self.write(piece)
                waiting += len(piece)
                if waiting >= _WRITTEN_AT_ONCE:
                    waiting = 0
                    await self.flush()
            self.finish(set_content_type=kind)
        except StreamClosedError:  # the client has gone
            return
        except AIChatError as error:
            if not self._headers_written:
                raise
            self.log.warning("A file was cut off: %s", error.code)
            self._cut_off()
        finally:
            let_go()

    def credential_ended(self, ending: Ending) -> None:
        """Cut the file off, however slowly it is read."""
        super().credential_ended(ending)
        self._cut_off()

    def _cut_off(self) -> None:
        self.request.connection.stream.close()  # type: ignore[union-attr]
