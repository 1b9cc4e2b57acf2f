"""What may be done to an incident at each stage, and how it is named."""

import pytest

from domain.incident import Act, Refusal, Stage, acts_at, admit, incident_id, is_service_id

ALWAYS = {
    Act.CREDIT,
    Act.DISPUTE,
    Act.SETTLE,
    Act.ACKNOWLEDGE,
    Act.WAIVE,
    Act.CONTEST,
    Act.FALSE_POSITIVE,
    Act.CALL_OUTCOME,
    Act.CLOSE,
}
MOVING = {Act.EXTEND, Act.SHORTEN}
AT: dict[Stage, set[Act]] = {
    Stage.OPEN: ALWAYS | {Act.FIXED},
    Stage.NOTIFIED: ALWAYS | MOVING | {Act.FIXED, Act.ESCALATE},
    Stage.WAITING: ALWAYS | MOVING | {Act.FIXED, Act.ESCALATE},
    Stage.RESTRICTED: ALWAYS | {Act.FIXED, Act.ESCALATE, Act.RELEASE},
    Stage.VERIFYING: ALWAYS | {Act.RELEASE},
    Stage.DELISTING: ALWAYS | {Act.KEPT_MAIL},
    Stage.PROBATION: ALWAYS | {Act.KEPT_MAIL},
    Stage.CLOSED: set(),
}


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_admits_its_acts_in_their_order(stage: Stage) -> None:
    acts = acts_at(stage)
    assert set(acts) == AT[stage]
    assert list(acts) == [act for act in Act if act in acts]


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("act", Act)
def test_what_a_stage_does_not_admit_is_refused_with_what_is_allowed(
    act: Act, stage: Stage
) -> None:
    if act in AT[stage]:
        admit(act, stage)
        return
    with pytest.raises(Refusal) as refused:
        admit(act, stage)
    assert (refused.value.act, refused.value.stage) == (act, stage)
    allowed = ", ".join(acts_at(stage)) or "nothing, it is closed"
    said = f'"{act}" is refused at stage "{stage}"; allowed now: {allowed}'
    assert str(refused.value) == said


def test_a_refusal_can_say_why() -> None:
    assert "(ask the client)" in str(Refusal(Act.FIXED, Stage.WAITING, "ask the client"))


@pytest.mark.parametrize("text", ["a", "vps-1", "mx1.provider.example", "0", "a" * 63])
def test_a_service_is_named_as_a_host_is(text: str) -> None:
    assert is_service_id(text)
    assert incident_id(text, 2) == f"incident-{text}-2"


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", ".a", "VPS", "a b", "a/b", "a\n", "a%2f", "ñ", "a_b", "a" * 64]
)
def test_what_would_not_fit_an_address_of_a_page_is_no_service(text: str) -> None:
    assert not is_service_id(text)
