"""An event loop on a clock of its own: where others wait, its time jumps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from selectors import SelectorKey
from typing import TypeVar

Result = TypeVar("Result")


class _Jumping(selectors.DefaultSelector):
    """Never waits: lets the time pass that it was to wait for."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        assert timeout is not None, "the loop waits for nothing, for ever"
        self.now += max(timeout, 0)
        return super().select(0)


class SteppedLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and is exact."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_stepped(play: Callable[[SteppedLoop], Awaitable[Result]]) -> Result:
    """Run a coroutine on a loop whose time is stepped."""

    async def main() -> Result:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        return await play(loop)

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        return runner.run(main())
