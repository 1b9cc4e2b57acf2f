"""The host under test, and what is asked of it."""

from pathlib import Path

from agents.mta.port import MailHost, mail_host
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope
from tests.agents.whm import StandIn, an_agents_folder

FAR = "friend@far.example"


def the_host(whm: StandIn, folder: Path) -> MailHost:
    """The agent's, freshly started."""
    return mail_host(f"cpanel:127.0.0.1:{whm.port}", an_agents_folder(folder, whm))


def a_hold(*domains: str, key: str = "hold") -> Desired:
    restriction = Restriction(
        measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=domains or ("shop.example",)
    )
    return Desired(key=key, restriction=restriction, wanted=Wanted.APPLIED)


def a_suspension(account: str = "shop") -> Desired:
    restriction = Restriction(
        measure=Measure.SUSPEND_ACCOUNT_SMTP, scope=Scope.ACCOUNT, targets=(account,)
    )
    return Desired(key="suspend", restriction=restriction, wanted=Wanted.APPLIED)
