"""The client's portal: one incident, in its client's language, and what can be said there."""

import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from book.console import links
from book.database import transaction
from book.incident import audit, measures
from domain.acts import Acknowledge, Contest, Dispute, Fixed, KeptMail
from domain.hosts import Fate, Observation
from domain.incident import Act
from domain.ladder import Term
from domain.letters.links import Link, link_of, portal_token, without_links
from domain.news import Observed
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from gateway.portal.forms import LARGEST
from tests.gateway.test_desk import a_full_incident
from tests.gateway.world import (
    HOLD,
    HOSTILE,
    INCIDENT,
    PORTAL_SECRET,
    World,
    a_message,
    portal,
)

ENGLISH = "incident-vps-2-1"
CHARGE = f"{INCIDENT}/delisting/1"


def text(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.unescape(answer.text)


def browser(language: str = "en") -> dict[str, str]:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    return {"accept": accept, "accept-language": language}


async def restricted(world: World, incident: str = INCIDENT) -> None:
    """An incident whose domain is held, with three messages of two senders in the queue."""
    await world.report({INCIDENT: "192.0.2.7", ENGLISH: "192.0.2.8"}[incident])
    await world.hold(
        incident, ("q1", "info@shop.example"), ("q2", "info@shop.example"), ("q3", HOSTILE)
    )
    await world.look(incident, stage="restricted", measure=str(HOLD))


def test_a_link_carries_its_incident_and_cannot_be_made_by_others() -> None:
    link = Link(incident=INCIDENT, issue=3, until=date(2027, 2, 23))
    token = portal_token(PORTAL_SECRET, link)
    assert token.startswith(f"{INCIDENT}.3-20270223.")
    assert link_of(PORTAL_SECRET, token) == link
    assert link_of("another secret", token) is None
    assert portal_token(PORTAL_SECRET, link) == token
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    name, _, signature = token.rpartition(".")
    for wrong in ("", ".", name, f"{name}.", f"{name}0.{signature}", f".{signature}", f"{token}=",
                  token[:-1], f"{token}é", "\0", f"{INCIDENT}.4-20270223.{signature}",
                  f"{INCIDENT}.3-20270224.{signature}", f"{INCIDENT}.{signature}"):  # fmt: skip
        assert link_of(PORTAL_SECRET, wrong) is None


def test_a_link_is_left_out_of_what_who_only_looks_is_shown() -> None:
    link = f"https://p.example{portal()}"
    assert without_links(f"> {link}\n(<{link}>)") == (
        "> https://p.example/c/…\n(<https://p.example/c/…>)"
    )
    assert without_links("and/or, w/c") == "and/or, w/c"


def test_a_link_opens_until_the_end_of_its_last_day() -> None:
    now = datetime(2026, 11, 24, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    link = Link.lasting(INCIDENT, 1, timedelta(days=90), now)
    assert link.until == date(2027, 2, 23)  # of the day in UTC
    assert link.open_at(datetime(2027, 2, 23, 23, 59, tzinfo=UTC))
    assert not link.open_at(datetime(2027, 2, 24, tzinfo=UTC))


async def test_the_page_is_in_the_clients_language_whatever_the_browser_prefers(
    world: World,
) -> None:
    await restricted(world)
    await restricted_in_english(world)
    spanish = text(await world.http.get(portal(), headers=browser("en")))
    english = text(await world.http.get(portal(ENGLISH), headers=browser("es")))
    assert "Hay una medida en vigor" in spanish
    assert "Messages held" in english


async def restricted_in_english(world: World) -> None:
    await world.report("192.0.2.8", id="msg-2")
    await world.hold(ENGLISH, ("q8", "info@shop.example"), key="m8")
    await world.look(ENGLISH, stage="restricted", measure=str(HOLD))


async def test_the_page_shows_what_is_known(world: World) -> None:
    await restricted(world)
    await world.look(
        INCIDENT,
        stage="waiting",
        deadline=datetime.now(UTC) + timedelta(hours=3, minutes=2),
        conditions=["cause_fixed", "delisting_fee"],
        upcoming={"measure": "hold_domain", "scope": "domain", "targets": ["shop.example"]},
    )
    await world.pool.execute(
        "INSERT INTO listings (incident, address, zone, answer)"
        " VALUES ($1, '192.0.2.7', 'zen.example', '127.0.0.2')",
        INCIDENT,
    )
    page = text(await world.http.get(portal()))
    for shown in ("192.0.2.7 zen.example", "3 horas", "Europe/Madrid", "q1", "q3", "25,00"):
        assert shown in page


async def test_what_strangers_wrote_is_shown_as_text(world: World) -> None:
    await restricted(world)
    answer = await world.http.get(portal())
    assert "<script>" not in answer.text
    assert html.escape(HOSTILE).replace("&quot;", "&#34;") in answer.text


async def test_pages_are_locked_down(world: World) -> None:
    await restricted(world)
    for path in (portal(), "/c/wrong", f"{portal()}x/y"):
        headers = (await world.http.get(path, headers=browser())).headers
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
            assert part in policy


async def test_looking_puts_nothing_on_record(world: World) -> None:
    await restricted(world)
    await world.http.get(portal())
    for path in PATHS[1:]:
        assert (await world.http.get(portal() + path)).status_code == 405
    assert world.incidents.acts == []


PATHS = ["", "/acknowledge", "/fixed", "/contest", "/kept-mail", "/dispute"]


async def ask(world: World, path: str, **more: Any) -> httpx.Response:
    return await world.http.request("POST" if path.count("/") > 2 else "GET", path, **more)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_link_that_we_did_not_sign_opens_nothing(
    world: World, path: str, language: str
) -> None:
    forged = a_link(secret="another secret").removeprefix("/c/")
    for token in ("wrong", forged, "%00", "%ff"):
        answer = await ask(world, f"/c/{token}{path}", headers=browser(language))
        assert answer.status_code == 404
        assert {"en": "shows nothing", "es": "ya no muestra nada"}[language] in text(answer)
    assert world.incidents.acts == []


async def test_a_signed_link_of_no_incident_opens_nothing(world: World) -> None:
    assert (await world.http.get(portal("incident-vps-1-99"))).status_code == 404


def a_link(*, issue: int = 1, days: int = 90, secret: str = PORTAL_SECRET) -> str:
    link = Link.lasting(INCIDENT, issue, timedelta(days=days), datetime.now(UTC))
    return f"/c/{portal_token(secret, link)}"


async def shut(world: World, link: str, path: str, said: str) -> None:
    """The link opens nothing, and says so in the client's language."""
    answer = await ask(world, link + path, headers=browser("en"))
    assert answer.status_code == 410
    page = text(answer)
    for words in ("ya no muestra nada", said, "abuse@provider.example"):
        assert words in page
    assert "shop.example" not in page
    assert world.incidents.acts == []


@pytest.mark.parametrize("path", PATHS)
async def test_a_link_that_has_expired_opens_nothing(world: World, path: str) -> None:
    await restricted(world)
    assert (await world.http.get(a_link(days=0))).status_code == 200  # its last day
    await shut(world, a_link(days=-1), path, "ha caducado")


@pytest.mark.parametrize("path", PATHS)
async def test_a_link_that_was_revoked_opens_nothing_and_the_next_one_does(
    world: World, path: str
) -> None:
    await restricted(world)
    async with transaction(world.pool) as connection:
        assert await links.revoke(connection, INCIDENT, "luz", "it was forwarded") == 2
    async with world.pool.acquire() as connection:
        record = await audit.chain(connection, INCIDENT)
        assert await audit.broken(connection, INCIDENT) is None
    assert "every link to the portal that was sent is revoked" in record[-1].body
    await shut(world, a_link(), path, "ya no se usa")
    await shut(world, a_link(issue=3), path, "ya no se usa")
    assert (await world.http.get(a_link(issue=2))).status_code == 200


async def test_a_closed_incident_can_be_looked_at_for_a_while(world: World) -> None:
    await restricted(world)
    await world.look(INCIDENT, stage="closed", closed_at=datetime.now(UTC) - timedelta(days=29))
    page = await world.http.get(portal())
    assert page.status_code == 200
    assert "<form" not in page.text
    await world.look(INCIDENT, stage="closed", closed_at=datetime.now(UTC) - timedelta(days=31))
    for path in PATHS:
        await shut(world, portal(), path, "se cerró")


async def test_a_charge_is_disputed_after_the_end_too(world: World) -> None:
    await a_full_incident(world)
    await world.look(INCIDENT, stage="closed", closed_at=datetime.now(UTC))
    page = text(await world.http.get(portal()))
    assert f'value="{CHARGE}"' in page
    form = {"charge": CHARGE, "note": "eran nuestros"}
    for _ in range(2):
        answer = await world.http.post(f"{portal()}/dispute", data=form)
        assert answer.status_code == 200, text(answer)
    assert world.incidents.acts == []
    page = text(await world.http.get(portal()))
    assert f'value="{CHARGE}"' not in page
    for shown in ("impugnado", "eran nuestros", "No está de acuerdo con un cargo"):
        assert shown in page


@pytest.mark.parametrize(
    ("path", "form", "act", "what", "said"),
    [
        ("contest", {"note": " esa IP no es\r\nnuestra "}, Act.CONTEST,
         Contest(by="client ejemplo", reason="esa IP no es\nnuestra"), "lo considera un error"),
        ("dispute", {"charge": f"{INCIDENT}/delisting/1", "note": "no"}, Act.DISPUTE,
         Dispute(by="client ejemplo", charge=f"{INCIDENT}/delisting/1", reason="no"),
         "no está de acuerdo con este cargo"),
        ("kept-mail", {"discard_message": ["q1"]}, Act.KEPT_MAIL,
         KeptMail(by="client ejemplo", discard_messages=("q1",)), "siguieron retenidos"),
    ],
)  # fmt: skip
async def test_each_other_answer_is_put_on_record(
    world: World, path: str, form: dict[str, Any], act: Act, what: object, said: str
) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/{path}", data=form)
    assert answer.status_code == 200, text(answer)
    assert said in text(answer)
    [(incident, done, given, _)] = world.incidents.acts
    assert (incident, done, given) == (INCIDENT, act, what)


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("contest", {}, "Escriba el motivo"),
        ("contest", {"note": " \0 "}, "Escriba el motivo"),
        ("contest", {"note": "x" * 2_001}, "2000"),
        ("dispute", {"charge": f"{INCIDENT}/delisting/1"}, "Escriba el motivo"),
        ("dispute", {"charge": "incident-vps-2-1/delisting/1", "note": "x"}, "incident-vps-2-1"),
        ("dispute", {"note": "x"}, "no ofrece"),
        ("kept-mail", {"discard_message": "q9"}, "no está entre los mensajes retenidos: q9"),
    ],
)
async def test_what_is_no_answer_of_the_page_is_refused(
    world: World, path: str, form: dict[str, str], said: str
) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/{path}", data=form, headers=browser())
    assert answer.status_code == 422
    assert said in text(answer)
    assert world.incidents.acts == []


