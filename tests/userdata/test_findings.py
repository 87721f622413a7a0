"""What check says of wrong user data, to the letter, and that the same is said at boot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import Result, make_seed, run

Program = Callable[..., Result]
WRONG = Path(__file__).resolve().parents[1] / "data/userdata/wrong"
FILES = sorted(path.name for path in WRONG.iterdir() if path.name[0].isdigit())
KNOWN = (WRONG / "findings.txt").read_text().splitlines()


def test_every_mistake_at_its_place(ovfinit: Program) -> None:
    """All mistakes of all files are named at once: file, line, column, severity, key, reason, hint."""
    told = ovfinit("check", *FILES, code=1, cwd=WRONG)
    assert [line for line in told.out.splitlines() if not line.startswith("ok ")] == KNOWN
    assert "ok 06-unsupported.yaml: user data" in told.out.splitlines()
    assert told.err == ""


def test_no_secret_is_shown(ovfinit: Program) -> None:
    """Where a password should be, its place is named and its value is not."""
    told = ovfinit("check", "12-secrets.yaml", "--json", code=1, cwd=WRONG)
    assert "hunter" not in told.out + told.err


def test_json_has_the_same_findings(ovfinit: Program) -> None:
    """In JSON each file has its findings, field by field."""
    files = ovfinit("check", *FILES, "--json", code=1, cwd=WRONG).json["files"]
    lines = []
    for one in (finding for file in files for finding in file["findings"]):
        path, hint = (f"{one['path']}: " if one["path"] else ""), (f" ({one['hint']})" if one["hint"] else "")
        lines.append(f"{one['where']}: {one['severity']}: {path}{one['message']}{hint}")
    assert lines == KNOWN
    assert [file["ok"] for file in files] == [name == "06-unsupported.yaml" for name in FILES]


def test_warnings_are_no_errors(ovfinit: Program) -> None:
    """Keys that are known and not supported are warnings, which --strict minds."""
    ovfinit("check", "06-unsupported.yaml", cwd=WRONG)
    ovfinit("check", "06-unsupported.yaml", "--strict", code=3, cwd=WRONG)
    assert ovfinit("check", "06-unsupported.yaml", "--quiet", cwd=WRONG).out == ""


@pytest.mark.parametrize("name", FILES)
def test_a_boot_says_the_same_and_goes_on(tree: Path, tmp_path: Path, name: str) -> None:
    """Whatever is wrong with user data, plan says it, and the host name of the metadata is planned all the same."""
    source = make_seed(tmp_path / "seed", user_data=None)
    (tmp_path / "seed/user-data").write_bytes((WRONG / name).read_bytes())
    plan = run("plan", "--root", tree, "--from", source, "--json").json
    assert "/etc/hostname" in {change["target"] for change in plan["changes"]}
    told = {(one["path"], one["message"]) for one in plan["findings"]}
    if name not in ("01-first-line.yaml", "11-interpreter.sh"):
        here = [line for line in KNOWN if line.startswith(name)]
        assert [line for line in here if not any(message in line for _, message in told)] == []


def test_one_wrong_key_fails_its_duty_only(tree: Path, tmp_path: Path) -> None:
    """The duty of a wrong value has failed and did all else of it; the others are done; unknown keys are warnings."""
    source = make_seed(
        tmp_path / "seed",
        user_data="#cloud-config\nwrite_files:\n- {path: /etc/a, content: a}\n- {path: /etc/b, mode: 5}\nnobody: 1\n"
        "timezone: UTC\n",
    )
    result = run("apply", "--root", tree, "--from", source, "--json")
    status = result.json
    assert result.code == 1
    assert (tree / "etc/a").read_text() == "a"
    assert status["handlers"]["files"]["result"] == "failed"
    assert status["handlers"]["timezone"]["result"] == "done"
    assert "left out: write_files[1].mode: is not a known key" in status["errors"][0]["message"]
    assert status["errors"][0]["where"].endswith("user-data:4:18")
    assert [text for text in status["warnings"] if "nobody: is not a known key" in text]
    shown = run("status", "--root", tree)
    assert "write_files[1].mode" in shown.out
