"""Pictures computed in threads, a few at once: no visitor waits for another's."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue

from .curves import Picture, picture
from .state import State

AT_ONCE = 2
MOST = 16  # computed or waiting


class BusyError(RuntimeError):
    """Too many pictures are waiting."""


class Pictures:
    """Computes pictures in threads of its own, which end with the process.

    Parameters
    ----------
    at_once : int
        Threads.
    most : int
        Pictures that are computed or wait; more are refused.
    """

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST) -> None:
        self._most = most
        self._count = 0
        self._lock = threading.Lock()
        self._wanted: SimpleQueue[tuple[State, Future[Picture]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name="overprune picture", daemon=True)
            for _ in range(at_once)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, state: State) -> Future[Picture]:
        """The picture to come; what waits can be cancelled.

        Raises
        ------
        BusyError
            Where `most` are wanted already.
        """
        with self._lock:
            if self._count >= self._most:
                raise BusyError(
                    f"{self._count} pictures are being computed; reload the page in a moment"
                )
            self._count += 1
        future: Future[Picture] = Future()
        self._wanted.put((state, future))
        return future

    def close(self) -> None:
        """Ends the threads, each after the picture that it computes."""
        for _ in self._threads:
            self._wanted.put(None)

    def _work(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            state, future = wanted
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(picture(state))
            except BaseException as error:
                future.set_exception(error)
            finally:
                with self._lock:
                    self._count -= 1
