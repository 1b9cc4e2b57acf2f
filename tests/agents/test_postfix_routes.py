"""The tables that a Postfix gets of the measures in force, and what is refused."""

from dataclasses import replace

import pytest

from agents.mta.port import CannotCarryOut
from agents.mta.postfix.routes import Plan, planned
from agents.mta.postfix.services import Services
from agents.smarthosts.port import Login, Smarthost
from domain.hosts import Desired
from domain.measures import Measure, Restriction, Scope
from tests.agents.gateway import a_hold

SMART = Smarthost(kind="relay", host="smart.example", port=2525)
LOGIN = Login(user="plazo", secret="s3cret:with#signs")


def a_measure(measure: Measure, scope: Scope, *targets: str, key: str = "") -> Desired:
    restriction = Restriction(measure=measure, scope=scope, targets=targets or ("shop.example",))
    return replace(a_hold(key or f"{measure} {scope}"), restriction=restriction)


HOLD = a_measure(Measure.HOLD_DOMAIN, Scope.DOMAIN)
HOLD_ALL = a_measure(Measure.HOLD_SERVER, Scope.SERVER)
REDIRECT = a_measure(Measure.SMARTHOST_REDIRECT, Scope.DOMAIN)
REDIRECT_ALL = a_measure(Measure.SMARTHOST_REDIRECT, Scope.SERVER)
LIMIT = a_measure(Measure.RATE_LIMIT, Scope.DOMAIN)
LIMIT_ALL = a_measure(Measure.RATE_LIMIT, Scope.SERVER)
AUTH = a_measure(Measure.REQUIRE_AUTHENTICATED_SMTP, Scope.SERVER)


def plan(*measures: Desired, smarthost: Smarthost = SMART) -> Plan:
    redirects = [
        each for each in measures if each.restriction.measure is Measure.SMARTHOST_REDIRECT
    ]
    return planned(measures, {each.key: smarthost for each in redirects})


def lines(table: str) -> list[str]:
    return table.splitlines()[1:]


@pytest.mark.parametrize(
    ("measures", "held", "senders"),
    [
        ((HOLD,), ["/@shop[.]example$/ held"], []),
        ((HOLD_ALL,), ["/^/ held"], []),
        (
            (HOLD, REDIRECT_ALL),
            ["/@shop[.]example$/ held"],
            [
                "/@shop[.]example$/ plazo-smarthost:[smart.example]:2525",
                "/^/ plazo-smarthost:[smart.example]:2525",
            ],
        ),
        ((LIMIT,), [], ["/@shop[.]example$/ plazo-limit:"]),
        (
            (LIMIT_ALL, REDIRECT),
            [],
            [
                "/@shop[.]example$/ plazo-limit-smarthost:[smart.example]:2525",
                "/^/ plazo-limit:",
            ],
        ),
        ((AUTH,), [], []),
        ((AUTH, HOLD), ["/@shop[.]example$/ held"], []),
    ],
)
def test_every_sender_finds_the_line_of_all_that_concerns_it(
    measures: tuple[Desired, ...], held: list[str], senders: list[str]
) -> None:
    found = plan(*measures)
    assert (lines(found.held), lines(found.senders)) == (held, senders)


def test_a_login_is_in_its_own_table_and_nowhere_else() -> None:
    found = plan(REDIRECT, smarthost=replace(SMART, login=LOGIN))
    assert lines(found.logins) == ["[smart.example]:2525 plazo:s3cret:with#signs"]
    assert lines(found.policies) == ["[smart.example]:2525 secure"]
    assert "s3cret" not in repr(found)


def test_without_a_login_there_is_no_table_of_logins() -> None:
    assert (plan(REDIRECT).logins, plan(REDIRECT).policies) == ("", "")


@pytest.mark.parametrize(
    "target",
    [
        "shop.example$/|/^", "*", "tienda.españa", "shop", ".shop.example", "a/b.example",
        "shop.example\\", "${config_directory}.example", "if.example/", f"{'a' * 64}.example",
    ],
)  # fmt: skip
def test_a_target_that_is_no_domain_never_reaches_a_table(target: str) -> None:
    with pytest.raises(CannotCarryOut, match="no domain name"):
        plan(a_measure(Measure.HOLD_DOMAIN, Scope.DOMAIN, target))


def test_a_login_for_a_smarthost_without_a_name_is_refused() -> None:
    with pytest.raises(CannotCarryOut, match="give the smarthost by its name"):
        plan(REDIRECT, smarthost=replace(SMART, host="2001:db8::1", login=LOGIN))


class Unasked:
    """Postfix's commands in a test that changes nothing."""


LISTING = """\
smtp       inet  n       -       y       -       -       smtpd
    -o smtpd_relay_restrictions=permit_mynetworks,reject
qmgr       unix  n       -       n       300     1       qmgr
    -o {maximal_backoff_time=1 h} -o a={b}
rewrite    unix  -       -       y       -       -       trivial-rewrite
"""


@pytest.fixture
def services() -> Services:
    return Services(Unasked(), LISTING)  # type: ignore[arg-type]


def test_a_services_settings_are_found_and_changed_beside_those_that_it_has(
    services: Services,
) -> None:
    assert services.smtpd() == ["smtp/inet"]
    assert services.setting("smtp/inet", "smtpd_relay_restrictions") == "permit_mynetworks,reject"
    assert services.setting("qmgr/unix", "maximal_backoff_time") == "1 h"
    assert services.setting("qmgr/unix", "rewrite_service_name") is None
    with_ours = services.having("qmgr/unix", {"rewrite_service_name": "plazo-rewrite"})
    assert with_ours == (
        "qmgr unix n - n 300 1 qmgr -o {maximal_backoff_time=1 h} -o a={b} "
        "-o rewrite_service_name=plazo-rewrite"
    )
    again = Services(Unasked(), with_ours)  # type: ignore[arg-type]
    without = again.having("qmgr/unix", {"rewrite_service_name": None})
    assert without == " ".join(LISTING.splitlines()[2].split() + LISTING.splitlines()[3].split())


def test_a_service_of_ours_is_chrooted_as_the_one_that_it_is_like(services: Services) -> None:
    line = services.like("rewrite", "plazo-rewrite", {"x": "a,  b"})
    assert line == "plazo-rewrite unix - - y - - trivial-rewrite -o {x=a, b}"
