"""The descriptor on which a shell reports, whatever numbers the process that starts it has left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scratch import environment

PROGRAM = """
import os, sys
from ovfinit.apply import keeper
from ovfinit.host import Host
taken = int(sys.argv[2])
while (one := os.open("/dev/null", os.O_RDONLY)) < taken - 1:
    pass
if one >= taken:
    os.close(one)
reading, writing = os.pipe()
given = os.open("/dev/null", os.O_RDONLY)
child, told = keeper.launch(("/bin/sh", "-c", "echo heard >&9"), Host(sys.argv[1]), {}, given, report=writing)
os.close(writing)
said = os.read(reading, 64)
print(writing, said.decode().strip(), os.read(told, 64).decode())
"""


@pytest.mark.parametrize("first", range(5, 11))
def test_the_report_arrives(tmp_path: Path, first: int) -> None:
    """A shell can report whichever number the pipe to it has, its own included."""
    command = [sys.executable, "-c", PROGRAM, tmp_path, str(first)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20, env=environment())
    assert done.stdout.split()[1:] == ["heard", "0"], done
