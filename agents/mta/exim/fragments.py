"""What Exim's configuration gets of us, once: fixed text that looks a few small files up live.

Four files, which `.include_if_exists` lines of the administrator's own configuration bring in (see
docs/measures.md). Without them, as on the day when the agent is removed, Exim works as before.

**A hold** is a router in front of all others that hands outgoing mail to a transport whose
`message_size_limit` is no number: "if the result is not of the required form, delivery is deferred"
(The Exim Specification, generic transport options). Unlike `:defer:` in a redirection or a freeze,
that leaves no retry data behind, so that held mail never times out and bounces, and other senders'
mail to the same recipients keeps its own pace; and unlike `hold_domains` it is not passed by with
`exim -M` or `-qff`. What the transport would run if Exim ever changed its mind defers as well.

**A rate limit** is the same transport behind Exim's own `ratelimit` counters, which are kept in the
spool and so outlive everybody. Each counts ten minutes, its decay put off for a year; what the six
before it have let pass is taken off the limit, so that no hour has more. A message counts once in
its ten minutes, whatever the number of its recipients, and again when it is attempted later.

**A redirect** is a transport that speaks to handover.py, which Exim starts for each connection and
which speaks to the smarthost: what that refuses waits, and no part of Plazo has to be up.

Senders and recipients choose what is looked up, never what is expanded: a lookup's key and an ACL's
argument are not expanded again.
"""

import sys
from pathlib import Path

from agents.mta.exim import handover

ROUTES = "routes"
"""What becomes of a sender domain's outgoing mail: `hold`, or the smarthost to hand it to."""
RATES = "rates"
"""How many messages of a sender domain may leave in an hour, and what they are counted under."""
LOGINS = "logins"
"""The smarthosts' logins, by host, where handover.py looks them up."""
HANDOVER = "handover.py"
"""The copy of that program which Exim's user can read."""
AUTHENTICATED_ONLY = "authenticated-only"
"""While this file exists, who does not authenticate sends nothing to the outside."""
OWN_OPTIONS = "smarthost-options"
"""The administrator's: further options of the transport to smarthosts, such as `dkim_domain`."""

HOLD, SMARTHOST = "plazo_hold", "plazo_smarthost"
"""Names of routers and transports, as they are in the log."""


def fragments(folder: Path, own: tuple[str, ...]) -> dict[str, str]:
    """File name to text, in the order in which they are written: what is named comes first.

    `folder` has the files to look up, `own` the named lists of the domains that the host receives
    for.
    """
    names = {
        "ROUTE": _ROUTE,
        "RATES": str(folder / RATES),
        "ROUTES": str(folder / ROUTES),
        "ONLY": str(folder / AUTHENTICATED_ONLY),
        "HERE": handover.HERE,
        "HANDOVER": f"{_python()} -I -S {folder / HANDOVER}",
        "OPTIONS": str(folder / OWN_OPTIONS),
        "OTHERS": " : ".join(f"! +{name}" for name in own),
        "OWN": " : ".join(f"+{name}" for name in own),
    }
    texts = {
        "acl.conf": _COUNT + _ACL,
        "hooks.conf": _HOOKS,
        "transports.conf": _TRANSPORTS,
        "routers.conf": _ROUTERS,
    }
    for name, value in names.items():
        texts = {file: text.replace(f"@{name}@", value) for file, text in texts.items()}
    program = Path(handover.__file__).read_text()
    return {HANDOVER: program} | {file: _HEAD + text for file, text in texts.items()}


def _python() -> Path:
    """One that Exim's user can run: ours may lie in a home folder."""
    ours, systems = Path(sys.executable).resolve(), Path("/usr/bin/python3")
    to_all = all(each.stat().st_mode & 0o001 for each in (ours, *ours.parents))
    return ours if to_all or not systems.exists() else systems


_HEAD = "# Written by the Plazo host agent; changes are undone.\n"

_ROUTE = "${if exists{@ROUTES@}{${lookup{$sender_address_domain}lsearch*{@ROUTES@}}}}"

