"""A page of `overprune explore` that a thread of the tests serves."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from overprune.explore import server
from overprune.explore.state import State

SMALL = State().with_(p=60, n=20, nonzeros=10, spikes=10)


@contextmanager
def served(host="localhost"):
    """The port of a page that a loop in a thread serves."""
    started, found = threading.Event(), []

    def run():
        instance, port = server.make_server(SMALL, [], host, 0)
        instance.start()
        found.extend([instance, port])
        instance.io_loop.add_callback(started.set)
        instance.io_loop.start()
        instance.stop()
        instance.io_loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    instance, port = found
    try:
        yield port
    finally:
        instance.io_loop.add_callback(instance.io_loop.stop)
        thread.join(60)
        assert not thread.is_alive()
