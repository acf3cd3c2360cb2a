"""`jupyter aichat assets`: the page's scripts and styles, for a CDN."""

from __future__ import annotations

from pathlib import Path

from jupyter_aichat.cli.command import Command
from jupyter_aichat.service.page_files import read_page


class Assets(Command):
    """Write the page's scripts and styles into a folder, to be uploaded to where `AIChatApp.asset_url` says.

    Their names change with their content. Upload those of a new version before it starts, and keep the old ones for a while:
    pages that are open go on with them.
    """

    name = "jupyter aichat assets"
    takes = ("DIR",)
    examples = """
    jupyter aichat assets cdn
    """

    def start(self) -> None:
        """Write them."""
        files = read_page("/").assets
        if not files:
            self.fail("The page was not built: make build.")
        folder = Path(self.argument() or "").expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, file in files.items():
                (folder / name).write_bytes(file.body)
        except OSError as error:
            self.fail(f"{folder} cannot be written: {error.strerror}.")
        for name, file in sorted(files.items()):
            self.say(f"{name}  {file.content_type}")
