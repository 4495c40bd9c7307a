"""Threads that answer whole requests, and one that refuses them: it never waits for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

from sidecar.server.connections import Connection
from sidecar.server.exchanges import Exchange, Server


class Lanes:
    """Threads that answer, and how many requests wait for them or are with them."""

    def __init__(self, threads: int, wake: Callable[[], None]) -> None:
        self.waiting = 0
        """Requests that are waiting or being answered; the refused ones are not counted."""
        self._answering = ThreadPoolExecutor(threads, "answering")
        self._refusing = ThreadPoolExecutor(1, "refusing")
        self._finished: SimpleQueue[tuple[Connection, Exchange, Future[None]]] = SimpleQueue()
        self._wake = wake

    def ask(self, connection: Connection, exchange: Exchange, server: Server) -> None:
        """Have a request answered by one of the threads, or refused by the one that does that."""
        lane = self._refusing if exchange.refused else self._answering
        self.waiting += not exchange.refused
        future = lane.submit(exchange.run, server)
        exchange.cancel = future.cancel
        future.add_done_callback(lambda done: self._finish(connection, exchange, done))

    def _finish(self, connection: Connection, exchange: Exchange, done: Future[None]) -> None:
        self._finished.put((connection, exchange, done))
        self._wake()

    def finished(self) -> Iterator[tuple[Connection, Exchange, BaseException | None]]:
        """Yield the requests that have ended since, and the errors that they ended with."""
        while True:
            try:
                connection, exchange, done = self._finished.get_nowait()
            except Empty:
                return
            self.waiting -= not exchange.refused
            yield connection, exchange, None if done.cancelled() else done.exception()

    def end(self) -> None:
        """Take nothing more; what has begun is not interrupted."""
        self._refusing.shutdown(wait=False, cancel_futures=True)
        self._answering.shutdown(wait=False, cancel_futures=True)
