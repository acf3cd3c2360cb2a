"""`docker compose up` as a team's operator types it: people get in, chat, and neither a dead replica nor a restart takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy import containers
from tests.deploy.containers import Containers, within
from tests.ollama import server as ollama_server
from tests.server.client import counted

Json = dict[str, Any]

PROGRAM = ollama_server.binary()
MISSING = [*containers.missing(), *(() if PROGRAM else ("a built Ollama (make ollama)",))]
PASSWORD = "correct horse battery"
SERVICES = ("nginx", "aichat-1", "aichat-2", "mongodb", "redis", "ollama")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # the very first one on a machine makes the images to begin with
]


class Person:
    """Somebody who comes through nginx."""

    def __init__(self, site: Containers, name: str) -> None:
        self._name = name
        self.http = httpx.Client(base_url=f"{site.url}/api/aichat/v1", verify=site.trusted, timeout=20)

    def register(self, invitation: str) -> None:
        body = {"username": self._name, "password": PASSWORD, "invitation": invitation}
        self.json("POST", "/auth/register", body)
        self.login()

    def login(self) -> None:
        granted = self.json("POST", "/auth/login", {"username": self._name, "password": PASSWORD})
        self.http.headers["Authorization"] = f"Bearer {granted['access_token']}"

    def json(self, method: str, path: str, body: Any = None) -> Json:
        answer = self.http.request(method, path, json=body)
        answer.raise_for_status()
        return dict(answer.json())

    def ask(self, model: str, tokens: int) -> Json:
        chat = self.json("POST", "/chats", {})["id"]
        body = {"text": "Count.", "model": model, "options": {"num_predict": tokens}}
        return self.json("POST", f"/chats/{chat}/messages", body)

    def answer(self, sent: Json) -> Json:
        """Return the answer as it is now."""
        page = self.json("GET", f"/chats/{sent['reply']['chat_id']}/messages")
        (found,) = (each for each in page["items"] if each["id"] == sent["reply"]["id"])
        return dict(found)


def text_of(message: Json) -> str:
    return "".join(part["text"] for part in message["parts"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    assert not MISSING, MISSING
    assert PROGRAM is not None
    with containers.made(tmp_path_factory.mktemp("containers"), PROGRAM) as site:
        site.up()
        yield site


@pytest.fixture(scope="module")
def ada(site: Containers) -> Iterator[Person]:
    """Let the first administrator in by the command line, and Ada by an invitation."""
    site.run(
        "aichat-1", "jupyter-aichat", "users", "create", "root", "--first-admin", "--password-stdin", given=PASSWORD
    )
    said = site.run("aichat-2", "jupyter-aichat", "users", "invite")
    (invitation,) = re.findall(r"^Invitation: (\S+)$", said, re.MULTILINE)
    ada = Person(site, "ada")
    ada.register(invitation)
    yield ada
    ada.http.close()


def test_the_containers_are_closed(site: Containers) -> None:
    for service in SERVICES:
        state = site.state(service)
        host = state["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert (state["EffectiveCaps"] or [], host["SecurityOpt"]) == ([], ["no-new-privileges"]), service
        assert host["Memory"] > 0, service
        assert any((host["PortBindings"] or {}).values()) == (service == "nginx"), service
        assert service == "ollama" or state["Config"]["User"].split(":")[0].isdigit()


def test_the_doctor_finds_nothing_wrong(ada: Person, site: Containers) -> None:
    found = [json.loads(line) for line in site.run("aichat-1", "jupyter-aichat", "doctor", "--json").splitlines()]
    assert [each for each in found if each["level"] == "fail"] == []


def test_the_page_is_in_the_image(site: Containers) -> None:
    page = httpx.get(f"{site.url}/", verify=site.trusted)
    script = re.findall(r'src="([^"]+\.js)"', page.text)[0]
    assert httpx.get(httpx.URL(f"{site.url}/").join(script), verify=site.trusted).status_code == 200


def test_an_answer_goes_on_where_its_container_was_killed(ada: Person, site: Containers) -> None:
    sent = ada.ask("slow-counter", tokens=120)
    within(60, lambda: len(text_of(ada.answer(sent)).split()) > 5)
    writer = _replica_of(site, sent)
    site.podman("kill", site.name(writer))
    within(150, lambda: ada.answer(sent)["status"] not in {"pending", "streaming"})
    answer = ada.answer(sent)
    (taken_over,) = answer["continuations"]
    assert (answer["status"], taken_over["cause"]) == ("completed", "takeover")
    assert taken_over["offset"] < len(text_of(answer)) - 20
    assert text_of(answer) == counted(len(text_of(answer).split()))
    site.podman("start", site.name(writer))
    within(containers.STARTS_S, lambda: site.is_healthy(writer))


def test_all_of_it_goes_down_in_order_and_comes_back_as_it_was(ada: Person, site: Containers) -> None:
    sent = ada.ask("counter", tokens=4000)
    within(30, lambda: ada.answer(sent)["status"] == "completed")
    for replica in ("aichat-1", "aichat-2"):
        assert [line for line in site.log(replica).splitlines() if not isinstance(json.loads(line), dict)] == []
    site.compose(
        "stop", "nginx"
    )  # as Docker does it, who depends on others before them; podman-compose takes all at once
    site.compose("stop", *containers.REPLICAS.values())
    site.compose("stop")
    ended = {
        each: site.state(each)["State"]["ExitCode"] for each in (*containers.REPLICAS.values(), "nginx", "mongodb")
    }
    assert set(ended.values()) == {0}, ended
    site.compose("down")
    site.up()
    ada.login()
    assert text_of(ada.answer(sent)) == counted(400)


def _replica_of(site: Containers, sent: Json) -> str:
    """Return the replica that took a question, as nginx noted it."""
    path = f"/chats/{sent['reply']['chat_id']}/messages"
    (address,) = re.findall(rf'"POST \S+{path}" 20\d .* ([\d.]+):8790 ', site.log("nginx"))
    return containers.REPLICAS[address]
