"""The time of one boot as rows on one axis, and as a picture in the manner of `systemd-analyze plot`."""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from .host import Host

STAGE, WORK, WAIT, SOURCE, DUTY = "stage", "work", "wait", "source", "duty"
COLOURS = {STAGE: "#b8c4d6", WORK: "#6b8fbf", WAIT: "#d9a441", SOURCE: "#5aa469", DUTY: "#8f6bb3"}
LANDMARKS = ("network-pre.target", "network.target", "ssh.service", "multi-user.target", "ovfinit-final.service")
ROW, WIDTH, LEFT, RIGHT, TOP = 22, 900, 20, 260, 70
MIN_BAR = 1.5
# what a label of the axis takes
LABEL = 75
HALO = 'stroke="white" stroke-width="3" paint-order="stroke"'
FONT = 'font-family="sans-serif" font-size="12"'


class Bar(Record):
    """One row: what it was (`kind`), when it began (seconds on the monotonic clock) and how long it took."""

    name: str
    kind: str
    started: float
    seconds: float


def bars(known: Mapping[str, Any]) -> list[Bar]:
    """All rows of a status document, by time."""
    found = [Bar(span["name"], span["kind"], span["started"], span["seconds"]) for span in known.get("spans", [])]
    found += [
        Bar(f"{source['name']}: {source['verdict']}", SOURCE, source["started"], source["seconds"])
        for source in known.get("sources", [])
        if source.get("started")
    ]
    found += [
        Bar(name, DUTY, entry["started"], entry["seconds"])
        for name, entry in known.get("handlers", {}).items()
        if entry.get("started")
    ]
    return sorted(found, key=lambda bar: (bar.started, -bar.seconds))


def landmarks(host: Host) -> dict[str, float]:
    """When units that people know became active on this boot; empty where systemd does not run."""
    from .deadline import Deadline
    from .errors import InputError
    from .process import run

    tool = host.tool("systemctl")
    if tool is None or not host.live or not host.exists("/run/systemd/system"):
        return {}
    command = (tool, "show", "--property=Id,ActiveEnterTimestampMonotonic", *LANDMARKS)
    try:
        output = run(command, Deadline(5.0), limit=65536)
    except InputError:
        return {}
    found = {}
    for block in output.stdout.decode("utf-8", "replace").split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        stamp = values.get("ActiveEnterTimestampMonotonic", "0")
        if stamp.isdecimal() and int(stamp):
            found[values.get("Id", "")] = int(stamp) / 1e6
    return found


def draw(rows: Sequence[Bar], marks: Mapping[str, float], title: str) -> str:
    """The picture as SVG: a bar a row, a dashed line for each landmark."""
    from xml.sax.saxutils import escape

    begin = rows[0].started
    end = max([row.started + row.seconds for row in rows] + [at for at in marks.values() if at >= begin])
    scale = WIDTH / max(end - begin, 0.001)
    height = TOP + ROW * (len(rows) + len(marks)) + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" {FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{escape(title)}</text>',
        *_axis(begin, end, scale, height - 40),
    ]
    # the dashed lines first, so that no label is struck through
    y = TOP + ROW * len(rows)
    for name, at in sorted(marks.items(), key=lambda item: item[1]):
        if at < begin:
            continue
        x = LEFT + (at - begin) * scale
        lines.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{y + 4}" stroke="#a33" stroke-dasharray="4 3"/>'
        )
        lines.append(f'<text x="{x + 5:.1f}" y="{y + 10}" fill="#a33">{escape(name)}</text>')
        y += ROW
    for number, row in enumerate(rows):
        x, width = LEFT + (row.started - begin) * scale, max(row.seconds * scale, MIN_BAR)
        top = TOP + ROW * number
        lines.append(f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 6}" fill="{COLOURS[row.kind]}"/>')
        label = escape(f"{row.name} ({row.seconds * 1000:.1f} ms)")
        lines.append(f'<text x="{x + width + 5:.1f}" y="{top + 12}" {HALO}>{label}</text>')
    lines += [*_legend(height - 14), "</svg>", ""]
    return "\n".join(lines)


def _axis(begin: float, end: float, scale: float, bottom: int) -> Iterator[str]:
    """Lines at round times, each with its label."""
    from math import ceil

    step, digits = _step(end - begin, WIDTH // LABEL)
    for tick in range(ceil(begin / step), int(end / step) + 1):
        x = LEFT + (tick * step - begin) * scale
        yield f'<line x1="{x:.1f}" y1="{TOP - 14}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>'
        yield f'<text x="{x:.1f}" y="{TOP - 18}" text-anchor="middle" fill="#777">{tick * step:.{digits}f} s</text>'


def _step(span: float, most: int) -> tuple[float, int]:
    """The smallest step of 1, 2 or 5 times a power of ten, from a millisecond on, that `span` has `most` of at most.

    With it come the digits after the point that its multiples need.
    """
    digits = 3
    while True:
        for count in (1, 2, 5):
            step = count * 10.0**-digits
            if span / step <= most:
                return step, max(digits, 0)
        digits -= 1


def _legend(y: int) -> Iterator[str]:
    for index, (kind, colour) in enumerate(COLOURS.items()):
        x = LEFT + index * 110
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="{y}">{kind}</text>'
