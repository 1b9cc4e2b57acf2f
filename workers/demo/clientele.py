"""Who the demo is about: one provider's client in Spain, with a managed VPS and a contract."""

HOST = "mx1.provider.example"
ADDRESS = "203.0.113.25"
"""The VPS's address (RFC 5737): reports name it, and the blocklist lists it."""
CLIENT = "taller@cliente.example"
MAILBOX = "ventas@tienda.example"
"""The compromised mailbox of the client's client."""
NEIGHBOUR = "hola@otra.example"
"""A mailbox on the same server that nobody has broken into."""
INCIDENT = "incident-vps-7-1"

_FILE = """\
hosts:
  {host}:
clients:
  cliente:
    name: Hosting Cliente SL
    kind: business
    language: {language}
    contacts: [{client}]
    phone: "+34 600 000 000"
    contracts:
      cliente-2026:
        clause: "7.3"
        jurisdiction: ES
        deadline: {deadline}s
        measures: [{measures}]
        containment: {containment}
        reminders: [2s]
        chasers: [1d]
        probation: {probation}s
        prices:
          delisting_first: 50.00 EUR
          delisting_again: 150.00 EUR
          smarthost_per_thousand: 4.00 EUR
          smarthost_minimum: 10.00 EUR
          dedicated_address_monthly: 25.00 EUR
    services:
      vps-7:
        kind: managed_vps
        host: {host}
        addresses: [{address}]
"""


def clientele(
    *, measures: str, containment: bool, deadline: int, probation: int, language: str = "en"
) -> str:
    """The file that `plazo import` would be given; spans in seconds instead of hours and days."""
    return _FILE.format(
        host=HOST,
        client=CLIENT,
        address=ADDRESS,
        measures=measures,
        containment="true" if containment else "false",
        deadline=deadline,
        probation=probation,
        language=language,
    )
