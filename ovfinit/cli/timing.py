"""`analyze`: where the boot time went."""

from __future__ import annotations

import os

from .. import atomic, status
from ..errors import OvfinitError
from ..host import Host
from ..timeline import Bar, bars, draw, landmarks
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

DESCRIPTION = {"analyze": "Show where the time of the last run went: stages, sources, duties and waits."}
BAR_WIDTH = 40


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("--svg", metavar="FILE", help="draw it into FILE")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    output = Output(options)
    host = Host(options.root)
    known = status.read(host)
    rows = bars(known)
    if not rows:
        raise OvfinitError("there is no run to analyze here", remedy="after a boot, or after ovfinit apply, there is")
    marks = landmarks(host)
    if options.svg:
        title = f"ovfinit: {known.get('instance_id')} from {known.get('datasource')}"
        try:
            atomic.write(os.path.abspath(options.svg), draw(rows, marks, title).encode(), 0o644)
        except OSError as error:
            raise OvfinitError(f"cannot be written: {error.strerror}", where=options.svg) from error
    if output.json:
        spans = [row.as_dict() for row in rows]
        output.document({"version": 1, "began": rows[0].started, "spans": spans, "landmarks": marks})
        return output.code()
    _print(rows, output)
    for unit, at in sorted(marks.items(), key=lambda item: item[1]):
        output.say(f"{at - rows[0].started:+9.3f} s  {unit}")
    return output.code()


def _print(rows: Sequence[Bar], output: Output) -> None:
    begin = rows[0].started
    total = max(row.started + row.seconds for row in rows) - begin
    output.say(
        f"{total * 1000:.1f} ms from the start of the process to its last report, {begin:.2f} s after the kernel's:"
    )
    for row in rows:
        first = int((row.started - begin) / total * BAR_WIDTH) if total else 0
        length = max(1, round(row.seconds / total * BAR_WIDTH)) if total else 1
        colour = {"wait": "yellow", "source": "green", "duty": "cyan"}.get(row.kind, "dim")
        bar = " " * first + output.paint("█" * min(length, BAR_WIDTH - first + 1), colour)
        blank = " " * (BAR_WIDTH + 1 - first - min(length, BAR_WIDTH - first + 1))
        output.say(f"  {bar}{blank} {row.seconds * 1000:8.1f} ms  {row.kind:<6} {row.name}")
