"""Everything outside of Plazo that an incident touches, real and on loopback."""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from workers.demo import postfix_host
from workers.demo.arf import arf_report
from workers.demo.blocklist import BlocklistServer
from workers.demo.clientele import ADDRESS, MAILBOX, NEIGHBOUR
from workers.demo.embedded_host import EmbeddedHost
from workers.demo.inbox import Inbox
from workers.demo.postfix_host import PostfixHost
from workers.demo.smarthost import Smarthost
from workers.demo.timeline import NotSeen

ZONE = "bl.example"
REPORTER = "feedback.example"


@dataclass(frozen=True, kw_only=True)
class World:
    """`internet` gets what the mail host and the smarthost send, `client` what Plazo writes."""

    internet: Inbox
    client: Inbox
    smarthost: Smarthost
    blocklist: BlocklistServer
    host: PostfixHost | EmbeddedHost
    webhook_key: str

    def settings(self) -> dict[str, str]:
        """What Plazo needs to know of this world."""
        return {
            "PLAZO_PROVIDER": "Proveedor SL",
            "PLAZO_REPLY_TO": "abuse@provider.example",
            "PLAZO_SMTP_URL": f"smtp://{self.client.address}",
            "PLAZO_REPORTERS": f"{REPORTER}={self.webhook_key}",
            "PLAZO_BLOCKLISTS": ZONE,
            "PLAZO_DNS": self.blocklist.address,
            "PLAZO_SMARTHOST": self.smarthost.address,
            "PLAZO_NEWS_INTERVAL": "0.3s",
            "PLAZO_CONFIRM": "20s",
            "PLAZO_VERIFY": "1s",
            "PLAZO_LOOK_AGAIN": "2s",
        }

    async def spam(self, subject: str, *, by_script: bool = False) -> None:
        """The compromised mailbox sends one more, by SMTP or as a web site's script does."""
        message = letter(MAILBOX, "victim@elsewhere.example", subject)
        submit = self.host.submit_locally if by_script else self.host.submit
        await submit(MAILBOX, ["victim@elsewhere.example"], message)

    async def neighbour(self, subject: str) -> None:
        """Honest mail from the same server."""
        message = letter(NEIGHBOUR, "friend@elsewhere.example", subject)
        await self.host.submit(NEIGHBOUR, ["friend@elsewhere.example"], message)

    async def inbound(self, subject: str) -> None:
        """Mail for the compromised mailbox, from outside."""
        await self.host.submit(
            "customer@elsewhere.example", [MAILBOX],
            letter("customer@elsewhere.example", MAILBOX, subject),
        )  # fmt: skip

    async def report(self, gateway: str, subject: str) -> str:
        """A mailbox provider reports spam, ARF over the signed webhook; what it is on record as."""
        now = datetime.now(UTC)
        content = arf_report(
            letter(MAILBOX, "victim@elsewhere.example", subject),
            mail_from=MAILBOX,
            recipient="victim@elsewhere.example",
            arrived=now,
            source_ip=ADDRESS,
        )
        name = f"msg_{secrets.token_hex(8)}"
        signature = Webhook(self.webhook_key).sign(name, now, content.decode())
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{gateway}/v1/reports",
                params={"reporter": REPORTER},
                content=content,
                headers={
                    "content-type": "message/rfc822",
                    "webhook-id": name,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": signature,
                },
            )
        if answer.status_code != httpx.codes.ACCEPTED:
            raise NotSeen(f"the gateway answered {answer.status_code}: {answer.text}")
        return str(json.loads(answer.text)["report"])

    async def queue_of(self, sender: str, held: bool | None = None) -> list[str]:
        """The queue ids of a sender's messages on the mail host; only held, or only not."""
        return [
            entry["queue_id"]
            for entry in await self.host.queue()
            if entry["sender"] == sender and held in (None, entry["queue_name"] == "hold")
        ]

    def arrived(self, subject: str) -> int:
        """How often a message has arrived in the world outside."""
        return self.internet.subjects().count(subject)


def letter(sender: str, recipient: str, subject: str) -> EmailMessage:
    """A short message."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Message-ID"] = f"<{secrets.token_hex(8)}@{sender.rpartition('@')[2]}>"
    message.set_content("Only today!\n")
    return message


@asynccontextmanager
async def a_world(say: Callable[[str], None]) -> AsyncIterator[World]:
    """Build it up and take it down. `say` is told which mail host it is."""
    key = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    async with (
        Inbox(name="internet.example") as internet,
        Inbox(name="mail.provider.example") as client,
        Smarthost(next_hop=internet.address) as smarthost,
        BlocklistServer(ZONE) as blocklist,
        _host(internet.address, say) as host,
    ):
        yield World(
            internet=internet,
            client=client,
            smarthost=smarthost,
            blocklist=blocklist,
            host=host,
            webhook_key=key,
        )


@asynccontextmanager
async def _host(
    next_hop: str, say: Callable[[str], None]
) -> AsyncIterator[PostfixHost | EmbeddedHost]:
    domain = MAILBOX.rpartition("@")[2]
    why = postfix_host.available()
    kind: type[PostfixHost | EmbeddedHost] = PostfixHost if why is None else EmbeddedHost
    async with kind(next_hop=next_hop, local_domain=domain) as host:
        say(f"The mail host is {host.name}" + (f" ({why})." if why else "."))
        yield host


def agent_state(home: Path) -> Path:
    """Where the demo's host agent remembers."""
    folder = home / "agent"
    folder.mkdir(exist_ok=True)
    return folder
