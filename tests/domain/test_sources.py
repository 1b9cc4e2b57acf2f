"""A source's file: what every line means, and every mistake told by its line."""

import pytest

from domain.clientele.document import Unreadable
from domain.clientele.sources import read_source
from domain.parties import ClientKind, Jurisdiction, Language, ServiceKind
from tests.domain.sources import EXAMPLE, a_source


def test_the_documentations_source_is_read() -> None:
    source = a_source()
    assert (source.kind, source.name) == ("whmcs", "billing")
    assert (source.companies, source.persons) == (ClientKind.BUSINESS, ClientKind.RESIDENTIAL)
    assert source.countries["US"].jurisdiction is Jurisdiction.US
    assert source.countries["ES"].language is Language.ES
    product = source.products["Cloud without agent"]
    assert product is not None
    assert (product.kind, product.agent) == (ServiceKind.MANAGED_CLOUD, False)
    assert source.products["Domain names"] is None
    assert list(source.contracts) == ["managed", "bare", "hosting"]


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("name: billing", "name: Billing", "cannot be a name here"),
        ("name: billing", f"name: {'b' * 30}", "too long to stand in front of ids"),
        ("address: https", "address: http", "must stay secret"),
        ("  ES: {", "  Spain: {", "ISO 3166-1"),
        ("language: es", "language: fr", 'no letters in "fr"'),
        ("kind: shared, contract: hosting", "kind: shared, contract: hostin", "mean hosting"),
        ("kind: unmanaged", "kind: unmanged", "did you mean unmanaged"),
        ("  Domain names: ignored", "  Domain names: nothing", "is not a mapping"),
        ("    deadline: 1d", "    deadline: soon", "soon"),
        ("from: whmcs", "country: PT", "has no from"),
        ("from: whmcs", "from: whmcs\ncountry: PT", "PT is not below countries"),
        ("from: whmcs", "from: whmcs\nbilling: other", "unknown billing backend"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(line: str, instead: str, told: str) -> None:
    text = EXAMPLE.read_text()
    assert line in text
    with pytest.raises(Unreadable) as refused:
        read_source(
            text.replace(line, instead, 1), languages=(Language.EN, Language.ES),
            backends=("ledger", "whmcs"),
        )  # fmt: skip
    assert any(told in each for each in refused.value.errors), refused.value.errors
