"""The host agent's own settings for its detector."""

from collections.abc import Mapping

import pytest

from workers.host_agent import AgentSettings
from workers.settings.reading import BadSettings

ENOUGH: Mapping[str, str] = {
    "PLAZO_GATEWAY": "https://plazo.example/",
    "PLAZO_HOST_KEY": "plazo_host_of_a_test",
}


def test_the_detector_has_caps_without_being_told() -> None:
    settings = AgentSettings.read(ENOUGH)
    assert (settings.domain_cap, settings.host_cap, settings.address) == (1_000, 5_000, None)


def test_caps_and_the_address_can_be_set() -> None:
    given = {"PLAZO_DOMAIN_CAP": "250", "PLAZO_HOST_CAP": "900", "PLAZO_ADDRESS": "2001:DB8::7"}
    settings = AgentSettings.read({**ENOUGH, **given})
    assert (settings.domain_cap, settings.host_cap) == (250, 900)
    assert settings.address == "2001:db8::7"


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("PLAZO_DOMAIN_CAP", "0", "not a number of copies"),
        ("PLAZO_DOMAIN_CAP", "-5", "not a number of copies"),
        ("PLAZO_HOST_CAP", "many", "not a number of copies"),
        ("PLAZO_HOST_CAP", "9" * 400, "not a number of copies"),
        ("PLAZO_ADDRESS", "mx.example", "not an IP address"),
    ],
)
def test_what_is_none_says_what_to_write(name: str, given: str, told: str) -> None:
    with pytest.raises(BadSettings, match=told) as refused:
        AgentSettings.read({**ENOUGH, name: given})
    assert str(refused.value).startswith(f"{name}: ")
