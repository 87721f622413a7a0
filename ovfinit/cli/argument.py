"""Types of options that several commands have."""

from __future__ import annotations

LONGEST = 7 * 24 * 3600


def seconds(text: str) -> float:
    """A span of time; what is none makes argparse complain."""
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # written so that nan is refused
    if not 0 <= value <= LONGEST:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {LONGEST}")
    return value
