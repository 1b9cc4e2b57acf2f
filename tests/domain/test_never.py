"""What the program has no words for: passwords, inbound mail, and a sub-client's account.

A name is what code, tables, templates and pages call a thing by. None of them may be able to say
what the provider must never do; sentences about it, in comments and letters, may.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

ROOT = Path(__file__).parents[2]
NEVER = {
    "password", "passwords", "passwd", "passphrase", "pwd", "credential", "credentials", "inbound",
    "incoming", "subclient", "subclients", "subuser", "mailbox", "mailboxes", "imap", "pop3",
}  # fmt: skip
NEVER_TOGETHER = [
    {"sub", "client"}, {"sub", "clients"}, {"sub", "account"}, {"sub", "user"}, {"end", "user"},
    {"reset"}, {"mail", "box"}, {"delete", "account"}, {"edit", "account"}, {"read", "account"},
    {"receive", "limit"}, {"suspend", "domain"}, {"suspend", "server"}, {"suspend", "mailbox"},
    {"hold", "mailbox"}, {"limit", "mailbox"}, {"block", "mailbox"}, {"delete", "mailbox"},
]  # fmt: skip
MARKUP = re.compile(r"""\b(?:name|id|action|formaction|href)=["']?([^"'>\s]+)""")


SPOKEN_OUTSIDE = frozenset({"mailbox", "mailboxes", "credential", "credentials"})
"""What an RFC calls the left of an `@`, and FastAPI an agent's key; no rule is spoken in these."""


OUR_OWN_DOOR = {
    "gateway/keys.py": {"password", "passwords"},  # by which a reporter proves itself
    "gateway/verification.py": {"password", "passwords"},
    "gateway/mail/account.py": {"imap"},  # the provider's own abuse mailbox
    "gateway/mail/box.py": {"password"},
    "gateway/mail/imap.py": {"password", "imap"},
    "gateway/mail/metrics.py": {"imap"},
}
"""Files that open the provider's own door, and the words that they need for it."""


CALLED_SO = {"passwd_client", "passwd.client", "incoming", "smtp_sasl_password_maps"}
"""What Exim calls its file of logins at smarthosts, Postfix its queue of new mail, whoever sent it,
and its table of logins at smarthosts: settings of theirs, and no act of ours."""


READS_A_REPORT = {"canonical_mailbox"}
"""The spelling of an address that a report names (RFC 5321 §2.3.11), which nothing acts upon."""


def words_of(name: str) -> set[str]:
    """The words of an identifier, a path or a value: `resetPassword`, `/v1/sub-clients`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return {word.lower() for word in re.findall(r"[A-Za-z0-9]+", parted)}


def forbidden(name: str, *, allowed: frozenset[str] = frozenset()) -> bool:
    words = words_of(name)
    return bool(words & NEVER - allowed) or any(pair <= words for pair in NEVER_TOGETHER)


def names_in_python(source: str) -> Iterator[str]:
    """Every name that is defined or bound, each enumeration's values, and the paths of an API."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name):
                yield name
            case (
                ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Constant(value=str(text)) if re.fullmatch(r"[/\w{}.:-]{1,80}", text):
                yield text


def names_in_sql(source: str) -> Iterator[str]:
    """Every word outside comments: tables, columns, functions, and the values that checks admit."""
    yield from re.findall(r"\w+", re.sub(r"--[^\n]*", "", source))


def names_in_template(source: str) -> Iterator[str]:
    """What Jinja looks up or defines, and what a page's forms and links are called."""
    for _, kind, text in jinja2.Environment(autoescape=True).lex(source):
        if kind == "name":
            yield text
        elif kind == "data":
            yield from MARKUP.findall(text)


def python_files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def template_files() -> list[Path]:
    everything = (ROOT / "templates").rglob("*")
    return sorted(path for path in everything if path.suffix in (".txt", ".html"))


@pytest.mark.parametrize(
    "path", python_files("domain", "templates"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_type_field_or_value_of_the_rules_can_say_it(path: Path) -> None:
    names = {*names_in_python(path.read_text()), path.stem} - READS_A_REPORT
    assert sorted(filter(forbidden, names)) == []


@pytest.mark.parametrize(
    "path",
    python_files("workflows", "gateway", "agents/mta"),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_public_name_and_no_path_of_an_api_can_say_it(path: Path) -> None:
    public = {name for name in names_in_python(path.read_text()) if not name.startswith("_")}
    door = OUR_OWN_DOOR.get(str(path.relative_to(ROOT)), set())
    names = {*public, path.stem} - CALLED_SO
    assert sorted(name for name in names if forbidden(name, allowed=SPOKEN_OUTSIDE | door)) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "infra/migrations").glob("*.sql")), ids=lambda path: path.name
)
def test_no_table_or_column_can_say_it(path: Path) -> None:
    assert sorted(filter(forbidden, set(names_in_sql(path.read_text())))) == []


@pytest.mark.parametrize("path", template_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_can_say_it(path: Path) -> None:
    names = [*names_in_template(path.read_text()), path.stem]
    assert sorted(filter(forbidden, set(names))) == []


def test_there_is_something_to_look_at() -> None:
    domain = {path.name for path in python_files("domain")}
    assert {"measures.py", "hosts.py", "acts.py", "steps.py", "parties.py"} <= domain
    assert list((ROOT / "infra/migrations").glob("*.sql"))
    assert python_files("gateway")
    assert template_files()


@pytest.mark.parametrize(
    "source",
    [
        "class ResetPassword: ...",
        "class SubClient: ...",
        "class Service:\n    sub_client: str",
        "class Measure(StrEnum):\n    LIMIT = 'limit_inbound'",
        "class Scope(StrEnum):\n    MAILBOX = 'box'",
        "def suspend_mailbox(): ...",
        "async def read_account(): ...",
        "def hold(*, inbound): ...",
        "hold(incoming=True)",
        "self.passwd = 1",
        "@router.post('/v1/services/{id}/credentials')\ndef change(): ...",
        "@router.get('/v1/sub-clients')\ndef all(): ...",
    ],
)
def test_python_that_says_it_would_be_found(source: str) -> None:
    assert list(filter(forbidden, names_in_python(source)))


@pytest.mark.parametrize(
    "source",
    [
        "CREATE TABLE sub_clients (id text);",
        "ALTER TABLE services ADD COLUMN account_password text;",
        "CHECK (measure IN ('rate_limit', 'limit_inbound'))",
    ],
)
def test_a_table_that_says_it_would_be_found(source: str) -> None:
    assert list(filter(forbidden, names_in_sql(source)))


@pytest.mark.parametrize(
    "source",
    [
        "{{ page.sub_client }}",
        "{% macro reset_password(page) %}{% endmacro %}",
        '<input name="password">',
        '<form action="/v1/mailboxes/suspend">',
    ],
)
def test_a_template_that_says_it_would_be_found(source: str) -> None:
    assert list(filter(forbidden, names_in_template(source)))


@pytest.mark.parametrize(
    "name",
    [
        "suspend_account_smtp",
        "MailHost",
        "/v1/agent/desired",
        "hold_domain",
        "client",
        "PortalPage",
    ],
)
def test_what_the_policy_allows_has_its_name(name: str) -> None:
    assert not forbidden(name)


def test_prose_may_say_what_is_never_done() -> None:
    assert not list(filter(forbidden, names_in_python('"""Never a password of a sub-client."""')))
    assert not list(filter(forbidden, names_in_sql("-- never inbound mail")))
    assert not list(filter(forbidden, names_in_template("<p>No password, {{ page.name }}</p>")))
