"""The duties that end a boot: the last message, the call home, the change of power."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from duty import ask

from ovfinit import __version__
from ovfinit.changes import FINAL, Announce, Call, Post
from ovfinit.handlers import final_message, phone_home, power
from ovfinit.model import Secret


@pytest.mark.parametrize("form", ["$version", "$VERSION", "${version}", "## template: jinja\n    {{ version }}"])
def test_message(tmp_path: Path, form: str) -> None:
    """All spellings of the words are filled in; what is of the moment is left to the moment."""
    text = f"final_message: |\n    {form}\n    $datasource up $UPTIME at ${{timestamp}}\n"
    (change,) = ask(final_message, tmp_path, text, datasource="seed").changes
    assert isinstance(change, Announce)
    assert (change.stage, change.lines) == (FINAL, (__version__, "seed up $UPTIME at $TIMESTAMP"))


def test_message_that_is_more(tmp_path: Path) -> None:
    """Other templates are shown as they are and reported; no control character reaches the console."""
    answer = ask(final_message, tmp_path, 'final_message: "{{ v1.x }}\\e[2J\\nb"')
    assert answer.changes[0].lines == ("{{ v1.x }}[2J", "b")  # type: ignore[attr-defined]
    assert "nothing else of jinja" in answer.problems[0]


def test_home(tmp_path: Path) -> None:
    """Everything by default, under the peer's names; what is made during this boot is read when it is told."""
    text = "phone_home: {url: 'http://home.example.com/$INSTANCE_ID/'}"
    (change,) = ask(phone_home, tmp_path, text, fqdn="web1.example.com").changes
    assert change == Post(
        "phone_home",
        "http://home.example.com/i-1/",
        FINAL,
        url=Secret("http://home.example.com/i-1/"),
        fields={"instance_id": "i-1", "fqdn": "web1.example.com"},
        files={
            "pub_key_rsa": "/etc/ssh/ssh_host_rsa_key.pub",
            "pub_key_ecdsa": "/etc/ssh/ssh_host_ecdsa_key.pub",
            "pub_key_ed25519": "/etc/ssh/ssh_host_ed25519_key.pub",
            "hostname": "/etc/hostname",
        },
    )


def test_home_some(tmp_path: Path) -> None:
    """Only the fields asked for; a key type that is no more is left out and said."""
    text = "phone_home: {url: https://h, post: [instance_id, hostname, pub_key_dsa], tries: 5}"
    answer = ask(phone_home, tmp_path, text)
    (change,) = answer.changes
    assert isinstance(change, Post)
    assert ({*change.fields, *change.files}, change.tries) == ({"instance_id", "hostname"}, 5)
    assert answer.problems == ["phone_home.post: pub_key_dsa is left out: sshd has no DSA keys any more"]


@pytest.mark.parametrize("url", ["file:///etc/shadow", "gopher://x", "example.com", "'http://a b'"])
def test_home_nowhere_else(tmp_path: Path, url: str) -> None:
    """Only http and https are told."""
    answer = ask(phone_home, tmp_path, f"phone_home: {{url: {url}}}")
    assert (answer.changes, len(answer.said)) == ([], 1)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("mode: poweroff", ("shutdown", "-P", "--", "now")),
        ("mode: reboot, delay: 30, message: Bye  bye", ("shutdown", "-r", "--", "+30", "Bye bye")),
        ("mode: halt, delay: '+5', timeout: 30", ("shutdown", "-H", "--", "+5")),
        ("mode: reboot, delay: 23:30, condition: true", ("shutdown", "-r", "--", "23:30")),
    ],
)
def test_power(tmp_path: Path, text: str, command: tuple[str, ...]) -> None:
    """Modes and delays as shutdown(8) has them; last of all, and marked before it is made."""
    (change,) = ask(power, tmp_path, f"power_state: {{{text}}}").changes
    assert isinstance(change, Call)
    assert (change.command, change.stage, change.marked_first) == (command, FINAL, True)


@pytest.mark.parametrize(
    ("condition", "happens"),
    [("'exit 0'", True), ("'exit 1'", False), ("[test, -e, /]", True), ("[test, -e, '/no such']", False)],
)
def test_condition(tmp_path: Path, condition: str, happens: bool) -> None:
    """A condition is asked when it comes to it, and its failure is no failure."""
    (change,) = ask(power, tmp_path, f"power_state: {{mode: reboot, condition: {condition}}}").changes
    assert isinstance(change, Call)
    words = [word.replace("shutdown", "echo") for word in change.command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "-r -- now\n" if happens else "")


def test_no_power(tmp_path: Path) -> None:
    """`condition: false` does nothing; nonsense is refused by name."""
    assert ask(power, tmp_path, "power_state: {mode: reboot, condition: false}").changes == []
    for text in ("mode: explode", "delay: now", "mode: halt, delay: soon", "mode: halt, delay: 25:00"):
        assert len(ask(power, tmp_path, f"power_state: {{{text}}}").said) == 1


def test_reboot_if_required(tmp_path: Path) -> None:
    """A reboot that a package asks for comes after everything else, once, and only if the file is there."""
    for key in ("package_reboot_if_required", "apt_reboot_if_required"):
        (change,) = ask(power, tmp_path, f"{key}: true").changes
        assert isinstance(change, Call)
        assert change.command[4] == "test -e /run/reboot-required"
        assert change.marked_first
    assert ask(power, tmp_path, "package_reboot_if_required: false").changes == []
