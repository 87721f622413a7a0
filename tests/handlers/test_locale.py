"""The locale, keyboard and time zone duties: what a user chose in, the files that Debian reads out."""

from __future__ import annotations

from pathlib import Path

import pytest
from duty import ask
from scratch import make_tree, run

from ovfinit.changes import FINAL, Call, MakeLink, WriteBlock, WriteFile
from ovfinit.handlers import keyboard, locale, timezone


def tree(root: Path, *paths: str, name: str = "debian") -> Path:
    """A distribution with these empty files."""
    for path in ("etc/default/x", *paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "etc/os-release").write_text(f"ID={name}\n")
    return root


@pytest.mark.parametrize(("given", "asked"), [("en", False), ("de_AT", True), ("C.UTF-8", True)])
def test_a_language_is_no_locale(tmp_path: Path, given: str, asked: bool) -> None:
    """What a platform's user interface speaks (VMware says `en` in every environment) changes no machine."""
    document = tmp_path / "ovf-env.xml"
    document.write_text(
        f"<Environment><PlatformSection><Locale>{given}</Locale></PlatformSection>"
        '<PropertySection><Property key="instance-id" value="i-1"/></PropertySection></Environment>'
    )
    planned = run("plan", "--root", make_tree(tmp_path / "tree"), "--from", f"ovf:{document}", "--json").json
    assert ("locale" in {change["handler"] for change in planned["changes"]}) == asked


@pytest.mark.parametrize(
    ("given", "full", "entry"),
    [
        ("de_AT", "de_AT.UTF-8", "de_AT.UTF-8 UTF-8"),
        ("de_AT.UTF-8", "de_AT.UTF-8", "de_AT.UTF-8 UTF-8"),
        ("de_DE@euro", "de_DE@euro", "de_DE@euro ISO-8859-15"),
        ("en_US.ISO-8859-1", "en_US.ISO-8859-1", "en_US.ISO-8859-1 ISO-8859-1"),
    ],
)
def test_a_locale_that_has_to_be_made(tmp_path: Path, given: str, full: str, entry: str) -> None:
    """The file gets the full name, locale.gen our line with its character set, and locale-gen runs late."""
    root = tree(tmp_path, "usr/sbin/locale-gen", "usr/share/i18n/x")
    (root / "usr/share/i18n/SUPPORTED").write_text("de_AT.UTF-8 UTF-8\nde_DE@euro ISO-8859-15\n")
    answer = ask(locale, root, f"locale: '{given}'")
    assert answer.changes[:2] == [
        WriteFile("locale", "/etc/default/locale", content=f"LANG={full}\n".encode(), ours=False),
        WriteBlock("locale", "/etc/locale.gen", lines=(entry,)),
    ]
    assert isinstance(answer.changes[2], Call)
    assert (answer.changes[2].stage, answer.changes[2].fingerprint) == (FINAL, full)


def test_what_stands_there(tmp_path: Path) -> None:
    """Other lines of the file stay; a line that the admin has in locale.gen is not given twice."""
    root = tree(tmp_path, "usr/sbin/locale-gen")
    (root / "etc/default/locale").write_text("LANG=C.UTF-8\nLC_TIME=de_AT.UTF-8\n")
    (root / "etc/locale.gen").write_text("# en_US.UTF-8 UTF-8\nfr_CA.UTF-8 UTF-8\n")
    answer = ask(locale, root, "locale: fr_CA")
    assert answer.one("/etc/default/locale").content == b"LC_TIME=de_AT.UTF-8\nLANG=fr_CA.UTF-8\n"
    assert "/etc/locale.gen" not in answer.targets


@pytest.mark.parametrize("name", ["C.UTF-8", "C", "POSIX"])
def test_libcs_own(tmp_path: Path, name: str) -> None:
    """The locales that libc has in itself are never made."""
    assert ask(locale, tree(tmp_path, "usr/sbin/locale-gen"), f"locale: {name}").targets == ["/etc/default/locale"]


def test_false_leaves_it(tmp_path: Path) -> None:
    """`locale: false` leaves the machine's, also the one that the platform names."""
    assert ask(locale, tmp_path, "locale: false", locale="de_AT.UTF-8").changes == []
    assert ask(locale, tree(tmp_path), "", locale="C.UTF-8").targets == ["/etc/default/locale"]


