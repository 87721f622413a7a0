"""Scratch trees for tests: made like a fresh Debian, looked at as plain data, customized by the real program."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from template import Template

REPO = Path(__file__).resolve().parents[1]
TREE = REPO / "tests/demo/input/tree"
FOLDERS = ("etc/ssh", "etc/sudoers.d", "etc/ovfinit/datasources", "home", "root", "run", "var/lib", "var/log")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+8yvSkv9j+Gvjj3dWlUKwcEhhkdaTafvKKv55au4rB first@example.com"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAkbMQBoRp7m9sYZqTZ7eLxy7ZpbZ7oKmjGEXUnWjA7X second@example.com"
SCRIPT = "#!/bin/sh\necho hello\n"
FRESH = "OVFINIT_FRESH" in os.environ


class Result:
    """What a run of the program gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Standard output as the one document that it must be."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def environment(**more: str) -> dict[str, str]:
    """The caller's environment, with the checkout's package and nothing that colours output."""
    return {**os.environ, "PYTHONPATH": str(REPO), "NO_COLOR": "1", **more}


def settings(env: Mapping[str, str]) -> dict[str, str]:
    """What of an environment Python reads when it starts."""
    return {name: text for name, text in env.items() if name.startswith(("PYTHON", "LC_", "LANG"))}


@cache
def template() -> Template:
    """The process that runs are forked from."""
    made = Template()
    atexit.register(made.end)
    return made


def run(
    *words: str | Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    before: Sequence[str] = (),
    cwd: str | Path | None = None,
    umask: int = -1,
) -> Result:
    """Run the real program from the checkout, as `template.py` does.

    Led by the words `before`, or with other settings of Python or of the locale, it is started by itself.
    """
    whole = environment(**(env or {}))
    if not FRESH and not before and settings(whole) == settings(environment()):
        code, out, err = template().run(list(map(str, words)), whole, timeout, cwd=str(cwd or os.getcwd()), umask=umask)
    else:
        command = [*before, sys.executable, "-m", "ovfinit", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=timeout, env=whole, cwd=cwd, umask=umask
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    return Result(code, out.decode(), err.decode())


def run_as_nobody(*words: str | Path, **more: Any) -> Result:
    """The same as an ordinary user, for root only; it may read everything, since Python itself may lie in /root."""
    reading = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    user = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *reading)
    return run(*words, before=user, **more)


def give_away(*folders: Path | str) -> None:
    """Make folders and all in them nobody's."""
    subprocess.run(["chown", "-R", "nobody:nogroup", *folders], check=True)


def make_tree(root: Path) -> Path:
    """A tree that looks enough like a fresh Debian; the caller's own, whoever that is."""
    shutil.copytree(TREE, root, symlinks=True)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "root").chmod(0o700)
    return root


def make_seed(folder: Path, *, user_data: str | None = SCRIPT, network: bool = True, **meta: Any) -> str:
    """A seed folder with these keys of meta-data (`_` stands for `-`), as a `--from` word."""
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {"instance_id": "i-1", "local_hostname": "web1.example.com", "public_keys": [KEY], **meta}
    known = {name.replace("_", "-"): value for name, value in known.items() if value is not None}
    # JSON is YAML
    (folder / "meta-data").write_text(json.dumps(known))
    if user_data is not None:
        (folder / "user-data").write_text(user_data)
    if network:
        (folder / "network-config").write_text('{"version": 2, "ethernets": {"eth0": {"dhcp4": true}}}')
    return f"seed:{folder}"


def make_ovf(file: Path, **properties: str) -> str:
    """An OVF environment with these properties (`_` stands for `-`), as a `--from` word."""
    from xml.sax.saxutils import quoteattr

    given = {"instance_id": "i-1", "hostname": "web1", "public_keys": KEY, **properties}
    rows = (
        f"<Property key={quoteattr(key.replace('_', '-'))} value={quoteattr(text)}/>" for key, text in given.items()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<Environment><PropertySection>{''.join(rows)}</PropertySection></Environment>")
    return f"ovf:{file}"


def snapshot(root: Path, *, times: str = "all") -> dict[str, tuple[Any, ...]]:
    """Everything below a tree: type, mode, owner, content by path; `times` of all, of files only, or of none."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        facts: list[Any] = [kind, oct(stat.S_IMODE(status.st_mode)), status.st_uid, status.st_gid]
        if kind == stat.S_IFLNK:
            facts.append(os.readlink(path))
        elif kind == stat.S_IFREG:
            content = path.read_bytes()
            facts += [hashlib.sha256(content).hexdigest(), content[:500]]
        if times == "all" or times == "files" and kind == stat.S_IFREG:
            facts.append(status.st_mtime_ns)
        found[str(path.relative_to(root))] = tuple(facts)
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """What two snapshots do not agree about, a line each, for a failing test to show; empty if nothing."""
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return "\n".join(f"{name}:\n  {one.get(name)}\n  {other.get(name)}" for name in names)