_ROUTERS = r"""
plazo_hold:
  driver = accept
  domains = @OTHERS@
  condition = ${if eq{@ROUTE@}{hold}}
  transport = plazo_hold
  no_verify
  no_expn
  no_address_test

plazo_limit_domain:
  driver = accept
  domains = @OTHERS@
  condition = ${if exists{@RATES@}{${lookup{$sender_address_domain}lsearch{@RATES@}\
    {${if acl{{plazo_over}{${extract{1}{/}{$value}}}{${extract{2}{/}{$value}}}}}}}}}
  transport = plazo_limit
  no_verify
  no_expn
  no_address_test

plazo_limit_server:
  driver = accept
  domains = @OTHERS@
  condition = ${if exists{@RATES@}{${lookup{*}lsearch{@RATES@}\
    {${if acl{{plazo_over}{${extract{1}{/}{$value}}}{${extract{2}{/}{$value}}}}}}}}}
  transport = plazo_limit
  no_verify
  no_expn
  no_address_test

plazo_smarthost:
  driver = manualroute
  domains = @OTHERS@
  address_data = @ROUTE@
  condition = ${if match{@ROUTE@}{\N^relay/\N}}
  route_data = @HERE@
  transport = plazo_smarthost
  self = send
  no_verify
  no_expn
  no_address_test
  no_more

"""

_TRANSPORTS = r"""
plazo_hold:
  driver = pipe
  command = /bin/false
  temp_errors = *
  message_size_limit = held until a measure of Plazo ends

plazo_limit:
  driver = pipe
  command = /bin/false
  temp_errors = *
  message_size_limit = over the hourly limit of a measure of Plazo

plazo_smarthost:
  driver = smtp
  port = ${run{@HANDOVER@ $address_data $primary_hostname}{$value}{1}}
  hosts_avoid_tls = *
  headers_remove = <, ${extract{4}{/}{$address_data}}
  headers_add = ${reduce{<, ${extract{4}{/}{$address_data}}}{}{$value$item: \
    ${sg{${if def:authenticated_id{$authenticated_id}{$sender_address}}}{\N[^[:print:]]\N}{}}\n}}
.include_if_exists @OPTIONS@

"""

_KEY = "unique=$message_exim_id/plazo-$acl_arg2-${eval10:$tod_epoch/600}"

_COUNT = (
    "\nplazo_over:\n  warn   set acl_m_plazo_left = $acl_arg1\n"
    + "".join(
        f"  warn   ratelimit = 0/52w/readonly/{_KEY.replace('/600', f'/600-{before}')}\n"
        "         set acl_m_plazo_left = ${eval10:\\\n"
        "           $acl_m_plazo_left-(${sg{$sender_rate}{\\N[.]\\N}{}}+9)/10}\n"
        for before in range(1, 7)
    )
    + "  warn   condition = ${if <{$acl_m_plazo_left}{0}}\n"
    "         set acl_m_plazo_left = 0\n"
    f"  accept ratelimit = $acl_m_plazo_left.5/52w/leaky/{_KEY}\n"
    "  deny\n"
)

_ACL = r"""
plazo_unauthenticated:
  deny   condition = ${if !exists{@ONLY@}}
  deny   condition = ${if and{{eq{$sender_address}{}}{eq{$sender_host_address}{}}\
           {or{{eq{$originator_uid}{0}}{eq{$originator_uid}{$exim_uid}}}}}}
  accept condition = ${if forany{<, $recipients}{!match_domain{${domain:$item}}{@OWN@}}}
  deny

plazo_refuses:
  accept acl = plazo_unauthenticated
  deny

plazo_not_smtp:
  deny   acl = plazo_unauthenticated
         message = sending from this server needs SMTP with authentication for now
  accept

plazo_predata:
  accept authenticated = *
  deny   acl = plazo_unauthenticated
         message = 5.7.1 sending from this server needs SMTP with authentication for now
  accept

"""
"""`plazo_refuses` is for ACLs of an administrator's own, in place of our hooks. Bounces that
Exim or root make on this machine pass: they are how senders hear of what failed."""

_HOOKS = """
acl_not_smtp = plazo_not_smtp
acl_smtp_predata = plazo_predata
"""
