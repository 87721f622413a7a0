"""The import rule of the design, and what a boot does not import."""

from __future__ import annotations

import ast
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from scratch import REPO, environment, make_seed, make_tree

PACKAGE = REPO / "ovfinit"
SOURCES = REPO / "datasources"
CONTRACT = {f"ovfinit.{name}" for name in ("datasource", "model", "host", "http", "errors")}
# imports run downwards only: cli → daemon → boot → chain, handlers, apply → datasource, changes … → model, host
LAYERS = (
    ("cli",),
    ("daemon",),
    ("boot",),
    ("inspection", "clean"),
    ("plan", "execution", "undo"),
    ("chain", "handlers", "apply", "ledger", "journal", "compare", "plugins", "sandbox"),
    ("datasource", "changes", "network", "userdata", "normalize"),
    ("model", "host", "errors"),
)
FORBIDDEN_ON_BOOT = [
    *("typing", "dataclasses", "pathlib", "inspect", "logging", "requests", "urllib3", "http.client", "yaml"),
    *("pycdlib", "netifaces", "xml.etree", "asyncio", "importlib.metadata", "email", "ssl", "socket", "tempfile"),
    *(
        "shutil",
        "random",
        "contextlib",
        "difflib",
        "subprocess",
        "signal",
        "enum",
        "re",
        "json",
        "threading",
        "datetime",
    ),
]
# modules of ours that a boot may load, rounded up: a boot grows by what everybody adds a little to
MOST_FIRST, MOST_LATER, MOST_SPARED = 95, 75, 40


def modules() -> dict[str, Path]:
    """All modules of the agent by their dotted name; the shipped datasources as the installed package has them."""
    found = {}
    for base, package in ((PACKAGE, "ovfinit"), (SOURCES, "ovfinit.datasources")):
        for path in base.rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join((package, *(part for part in parts if part != "__init__")))
            found[name] = path
    return found


MODULES = modules()


