"""rbldnsd, the name server that blocklists run, on loopback with zones of our own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workers.embedded.home import temporary_folder

_PATIENCE = 20.0
_QUESTION = bytes.fromhex("12340000000100000000000001780000010001")
"""Of a name that is in no zone: it is refused, as soon as anybody answers at all."""

SOA = "$SOA 300 ns.example hostmaster.example 1 600 300 86400 120\n"
IP4, IP6, DOMAINS = "ip4set", "ip6trie", "dnset"


class NotThere(Exception):
    """rbldnsd did not answer; is it installed (Debian: rbldnsd)?"""


@contextmanager
def rbldnsd(zones: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """The address (`127.0.0.1:port`) of a server for zones, each a kind and the text of its file.

    Raises NotThere.
    """
    program = shutil.which("rbldnsd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NotThere("there is no rbldnsd; install Debian's package of that name")
    with temporary_folder() as folder:
        folder.chmod(0o755)
        specs = [
            f"{zone}:{kind}:{_file(folder, number, text)}"
            for number, (zone, (kind, text)) in enumerate(zones.items())
        ]
        port = _free_port()
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        process = subprocess.Popen(
            [program, "-n", *user, "-b", f"127.0.0.1/{port}", *specs],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _answers(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def entries(*listed: str, reason: str = "") -> str:
    """A zone of IPv4 addresses, with the test point of RFC 5782."""
    return f"{SOA}:127.0.0.2:{reason}\n" + "".join(f"{each}\n" for each in ("127.0.0.2", *listed))


def _file(folder: Path, number: int, text: str) -> Path:
    file = folder / str(number)
    file.write_text(text)
    file.chmod(0o644)
    return file


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(0.05)
        while time.monotonic() < until and process.poll() is None:
            try:
                asking.send(_QUESTION)
                asking.recv(512)
            except OSError:  # not there yet, or no answer yet
                time.sleep(0.01)
            else:
                return
    raise NotThere(f"rbldnsd does not answer on 127.0.0.1:{port}")
