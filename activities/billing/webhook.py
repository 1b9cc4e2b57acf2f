"""Any other billing system: one signed request for each entry, as Standard Webhooks has it.

    POST PLAZO_BILLING_WEBHOOK
    webhook-id, webhook-timestamp, webhook-signature
    {"type": "ledger.entry", "timestamp": "…", "data": {"key": …, "amount": "-25.00", …}}

(github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md). `webhook-id` is the
same for every attempt of an entry, so the receiver takes it once: 2xx with `{"id": …}` gives its
own id, 409 with the same says that it had it already. 429 and 5xx are tried again, any other answer
is a refusal for a person to look at, with the answer's `detail`, `error` or `message`.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from activities.billing.http import Client
from activities.billing.port import Backend, Refused, register
from activities.billing.wording import line_of
from domain.money.billing import Outgoing, There


class Webhook:
    """Posts to `url`, signed with `secret` (whsec_ and base64)."""

    settles = 0.0
    needs_id = False

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._signer = Signer(secret)
        self._client = Client()

    async def find(self, what: Outgoing) -> str | None:
        """By sending it again: the receiver takes an id once, and says what it has it as."""
        return await self.send(what)

    async def send(self, what: Outgoing) -> str:
        """Raises Refused for every answer that no retry will change."""
        name, now = message_id(what.entry.key), datetime.now(UTC).replace(microsecond=0)
        body = json.dumps(
            {"type": "ledger.entry", "timestamp": now.isoformat(), "data": _spelled(what)}
        )
        answer = await self._client.request(
            "the billing webhook", "POST", self._url,
            content=body.encode(),
            headers={
                "content-type": "application/json",
                "webhook-id": name,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._signer.sign(name, now, body),
            },
        )  # fmt: skip
        said = _object(answer.content)
        if answer.is_success or answer.status_code == 409:
            return str(said.get("id") or name)
        why = next((said[name] for name in ("detail", "error", "message") if said.get(name)), "")
        raise Refused(
            f"the billing webhook answered {answer.status_code}: "
            f"{str(why)[:300] or 'it does not say why'}; see to it at the receiver",
            everywhere=answer.status_code in (401, 403, 404, 405, 410),
        )

    async def there(self, account: str, since: datetime) -> tuple[There, ...] | None:
        return None

    def lists(self, far_id: str) -> bool:
        return False

    async def check(self) -> str:
        answer = await self._client.request("the billing webhook", "OPTIONS", self._url)
        return f"the billing webhook's server answers ({answer.status_code})"

    async def close(self) -> None:
        await self._client.close()


def message_id(key: str) -> str:
    """The same for every attempt, and without the dots that an entry's key may have."""
    return f"plazo_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _spelled(what: Outgoing) -> dict[str, object]:
    """Amounts are decimal text in the currency's major unit; negative for what is taken back."""
    entry = what.entry
    return {
        "key": entry.key,
        "entry": entry.entry,
        "of": entry.of,
        "incident": entry.incident,
        "client": entry.client,
        "account": what.account,
        "contract": entry.contract,
        "clause": entry.clause,
        "kind": entry.kind,
        "quantity": f"{entry.quantity:f}",
        "unit": entry.unit,
        "unit_price": f"{entry.unit_price:f}",
        "amount": f"{entry.amount.amount:f}",
        "currency": entry.amount.currency,
        "description": line_of(entry),
        "reason": entry.reason,
        "by": entry.by,
        "evidence": [{"what": each.what, "ref": each.ref} for each in entry.evidence],
        "entered_at": entry.entered_at.isoformat(),
    }


def _object(content: bytes) -> dict[str, object]:
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


@register("webhook")
def webhook(access: Mapping[str, str]) -> Backend | None:
    url, secret = (access.get(f"PLAZO_BILLING_WEBHOOK{end}") for end in ("", "_SECRET"))
    if not url and not secret:
        return None
    if not url or not secret:
        raise ValueError("the webhook needs PLAZO_BILLING_WEBHOOK and PLAZO_BILLING_WEBHOOK_SECRET")
    return Webhook(url, secret)
