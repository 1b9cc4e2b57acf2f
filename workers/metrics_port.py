"""A port for Prometheus, of a process that otherwise speaks no HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from workers.leave import Refused


@contextmanager
def metrics_served(listen: str | None, registry: CollectorRegistry) -> Iterator[None]:
    """Serve `http://HOST:PORT/metrics` while the block lasts; nothing if it is None.

    Raises Refused when the address in `PLAZO_METRICS_LISTEN` cannot be had.
    """
    if listen is None:
        yield
        return
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise Refused(
            f"metrics cannot be served on {listen} ({error.strerror}); "
            "set PLAZO_METRICS_LISTEN to an address that is free"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
