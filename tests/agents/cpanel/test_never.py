"""No call of cPanel's that acts on less than an account, or on anything but outgoing mail."""

import ast
import re
from pathlib import Path

import pytest

from agents.mta.cpanel.whm import Calls, Function

SOURCES = sorted((Path(__file__).parents[3] / "agents/mta/cpanel").glob("*.py"))
SMALLER_OR_OTHER = re.compile(
    r"""execute/|uapi|cpanel_jsonapi|api2?_|hold_outgoing\b|release_outgoing\b|suspend_outgoing\b
    |unsuspend_outgoing\b|suspend_incoming|suspend_login|suspendacct|passwd|list_pops|Email::|pop\b
    |delete_held|remove_.*queue|purge_.*queue|modifyacct|removeacct|expunge|session""",
    re.VERBOSE | re.IGNORECASE,
)


def strings(source: str) -> set[str]:
    """Every string of the code; docstrings may say what is not done."""
    tree = ast.parse(source)
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    }


def test_this_is_all_that_can_be_asked_of_whm() -> None:
    assert {each.value for each in Function} == {
        "hold_outgoing_email", "release_outgoing_email", "suspend_outgoing_email",
        "unsuspend_outgoing_email", "accountsummary", "getdomainowner", "get_domain_info",
        "fetch_mail_queue",
    }  # fmt: skip


def test_no_verb_takes_a_function_or_an_address() -> None:
    public = {name for name in vars(Calls) if not name.startswith("_")}
    assert public == {
        "hold", "release", "suspend", "unsuspend", "summary", "owner", "domains", "queue",
    }  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_call_on_one_address_or_a_password_is_spelled(path: Path) -> None:
    assert not [text for text in strings(path.read_text()) if SMALLER_OR_OTHER.search(text)]


@pytest.mark.parametrize(
    "call",
    [
        '"hold_outgoing"', '"https://h:2083/execute/Email/suspend_outgoing"', '"uapi_cpanel"',
        '"suspendacct"', '"passwd"', '"list_pops_for"', '{"cpanel_jsonapi_module": "Email"}',
        '"suspend_login"', '"remove_messages_mail_queue"', '"create_user_session"',
    ],
)  # fmt: skip
def test_such_a_call_would_be_found(call: str) -> None:
    assert [text for text in strings(f"x = {call}") if SMALLER_OR_OTHER.search(text)]


def test_there_is_something_to_look_at() -> None:
    assert {path.name for path in SOURCES} == {
        "__init__.py",
        "queue.py",
        "server.py",
        "taken.py",
        "whm.py",
    }
