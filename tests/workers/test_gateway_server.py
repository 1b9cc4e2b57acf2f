"""The gateway's listening socket."""

import socket

import pytest

from workers.gateway_server import bound
from workers.leave import Refused


def test_what_comes_in_does_not_wait_for_its_own_second_half() -> None:
    with bound("127.0.0.1:0") as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_in_use_is_named_with_the_setting_that_changes_it() -> None:
    with bound("127.0.0.1:0") as listener:
        port = listener.getsockname()[1]
        refused = pytest.raises(Refused, match=f"127.0.0.1:{port} .* PLAZO_LISTEN")
        with refused, bound(f"127.0.0.1:{port}"):
            pass
