"""A browser without a screen: Chromium, driven by its own protocol over two pipes."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

LONG_S: Final = 20.0
"""What a test waits before it counts as failed; never what it takes."""

PROGRAM: Final = "chromium"
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--hide-scrollbars",
    "--lang=en-GB",
    "--remote-debugging-pipe",
)

_TO_FD_3_AND_4: Final = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    "os.closerange(5, 64); os.execvp(sys.argv[3], sys.argv[3:])"
)


def installed() -> bool:
    """Whether there is a browser."""
    return shutil.which(PROGRAM) is not None


class Browser:
    """One Chromium; what it says of the pages is kept."""

    def __init__(self, says: int, hears: int) -> None:
        self._says, self._hears = says, hears
        self._number = 0
        self._received = b""
        self.told: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        """Order something, and wait for what comes of it."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._says, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LONG_S
        while True:
            heard = self._read(deadline)
            if heard.get("id") == self._number:
                assert "error" not in heard, heard["error"]
                result: dict[str, Any] = heard["result"]
                return result
            self.told.append(heard)

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            left = max(0, deadline - time.monotonic())
            assert select.select([self._hears], [], [], left)[0], "the browser does not answer"
            chunk = os.read(self._hears, 1 << 20)
            assert chunk, "the browser has ended"
            self._received += chunk
        line, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


class Tab:
    """One page, of a width, in light or in dark."""

    def __init__(self, browser: Browser, *, width: int, height: int = 900, dark: bool) -> None:
        self._browser = browser
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        self._target = browser.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def call(self, method: str, **params: object) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def eval(self, script: str) -> object:
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def text(self, selector: str) -> str:
        """What can be read in an element; nothing, where that is hidden or missing."""
        value = self.eval(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return str(value)

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + LONG_S
        while not self.eval(script):
            assert time.monotonic() < deadline, f"never true: {script}\n{self.text('body')}"
            select.select([], [], [], 0.03)

    def until_shows(self, selector: str, text: str) -> None:
        """Wait until something can be read in an element."""
        shown = f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"
        self.until(f"{shown}.includes({json.dumps(text)})")

    def screenshot(self, file: Path) -> None:
        """Keep what the whole page looks like."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def events(self, method: str) -> list[dict[str, Any]]:
        """What the browser has told of this page."""
        self.eval("0")
        mine = (one for one in self._browser.told if one.get("sessionId") == self._session)
        return [one["params"] for one in mine if one.get("method") == method]

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts, and whatever the policy has forbidden."""
        thrown = [str(one["exceptionDetails"]) for one in self.events("Runtime.exceptionThrown")]
        logged = (one["entry"] for one in self.events("Log.entryAdded"))
        return thrown + [one["text"] for one in logged if one["source"] != "network"]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile, for a while."""
    orders, answers = _high_pipe(), _high_pipe()
    wrapped = [sys.executable, "-c", _TO_FD_3_AND_4, str(orders[0]), str(answers[1])]
    process = subprocess.Popen(
        [*wrapped, PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(orders[0], answers[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"HOME": str(profile), "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8"},
    )
    os.close(orders[0])
    os.close(answers[1])
    try:
        yield Browser(orders[1], answers[0])
    finally:
        with contextlib.suppress(AssertionError, OSError):
            Browser(orders[1], answers[0]).call("Browser.close")
        _end(process)
        os.close(orders[1])
        os.close(answers[0])


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(LONG_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LONG_S)


def _high_pipe() -> tuple[int, int]:
    """A pipe that is not in the way of the descriptors that the browser expects."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
