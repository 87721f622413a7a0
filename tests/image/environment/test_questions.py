"""The questions as a terminal has them: what the documentation shows is what is seen."""

from __future__ import annotations

import transcripts


def test_the_page_of_transcripts_is_true() -> None:
    """docs/questions.md is what three makers' packages ask: going back, wrong answers, hidden ones, Ctrl-C."""
    assert transcripts.page() == transcripts.PAGE.read_text()