def imported(name: str, *, top: bool) -> Iterator[str]:
    """Modules of ours that a module imports; with `top` only those that are imported when it is."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes(name, top=top):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from known(alias.name)
        else:
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join((*above, base)) if base else ".".join(above)
            for alias in node.names:
                yield from known(f"{base}.{alias.name}", base)


def known(*names: str) -> Iterator[str]:
    """The first of the names that is a module of ours."""
    for name in names:
        if name in MODULES:
            yield name
            return


@cache
def nodes(name: str, *, top: bool) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The imports of a module that count: never what only a type checker sees, with `top` nothing inside functions."""
    found = []
    left: list[ast.AST] = [parsed(name)]
    while left:
        node = left.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            left += node.orelse
        elif not (top and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
            # imports are statements, and no expression holds one
            left += (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
    return tuple(found)


@cache
def parsed(name: str) -> ast.Module:
    """A module as Python reads it."""
    return ast.parse(MODULES[name].read_text())


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A ring of imports, if there is one."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for other in sorted(graph[name]):
            if found := visit(other):
                return found
        path.pop()
        done.add(name)
        return []

    for name in sorted(graph):
        if found := visit(name):
            return found
    return []


@pytest.mark.parametrize("top", [True, False])
def test_no_import_cycles(top: bool) -> None:
    """No module reaches itself by imports, neither when it is loaded nor by those inside its functions."""
    # a package's own __init__ is loaded before what is in it
    graph = {name: {other for other in imported(name, top=top) if other != name} for name in MODULES}
    assert cycle(graph) == []


def layer(name: str) -> int | None:
    """Which layer of the design a module belongs to, None if it names none for it."""
    part = name.split(".")[1] if "." in name else ""
    return next((number for number, names in enumerate(LAYERS) if part in names), None)


def test_imports_run_one_way() -> None:
    """No module imports one of a higher layer."""
    wrong = [
        f"{name} imports {other}"
        for name in MODULES
        for other in imported(name, top=False)
        if (mine := layer(name)) is not None and (theirs := layer(other)) is not None and theirs < mine
    ]
    assert wrong == []


def test_what_is_in_no_layer_imports_none_above_the_model() -> None:
    """Modules that the design does not name stand at the bottom: none reaches the command line or the daemon."""
    wrong = [
        f"{name} imports {other}"
        for name in MODULES
        for other in imported(name, top=False)
        if layer(name) is None and (layer(other) or 9) < 2 and name not in ("ovfinit.__main__", "ovfinit")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("ovfinit.datasources.")])
def test_datasources_use_the_contract_only(name: str) -> None:
    """A shipped datasource imports of us only what any admin's may."""
    assert set(imported(name, top=False)) <= CONTRACT


def test_image_half_is_apart() -> None:
    """The image builder's half and the boot path do not import each other."""
    for name in MODULES:
        half = name.startswith(("ovfinit.image", "ovfinit.cli."))
        for other in imported(name, top=False):
            if not half:
                assert not other.startswith("ovfinit.image"), f"{name} imports {other}"
    for name in MODULES:
        if name.startswith("ovfinit.image"):
            used = {other for other in imported(name, top=False) if not other.startswith("ovfinit.image")}
            assert not {other for other in used if layer(other) is not None and (layer(other) or 0) <= 5}, name


def test_no_expensive_imports_of_our_own() -> None:
    """No module that a boot may load imports at its top what costs more than all of ours."""
    heavy = {"typing", "dataclasses", "enum", "pathlib", "inspect", "logging", "re", "yaml", "requests", "pycdlib"}
    on_boot = {name for name in MODULES if not name.startswith(("ovfinit.image", "ovfinit.cli."))}
    wrong = []
    for name in sorted(on_boot):
        for node in nodes(name, top=True):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            wrong += [f"{name} imports {other}" for other in names if other.partition(".")[0] in heavy]
    assert wrong == []


def test_nothing_is_called_util() -> None:
    """No module has a name that says nothing."""
    for name in MODULES:
        assert not {"util", "utils", "helpers", "common", "misc", "manager"} & set(name.split("."))


def test_files_are_small() -> None:
    """No module is longer than 400 lines."""
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def loaded(*words: str | Path, beyond: str = "runpy, argparse") -> set[str]:
    """The modules that the program loads for a command, beyond the parser of words, which a boot does without."""
    command = [sys.executable, "-X", "importtime", "-m", "ovfinit", *map(str, words)]
    bare = [sys.executable, "-X", "importtime", "-c", f"import {beyond}"]
    env = environment()
    sets = []
    for call in (command, bare):
        done = subprocess.run(call, capture_output=True, check=False, env=env)
        rows = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
        sets.append({row.rpartition("|")[2].strip() for row in rows})
        assert done.returncode == 0, done.stderr.decode()
    return sets[0] - sets[1]


def offending(names: set[str], allowed: str = "") -> set[str]:
    """Those of the loaded modules that have no business there."""
    return {
        name
        for name in names
        for bad in FORBIDDEN_ON_BOOT
        if (name == bad or name.startswith(f"{bad}.")) and bad not in allowed.split()
    }


def test_light_commands(tree: Path) -> None:
    """`--help` and `status` load nothing heavy, nor each other's modules."""
    (tree / "run/ovfinit").mkdir()
    (tree / "run/ovfinit/status.json").write_text('{"version": 1, "status": "done"}')
    helping = loaded("--help", beyond="runpy")
    assert not offending(helping)
    assert "argparse" not in helping
    asking = loaded("status", "--root", tree)
    assert not offending(asking)
    assert not {"subprocess", "ovfinit.chain", "ovfinit.apply", "ovfinit.boot", "ovfinit.config", "hashlib"} & asking


def test_light_boot(tmp_path: Path) -> None:
    """A first boot loads no package for everyday YAML or to start programs, and not much of ours; a later one less."""
    tree = make_tree(tmp_path / "tree")
    source = make_seed(tmp_path / "seed", public_keys=None)
    shown = loaded("show", "--root", tree, "--from", source)
    assert not offending(shown)
    assert not {"hashlib", "_hashlib", "ovfinit.apply", "ovfinit.handlers.users"} & shown
    first = loaded("apply", "--root", tree, "--from", source)
    assert not offending(first)
    assert number_of_ours(first) <= MOST_FIRST
    if os.geteuid() == 0:
        later = loaded("apply", "--root", tree, "--from", source)
        assert not offending(later)
        assert number_of_ours(later) <= MOST_LATER
        idle = {"ovfinit.normalize.whole", "ovfinit.undo", "ovfinit.process", "ovfinit.userdata.spec"}
        assert not {*idle, "ovfinit.formats.yamltext"} & later, "nothing has changed: nothing of it is read anew"


def test_light_later_boot(tmp_path: Path) -> None:
    """A boot on which nothing has changed loads what looks for changes, and nothing that plans or makes any."""
    tree = make_tree(tmp_path / "tree")
    source = make_seed(tmp_path / "seed", user_data=None)
    loaded("daemon", "--root", tree, "--from", source)
    later = loaded("daemon", "--root", tree, "--from", source)
    assert not offending(later)
    assert not {"ovfinit.plan", "ovfinit.changes", "ovfinit.execution", "ovfinit.normalize", "ovfinit.network"} & later
    assert number_of_ours(later) <= MOST_SPARED


def number_of_ours(names: set[str]) -> int:
    """How many of the loaded modules are the agent's, the command line left out: the daemon does without it."""
    return sum(name.startswith("ovfinit.") and not name.startswith("ovfinit.cli") for name in names)


def test_user_data_loads_what_it_needs(tmp_path: Path) -> None:
    """No user data loads Jinja, requests or email unless it asks for them, and a plain script loads nothing more."""
    heavy = {"jinja2", "jsonschema", "requests", "email", "difflib", "http.client", "ovfinit.userdata.unsupported"}
    settings = tmp_path / "only.yaml"
    settings.write_text("disable: [ssh_keys, users, network]\n")

    def applied(name: str, user_data: str | bytes | None) -> set[str]:
        source = make_seed(tmp_path / name, user_data=None)
        if user_data is not None:
            content = user_data.encode() if isinstance(user_data, str) else user_data
            (tmp_path / name / "user-data").write_bytes(content)
        tree = make_tree(tmp_path / f"{name}-tree")
        return loaded("apply", "--root", tree, "--config", settings, "--from", source)

    none, plain = applied("none", None), applied("plain", "#!/bin/sh\n")
    known = {"ovfinit.userdata.content"}  # names its type in what is shown of the metadata
    assert {name for name in plain - none if name.startswith(("ovfinit.userdata", "ovfinit.handlers"))} <= known
    keys = applied("keys", (REPO / "tests/data/userdata/twenty-keys/user-data").read_bytes())
    assert not (heavy | {"yaml", "ovfinit.userdata.mime", "ovfinit.userdata.include"}) & keys
    mail = 'Content-Type: multipart/mixed; boundary="X"\n\n--X\nContent-Type: text/cloud-config\n\nlocale: C\n--X--\n'
    opened = applied("packed", gzip.compress(mail.encode()))
    assert {"ovfinit.userdata.mime", "ovfinit.handlers.locale"} <= opened
    assert not (heavy | {"ovfinit.handlers.packages"}) & opened
    template = applied("template", "## template: jinja\n#cloud-config\nlocale: C.UTF-8\n")
    assert "jinja2" in template
    assert "requests" not in template