def mark(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    return found[1]


async def test_what_changed_since_the_page_was_written_is_told_and_nothing_is_done(
    world: World,
) -> None:
    await restricted(world)
    seen = mark((await world.http.get(portal())).text)
    form = {"seen": seen, "note": "un buzón", "answered": "no"}
    await world.look(INCIDENT, stage="restricted", fixed_at=datetime.now(UTC))
    answer = await world.http.post(f"{portal()}/fixed", data=form)
    assert answer.status_code == 409
    page = text(answer)
    for said in ("no ha quedado registrado", "Alguien ha indicado que está corregido", "un buzón"):
        assert said in page
    assert "El plazo se ha movido" not in page
    assert world.incidents.acts == []
    again = await world.http.post(f"{portal()}/fixed", data=form | {"seen": mark(page)})
    assert again.status_code == 200
    assert len(world.incidents.acts) == 1


async def test_a_form_that_changed_things_and_is_sent_again_is_answered_as_before(
    world: World,
) -> None:
    await restricted(world)
    form = {"seen": mark((await world.http.get(portal())).text), "note": "un buzón"}
    first = await world.http.post(f"{portal()}/fixed", data=form)
    await world.look(INCIDENT, stage="verifying", fixed_at=datetime.now(UTC))
    second = await world.http.post(f"{portal()}/fixed", data=form)
    assert (first.status_code, second.status_code) == (200, 200)
    assert len({once for *_, once in world.incidents.acts}) == 1


@pytest.mark.parametrize("seen", ["x", "a.b.c.d.e", "....", "." * 180, "\u202e"])
async def test_a_mark_of_no_page_is_a_page_that_has_changed(world: World, seen: str) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/fixed", data={"seen": seen})
    assert answer.status_code == 409
    assert world.incidents.acts == []


async def test_more_reports_do_not_change_what_a_client_answers(world: World) -> None:
    await restricted(world)
    seen = mark((await world.http.get(portal())).text)
    await world.report("192.0.2.7", id="another")
    await world.look(INCIDENT, acknowledged=True)
    answer = await world.http.post(f"{portal()}/fixed", data={"seen": seen})
    assert answer.status_code == 200


async def test_mail_that_stayed_held_is_asked_about_after_the_release(world: World) -> None:
    await restricted(world)
    kept = replace(a_message("q3", HOSTILE), fate=Fate.KEPT)
    gone = replace(a_message("q1"), fate=Fate.DELIVERED)
    async with transaction(world.pool) as connection:
        await connection.execute("UPDATE measures SET wanted = 'lifted'")
        host = await connection.fetchval("SELECT host FROM measures")
        seen = Observation(key="m1", observed=Observed.LIFTED, messages=(gone, kept))
        assert await measures.observe(connection, host, seen)
        await connection.execute("DELETE FROM held_messages WHERE queue_id = 'q2'")
    await world.look(INCIDENT, stage="probation", measure=None)
    page = (await world.http.get(portal())).text
    assert "Mensajes que siguieron retenidos" in html.unescape(page)
    assert 'value="q3"' in page
    assert 'value="q1"' not in page
    assert f"{portal()}/kept-mail" in page
    assert f"{portal()}/fixed" not in page


async def test_the_page_says_how_to_find_the_cause_what_was_written_and_what_was_said(
    world: World,
) -> None:
    await a_full_incident(world)
    await world.look(INCIDENT, stage="restricted", measure=str(HOLD))
    async with transaction(world.pool) as connection:
        body = {
            "kind": "decision",
            "what": "the client says that it is fixed",
            "by": "client ejemplo",
            "reasons": ["un formulario", "accepts: delisting_fee"],
        }
        await audit.append(connection, INCIDENT, [("decision:9", body)])
    page = text(await world.http.get(portal()))
    for shown in ("Localice", "Nuestras cartas", "Lo que nos ha dicho", "un formulario",
                  "Acepto la tarifa", "cláusula 7.3"):  # fmt: skip
        assert shown in page, shown


async def test_a_page_is_light_even_when_it_is_full(world: World) -> None:
    await world.report()
    long = "x" * 200
    await world.hold(INCIDENT, *((f"q{n}", f"{long}{n}@shop.example") for n in range(300)))
    await world.look(INCIDENT, stage="restricted", measure=str(HOLD))
    answer = await world.http.get(portal())
    assert len(answer.content) < 100_000


async def test_having_read_it_is_put_on_record(world: World) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/acknowledge")
    assert answer.status_code == 200
    assert "Consta que ha leído" in text(answer)
    [(incident, act, what, _)] = world.incidents.acts
    assert (incident, act) == (INCIDENT, Act.ACKNOWLEDGE)
    assert what == Acknowledge(by="client ejemplo")


async def test_fixed_is_put_on_record_with_every_choice(world: World) -> None:
    await restricted(world)
    form = {
        "discard_sender": [HOSTILE],
        "discard_message": ["q1", "q2", "q1"],
        "answered": "yes",
        "accept": ["delisting_fee"],
        "note": "un formulario\r\ncon \0 agujero\u202e",
    }
    answer = await world.http.post(f"{portal()}/fixed", data=form)
    assert answer.status_code == 200, answer.text
    [(_, act, what, _)] = world.incidents.acts
    assert act is Act.FIXED
    assert what == Fixed(
        by="client ejemplo",
        note="un formulario\ncon   agujero",
        accepts=(Term.DELISTING_FEE,),
        answered=True,
        discard_senders=(HOSTILE,),
        discard_messages=("q1", "q2"),
    )
    page = text(answer)
    assert "<script>" not in answer.text
    for said in (HOSTILE, "q1, q2", "un formulario", "Los demás mensajes retenidos"):
        assert said in page


async def test_without_an_answer_nothing_is_discarded(world: World) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/fixed", data={"answered": "no"})
    assert answer.status_code == 200
    [(_, _, what, _)] = world.incidents.acts
    assert what == Fixed(by="client ejemplo")
    assert "siguen retenidos" in text(answer)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"discard_message": "q1", "answered": "no"}, "Descartar lo elegido y entregar el resto"),
        ({"discard_message": "q1"}, "Descartar lo elegido y entregar el resto"),
        ({"discard_message": "q9", "answered": "yes"}, "no está entre los mensajes retenidos: q9"),
        ({"discard_sender": "a@b.example", "answered": "yes"}, "a@b.example"),
        ({"accept": "everything"}, "everything"),
        ({"answered": "maybe"}, "maybe"),
        ({"note": "x" * 2_001}, "2000"),
    ],
)
async def test_a_form_that_is_not_the_pages_is_refused(
    world: World, form: dict[str, str], said: str
) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/fixed", data=form, headers=browser())
    assert answer.status_code == 422
    assert said in text(answer)
    assert world.incidents.acts == []


