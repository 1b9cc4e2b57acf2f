"""Between Exim and a smarthost: what the smarthost refuses for good waits, and does not bounce.

Exim has no `soft_bounce`. Its transport asks this program for a port at each delivery; it listens
there for Exim's one connection, speaks to the smarthost, and hands every command and every byte on
as it came. Only answers of 5xx become 4xx (RFC 5321 §4.2.1), with the smarthost's words in them. A
smarthost that is away, a login that it refuses or a certificate of somebody else is an answer of
421. TLS and the login are seen to here, so that Exim needs to know neither.

It runs as Exim's own user, from a copy in the agent's folder beside `logins`, with Python's
standard library and nothing else: no part of Plazo has to be up. Only processes of the same user
are let in, because others on this machine must not send through the provider's login.
"""

import base64
import os
import re
import smtplib
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

HERE = "127.0.0.1"
REFUSED = "the smarthost refuses it:"
"""How Exim's log tells what may never be taken from what is put off."""

_COMES_WITHIN = 60.0
"""Seconds until Exim has connected; it does so at once."""
_CONNECTS_WITHIN = 60.0
_ANSWERS_WITHIN = 600.0
"""Seconds, as RFC 5321 §4.5.3.2 has them for the end of the data."""
_CHUNK = 65_536
_PASSED_ON = ("8BITMIME", "DSN")
"""Extensions that are Exim's and the smarthost's to agree on. SIZE is not among them: Exim would
bounce what is larger. SMTPUTF8 is always there: Exim would bounce what needs it."""


class NotNow(Exception):
    """The smarthost cannot be spoken to; its words say why."""


def main(route: str, name: str) -> None:
    """Say the port, and serve it beside Exim. `route` is `relay/HOST:PORT/login/…`."""
    with socket.create_server((HERE, 0)) as listening:
        os.write(1, str(listening.getsockname()[1]).encode())
        if os.fork():
            os._exit(0)  # Exim waits for this process, and for the end of what it prints.
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(nothing, each)
        listening.settimeout(_COMES_WITHIN)
        connection = _of_the_same_user(listening)
    with connection, connection.makefile("rb") as commands:
        connection.settimeout(_ANSWERS_WITHIN)
        _serve(connection, commands, route, name)


def _of_the_same_user(listening: socket.socket) -> socket.socket:
    while True:
        connection, peer = listening.accept()
        if _owner(peer, connection.getsockname()) == os.getuid():
            return connection
        connection.close()


def _owner(theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """Whose the other end of a connection on this machine is (proc(5), /proc/net/tcp)."""
    ends = [_in_hexadecimal(theirs), _in_hexadecimal(ours)]
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:3] == ends:
            return int(fields[7])
    return None


def _in_hexadecimal(end: tuple[str, int]) -> str:
    address = int.from_bytes(socket.inet_aton(end[0]), sys.byteorder)
    return f"{address:08X}:{end[1]:04X}"


def _serve(exim: socket.socket, commands: BinaryIO, route: str, name: str) -> None:
    try:
        smarthost = _connected(route, name)
    except (NotNow, OSError, smtplib.SMTPException) as error:
        exim.sendall(_line(421, f"4.4.1 the smarthost: {error or type(error).__name__}"))
        return
    try:
        exim.sendall(_line(220, "plazo ESMTP"))
        _speak(exim, commands, smarthost)
    except (OSError, smtplib.SMTPException) as error:
        with suppress(OSError):
            exim.sendall(_line(421, f"4.4.2 the smarthost: {error or type(error).__name__}"))
    finally:
        smarthost.close()


def _speak(exim: socket.socket, commands: BinaryIO, smarthost: smtplib.SMTP) -> None:
    while line := commands.readline(_CHUNK):
        verb = line.split(maxsplit=1)[0].upper() if line.strip() else b""
        if verb in (b"EHLO", b"HELO"):
            both = [each for each in _PASSED_ON if smarthost.has_extn(each)]
            said = ["250-plazo", *(f"250-{each}" for each in both), "250 SMTPUTF8", ""]
            exim.sendall("\r\n".join(said).encode())
            continue
        smarthost.send(line)
        code, words = smarthost.getreply()
        exim.sendall(_answer(code, words))
        if verb == b"QUIT":
            return
        if verb == b"DATA" and code == 354:
            _hand_over(commands, smarthost)
            exim.sendall(_answer(*smarthost.getreply()))


def _hand_over(commands: BinaryIO, smarthost: smtplib.SMTP) -> None:
    """The message as it comes, dots doubled, until the line that ends it."""
    begins = True
    while chunk := commands.readline(_CHUNK):
        smarthost.send(chunk)
        if begins and chunk == b".\r\n":
            return
        begins = chunk.endswith(b"\n")
    raise ConnectionAbortedError("Exim went away within a message")


def _connected(route: str, name: str) -> smtplib.SMTP:
    """Raises NotNow, OSError, SMTPException."""
    _, address, wants_login, _ = route.split("/", 3)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if wants_login:
        return _logged_in(host, int(port), name)
    smarthost = _greeted(host, int(port), name)
    if smarthost.has_extn("starttls"):
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        try:
            smarthost.starttls(context=anybody)
            smarthost.ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException):
            # As Exim does with any host that it need not log in to.
            smarthost.close()
            return _greeted(host, int(port), name)
    return smarthost


def _logged_in(host: str, port: int, name: str) -> smtplib.SMTP:
    user, secret = _login(host)
    smarthost = _greeted(host, port, name)
    try:
        if not smarthost.has_extn("starttls"):
            raise NotNow(f"{host} offers no TLS, and gets no login without it")
        own = Path(__file__).with_name("smarthost-ca.pem")
        smarthost.starttls(context=ssl.create_default_context(cafile=own if own.exists() else None))
        smarthost.ehlo_or_helo_if_needed()
        smarthost.login(user, secret)
    except BaseException:
        smarthost.close()
        raise
    return smarthost


def _greeted(host: str, port: int, name: str) -> smtplib.SMTP:
    smarthost = smtplib.SMTP(local_hostname=name, timeout=_CONNECTS_WITHIN)
    smarthost._host = host  # type: ignore[attr-defined] # what starttls() holds the certificate against
    code, words = smarthost.connect(host, port)
    if code != 220:
        smarthost.close()
        raise NotNow(f"{host} says {code} {words.decode(errors='replace')}")
    smarthost.ehlo_or_helo_if_needed()
    assert smarthost.sock is not None
    smarthost.sock.settimeout(_ANSWERS_WITHIN)
    return smarthost


def _login(host: str) -> tuple[str, str]:
    """Its user and secret, of the line that the agent wrote. Raises NotNow."""
    key = f'"{host}"' if ":" in host else host
    with suppress(OSError):
        for line in Path(__file__).with_name("logins").read_text().splitlines():
            if line.startswith(f"{key}: "):
                user, secret = line.removeprefix(f"{key}: ").split("/")
                return base64.b64decode(user).decode(), base64.b64decode(secret).decode()
    raise NotNow(f"there is no login for {host}")


def _answer(code: int, words: bytes) -> bytes:
    said = words.decode(errors="replace")
    if code < 500:
        return _line(code, said)
    return _line(451, f"4.7.1 {REFUSED} {code} {said}")


def _line(code: int, words: str) -> bytes:
    plain = re.sub(r"[^ -~]+", " ", words)
    return f"{code} {plain[:400]}\r\n".encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