def test_places(tmp_path: Path) -> None:
    """Another file by name; Debian 13's link is followed; elsewhere it is /etc/locale.conf."""
    text = "locale: C\nlocale_configfile: /etc/alternate_path/locale\n"
    assert ask(locale, tree(tmp_path), text).targets == ["/etc/alternate_path/locale"]
    (tmp_path / "etc/default/locale").symlink_to("../locale.conf")
    assert ask(locale, tmp_path, "locale: C").targets == ["/etc/locale.conf"]
    assert ask(locale, tree(tmp_path / "other", name="fedora"), "locale: de_AT").targets == ["/etc/locale.conf"]


def test_without_the_package(tmp_path: Path) -> None:
    """On Debian without locale-gen the file is written, and what is missing is said."""
    answer = ask(locale, tree(tmp_path), "locale: de_AT")
    assert answer.targets == ["/etc/default/locale"]
    assert answer.problems == ["locale: de_AT.UTF-8 cannot be made: the package locales is not installed"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "de AT", '"de_AT\\nLD_PRELOAD=/x.so"', "'$(id)'", "''"])
def test_hostile_locales(tmp_path: Path, name: str) -> None:
    """What is no name of a locale changes nothing, whoever gave it."""
    answer = ask(locale, tree(tmp_path), f"locale: {name}")
    assert (answer.changes, len(answer.said)) == ([], 1)
    assert ask(locale, tmp_path, "locale_configfile: ../x\n").said
    assert ask(locale, tmp_path, "", locale="x\ny").problems[0].startswith("locale: is not")


def test_keyboard(tmp_path: Path) -> None:
    """All four values go to Debian's file, and the console is told where there is the tool."""
    text = "keyboard: {layout: de, model: pc104, variant: nodeadkeys, options: compose:rwin}"
    answer = ask(keyboard, tree(tmp_path, "usr/bin/setupcon"), text)
    assert answer.one("/etc/default/keyboard").content.decode().splitlines()[1:] == [
        'XKBLAYOUT="de"',
        'XKBMODEL="pc104"',
        'XKBVARIANT="nodeadkeys"',
        'XKBOPTIONS="compose:rwin"',
        'BACKSPACE="guess"',
    ]
    assert answer.targets == ["/etc/default/keyboard", "setupcon"]
    assert b'XKBMODEL="pc105"' in ask(keyboard, tmp_path, "keyboard: {layout: us}").changes[0].content  # type: ignore[attr-defined]


def test_keyboard_elsewhere(tmp_path: Path) -> None:
    """A distribution without Debian's file has localectl."""
    change = ask(keyboard, tree(tmp_path, name="fedora"), "keyboard: {layout: gb}").changes[0]
    assert isinstance(change, Call)
    assert change.command == ("localectl", "set-x11-keymap", "gb", "pc105", "", "")


@pytest.mark.parametrize("layout", ["'a\"; id'", "-x", "$(id)", '"a\\nb"'])
def test_hostile_keyboards(tmp_path: Path, layout: str) -> None:
    """The file is read by a shell: nothing reaches it but names."""
    answer = ask(keyboard, tree(tmp_path), f"keyboard: {{layout: {layout}}}")
    assert (answer.changes, len(answer.said)) == ([], 1)
    assert ask(keyboard, tmp_path, "keyboard: {model: pc105}").said == ["error: keyboard: needs the key layout"]


def test_timezone(tmp_path: Path) -> None:
    """Cloud-config goes before the platform; a zone that is not there is an error with the place to look at."""
    root = tree(tmp_path, "usr/share/zoneinfo/Europe/Vienna", "usr/share/zoneinfo/Europe/Berlin")
    answer = ask(timezone, root, "timezone: Europe/Vienna", timezone="Europe/Berlin")
    assert answer.changes[0] == MakeLink("timezone", "/etc/localtime", to="/usr/share/zoneinfo/Europe/Vienna")
    assert ask(timezone, root, "", timezone="Europe/Berlin").changes[1].content == b"Europe/Berlin\n"  # type: ignore[attr-defined]
    assert "there is no zone Mars/Olympus" in str(ask(timezone, root, "timezone: Mars/Olympus").error)
    assert len(ask(timezone, root, "timezone: ../../etc/shadow").said) == 1
