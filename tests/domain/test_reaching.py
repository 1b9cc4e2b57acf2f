"""How a client is reached: what the provider's file may say of languages, platforms, channels."""

import re
from typing import Any

import pytest

from domain.clientele.file import Clientele, Unreadable, read_clientele
from domain.letters.causes import Platform
from domain.letters.correspondence import envelope_id, return_path
from domain.parties import Language
from domain.steps import TaskKind
from domain.tasks import ANY_OTHER, WITHIN
from tests.domain.test_clientele import SMALL


def read(client: str = "", host: str = "mx1.provider.example:") -> Clientele:
    """The small file with lines more below its first client, or another line for its first host."""
    text = SMALL.replace("    name: Aurora\n", f"    name: Aurora\n{client}", 1)
    return read_clientele(text.replace("mx1.provider.example:", host, 1))


@pytest.mark.parametrize("platform", Platform)
def test_a_host_says_what_runs_it(platform: Platform) -> None:
    assert (
        read(host=f"mx1.provider.example: {{platform: {platform}}}").hosts[0].platform is platform
    )
    assert read().hosts[0].platform is None


def test_an_unknown_platform_is_explained() -> None:
    with pytest.raises(Unreadable, match="unknown platform"):
        read(host="mx1.provider.example: {platform: directadmin}")


def test_a_client_has_channels_in_their_order() -> None:
    urls = ("json://127.0.0.1:8000/hook", "slack://a/b/c/#abuse")
    client = read(f'    channels: ["{urls[0]}", "{urls[1]}"]\n').clients[0]
    assert client.channels == urls
    assert read().clients[0].channels == ()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("tickets.example/hook", "write it as slack://"),
        ("json://", "write it as slack://"),
        ("mailto://a:b@mail.example", "write the address below contacts"),
        ("mailtos://a:b@mail.example", "write the address below contacts"),
    ],
)
def test_what_is_no_channel_is_explained_without_being_quoted(url: str, why: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(why)) as refused:
        read(f'    channels: ["{url}"]\n')
    assert "hook" not in str(refused.value)
    assert "a:b@" not in str(refused.value)


def test_a_language_of_no_letters_is_refused_unless_there_are_some() -> None:
    text = SMALL.replace("language: es", "language: fr", 1)
    with pytest.raises(Unreadable, match="unknown language"):
        read_clientele(text)
    clients = read_clientele(text, languages=(*Language, Language("fr"))).clients
    assert clients[0].language == "fr"


@pytest.mark.parametrize("code", ["e", "eng", "EN", "", "e1", None])
def test_what_is_no_code_of_a_language_is_none(code: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Language"):
        Language(code)


def test_a_language_is_the_same_however_often_it_is_named() -> None:
    assert Language("pt") is Language("pt")
    assert Language("es") is Language.ES
    assert list(Language) == [Language.EN, Language.ES]


def test_a_letters_return_path_and_envelope_are_its_message_ids() -> None:
    message_id = "<0123456789abcdef@provider.example>"
    assert envelope_id(message_id) == "0123456789abcdef"
    path = return_path("bounces@mail.example", message_id)
    assert path == "bounces+0123456789abcdef@mail.example"


def test_what_stops_spam_waits_the_shortest() -> None:
    assert min(WITHIN, key=lambda kind: WITHIN[kind]) == TaskKind.NO_MEASURE_TOOK_HOLD
    assert max(WITHIN.values()) < ANY_OTHER
