"""Work for threads, in order and with bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Yields `work(item)` for each item, in order, from several threads.

    At most four items a thread are begun before their results are taken: `ThreadPoolExecutor.map`
    begins all of them at once, and would hold every image of a large data set.

    Args:
        work: called in a thread.
        items: may be endless.
        threads: how many; None for one a processor.

    Raises:
        What `work` raises, when its result's turn comes.
    """
    count = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) >= 4 * count:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