async def test_another_incidents_mail_cannot_be_discarded(world: World) -> None:
    await restricted(world)
    await restricted_in_english(world)
    form = {"discard_message": "q8", "answered": "yes"}
    answer = await world.http.post(f"{portal()}/fixed", data=form)
    assert answer.status_code == 422
    assert world.incidents.acts == []


@pytest.mark.parametrize("content", [b"\xff", b"a=%ff", b"&".join([b"accept=x"] * 1_001)])
async def test_a_form_that_cannot_be_read_is_refused(world: World, content: bytes) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/fixed", content=content)
    assert answer.status_code == 422


async def test_a_form_is_bounded(world: World) -> None:
    await restricted(world)
    answer = await world.http.post(f"{portal()}/fixed", content=b"x" * (LARGEST + 1))
    assert answer.status_code == 413


async def test_a_form_that_is_sent_twice_is_one_act(world: World) -> None:
    await restricted(world)
    for _ in range(2):
        await world.http.post(f"{portal()}/fixed", data={"note": "clean"})
    await world.look(INCIDENT, stage="restricted")  # verified, and not clean: said once more
    await world.http.post(f"{portal()}/fixed", data={"note": "clean"})
    first, second, later = (once for *_, once in world.incidents.acts)
    assert first == second != later


@pytest.mark.parametrize(
    ("incident", "said"),
    [
        (INCIDENT, ["Ahora no es posible", "Estamos verificando", "puede enviar: Estamos en ello"]),
        (ENGLISH, ["Not possible now", "verifying", "can send this now: We are on it"]),
    ],
)
async def test_a_refused_act_is_told_with_the_stage_and_what_is_allowed(
    world: World, incident: str, said: list[str]
) -> None:
    await restricted(world, incident)
    await world.look(incident, stage="verifying")
    world.incidents.fails = Refused('"fixed" is refused at stage "verifying"')
    answer = await world.http.post(f"{portal(incident)}/fixed", headers=browser())
    assert answer.status_code == 409
    for words in said:
        assert words.lower() in text(answer).lower()
    assert (await world.http.post(f"{portal(incident)}/fixed")).json()["status"] == 409


