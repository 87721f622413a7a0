#!/usr/bin/env python3
"""Writes cloud-config.md from the tables that validate: every key with its form, its keys, its duty, when it is done.

Run from a checkout: `python3 docs/reference.py`. A test holds the page against what this makes of the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from ovfinit.duties import KEYS, ORDER, SHARED  # noqa: E402
from ovfinit.userdata.keys import spec_of  # noqa: E402
from ovfinit.userdata.schema import Many, Named, OneOf, Table  # noqa: E402
from ovfinit.userdata.spec import Spec, Unoffered  # noqa: E402
from ovfinit.userdata.unsupported import UNSUPPORTED  # noqa: E402

PAGE = HERE / "cloud-config.md"
# duty → when it is done and how often, in words
WHEN = {
    "growth": "local stage, every boot, if there is room to take",
    "disks": "local stage, once per instance",
    "mounts": "local stage, followed at every boot",
    "hostname": "local stage, followed at every boot",
    "resolv_conf": "local stage, followed at every boot",
    "ssh_keys": "local stage, once per instance; settings of sshd are followed",
    "boot_commands": "network stage, every boot",
    "random_seed": "local stage, its command in the network stage, once per instance",
    "files": "network stage, once per instance",
    "users": "local stage, or the network stage if commands or files come before; keys and groups are followed",
    "passwords": "with the users, once per instance",
    "ca_certs": "network stage, followed at every boot",
    "rsyslog": "network stage, or the final stage if it is installed first; followed",
    "timezone": "local stage, followed at every boot",
    "locale": "local stage, generated in the final stage; followed",
    "keyboard": "local stage, loaded in the final stage; followed",
    "ntp": "network stage, or the final stage if it is installed first; followed",
    "apt": "local and final stage, once per instance; files are followed",
    "packages": "final stage, once per instance",
    "ssh_import": "final stage, once per instance",
    "run_commands": "final stage, once per instance",
    "scripts": "final stage",
    "phone_home": "final stage, once per instance",
    "final_message": "end of the final stage, every boot",
    "power": "last of all, once per instance",
}
HEAD = """# Keys of cloud-config

Made by `docs/reference.py` from the tables that validate user data; see [userdata.md](userdata.md) for everything
around them. `ovfinit check FILE` judges a document by the same tables. A key may also be written with `-` for `_`, with
a warning. Forms: *text* takes numbers and flags as they are spelled; *true or false* takes `yes`, `no`, `on`, `off`.
"""


def sentence(spec: Spec) -> str:
    """What a spec says of itself: form, documentation, what to write instead."""
    doc = f" {spec.doc}" if spec.doc else ""
    old = f" *Deprecated: {spec.deprecated}.*" if spec.deprecated else ""
    if isinstance(spec, Unoffered):
        instead = f": {spec.instead}" if spec.instead else ""
        return f"{spec.doc} *Not supported{instead}.*".strip()
    return f"{form(spec)}.{doc}{old}"


def form(spec: Spec) -> str:
    """The form of a value, with what its items are."""
    if isinstance(spec, Many):
        alone = f", or {form(spec.item)} alone" if spec.single else ""
        return f"list of {form(spec.item)}{alone}{', or a text with commas' if spec.commas else ''}"
    if isinstance(spec, Named):
        return f"mapping of names to {form(spec.value)}"
    if isinstance(spec, OneOf):
        return " or ".join(dict.fromkeys(form(inner) for inner in spec.specs))
    return spec.form.removeprefix("a ")


def inner(spec: Spec, indent: str) -> Iterator[str]:
    """The lines about the keys below a value, however deep it has them."""
    if isinstance(spec, Table):
        for name, below in spec.keys.items():
            needed = " (needed)" if name in spec.required else ""
            yield f"{indent}- `{name}`{needed}: {sentence(below)}"
            yield from inner(below, f"{indent}  ")
        for old, name in spec.aliases.items():
            yield f"{indent}- `{old}`: *deprecated: write {name}*"
    elif isinstance(spec, Many):
        yield from inner(spec.item, indent)
    elif isinstance(spec, Named):
        yield from inner(spec.value, indent)
    elif isinstance(spec, OneOf):
        seen: set[str] = set()
        for one in spec.specs:
            for line in inner(one, indent):
                if line not in seen:
                    seen.add(line)
                    yield line


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    for duty in ORDER:
        keys = [key for key, owner in KEYS.items() if owner == duty]
        if not keys:
            continue
        lines += [f"## {duty}", "", f"When: {WHEN[duty]}."]
        others = sorted({other for key in keys for other in SHARED.get(key, ())})
        if others:
            lines.append(f"Also taken by: {', '.join(others)}.")
        lines.append("")
        for key in keys:
            spec = spec_of(key)
            lines.append(f"- **`{key}`**: {sentence(spec)}")
            lines += inner(spec, "  ")
        lines.append("")
    lines += ["## Not supported", "", "These are known, reported by name, and left out.", ""]
    lines += ["| key | instead |", "| --- | --- |"]
    lines += [f"| `{key}` | {reason} |" for key, reason in sorted(UNSUPPORTED.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
