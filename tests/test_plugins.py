"""Plugins of an admin's, in a tree: chosen and explained when they work, named with file and line when they do not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin import EXECUTABLE, plant, plant_seed, verdicts
from scratch import KEY, Result, differences, give_away, snapshot

from ovfinit.deadline import Deadline
from ovfinit.errors import PluginError
from ovfinit.host import Host
from ovfinit.sandbox import PythonPlugin

Program = Callable[..., Result]
Seed = Callable[..., str]

GOOD = f'''"""One machine room's own source."""
from ovfinit.datasource import Datasource, Detection, SourceAbsent
from ovfinit.model import Metadata


class Rack(Datasource):
    name = "rack"
    needs_network = False

    def detect(self, host):
        if host.path("/etc/rack").exists():
            return Detection.yes("rack label found")
        return Detection.no("no /etc/rack")

    def read(self, host, deadline):
        label = host.path("/etc/rack").read_text().strip()
        return Metadata(instance_id="r-17", hostname=label, public_keys=["{KEY}"], user_data=b"#!/bin/sh\\n")
'''
# each: what replaces a line of the good plugin, the verdict's words, the line that is to blame (0: the file only)
BROKEN: dict[str, tuple[str, str, str, int]] = {
    "syntax": ('    name = "rack"', "    name = = 1", "SyntaxError", 7),
    "import": ("from ovfinit.model", "from ovfinit.nothing", "No module named 'ovfinit.nothing'", 3),
    "raises": ('        label = host.path("/etc/rack")', '        label = {}["gone"]  #', "raised KeyError", 16),
    "raises-in-detect": ('        if host.path("/etc/rack").exists():', "        if 1 / 0:", "ZeroDivisionError", 11),
    "wrong-type": ("        return Metadata(", "        return dict(", "must return Metadata, not dict", 15),
    "detect-wrong-type": (
        '            return Detection.yes("rack label found")',
        "            return True",
        "must return a Detection, not bool",
        10,
    ),
    "wrong-field": ("hostname=label", "hostname=17", "hostname must be a text (str), not int", 15),
    "wrong-item": (f'["{KEY}"]', "[1]", "public_keys[0] must be a text (str), not int", 15),
    "unknown-field": ("hostname=label", "hostnam=label", "has no field 'hostnam'", 17),
    "exits": ('        label = host.path("/etc/rack")', '        __import__("os")._exit(3)  #', "ended its process", 0),
    "system-exit": ('        label = host.path("/etc/rack")', '        __import__("sys").exit(0)  #', "SystemExit", 16),
    "killed": (
        '        label = host.path("/etc/rack")',
        '        __import__("os").kill(__import__("os").getpid(), 11)  #',
        "ended its process (status -11)",
        0,
    ),
    "no-class": ("class Rack(Datasource):", "class Rack:", "one subclass of Datasource", 0),
    "no-name": ('    name = "rack"', "    name = None", "name must be", 0),
    "no-read": ("    def read(self", "    def reed(self", "has no read()", 0),
    "null-byte": ('    name = "rack"', "\0", "null bytes", 0),
    "latin-1": ('"""One machine', '"""\xe9', "utf-8", 0),
}


def test_python_plugin_is_chosen(tree: Path, ovfinit: Program) -> None:
    """A Python file in the tree's folder is asked first, chosen, applied and explained."""
    plant(tree, "rack.py", GOOD)
    (tree / "etc/rack").write_text("rack7\n")
    plant_seed(tree)
    known = verdicts(ovfinit("explain", "--root", tree, "--json"))
    assert list(known) == ["rack"]
    assert known["rack"]["verdict"] == "chosen"
    assert known["rack"]["origin"] == "/etc/ovfinit/datasources/rack.py"
    ovfinit("apply", "--root", tree)
    assert (tree / "etc/hostname").read_text() == "rack7\n"
    told = ovfinit("explain", "--root", tree, "hostname")
    assert "rack7" in told.out
    assert "from rack" in told.out
    assert "Nothing to do." in ovfinit("plan", "--root", tree).out


def test_plugin_that_is_not_here(tree: Path, ovfinit: Program) -> None:
    """A plugin that says no is passed over with its reason, and the chain goes on."""
    plant(tree, "rack.py", GOOD)
    plant_seed(tree)
    known = verdicts(ovfinit("explain", "--root", tree, "--json"))
    assert known["rack"]["verdict"] == "not-here"
    assert known["rack"]["reason"] == "no /etc/rack"
    assert known["seed"]["verdict"] == "chosen"


def test_broken_python_plugins(tree: Path, ovfinit: Program) -> None:
    """Whatever is wrong with a plugin is said with file and line, and the chain goes on to the next source."""
    (tree / "etc/rack").write_text("rack7\n")
    plant_seed(tree)
    for kind, (old, new, _, _) in BROKEN.items():
        assert old in GOOD
        text = GOOD.replace(old, new).replace('"rack"', f'"{kind}"')
        plant(tree, f"{kind}.py", text.encode("latin-1" if kind == "latin-1" else "utf-8"))
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    known = verdicts(result)
    for kind, (_, _, words, line) in BROKEN.items():
        verdict, path = known[kind], f"{tree}/etc/ovfinit/datasources/{kind}.py"
        assert verdict["verdict"] == "broken", verdict
        assert words in verdict["reason"]
        assert verdict["where"] == f"{path}:{line}" if line else verdict["where"].startswith(path), verdict


def test_check_names_what_the_chain_names(tree: Path, ovfinit: Program) -> None:
    """`datasource check` finds a fault before a boot does: with its line, exit code 1, and all is well without it."""
    (tree / "etc/rack").write_text("rack7\n")
    old, new, words, line = BROKEN["wrong-field"]
    path = plant(tree, "rack.py", GOOD.replace(old, new))
    checked = ovfinit("datasource", "check", path, "--root", tree, code=1)
    assert "FAIL read" in checked.out
    assert words in checked.out
    assert f"{path}:{line}" in checked.out
    path.write_text(GOOD)
    assert ovfinit("datasource", "check", path, "--root", tree, "--json").json["ok"] is True


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("        while True: pass", 12),
        ("        import time; time.sleep(600)", 12),
        ("        import subprocess; subprocess.run(['sleep', '600'])", 12),
        (
            """        while True:
            try: __import__('time').sleep(600)
            except BaseException: pass""",
            0,
        ),
    ],
)
def test_plugin_that_hangs(tmp_path: Path, body: str, line: int) -> None:
    """A plugin that hangs is stopped at the deadline and the line named; one that will not be stopped is killed."""
    text = GOOD[: GOOD.index("        if host.path")].replace('"""One', '"""\nOne', 1)
    path = tmp_path / "rack.py"
    path.write_text(f"{text}{body}\n\n    def read(self, host, deadline):\n{body}\n")
    source = PythonPlugin(str(path), {})
    with pytest.raises(PluginError) as caught:
        # on a busy machine it takes a while until the plugin gets to hang at all
        source.read(Host(str(tmp_path)), Deadline(0.8))
    number = len(text.splitlines()) + len(body.splitlines()) + 3
    assert caught.value.where == (f"{path}:{number}" if line else str(path))
    assert ("hangs and was stopped" if line else "was killed") in caught.value.message


@pytest.mark.parametrize("name", ["rack.py", "rack-db"])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_plugin_that_others_may_write(tree: Path, ovfinit: Program, name: str, mode: int) -> None:
    """A plugin that somebody else may write is refused by name with the remedy, and never run."""
    text = GOOD if name.endswith(".py") else EXECUTABLE
    mark = tree / "mark"
    started = f"open({str(mark)!r}, 'w')\n" if name.endswith(".py") else f"touch {mark}\n"
    path = plant(tree, name, text.replace('"""One', f'{started}"""One').replace("case $1", f"{started}case $1"), mode)
    (tree / "etc/rack").write_text("x\n")
    plant_seed(tree)
    verdict = verdicts(ovfinit("explain", "--root", tree, "--json"))[path.stem]
    assert verdict["verdict"] == "broken"
    assert "does not belong to root alone" in verdict["reason"]
    assert f"chmod go-w {path}" in verdict["reason"]
    assert not mark.exists()


@pytest.mark.usefixtures("as_root")
def test_plugin_of_somebody_else(tree: Path, ovfinit: Program) -> None:
    """A plugin that belongs to somebody else is refused, and so are all in a folder that does."""
    path = plant(tree, "rack.py", GOOD)
    plant_seed(tree)
    give_away(path)
    assert verdicts(ovfinit("explain", "--root", tree, "--json"))["rack"]["verdict"] == "broken"
    path.unlink()
    plant(tree, "rack.py", GOOD)
    give_away(path.parent)
    os.chown(path, 0, 0)
    assert verdicts(ovfinit("explain", "--root", tree, "--json"))["rack"]["verdict"] == "broken"


def test_links_in_the_plugin_folder(tree: Path, tmp_path: Path, ovfinit: Program) -> None:
    """A link to nothing and one that leads out of the tree are named and not followed; the chain goes on."""
    outside = tmp_path / "outside.py"
    outside.write_text(GOOD)
    folder = tree / "etc/ovfinit/datasources"
    (folder / "gone.py").symlink_to("nowhere.py")
    (folder / "out.py").symlink_to(outside)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "tool").symlink_to("/bin/true")
    os.mkfifo(folder / "pipe.py")
    plant_seed(tree)
    result = ovfinit("explain", "--root", tree, "--json")
    known = verdicts(result)
    assert result.json["datasource"] == "seed"
    assert {known[name]["verdict"] for name in ("gone", "out", "loop", "pipe")} == {"broken"}
    assert "tool" not in known or known["tool"]["verdict"] == "broken"


def test_plugin_in_a_linked_folder_of_others(tree: Path, ovfinit: Program) -> None:
    """A link to a file in a folder that others may write is refused: they could put another file there."""
    (tree / "srv").mkdir(mode=0o777)
    (tree / "srv").chmod(0o777)
    (tree / "srv/rack.py").write_text(GOOD)
    (tree / "etc/ovfinit/datasources/rack.py").symlink_to("/srv/rack.py")
    plant_seed(tree)
    assert verdicts(ovfinit("explain", "--root", tree, "--json"))["rack"]["verdict"] == "broken"


@pytest.mark.parametrize("kind", ["SourceAbsent", "SourceUnreachable", "SourceInvalid"])
def test_source_error_while_loading(tree: Path, ovfinit: Program, kind: str) -> None:
    """A source error at the top of a plugin's file stops this plugin, not the chain."""
    plant(tree, "rack.py", f"from ovfinit.datasource import {kind}\nraise {kind}('too early')\n")
    plant_seed(tree)
    result = ovfinit("explain", "--root", tree, "--json")
    assert result.json["datasource"] == "seed"
    assert verdicts(result)["rack"]["verdict"] == "broken"
    assert "too early" in verdicts(result)["rack"]["reason"]


@pytest.mark.parametrize(
    ("kind", "word", "code"),
    [("SourceAbsent", "absent", 4), ("SourceUnreachable", "unreachable", 1), ("SourceInvalid", "invalid", 1)],
)
def test_source_errors_of_a_plugin(tree: Path, ovfinit: Program, kind: str, word: str, code: int) -> None:
    """What a plugin raises by contract is its verdict, and decides the exit code."""
    text = GOOD.replace("import Datasource", f"import {kind}, Datasource")
    text = text.replace(
        "        label = ", f"        raise {kind}('says the rack', where='rack://7')\n        label = "
    )
    plant(tree, "rack.py", text)
    (tree / "etc/rack").write_text("x")
    before = snapshot(tree)
    verdict = verdicts(ovfinit("explain", "--root", tree, "--json", code=code))["rack"]
    assert (verdict["verdict"], verdict["where"]) == (word, "rack://7")
    assert "says the rack" in ovfinit("apply", "--root", tree, code=code).err
    assert differences(before, snapshot(tree)) == ""


def test_plugins_with_the_same_name(tree: Path, ovfinit: Program) -> None:
    """The first of a name wins with a warning, over another file and over a shipped source."""
    plant(tree, "a.py", GOOD.replace('"rack"', '"seed"'))
    plant(tree, "b.py", GOOD.replace('"rack"', '"seed"'))
    (tree / "etc/rack").write_text("first\n")
    listed = ovfinit("datasource", "list", "--root", tree, "--json").json["datasources"]
    mine = next(row for row in listed if row["name"] == "seed")
    assert mine["origin"] == "/etc/ovfinit/datasources/a.py"
    assert "b.py" in mine["warning"]
    status = ovfinit("apply", "--root", tree, "--json").json
    assert any("seed" in text and "b.py" in text for text in status["warnings"])
    assert ovfinit("apply", "--root", tree, "--strict", code=3).code == 3


def test_plugin_may_use_all_of_python(tree: Path, ovfinit: Program) -> None:
    """A plugin may print, define dataclasses with postponed annotations and import what it likes."""
    text = GOOD.replace(
        "from ovfinit.datasource",
        "from __future__ import annotations\nimport dataclasses, enum, json, sys\nfrom ovfinit.datasource",
        1,
    ).replace(
        "class Rack",
        "@dataclasses.dataclass(frozen=True)\nclass Place:\n    row: int = 1\n    name: str = 'x'\n\n\n"
        "print('noise')\n\n\nclass Rack",
    )
    text = text.replace("        label =", "        print('more noise', Place())\n        label =")
    plant(tree, "rack.py", text)
    (tree / "etc/rack").write_text("rack7\n")
    result = ovfinit("show", "--root", tree, "--json")
    assert result.json["hostname"] == "rack7"
    assert "more noise" in result.err


def test_settings_and_location_reach_plugins(tree: Path, ovfinit: Program) -> None:
    """What stands under a plugin's name in ovfinit.yaml and after the colon of --from reaches it."""
    text = GOOD.replace("hostname=label", "hostname=self.settings['prefix'] + self.location")
    plant(tree, "rack.py", text.replace("        label =", "        label = ''  #"))
    printed = 'echo "{\\"hostname\\": \\"$OVFINIT_LOCATION\\", \\"properties\\": $OVFINIT_SETTINGS}"'
    plant(tree, "rack-db", f"#!/bin/sh\n{printed}\n")
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("rack: {prefix: web}\nrack-db: {colour: blue}\n")
    assert ovfinit("show", "--root", tree, "--from", "rack:12", "hostname").out == "web12\n"
    assert ovfinit("show", "--root", tree, "--from", "rack-db:db3", "hostname").out == "db3\n"
    assert ovfinit("show", "--root", tree, "--from", "rack-db:db3", "properties.colour").out == "blue\n"


def test_named_order(tree: Path, ovfinit: Program) -> None:
    """`datasources` in ovfinit.yaml sets the order and the set; a name that nobody has is reported, not fatal."""
    plant(tree, "rack.py", GOOD)
    (tree / "etc/rack").write_text("rack7\n")
    plant_seed(tree)
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("datasources: [nobody, seed, rack]\n")
    result = ovfinit("explain", "--root", tree, "--json")
    assert [verdict["name"] for verdict in result.json["sources"]] == ["nobody", "seed"]
    assert verdicts(result)["nobody"]["verdict"] == "broken"
    assert result.json["datasource"] == "seed"


def test_a_clash_with_a_shipped_name_is_listed(tree: Path, ovfinit: Program) -> None:
    """`datasource list` has the order and the set of asking, and warns of a name that takes a shipped one's place."""
    plant(tree, "seed.py", GOOD.replace('"rack"', '"seed"'))
    listed = ovfinit("datasource", "list", "--root", tree, "--json").json["datasources"]
    assert [row["name"] for row in listed] == ["seed", "ovf", "openstack", "ec2"]
    assert listed[0]["warning"] == "takes the place of the shipped datasource seed"
    (tree / "etc/ovfinit/ovfinit.yaml").write_text("datasources: [ec2, seed]\n")
    listed = ovfinit("datasource", "list", "--root", tree, "--json").json["datasources"]
    assert [row["name"] for row in listed] == ["ec2", "seed"]


def test_an_unknown_name_on_the_kernel_command_line(tree: Path, ovfinit: Program) -> None:
    """Nobody typed it just now, so it is no wrong usage: the error and the status say where it stands."""
    (tree / "proc").mkdir(exist_ok=True)
    (tree / "proc/cmdline").write_text("ovfinit.from=nosuch\n")
    error = ovfinit("show", "--root", tree, "--json", code=1).json["error"]
    assert (error["code"], error["where"]) == ("plugin-broken", "ovfinit.from in /proc/cmdline")


def test_line_breaks_inside_of_texts(tree: Path, ovfinit: Program) -> None:
    """What dash's echo makes of JSON is understood: it writes line breaks for each backslash and n."""
    program = tree / "etc/ovfinit/datasources/dash"
    program.write_text(
        "#!/bin/sh\n"
        """case $1 in read) printf '%b' '{"instance_id": "d-1", "user_data": "#!/bin/sh\\necho hi\\n"}';; esac\n"""
    )
    program.chmod(0o755)
    assert ovfinit("show", "--root", tree, "--json").json["user_data"]["size"] == len("#!/bin/sh\necho hi\n")


def test_what_is_known_of_shipped_sources_without_loading_them() -> None:
    """The table of the shipped sources says what their classes say."""
    from ovfinit.config import Config
    from ovfinit.host import Host
    from ovfinit.plugins import SHIPPED, find

    found = [plugin for plugin in find(Host("/nowhere"), Config()) if plugin.name in SHIPPED]
    assert {plugin.name: plugin.source.needs_network for plugin in found if plugin.source} == SHIPPED
    assert {plugin.name: plugin.needs_network for plugin in found} == SHIPPED
