"""A headless Chromium spoken to over the pipe of its DevTools protocol; no library is needed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)


def executable() -> str | None:
    """The first browser on PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page: commands go down a pipe, answers and events come up another, NUL between them."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Run a command and return its result; events that arrive meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, page: Path) -> None:
        """Load a file and wait until it is there."""
        self.events.clear()
        self.do("Page.navigate", url=page.as_uri())
        while not self.seen("Page.loadEventFired"):
            self._next()

    def seen(self, method: str) -> list[dict[str, Any]]:
        """What the events of one kind said since the page was opened."""
        return [event["params"] for event in self.events if event["method"] == method]

    def value(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def look(self, width: int, scheme: str, scripts: bool = True) -> None:
        """Set the width in pixels, the colour scheme, and whether scripts run."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=1000,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.do("Emulation.setEmulatedMedia", features=[feature])
        self.do("Emulation.setScriptExecutionDisabled", value=not scripts)

    def screenshot(self, file: Path) -> None:
        """Write what is in the window as PNG."""
        file.write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def _next(self, seconds: float = 60.0) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"the browser said nothing for {seconds:g} s"
            more = os.read(self._read, 1 << 16)
            assert more, "the browser has gone"
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with a profile folder of its own, gone at the end."""
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()
    # The browser wants its pipes as 3 and 4, which may be taken here: another process renumbers.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (from_us, to_us)]
    renumber = f"import os, sys; os.dup2({high[0]}, 3); os.dup2({high[1]}, 4)"
    replace = "os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [
            sys.executable,
            "-ISc",
            f"{renumber}; {replace}",
            program,
            *OPTIONS,
            f"--user-data-dir={profile}",
        ],
        pass_fds=high,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in (from_us, to_us, *high):
        os.close(fd)
    try:
        page = Browser(from_browser, to_browser)
        yield page
    finally:
        os.close(to_browser)  # the browser ends when its pipe does
        os.close(from_browser)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
