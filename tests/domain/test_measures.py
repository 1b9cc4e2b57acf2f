"""The measures: the closed set of the policy, outbound, each on its own scopes."""

import pytest

from domain.measures import CONTAINMENT, SCOPES, Measure, Restriction, Scope, allowed
from domain.parties import ServiceKind
from tests.domain.builders import MANAGED, OWN


def test_the_measures_and_scopes_are_those_of_the_policy_and_no_others() -> None:
    D, S = Scope.DOMAIN, Scope.SERVER
    assert set(Scope) == {"domain", "server", "address", "account"}
    assert SCOPES == {
        "rate_limit": (D, S),
        "smarthost_redirect": (D, S, Scope.ADDRESS),
        "hold_domain": (D,),
        "hold_server": (S,),
        "block_port25": (Scope.ADDRESS,),
        "suspend_account_smtp": (Scope.ACCOUNT,),
        "require_authenticated_smtp": (S,),
    }
    assert set(CONTAINMENT) == {"rate_limit", "smarthost_redirect"}


@pytest.mark.parametrize("kind", ServiceKind)
def test_each_kind_of_service_admits_its_own_measures(kind: ServiceKind) -> None:
    if kind in OWN:
        expected = {Measure.SUSPEND_ACCOUNT_SMTP}
    elif kind in MANAGED:
        # A sub-client's account is nobody's to suspend.
        expected = set(Measure) - {Measure.SUSPEND_ACCOUNT_SMTP}
    else:
        expected = {Measure.BLOCK_PORT25}
    assert set(allowed(kind)) == expected


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("scope", Scope)
def test_a_measure_takes_hold_of_its_own_scopes_only(measure: Measure, scope: Scope) -> None:
    if scope in SCOPES[measure]:
        aimed = Restriction(measure=measure, scope=scope, targets=("a", "b"))
        assert str(aimed) == f"{measure} on {scope} a, b"
    else:
        with pytest.raises(ValueError, match=f"not of a {scope}"):
            Restriction(measure=measure, scope=scope, targets=("a",))


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), "needs the domain"),
        (("",), "needs the domain"),
        (("a.example", ""), "needs the domain"),
        (("a.example b.example",), "no spaces"),
        (("a.example\nb.example",), "no control characters"),
        (("a.example\tHOLD",), "no control characters"),
        (("\u202ea.example",), "no control characters"),
    ],
)
def test_a_target_is_one_word_that_can_stand_in_a_mail_servers_table(
    targets: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=targets)
