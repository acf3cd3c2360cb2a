"""The command of all commands; each is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_aichat.cli.command import Group


class AIChat(Group):
    """Chat with language models on your own machines: the service and its people."""

    name = "jupyter aichat"
    examples = """
    jupyter aichat secret secret.key
    jupyter aichat users create ada --first-admin
    jupyter aichat serve --secret-file=secret.key
    jupyter aichat doctor
    """
    subcommands = {
        "serve": ("jupyter_aichat.cli.serve.Serve", "Serve a team: a web page, and the interface behind it."),
        "secret": ("jupyter_aichat.cli.secret.Secret", "Make the service's secret, or put a new key into it."),
        "users": ("jupyter_aichat.cli.users.Users", "List, create and change accounts; invite people."),
        "sessions": ("jupyter_aichat.cli.sessions.Sessions", "List and end the sessions of an account."),
        "export": ("jupyter_aichat.cli.transfers.Export", "Write the chats of an account into a file."),
        "import": ("jupyter_aichat.cli.transfers.Import", "Give an account the chats of a file."),
        "retention": ("jupyter_aichat.cli.retention.ApplyRetention", "Delete chats that are kept no longer."),
        "audit": ("jupyter_aichat.cli.audit.Audit", "Show who did what, when and from where."),
        "assets": ("jupyter_aichat.cli.assets.Assets", "Write the page's scripts and styles, for a CDN."),
        "migrate": ("jupyter_aichat.cli.copies.Migrate", "Copy everything from one store into another one."),
        "backup": ("jupyter_aichat.cli.copies.Backup", "Write everything into one file."),
        "restore": ("jupyter_aichat.cli.copies.Restore", "Write a backup into an empty store."),
        "doctor": ("jupyter_aichat.cli.doctor.Doctor", "Look at every part of an installation, and say what to do."),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 not done, 2 wrong usage."""
    AIChat().run(argv)
