"""`analyze`: where the time of a run went, in words, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from scratch import run

from ovfinit.timeline import DUTY, Bar, draw

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def applied(tree: Path, seed: Callable[..., str]) -> Path:
    """A tree that was customized."""
    assert run("apply", "--root", tree, "--from", seed()).code == 0
    return tree


def test_rows_are_told_in_words_and_as_data(applied: Path) -> None:
    """Every row of the JSON document is a line of the text, and the duties that did something are among them."""
    said, known = run("analyze", "--root", applied).out, run("analyze", "--root", applied, "--json").json
    names = [row["name"] for row in known["spans"]]
    assert {"hostname", "network", "users", "plan", "configuration"} <= set(names)
    assert [line.split()[-1] for line in said.splitlines()[1:]] == [name.split()[-1] for name in names]


def test_no_run_is_an_error(tree: Path) -> None:
    """A tree that nothing was applied to has nothing to analyze, which is said without a traceback."""
    done = run("analyze", "--root", tree, "--json")
    assert (done.code, json.loads(done.out)["error"]["message"]) == (1, "there is no run to analyze here")


def test_picture_shows_every_row(applied: Path, tmp_path: Path) -> None:
    """The picture is well-formed and has a label with the name of each row."""
    assert run("analyze", "--root", applied, "--svg", tmp_path / "boot.svg").code == 0
    texts = [text.text or "" for text in ElementTree.parse(tmp_path / "boot.svg").iter(f"{SVG}text")]
    for row in run("analyze", "--root", applied, "--json").json["spans"]:
        assert any(text.startswith(f"{row['name']} (") for text in texts), row["name"]


@pytest.mark.parametrize(
    ("begin", "seconds", "labels"),
    [
        (3.4567, 0.0421, [f"{3.46 + 0.005 * tick:.3f} s" for tick in range(8)]),
        (3.4567, 0.9, [f"{3.5 + 0.1 * tick:.1f} s" for tick in range(9)]),
        (0.0, 15.0, [f"{2 * tick} s" for tick in range(8)]),
        (10.0, 3600.0, [f"{500 * tick} s" for tick in range(1, 8)]),
    ],
)
def test_every_line_of_the_axis_has_its_label(begin: float, seconds: float, labels: list[str]) -> None:
    """Lines stand at round times, each under its label, for a boot of milliseconds as for one of an hour."""
    picture = ElementTree.fromstring(draw([Bar("work", DUTY, begin, seconds)], {}, "a boot"))
    lines = [line.get("x1") for line in picture.iter(f"{SVG}line") if line.get("stroke") == "#eee"]
    texts = [text for text in picture.iter(f"{SVG}text") if text.get("text-anchor") == "middle"]
    assert [text.text for text in texts] == labels
    assert [text.get("x") for text in texts] == lines
