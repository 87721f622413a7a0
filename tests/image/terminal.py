"""A terminal of which the program is asked to be the other end."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

from scratch import environment


class Person:
    """Somebody at a terminal."""

    def __init__(self, *words: str | Path) -> None:
        self.said = ""
        child, self._terminal = pty.fork()
        if not child:
            os.environ.update(environment(COLUMNS="80", TERM="xterm"))
            os.execv(sys.executable, [sys.executable, "-m", "ovfinit", *map(str, words)])
        self._child = child

    def expect(self, words: str, answer: str) -> None:
        """Wait until the program asks with these words, and answer."""
        end = time.monotonic() + 20
        start = len(self.said)
        while words not in self.said[start:] or not self.said.rstrip(" ").endswith(":"):
            assert time.monotonic() < end, self.said
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._terminal, 4096).decode()
                except OSError:
                    break
        os.write(self._terminal, f"{answer}\n".encode())

    def end(self) -> int:
        """Everything else that is said, and the exit code."""
        while True:
            try:
                more = os.read(self._terminal, 4096)
            except OSError:
                break
            if not more:
                break
            self.said += more.decode()
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
