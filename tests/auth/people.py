"""People of tests: Ada and Eve, their passwords and where they come from."""

from __future__ import annotations

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.auth.registration import Registration
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.identity import Grant, Identity, Origin

PASSWORD = "correct horse battery"
HOME = Origin("192.0.2.7", "Firefox")


async def register(service: AccountService, name: str = "Ada", password: str = PASSWORD) -> Account:
    return await service.accounts.register(Registration(name, password), HOME)


async def administrator(service: AccountService, name: str = "root") -> Account:
    """Somebody who is there so that others may lose the role."""
    create = service.administration.create
    return await create(COMMAND_LINE, HOME, name, PASSWORD, roles=("user", "admin"))


async def login(service: AccountService, name: str = "Ada", password: str = PASSWORD, origin: Origin = HOME) -> Grant:
    return await service.accounts.login(name, password, origin)


async def identity(service: AccountService, name: str = "Ada") -> Identity:
    """Log in, and be known."""
    return await service.accounts.authenticate((await login(service, name)).access_token)
