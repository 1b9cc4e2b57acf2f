"""The client's portal: one incident, in its client's language, and what can be said there."""

import html
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.acts import Acknowledge, Fixed
from domain.incident import Act
from domain.ladder import Term
from domain.letters.links import incident_of, portal_token
from gateway.forms import LARGEST
from gateway.incidents import EngineAway, NoSuchIncident, Refused
from tests.gateway.world import HOLD, HOSTILE, INCIDENT, PORTAL_SECRET, World, portal

ENGLISH = "incident-vps-2-1"


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
    token = portal_token(PORTAL_SECRET, INCIDENT)
    assert incident_of(PORTAL_SECRET, token) == INCIDENT
    assert incident_of("another secret", token) is None
    assert portal_token(PORTAL_SECRET, INCIDENT) == token
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    name, _, signature = token.rpartition(".")
    for wrong in ("", ".", name, f"{name}.", f"{name}0.{signature}", f".{signature}", f"{token}=",
                  token[:-1], f"{token}é", "\0"):  # fmt: skip
        assert incident_of(PORTAL_SECRET, wrong) is None


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
    assert "<script" not in answer.text
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
    for path in (f"{portal()}/acknowledge", f"{portal()}/fixed"):
        assert (await world.http.get(path)).status_code == 405
    assert world.incidents.acts == []


@pytest.mark.parametrize("path", ["", "/acknowledge", "/fixed"])
@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_link_that_we_did_not_sign_opens_nothing(
    world: World, path: str, language: str
) -> None:
    method = "POST" if path else "GET"
    for token in ("wrong", portal_token("another secret", INCIDENT), "%00", "%ff"):
        answer = await world.http.request(method, f"/c/{token}{path}", headers=browser(language))
        assert answer.status_code == 404
        assert {"en": "shows nothing", "es": "ya no muestra nada"}[language] in text(answer)
    assert world.incidents.acts == []


async def test_a_signed_link_of_no_incident_opens_nothing(world: World) -> None:
    assert (await world.http.get(portal("incident-vps-1-99"))).status_code == 404


@pytest.mark.parametrize("path", ["", "/acknowledge", "/fixed"])
async def test_the_link_of_a_closed_incident_opens_nothing_any_more(
    world: World, path: str
) -> None:
    await restricted(world)
    await world.look(INCIDENT, stage="closed")
    answer = await world.http.request("POST" if path else "GET", portal() + path)
    assert answer.status_code == 410
    assert "ya no muestra nada" in text(answer)
    assert "q1" not in answer.text
    assert world.incidents.acts == []


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
    assert "<script" not in answer.text
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
        (INCIDENT, ["Ahora no es posible", "Estamos verificando", "puede enviar: Lo he leído"]),
        (ENGLISH, ["Not possible now", "verifying", "can send this now: I have read this"]),
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
    assert "200 / 401" in page
    assert 'value="quiet@shop.example"' in page
