"""Every kind of part and in which order: what is made of it, and that the rest goes on when a part is off."""

from __future__ import annotations

import pytest
from documents import mime
from unfolded import CONFIG, SCRIPT, handed, words


@pytest.mark.parametrize("front", ["", "\ufeff", "\n\n  \n", "\r\n"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_editors_put_in_front(front: str, ends: str) -> None:
    """A byte order mark, blank lines and line ends of Windows change nothing."""
    found = handed((front + CONFIG).replace("\n", ends))
    assert found.config == {"timezone": "Europe/Vienna"}
    script = handed((front + SCRIPT).replace("\n", ends)).scripts[0]
    assert script.content == SCRIPT.encode()


@pytest.mark.parametrize(
    ("subtype", "when"),
    [
        ("x-shellscript", "instance"),
        ("x-shellscript-per-boot", "boot"),
        ("x-shellscript-per-instance", "instance"),
        ("x-shellscript-per-once", "once"),
    ],
)
def test_how_often(subtype: str, when: str) -> None:
    """Each type of script runs as often as its name says, and is called after its part."""
    script = handed(mime((subtype, "a b/../my setup.sh", SCRIPT))).scripts[0]
    assert (script.when, script.name) == (when, "part-001-my-setup.sh")


def test_any_interpreter() -> None:
    """Whatever stands after #! is the user's choice."""
    assert handed("#!/usr/bin/env -S python3 -I\nprint()\n").scripts[0].content.startswith(b"#!/usr/bin/env")


def test_order_of_parts() -> None:
    """Parts keep their order, the vendor's come first; boothooks are apart."""
    found = handed(
        mime(("x-shellscript", "z", SCRIPT), ("cloud-boothook", "", "#cloud-boothook\necho\n"), ("plain", "a", SCRIPT)),
        mime(("x-shellscript", "v", SCRIPT + "#\n")),
    )
    assert [script.name for script in found.scripts] == ["vendor-001-v", "part-001-z", "part-003-a"]
    assert [hook.content for hook in found.boothooks] == [b"#!/bin/sh\necho\n"]


def test_boothook_of_another_interpreter() -> None:
    """A boothook may name its interpreter on its second line."""
    assert handed("#cloud-boothook\r\n#!/bin/bash\r\necho\r\n").boothooks[0].content == b"#!/bin/bash\necho\n"


def test_launch_index() -> None:
    """Parts for another instance of the launch are left out, in all three places that can say so."""
    config = "#cloud-config\nlaunch-index: 2\ntimezone: Europe/Vienna\n"
    archive = f"#cloud-config-archive\n- {{launch-index: 2, content: {SCRIPT!r}}}\n"
    for index, there in ((2, True), (1, False)):
        found = handed(mime(("x-shellscript", "", SCRIPT), Launch_Index="2"), launch_index=index)
        assert bool(found.scripts) == there
        assert bool(handed(config, launch_index=index).config) == there
        assert bool(handed(archive.replace("'", '"'), launch_index=index).scripts) == there


def test_archive() -> None:
    """An archive has texts and mappings as parts; what is off in one costs only that one."""
    found = handed(
        "#cloud-config-archive\n"
        "- |\n  #cloud-config\n  timezone: Europe/Vienna\n"
        "- type: text/x-shellscript\n  filename: setup\n  content: |\n    #!/bin/sh\n"
        "- {content: 5}\n- type: text/cloud-config\n  content: |\n    locale: de_AT.UTF-8\n"
    )
    assert found.config == {"timezone": "Europe/Vienna", "locale": "de_AT.UTF-8"}
    assert found.scripts[0].name == "part-002-setup"
    assert ":9:3: error: a part must be a text" in words(found)[0]


def test_jsonp() -> None:
    """A JSON patch changes what the parts before it said, the vendor's too."""
    patch = '#cloud-config-jsonp\n[{"op": "add", "path": "/runcmd/-", "value": "later"}]\n'
    found = handed(
        mime(("cloud-config-jsonp", "", patch)), mime(("cloud-config", "", "#cloud-config\nruncmd: [first]\n"))
    )
    assert found.config["runcmd"] == ("first", "later")


def test_user_above_vendor() -> None:
    """The user's keys replace the vendor's; the vendor's data can be switched off as a whole."""
    vendor = mime(("cloud-config", "", "#cloud-config\ntimezone: UTC\nlocale: C.UTF-8\n"), ("plain", "", SCRIPT))
    found = handed(CONFIG, vendor)
    assert found.config == {"timezone": "Europe/Vienna", "locale": "C.UTF-8"}
    assert len(found.scripts) == 1
    off = handed(CONFIG + "vendor_data: {enabled: false}\n", vendor)
    assert off.scripts == ()
    assert off.config == {"timezone": "Europe/Vienna", "vendor_data": {"enabled": False}}


@pytest.mark.parametrize("kind", ["part-handler", "upstart-job"])
def test_what_is_refused(kind: str) -> None:
    """A part handler is refused with a word about what to do instead; other parts are used."""
    found = handed(mime((kind, "", "x"), ("x-shellscript", "", SCRIPT)))
    assert len(found.scripts) == 1
    assert "which is not supported (" in words(found)[0]


def test_the_same_part_twice() -> None:
    """It is used twice, under two names, with a warning."""
    found = handed(mime(("x-shellscript", "a", SCRIPT), ("x-shellscript", "a", SCRIPT)))
    assert [script.name for script in found.scripts] == ["part-001-a", "part-002-a"]
    assert words(found) == ["user-data part 2 (a):1:1: warning: is the same as user-data part 1 (a)"]
