"""Work on a stream of pieces by several threads, in order and with bounded memory.

Hashing, compressing and reading release the interpreter's lock, so that threads use all cores. No more than a fixed
number of pieces is ever on its way; an error in any stage ends them all, and is raised to whoever iterates.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")
WORKERS = max(2, os.cpu_count() or 1)
# seconds after which a stage looks whether anybody still wants what it makes
LOOK = 0.2


class _End:
    """The last thing in a queue: nothing more, or what went wrong."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[T], depth: int = 8) -> Iterator[T]:
    """The same items, made by a thread of their own that runs at most `depth` items ahead."""
    waiting: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=LOOK)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put(item):
                    break
            put(_End())
        except BaseException as error:  # handed to the thread that iterates
            put(_End(error))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def ordered(function: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """`function` of every item, in order, by a pool of threads; at most two items a thread are on their way."""
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
