"""`jupyter aichat secret`: the file of keys that the service signs its tokens with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from traitlets import Bool, Unicode

from jupyter_aichat import secret_file
from jupyter_aichat.auth.keys import Key, line_of, new_key, parse_keys, read_keys
from jupyter_aichat.cli.command import Command
from jupyter_aichat.errors import AIChatError, NotFound


class Secret(Command):
    """Make the service's secret: a file that only you may read. One that is there is never overwritten.

    The file has a line for each key. The first signs, the others are accepted too; a service reads them when it starts. To
    change keys without logging anybody out:

    One process: `--rotate`, restart; `--drop=KID` of the old key after a quarter of an hour.

    Several: `--add`, restart them one by one; `--promote=KID`, restart them one by one; `--drop` as above.
    """

    name = "jupyter aichat secret"
    takes = ("FILE",)
    examples = """
    jupyter aichat secret secret.key
    jupyter aichat secret --eddsa --kid=winter other.key
    jupyter aichat secret --rotate secret.key
    jupyter aichat secret --keys secret.key
    """
    kid = Unicode(help="The name of the new key. Default: eight random hexadecimal digits.").tag(config=True)
    eddsa = Bool(False, help="A key of EdDSA (Ed25519) in place of HS256; needs jupyterlab-aichat[eddsa].").tag(
        config=True
    )
    rotate = Bool(False, help="Put a new key on top of a file that is there: it signs from now on.").tag(config=True)
    add = Bool(False, help="Put a new key at the end of a file that is there: it is accepted from now on.").tag(
        config=True
    )
    promote = Unicode(help="The name of the key to put on top.").tag(config=True)
    drop = Unicode(help="The name of the key to take away; what it signed is not accepted any more.").tag(config=True)
    keys = Bool(False, help="Only name the keys of the file, the one that signs first.").tag(config=True)
    flags = {
        **Command.flags,
        "eddsa": ({"Secret": {"eddsa": True}}, eddsa.help),
        "rotate": ({"Secret": {"rotate": True}}, rotate.help),
        "add": ({"Secret": {"add": True}}, add.help),
        "keys": ({"Secret": {"keys": True}}, keys.help),
    }
    aliases = {**Command.aliases, "kid": "Secret.kid", "promote": "Secret.promote", "drop": "Secret.drop"}

    def start(self) -> None:
        """Make the file, or change the keys in it."""
        if sum(map(bool, (self.rotate, self.add, self.promote, self.drop, self.keys))) > 1:
            self.refuse_usage("one of --rotate, --add, --promote, --drop and --keys at a time")
        path = Path(self.argument() or "").expanduser()
        try:
            keys = self._make(path) if self._is_new() else self._change(path)
        except AIChatError as error:
            self.fail(error.message)
        for place, key in enumerate(keys):
            self.say(f"{key.kid}  {key.algorithm}  {'accepted' if place else 'signs'}")

    def _is_new(self) -> bool:
        return not (self.rotate or self.add or self.promote or self.drop or self.keys)

    def _new(self) -> Key:
        return new_key("EdDSA" if self.eddsa else "HS256", self.kid)

    def _make(self, path: Path) -> Sequence[Key]:
        key = self._new()
        secret_file.make(path, _text([key]))
        return [key]

    def _change(self, path: Path) -> Sequence[Key]:
        before = read_keys(path)
        keys = self._changed(before)
        if keys != before:
            parse_keys(_text(keys).decode())
            secret_file.replace(path, _text(keys))
        return keys

    def _changed(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if self.rotate:
            return (self._new(), *keys)
        if self.add:
            return (*keys, self._new())
        named = self.promote or self.drop
        found = tuple(key for key in keys if key.kid == named)
        if named and not found:
            raise NotFound(f"There is no key {named} in this file.")
        others = tuple(key for key in keys if key.kid != named)
        return (*found, *others) if self.promote else others


def _text(keys: Sequence[Key]) -> bytes:
    return "".join(f"{line_of(key)}\n" for key in keys).encode()
