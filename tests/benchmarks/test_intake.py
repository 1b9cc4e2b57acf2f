"""What the intake benchmarks send and reckon: real reports, rightly signed, and true rates."""

from datetime import UTC, datetime
from email.policy import compat32, default

import pytest

from benchmarks import parsing, prefixes
from benchmarks.clientele import address
from benchmarks.intake import SECRET, percentile, rate
from benchmarks.reporters import Plan, Requests, Seen, a_report
from gateway.formats.port import understand
from gateway.signatures import Signed

PLAN = Plan(port=1, first=5, count=3, connections=1, servers=2, reporters=2, secret=SECRET)


def seen(began: float, *waits: float) -> Seen:
    return Seen(began=began, ended=began + sum(waits), waits=list(waits), refused=[], processor=0.0)


def every_request(plan: Plan) -> list[tuple[dict[str, str], bytes]]:
    """Header fields, the request line under `line`, and the body."""
    requests = Requests(plan)
    found = []
    while request := requests.take():
        head, _, content = request.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = [field.split(": ", 1) for field in fields]
        found.append(({"line": line} | {name.lower(): value for name, value in pairs}, content))
    return found


def test_each_request_is_signed_and_tells_its_length() -> None:
    requests = every_request(PLAN)
    assert [headers["webhook-id"] for headers, _ in requests] == ["r-5", "r-6", "r-7"]
    for headers, content in requests:
        assert int(headers["content-length"]) == len(content)
        Signed.read(headers).verify(content, [SECRET], datetime.now(UTC))


def test_each_report_is_about_a_message_of_its_own_from_one_server_in_turn() -> None:
    now = datetime.now(UTC)
    complaints = [
        complaint
        for _, content in every_request(PLAN)
        for complaint in understand(content, "message/rfc822", now)
    ]
    assert [each.address for each in complaints] == [address(1), address(0), address(1)]
    assert len({each.fingerprint for each in complaints}) == 3


def test_a_rate_is_of_all_processes_from_the_first_request_to_the_last_answer() -> None:
    assert rate([seen(10.0, 1.0, 1.0), seen(11.0, 1.0, 2.0)]) == pytest.approx(4 / 4)


def test_a_percentile_is_of_all_waits_in_milliseconds() -> None:
    both = [seen(0.0, 0.001, 0.004), seen(0.0, 0.002, 0.003)]
    assert (percentile(both, 0.5), percentile(both, 0.99)) == pytest.approx((3.0, 4.0))


@pytest.mark.parametrize("kind", prefixes.KINDS)
def test_every_structure_finds_every_prefix(kind: str) -> None:
    look = prefixes.KINDS[kind](1_000)
    assert all(look(prefix.partition("/")[0]) for prefix in prefixes.prefixes(1_000))


def test_the_parsers_that_are_compared_find_the_same_address() -> None:
    report = a_report(1, 1)
    for policy in (compat32, default):
        assert parsing.standard(report, policy)["Source-IP"] == address(1)
    [complaint] = parsing.ours(report)
    assert complaint.address == address(1)
