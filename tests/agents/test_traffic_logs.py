"""What Postfix's and Exim's logs say of mail to the outside, and what they do not."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.mta.exim.log import MainLog
from agents.mta.logfile import NoLog
from agents.mta.moments import syslog_moment
from agents.mta.postfix.outgoing import Outgoing
from agents.mta.traffic import Began, Event, Over, Result, TrafficLog, Tried, traffic_log
from tests.agents import samples

NOW = int(datetime(2026, 11, 25, 9, 0).astimezone().timestamp())
POSTFIX = Outgoing(Path("/etc/postfix"))
EXIM = MainLog()


def events(log: TrafficLog, text: str) -> list[Event]:
    found = [log.understood(f"{line}\n".encode(), NOW) for line in text.splitlines()]
    return [each for each in found if each is not None]


def tried(log: TrafficLog, text: str) -> list[tuple[str, Result]]:
    return [(each.recipient, each.result) for each in events(log, text) if isinstance(each, Tried)]


def began(log: TrafficLog, text: str) -> list[str]:
    return [each.sender for each in events(log, text) if isinstance(each, Began)]


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone().timestamp())


def test_postfix_tells_who_sent_to_whom_and_what_came_of_it() -> None:
    assert tried(POSTFIX, samples.POSTFIX) == [
        ("a@far.example", Result.SENT),
        ("b@far.example", Result.REJECTED),
        ("c@slow.example", Result.DEFERRED),
        ("c@slow.example", Result.SENT),
        ("d@gone.example", Result.REJECTED),
        ("e@dark.example", Result.UNTOLD),
    ]
    assert began(POSTFIX, samples.POSTFIX) == [
        "info@shop.example", "", "info@shop.example", "www-data@web.shop.example",
    ]  # fmt: skip
    over = [each.queue_id for each in events(POSTFIX, samples.POSTFIX) if isinstance(each, Over)]
    assert over == ["4fX1Yz5x2Jz9zC", "4fX1Yz2k1Jz9zB"]


def test_postfixs_moments_are_read_in_both_forms() -> None:
    first = events(POSTFIX, samples.POSTFIX)[0]
    assert first.at == local("2026-11-24T20:27:41")
    [start, attempt, end] = events(POSTFIX, samples.POSTFIX_ISO)
    assert start.at == int(datetime.fromisoformat("2026-11-24T20:27:41+01:00").timestamp())
    assert isinstance(attempt, Tried)
    assert attempt.recipient == '"odd one"@far.example'
    assert isinstance(end, Over)


def test_a_filter_on_the_same_machine_is_not_the_outside() -> None:
    assert tried(POSTFIX, samples.AMAVIS) == []


@pytest.mark.parametrize("program", ["local", "virtual", "lmtp", "pipe", "error", "verify"])
def test_only_postfixs_smtp_client_speaks_to_the_outside(program: str) -> None:
    line = samples.POSTFIX.splitlines()[4].replace("postfix/smtp[", f"postfix/{program}[")
    assert tried(POSTFIX, line) == []


@pytest.mark.parametrize(
    "line",
    [
        "Nov 24 20:27:42 mx dovecot[1]: x <Nov 24 20:27:42 mx postfix/smtp[6236]: 4fX1Yz2k1Jz9zB: "
        "to=<a@far.example>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (x)>",
        "Nov 24 20:27:42 mx postfix/smtp[6236]: 4fX1Yz2k1Jz9zB: to=<a@far.example>, relay=none",
        'Nov 24 20:27:42 mx postfix/smtp[6236]: 4fX1Yz2k1Jz9zB: to=<"x>, relay=none, delay=1, '
        'delays=1/0/0/0, dsn=2.0.0, status=sent (y"@far.example>',
        "Xyz 99 20:27:42 mx postfix/qmgr[6236]: 4fX1Yz2k1Jz9zB: removed",
        "\x00\xff",
        "",
    ],
)
def test_what_is_no_line_of_a_delivery_counts_for_nothing(line: str) -> None:
    assert events(POSTFIX, line) == events(EXIM, line) == []


def test_exim_on_debian_tells_who_sent_to_whom_and_what_came_of_it() -> None:
    assert tried(EXIM, samples.EXIM_DEBIAN) == [
        ("a@far.example", Result.SENT),
        ("b@far.example", Result.REJECTED),
        ("c@slow.example", Result.DEFERRED),
        ("c@slow.example", Result.SENT),
        ("d@gone.example", Result.REJECTED),
        ("e@dark.example", Result.UNTOLD),
        ("e@dark.example", Result.UNTOLD),
    ]
    assert began(EXIM, samples.EXIM_DEBIAN) == ["info@shop.example", "", "news@shop.example"]
    kinds = Counter(type(each) for each in events(EXIM, samples.EXIM_DEBIAN))
    assert kinds[Over] == 2
    assert events(EXIM, samples.EXIM_DEBIAN)[0].at == local("2026-11-24T20:27:41")


def test_exim_on_cpanel_tells_the_same_by_its_own_names() -> None:
    assert tried(EXIM, samples.EXIM_CPANEL) == [
        ("a@far.example", Result.SENT),
        ("b@far.example", Result.SENT),
        ("d@gone.example", Result.REJECTED),
    ]
    assert began(EXIM, samples.EXIM_CPANEL) == ["info@shop.example"]


@pytest.mark.parametrize("stamp", ["2026-11-24 20:27:42 +0100", "2026-11-24 20:27:42.123 +0100"])
def test_exims_moments_may_have_a_zone_and_fractions(stamp: str) -> None:
    [over] = events(EXIM, f"{stamp} 1tFabc-0001Xy-2Z Completed")
    assert over.at == int(datetime.fromisoformat("2026-11-24T20:27:42+01:00").timestamp())


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("SMTP error from remote mail server after initial connection: 421 busy", Result.DEFERRED),
        (
            "SMTP error from remote mail server after MAIL FROM:<a@b.example> SIZE=9: 451 later",
            Result.DEFERRED,
        ),
        ("SMTP error from remote mail server after end of data: 450 no", Result.DEFERRED),
        ("retry time not reached for any host", Result.UNTOLD),
    ],
)
def test_exim_puts_off_what_a_server_elsewhere_put_off(words: str, result: Result) -> None:
    line = (
        "2026-11-24 20:27:42 1tFabc-0001Xy-2Z == c@slow.example R=dnslookup T=remote_smtp "
        f"defer (-44) H=mx.slow.example [198.51.100.8]: {words}"
    )
    assert tried(EXIM, line) == [("c@slow.example", result)]


def test_a_scanner_that_exim_hands_to_on_loopback_is_not_the_outside() -> None:
    line = (
        "2026-11-24 20:27:42 1tFabc-0001Xy-2Z => a@far.example R=scan T=scan_smtp "
        'H=localhost [127.0.0.1] C="250 OK"'
    )
    assert tried(EXIM, line) == []


async def test_exims_log_is_found_where_packages_have_it_or_it_is_said_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = (tmp_path / "exim4" / "mainlog", tmp_path / "exim_mainlog")
    monkeypatch.setattr("agents.mta.exim.log._FILES", places)
    with pytest.raises(NoLog, match="PLAZO_MTA=exim:"):
        await MainLog().file()
    places[1].touch()
    assert await MainLog().file() == places[1]
    assert await MainLog(tmp_path / "other").file() == tmp_path / "other"


def test_a_moment_without_a_year_is_of_the_latest_year_that_it_can_be_of() -> None:
    new_year = local("2027-01-01T00:10:00")
    assert syslog_moment("Dec 31 23:59:59", new_year) == local("2026-12-31T23:59:59")
    assert syslog_moment("Jan  1 00:09:00", new_year) == local("2027-01-01T00:09:00")
    assert syslog_moment("Feb 29 12:00:00", local("2028-03-01T09:00:00")) == local(
        "2028-02-29T12:00:00"
    )
    assert syslog_moment("Feb 30 12:00:00", new_year) is None


SAMPLES = "\n".join(
    [samples.POSTFIX, samples.POSTFIX_ISO, samples.EXIM_DEBIAN, samples.EXIM_CPANEL]
).splitlines()


@settings(deadline=None, database=None)
@given(
    line=st.sampled_from(SAMPLES), cut=st.integers(0, 300), words=st.text(max_size=40),
    kept=st.integers(0, 300),
)  # fmt: skip
def test_whatever_a_line_holds_it_is_understood_or_passed_over(
    line: str, cut: int, words: str, kept: int
) -> None:
    spoiled = (line[:cut] + words + line[kept:]).encode(errors="surrogatepass")
    for log in (POSTFIX, EXIM):
        event = log.understood(spoiled, NOW)
        assert event is None or 0 <= event.at < 2**40


def test_logs_are_found_by_the_mail_servers_address() -> None:
    known = {name: traffic_log(f"{name}:/x") for name in ("postfix", "exim", "sendmail")}
    assert [each and each.name for each in known.values()] == ["postfix", "exim", None]
