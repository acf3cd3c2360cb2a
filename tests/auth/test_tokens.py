"""Access tokens: what is valid, and everything that is not, by one error."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.auth.keys import Key, new_secret, parse_keys
from jupyter_aichat.auth.tokens import AccessTokens
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import NotReady, Unauthenticated

HS = parse_keys(new_secret())
ED = parse_keys(new_secret("EdDSA"))
TOKENS = AccessTokens(HS, "us")


def made(tokens: AccessTokens = TOKENS, ago: timedelta = timedelta(0)) -> str:
    return tokens.make(OwnerId("ada"), SessionId("s1"), "t1", now() - ago)


def claims(**changes: Any) -> dict[str, Any]:
    at = int(time.time())
    said = {"iss": "us", "aud": "us/api", "sub": "ada", "sid": "s1", "jti": "t1", "iat": at, "nbf": at, "exp": at + 60}
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


def signed(
    said: dict[str, Any], headers: dict[str, Any] | None = None, key: Key = HS[0], algorithm: str = "HS256"
) -> str:
    """Sign whatever it is; the library's own encoder would not."""
    said_in_json = json.dumps(said).encode()
    return jwt.PyJWS().encode(said_in_json, key.material, algorithm, {"kid": key.kid, "typ": "JWT", **(headers or {})})


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("keys", [HS, ED])
def test_what_we_made_is_valid_until_it_is_over(keys: tuple[Key, ...]) -> None:
    tokens = AccessTokens(keys, "us", 60)
    read = tokens.read(made(tokens))
    assert (read.owner_id, read.session_id, read.token_id) == ("ada", "s1", "t1")
    assert timedelta(seconds=55) < read.expires_at - now() <= timedelta(seconds=60)
    with pytest.raises(Unauthenticated):
        tokens.read(made(tokens, timedelta(seconds=70)))


def test_what_is_signed_right_says_everything() -> None:
    assert TOKENS.read(signed(claims())).owner_id == "ada"


NOW = int(time.time())


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: None} for name in ("iss", "aud", "exp", "nbf", "iat", "jti", "sub", "sid")),
        {"iss": "them"}, {"iss": ["us"]}, {"aud": "us"}, {"aud": ["us/api"]}, {"aud": ["us/api", "them"]}, {"aud": ""},
        {"exp": NOW - 3600, "iat": NOW - 4000, "nbf": NOW - 4000}, {"nbf": NOW + 3600}, {"iat": NOW + 3600},
        {"exp": NOW + 10**6}, {"exp": 2**70}, {"exp": "soon"}, {"exp": float("inf")}, {"iat": "x"}, {"nbf": "x"},
        {"sub": 7}, {"sub": {"$ne": ""}}, {"sid": ["s1"]}, {"jti": 5}, {"sid": None}, {"exp": -(2**70)},
    ],
)  # fmt: skip
def test_a_claim_that_is_wrong_or_missing_makes_it_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(signed(claims(**wrong)))


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", None, 1]
)
def test_the_algorithm_is_ours_to_choose(alg: object) -> None:
    for signature in ("", signed(claims()).rpartition(".")[2]):
        with pytest.raises(Unauthenticated):
            TOKENS.read(f"{b64({'alg': alg, 'typ': 'JWT', 'kid': HS[0].kid})}.{b64(claims())}.{signature}")
    for algorithm in ("HS384", "HS512"):
        with pytest.raises(Unauthenticated), pytest.warns(jwt.InsecureKeyLengthWarning):
            TOKENS.read(signed(claims(), algorithm=algorithm))


def test_a_public_key_is_no_secret() -> None:
    """EdDSA's public key, which anybody may have, used as the secret of HS256."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    tokens = AccessTokens(ED, "us")
    public = Ed25519PrivateKey.from_private_bytes(ED[0].material).public_key().public_bytes_raw()
    for secret in (public, base64.b64encode(public), base64.urlsafe_b64encode(public)):
        forged = signed(claims(), key=Key(ED[0].kid, "HS256", secret))
        with pytest.raises(Unauthenticated):
            tokens.read(forged)


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": "unknown"}, {"kid": ""}, {"kid": "../../dev/null"}, {"crit": ["x"]}, {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}}, {"x5u": "https://evil.example"}, {"b64": False},
    ],
)  # fmt: skip
def test_a_header_that_is_none_of_ours_makes_it_none(headers: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(signed(claims(), headers))


def test_a_token_without_a_kid_is_none() -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(jwt.encode(claims(), HS[0].material, "HS256"))


def test_another_key_signs_for_others() -> None:
    other = parse_keys(new_secret())
    with pytest.raises(Unauthenticated):
        TOKENS.read(signed(claims(), key=other[0]))
    with pytest.raises(Unauthenticated):
        TOKENS.read(signed(claims(), key=Key(HS[0].kid, "HS256", other[0].material)))


def test_a_new_key_logs_nobody_out_and_an_old_one_is_over_when_it_is_taken_away() -> None:
    new = parse_keys(new_secret("EdDSA"))
    old_token, both, after = made(), AccessTokens((*new, *HS), "us"), AccessTokens(new, "us")
    assert both.read(old_token).owner_id == "ada"
    assert after.read(made(both)).owner_id == "ada"
    with pytest.raises(Unauthenticated):
        after.read(old_token)


def test_the_same_values_make_the_same_token() -> None:
    at = now()
    for keys in (HS, ED):
        tokens = AccessTokens(keys, "us")
        assert len({tokens.make(OwnerId("a"), SessionId("s"), "t", at) for _ in range(3)}) == 1


@given(st.integers(0, 10_000), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
def test_a_token_that_was_tampered_with_is_none(place: int, letter: str) -> None:
    token = made()
    place %= len(token)
    tampered = token[:place] + letter + token[place + 1 :]
    try:
        read = TOKENS.read(tampered)
    except Unauthenticated:
        return
    # the last letters of base64 carry bits that mean nothing
    assert tampered == token or place == len(token) - 1
    assert read == TOKENS.read(token)


@given(st.text(st.characters(exclude_categories=()), max_size=300) | st.text("eyJ.-_aA0=", max_size=300))
def test_whatever_else_it_is_it_is_none(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(text)


@pytest.mark.parametrize(
    "token", [".", "..", "...", "e30.e30.e30", "A" * 100_000, f"{b64([])}.{b64([])}.", f"{b64('x')}.x.x"]
)
def test_odd_shapes_are_none(token: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(token)


def test_deep_nesting_is_none() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 1400).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        TOKENS.read(f"{deep}.e30.e30")


def test_a_token_lives_a_quarter_of_an_hour_at_most() -> None:
    for life_s in (0, -1, 901):
        with pytest.raises(NotReady):
            AccessTokens(HS, "us", life_s)
    with pytest.raises(NotReady):
        AccessTokens((), "us")


def test_a_signature_is_checked_once_and_the_time_always(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = AccessTokens(parse_keys(new_secret()), "chat", life_s=60)
    at = now()
    token = tokens.make(OwnerId("ada"), SessionId("s"), "t", at)
    claims = tokens.read(token)
    with monkeypatch.context() as patch:
        patch.setattr("jwt.decode", lambda *_args, **_kwargs: pytest.fail("checked again"))
        assert tokens.read(token) is claims
    monkeypatch.setattr("jupyter_aichat.auth.tokens.now", lambda: at + timedelta(seconds=61))
    monkeypatch.setattr("jwt.decode", Mock(side_effect=jwt.ExpiredSignatureError))
    with pytest.raises(Unauthenticated):
        tokens.read(token)
