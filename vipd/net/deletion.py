"""Deletion: interfaces of ours go in a thread of their own, because the kernel takes its time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from vipd.net.netlink import KernelRefused, Requests


class Deletions:
    """Deletes macvlans, one after the other, while the loop goes on."""

    def __init__(self) -> None:
        self._requests = Requests()
        self._thread = ThreadPoolExecutor(1, "vipd-remover")
        self._going: dict[str, Future[None]] = {}

    def close(self) -> None:
        """Wait until all are gone."""
        self.finish()
        self._thread.shutdown()
        self._requests.close()

    def begin(self, name: str, index: int) -> None:
        """Delete a macvlan soon."""
        self._going[name] = self._thread.submit(self._delete, index)

    def finish(self) -> None:
        """Wait until all are gone that are to be deleted so far."""
        for name in list(self._going):
            self.wait(name)

    def wait(self, name: str) -> None:
        """Wait until a macvlan that is to be deleted has gone, so that its name is free."""
        if going := self._going.pop(name, None):
            going.result()

    def _delete(self, index: int) -> None:
        with suppress(KernelRefused):  # It went with the interface below.
            self._requests.delete_link(index)
