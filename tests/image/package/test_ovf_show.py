"""`ovf show`: what people and programs see of a package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packages import DISK, envelope, folder, ova, product, sound
from scratch import REPO, Result

Program = Callable[..., Result]
REFERENCE = (REPO / "docs/image.md").read_text().partition("## ovf show")[2].partition("\n## ")[0]


def test_people_see_the_whole(ovfinit: Program, tmp_path: Path) -> None:
    """Product, devices, disks and questions with type, bounds, default and who may change them are on the page."""
    questions = product(
        'ovf:key="port" ovf:type="uint16" ovf:value="80" ovf:userConfigurable="true"',
        'ovf:key="pw" ovf:value="geheim" ovf:password="true"',
        class_="shop",
    ).replace("<Info/>", "<Info/><Product>Shop</Product><Vendor>Example</Vendor><Category>Web</Category>")
    path = folder(tmp_path, envelope(questions + "<EulaSection><Info/><License>Be good.</License></EulaSection>"))
    out = ovfinit("ovf", "show", path).out
    assert "Product: Shop by Example" in out
    assert re.search(r"d1 +2 MiB +disk\.vmdk +streamOptimized", out)
    assert "Hardware: 2 CPUs, 512 MiB of memory" in out
    assert "Environment by: iso" in out
    assert re.search(r"4 +disk +disk d1, on 3:0", out)
    assert "Properties: Web" in out
    assert re.search(r"shop\.port +uint16 0 to 65535 +80 +user", out)
    assert "geheim" not in out
    assert "geheim" in ovfinit("ovf", "show", path, "--secrets").out
    assert "Be good." not in out
    assert "Be good." in ovfinit("ovf", "show", path, "--eula").out


def test_every_key_is_documented(ovfinit: Program, tmp_path: Path) -> None:
    """The keys of the JSON document are those that docs/image.md lists."""
    shown = ovfinit("ovf", "show", "--json", sound(tmp_path / "app.ova", envelope(product('ovf:key="a"')))).json
    machine = shown["machines"][0]
    parts = [shown, machine, machine["hardware"][0], machine["hardware"][0]["items"][0]]
    parts += [machine["products"][0], machine["products"][0]["properties"][0], shown["files"][0], shown["disks"][0]]
    parts += [shown["manifest"]]
    names = set(re.findall(r"`([a-z0-9_]+)`", REFERENCE))
    assert {key for part in parts for key in part} - {"line"} <= names


def test_secrets_stay_out_of_json(ovfinit: Program, tmp_path: Path) -> None:
    """A password's default is not in the document unless it is asked for."""
    path = folder(tmp_path, envelope(product('ovf:key="pw" ovf:value="geheim" ovf:type="password(4..8)"')))
    assert "geheim" not in ovfinit("ovf", "show", "--json", path).out
    assert "geheim" in ovfinit("ovf", "show", "--json", "--secrets", path).out


def test_languages(ovfinit: Program, tmp_path: Path) -> None:
    """Texts come in the language that is asked for, from the envelope or from a file of the package."""
    strings = '<Strings xml:lang="de"><Msg ovf:msgid="m">Laden</Msg></Strings><Strings xml:lang="fr" fileRef="f2"/>'
    body = product().replace("<Info/>", '<Info/><Product ovf:msgid="m">Shop</Product>')
    text = envelope(body, files='<File ovf:id="f2" ovf:href="fr.msg"/>').replace("</Envelope>", f"{strings}</Envelope>")
    bundle = '<Strings xmlns="http://schemas.dmtf.org/ovf/envelope/1"><Msg msgid="m">Boutique</Msg></Strings>'
    path = ova(tmp_path / "app.ova", {"app.ovf": text.encode(), "fr.msg": bundle.encode(), "disk.vmdk": DISK})
    for language, word in (("de_DE.UTF-8", "Laden"), ("fr", "Boutique"), ("ja", "Shop")):
        assert f"Product: {word}" in ovfinit("ovf", "show", path, "--language", language).out
    assert "Product: Laden" in ovfinit("ovf", "show", path, env={"LC_ALL": "de_AT.UTF-8"}).out


def test_what_breaks_off_is_shown_as_far_as_it_goes(ovfinit: Program, tmp_path: Path) -> None:
    """Of a descriptor that breaks off, what stands before the place is shown, with the finding and exit code 1."""
    text = envelope()
    path = folder(tmp_path, text[: text.index("<VirtualHardware")])
    result = ovfinit("ovf", "show", path, code=1)
    assert "Machine web" in result.out
    assert "cut off" in result.out


def test_without_the_image_half(tmp_path: Path) -> None:
    """Where only the agent is installed, the command says which package brings it."""
    shutil.copytree(REPO / "ovfinit", tmp_path / "ovfinit", ignore=shutil.ignore_patterns("image", "__pycache__"))
    # without site-packages, in which an editable install would find the rest of the checkout
    words = [sys.executable, "-S", "-m", "ovfinit", "ovf", "show", "app.ova"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert b"apt install ovfinit-image" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["show", "check", "env"])
def test_help(ovfinit: Program, verb: str) -> None:
    """Each has a help with examples that fits a terminal."""
    out = ovfinit("ovf", verb, "--help").out
    assert "examples:" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_wrong_usage(ovfinit: Program, tmp_path: Path) -> None:
    """No verb, an unknown one, no file, an option that the package lacks: exit code 2 and what there is."""
    assert "show, check, env" in ovfinit("ovf", code=2).err
    assert "what is in a package" in ovfinit("ovf", "--help").out
    ovfinit("ovf", "shwo", code=2)
    ovfinit("ovf", "show", code=2)
    path = folder(tmp_path, envelope())
    assert "none at all" in ovfinit("ovf", "show", path, "--deployment-option", "big", code=2).err
    ovfinit("ovf", "show", tmp_path / "missing.ova", code=1)
