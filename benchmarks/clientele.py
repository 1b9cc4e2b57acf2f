"""As many direct clients as incidents are wanted: each with a contract, a server and an address.

One incident for each client: a second one of the same client would meet a harder rung.
"""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

from book.intake.intake import Received
from domain.clientele.file import Clientele, read_clientele
from domain.incident import incident_id
from domain.intake.complaints import Complaint
from workers.demo.clientele import MAILBOX, clientele

REPORTER = "feedback.example"

_FIRST_ADDRESS = IPv4Address("198.18.0.1")
"""Of the 131,072 that are set aside for benchmarks (RFC 2544)."""


def service(number: int) -> str:
    """The server of client `number`."""
    return f"vps-{number}"


def address(number: int) -> str:
    """Where its mail leaves from."""
    return str(_FIRST_ADDRESS + number)


def incident(number: int) -> str:
    """Its one incident, and the workflow's id."""
    return incident_id(service(number), 1)


def clients(
    numbers: range,
    *,
    measures: str,
    deadline: int,
    reminder: int,
    probation: int,
    containment: bool = False,
) -> Clientele:
    """The demo's client over and over; spans in seconds."""
    text = clientele(
        measures=measures, containment=containment, deadline=deadline, probation=probation
    )
    one = read_clientele(text.replace("reminders: [2s]", f"reminders: [{reminder}s]"))
    [host], [client], [signed], [rented] = one.hosts, one.clients, one.contracts, one.services
    return Clientele(
        hosts=tuple(replace(host, id=f"mx-{n}.example") for n in numbers),
        clients=tuple(replace(client, id=f"client-{n}") for n in numbers),
        contracts=tuple(
            replace(
                signed,
                contract=replace(
                    signed.contract, id=f"contract-{n}", client=f"client-{n}"
                ),
            )
            for n in numbers
        ),
        services=tuple(
            replace(
                rented, id=service(n), client=f"client-{n}", host=f"mx-{n}.example",
                addresses=(f"{address(n)}/32",),
            )
            for n in numbers
        ),
    )  # fmt: skip


def report(number: int) -> Received:
    """The complaint that opens the incident of client `number`."""
    complaint = Complaint(
        format="arf", sent_at=datetime.now(UTC), address=address(number),
        domain=MAILBOX.rpartition("@")[2], sender=MAILBOX,
        headers=("Subject: Only today!", "Date: Tue, 24 Nov 2026 10:00:00 +0000"),
    )  # fmt: skip
    return Received(
        id=f"complaint-{number}",
        reporter=REPORTER,
        content=f"Feedback-Type: abuse\nSource-IP: {address(number)}\n".encode(),
        media_type="message/rfc822",
        complaints=(complaint,),
    )