async def test_a_term_that_is_missing_is_named(world: World) -> None:
    await restricted(world)
    await world.look(INCIDENT, conditions=["cause_fixed", "authenticated_smtp_only"])
    world.incidents.fails = Refused("not accepted yet: authenticated_smtp_only")
    answer = await world.http.post(f"{portal()}/fixed", headers=browser())
    assert "solo por SMTP autenticado" in text(answer)
    assert "localizada y corregida" not in text(answer)


@pytest.mark.parametrize("error", [NoSuchIncident("not yet"), EngineAway("no worker")])
async def test_when_the_workflow_does_not_answer_the_client_is_asked_to_repeat(
    world: World, error: Exception
) -> None:
    await restricted(world)
    world.incidents.fails = error
    answer = await world.http.post(f"{portal()}/acknowledge", headers=browser())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "Envíe lo mismo de nuevo" in text(answer)


async def test_many_held_messages_are_cut_but_every_sender_is_offered(world: World) -> None:
    await world.report()
    loud = [(f"q{n}", "loud@shop.example") for n in range(400)]
    await world.hold(INCIDENT, *loud, ("last", "quiet@shop.example"))
    await world.look(INCIDENT, stage="restricted", measure=str(HOLD))
    page = text(await world.http.get(portal()))
    assert "50 / 401" in page
    assert 'value="quiet@shop.example"' in page
