"""`ovf env` on a terminal: the questions of a package, asked until they are answered."""

from __future__ import annotations

from pathlib import Path

from answered import QUESTIONS, properties
from packages import envelope, folder
from terminal import Person


def test_questions_on_a_terminal(tmp_path: Path) -> None:
    """Questions come by category with labels and defaults, wrong answers again, passwords hidden and twice."""
    body = (
        "<ProductSection><Info/><Category>Network</Category>"
        '<Property ovf:key="hostname" ovf:userConfigurable="true" ovf:qualifiers="MinLen(1)">'
        "<Label>Host name</Label><Description>What it is called</Description></Property>"
        '<Property ovf:key="mode" ovf:qualifiers="ValueMap{&quot;dhcp&quot;,&quot;static&quot;}" ovf:value="dhcp"'
        ' ovf:userConfigurable="true"><Label>Mode</Label></Property><Category>Access</Category>'
        '<Property ovf:key="pw" ovf:password="true" ovf:userConfigurable="true" ovf:qualifiers="MinLen(3)">'
        "<Label>Password</Label></Property>"
        '<Property ovf:key="ssh" ovf:type="boolean" ovf:value="False" ovf:userConfigurable="true"/>'
        '<Property ovf:key="note" ovf:value="old" ovf:userConfigurable="true"/>'
        '<Property ovf:key="fixed" ovf:value="f"/></ProductSection>'
    )
    path, out = folder(tmp_path / "app", envelope(body)), tmp_path / "env.xml"
    somebody = Person("ovf", "env", path, "-o", out)
    somebody.expect("Host name", "")
    somebody.expect("must have a value", "web1")
    somebody.expect("2) static", "2")
    somebody.expect("hidden", "ab")
    somebody.expect("at least 3", "secret")
    somebody.expect("once more", "secrex")
    somebody.expect("not the same", "secret")
    somebody.expect("once more", "secret")
    somebody.expect("yes or no", "y")
    somebody.expect("[old]", "''")
    somebody.expect("Your answers", "")
    assert somebody.end() == 0, somebody.said
    found = {"hostname": "web1", "mode": "static", "pw": "secret", "ssh": "True", "note": "", "fixed": "f"}
    assert properties(out) == found
    assert somebody.said.index("Network") < somebody.said.index("Access")
    assert "What it is called" in somebody.said
    assert "secret" not in somebody.said


def test_going_back(tmp_path: Path) -> None:
    """`<` asks the question before again, with the answer that it had; at the end it leads to the last one."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    (tmp_path / "name").write_text("fromfile\n")
    somebody = Person("ovf", "env", path, "-o", out)
    somebody.expect("hostname", "<")
    somebody.expect("first question", "web1")
    somebody.expect("size", "<")
    somebody.expect("[web1]", f"@{tmp_path}/nothing")
    somebody.expect("cannot be read", f"@{tmp_path}/name")
    somebody.expect("[7]", "8")
    somebody.expect("[dhcp]", "static")
    somebody.expect("Your answers", "<")
    somebody.expect("[static]", "dhcp")
    somebody.expect("Your answers", "")
    assert somebody.end() == 0, somebody.said
    assert {**properties(out), "url": ""} == {"hostname": "fromfile", "size": "8", "mode": "dhcp", "url": ""}


def test_giving_up_writes_nothing(tmp_path: Path) -> None:
    """Ctrl-D and Ctrl-C at a question end the program with an error and without a file."""
    path, out = folder(tmp_path / "app", envelope(QUESTIONS)), tmp_path / "env.xml"
    for key in ("\x04", "\x03"):
        somebody = Person("ovf", "env", path, "-o", out)
        somebody.expect("required", key)
        assert somebody.end() == 1
        assert "Traceback" not in somebody.said
        assert not out.exists()
