"""The APT duty: sources, mirrors, keys and settings in; files and calls out; judged by APT itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from duty import ask
from handlers.apttree import DEB822, LIST, install, run_apt, tree

from ovfinit.changes import FINAL, Call, WriteFile
from ovfinit.handlers import apt

CLASSIC = """# written by the installer
deb http://deb.debian.org/debian bookworm main  contrib
deb-src http://deb.debian.org/debian bookworm main

deb http://deb.debian.org/debian bookworm-updates main
deb [arch=amd64 signed-by=/x.gpg] http://security.debian.org/debian-security bookworm-security main
deb https://download.example.com/linux/debian bookworm stable
"""
STANZAS = """# see sources.list(5)
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie trixie-updates
 trixie-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: trixie-security
Components: main non-free-firmware
"""


def content(root: Path, text: str, target: str) -> str:
    """The content that is planned for a file."""
    change = ask(apt, root, text).one(target)
    assert isinstance(change, WriteFile)
    return change.content.decode()


def uris(root: Path) -> list[str]:
    """The releases that APT itself would fetch for the lists in this tree, without fetching anything."""
    fetched = run_apt(root, "apt-get", "update", "--print-uris").splitlines()
    found = [line.split("'")[1] for line in fetched]
    return sorted(uri.removesuffix("/InRelease").replace("/dists/", " ") for uri in found if "/InRelease" in uri)


MIRRORS = """apt:
  primary:
    - {arches: [s390x], uri: http://other.example.com/debian}
    - {arches: [default], uri: http://mirror.example.com/debian}
  security: [{arches: [default], uri: http://mirror.example.com/security}]
  disable_suites: [$RELEASE-updates]
"""


def test_mirrors_in_lines(tmp_path: Path) -> None:
    """The distribution's lines get the mirrors, a disabled suite becomes a comment, a stranger's line stays."""
    root = tree(tmp_path, classic=CLASSIC)
    assert (
        content(root, MIRRORS, LIST)
        == """# written by the installer
deb http://mirror.example.com/debian bookworm main contrib
deb-src http://mirror.example.com/debian bookworm main

# disabled by ovfinit: deb http://mirror.example.com/debian bookworm-updates main
deb [arch=amd64 signed-by=/x.gpg] http://mirror.example.com/security bookworm-security main
deb https://download.example.com/linux/debian bookworm stable
"""
    )
    install(root, MIRRORS)
    assert uris(root) == [
        "http://mirror.example.com/debian bookworm",
        "http://mirror.example.com/security bookworm-security",
        "https://download.example.com/linux/debian bookworm",
    ]
    # what is done is done: the same again changes nothing
    assert content(root, MIRRORS, LIST) == (root / LIST[1:]).read_text()


def test_mirrors_in_stanzas(tmp_path: Path) -> None:
    """The same in deb822 form: fields are replaced, all else stays; a stanza without suites is switched off."""
    root = tree(tmp_path, "13", "trixie", stanzas=STANZAS)
    text = MIRRORS.replace("[$RELEASE-updates]", "[updates, backports]")
    install(root, text)
    written = (root / DEB822[1:]).read_text()
    assert "URIs: http://mirror.example.com/debian\nSuites: trixie\nComponents: main\nSigned-By" in written
    assert written.startswith("# see sources.list(5)\nTypes: deb\n")
    assert uris(root) == [
        "http://mirror.example.com/debian trixie",
        "http://mirror.example.com/security trixie-security",
    ]
    assert content(root, text, DEB822) == written
    off = content(root, "apt: {disable_suites: [security]}", DEB822)
    assert off.count("Enabled: no") == 1
    (root / DEB822[1:]).write_text(off)
    assert uris(root) == ["http://mirror.example.com/debian trixie"]


@pytest.mark.parametrize(("version", "name", "target"), [("12", "bookworm", LIST), ("13", "trixie", DEB822)])
def test_a_tree_without_a_list(tmp_path: Path, version: str, name: str, target: str) -> None:
    """Mirrors for a tree without a list give it one, in the form of its release."""
    root = tree(tmp_path, version, name)
    install(root, "apt: {primary: [{arches: [default], uri: http://mirror.example.com/debian}]}")
    assert uris(root) == [
        f"http://deb.debian.org/debian-security {name}-security",
        f"http://mirror.example.com/debian {name}",
        f"http://mirror.example.com/debian {name}-updates",
    ]
    assert (root / target[1:]).exists()


def test_nothing_asked_nothing_touched(tmp_path: Path) -> None:
    """Settings that are not about the list leave it alone, and `preserve_sources_list` does in any case."""
    root = tree(tmp_path, classic=CLASSIC)
    assert ask(apt, root, "apt: {http_proxy: 'http://proxy:3128'}").targets == ["/etc/apt/apt.conf.d/90ovfinit-proxy"]
    assert ask(apt, root, MIRRORS + "  preserve_sources_list: true\n").changes == []


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    """`sources_list` takes the place of the distribution's list in either form; its words are filled in."""
    root = tree(tmp_path, "13", "trixie", stanzas=STANZAS)
    install(
        root, "apt:\n  sources_list: |\n    deb $MIRROR $RELEASE main\n    deb ${SECURITY} $RELEASE-security main\n"
    )
    assert uris(root) == [
        "http://deb.debian.org/debian trixie",
        "http://deb.debian.org/debian-security trixie-security",
    ]
    text = "Types: deb\n    URIs: $PRIMARY\n    Suites: $RELEASE\n    Components: main\n"
    install(root, f"apt:\n  sources_list: |\n    {text}")
    assert uris(root) == ["http://deb.debian.org/debian trixie"]


KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----"


def test_sources_and_keys(tmp_path: Path) -> None:
    """A source is a file of its own; its key is trusted for it alone where it says `$KEY_FILE`, else for all."""
    root = tree(tmp_path)
    indented = KEY.replace("\n", "\n        ")
    text = f"""apt:
  sources:
    mine.list:
      source: deb [signed-by=$KEY_FILE] http://mine.example.com $RELEASE main
      key: |
        {indented}
    loose:
      source: deb http://loose.example.com $RELEASE main
      key: |
        {indented}
    modern:
      source: |
        Types: deb
        URIs: http://modern.example.com
        Suites: $RELEASE
        Components: main
    more: {{source: deb http://more.example.com x main, filename: mine.list}}
"""
    answer = ask(apt, root, text)
    assert answer.said == []
    assert sorted(answer.targets) == [
        "/etc/apt/keyrings/ovfinit-mine.asc",
        "/etc/apt/sources.list.d/loose.list",
        "/etc/apt/sources.list.d/mine.list",
        "/etc/apt/sources.list.d/modern.sources",
        "/etc/apt/trusted.gpg.d/ovfinit-loose.asc",
    ]
    assert answer.one("/etc/apt/keyrings/ovfinit-mine.asc").content.decode() == KEY + "\n"
    assert answer.one("/etc/apt/sources.list.d/mine.list").content.decode() == (
        "# Written by ovfinit.\n"
        "deb [signed-by=/etc/apt/keyrings/ovfinit-mine.asc] http://mine.example.com bookworm main\n"
        "deb http://more.example.com x main\n"
    )
    install(root, text)
    assert "http://modern.example.com bookworm" in uris(root)
    alone = ask(apt, root, text.replace("filename: mine.list", "filename: mine.list, append: false"))
    assert b"signed-by" not in alone.one("/etc/apt/sources.list.d/mine.list").content


def test_added_to_the_main_list(tmp_path: Path) -> None:
    """A source whose file is the distribution's own list is added to it, and replaces nothing."""
    text = f"apt: {{sources: {{x: {{source: 'deb http://x.example.com a main', filename: {LIST}}}}}}}"
    change = ask(apt, tree(tmp_path, classic=CLASSIC), text).one(LIST)
    assert (change.append, change.content) == (True, b"deb http://x.example.com a main\n")


def test_keys_by_fingerprint(tmp_path: Path) -> None:
    """A fingerprint is fetched by gpg in the final stage into the same place, once per fingerprint and server."""
    fingerprint = "B59D 5F15 97A5 04B7 E230  6DCA 0620 BBCF 0368 3F77"
    text = f"apt: {{sources: {{a: {{keyid: '{fingerprint}', keyserver: pgp.example.com}}}}}}"
    change = ask(apt, tree(tmp_path), text).changes[0]
    assert isinstance(change, Call)
    assert (change.stage, change.target) == (FINAL, "key B59D5F1597A504B7E2306DCA0620BBCF03683F77 for a")
    assert change.command[-3:] == (
        "pgp.example.com",
        "B59D5F1597A504B7E2306DCA0620BBCF03683F77",
        "/etc/apt/trusted.gpg.d/ovfinit-a.asc",
    )


def test_repositories(tmp_path: Path) -> None:
    """`ppa:` and what else matches is added by add-apt-repository; the pattern can be another."""
    answer = ask(apt, tree(tmp_path), "apt: {sources: {a: {source: 'ppa:some/thing'}}}")
    assert answer.one("add-apt-repository ppa:some/thing").command[-1] == "ppa:some/thing"
    other = ask(apt, tmp_path, "apt: {add_apt_repo_match: '^cloud', sources: {a: {source: 'ppa:some/thing'}}}")
    assert other.changes == []
    assert "is neither" in other.problems[0]
    assert "not a regular" in ask(apt, tmp_path, "apt: {add_apt_repo_match: '('}").said[0]


def test_settings(tmp_path: Path) -> None:
    """Proxies, free settings and pipelining are files of ours that apt-config reads; a password is nobody else's."""
    root = tree(tmp_path)
    text = """apt_pipelining: false
apt:
  proxy: http://me:geheim@proxy.example.com:3128
  https_proxy: DIRECT
  conf: |
    APT { Get { Assume-Yes "true"; }; };
"""
    answer = ask(apt, root, text)
    proxy = answer.one("/etc/apt/apt.conf.d/90ovfinit-proxy")
    assert (proxy.mode, proxy.secret) == (0o600, True)
    install(root, text)
    read = run_apt(root, "apt-config", "dump").splitlines()
    for row in (
        'Acquire::http::Pipeline-Depth "0";',
        'Acquire::http::Proxy "http://me:geheim@proxy.example.com:3128";',
        'Acquire::https::Proxy "DIRECT";',
        'APT::Get::Assume-Yes "true";',
    ):
        assert row in read


@pytest.mark.parametrize(
    ("given", "depth"),
    [("0", "0"), ("1", "1"), ("5", "5"), ("none", "0"), ("os", None), ("unchanged", None), ("true", None)],
)
def test_pipelining(tmp_path: Path, given: str, depth: str | None) -> None:
    """A number is a depth, `none` is none, the distribution's own is left alone."""
    answer = ask(apt, tree(tmp_path), f"apt_pipelining: {given}")
    assert [change.content.decode().split('"')[1] for change in answer.changes] == ([depth] if depth else [])  # type: ignore[attr-defined]


def test_debconf(tmp_path: Path) -> None:
    """Answers for packages go in by standard input, so that no password among them is seen."""
    text = "apt: {debconf_selections: {a: 'mysql mysql/root password geheim', b: 'x x/y boolean true'}}"
    change = ask(apt, tree(tmp_path), text).one("debconf-set-selections")
    assert change.hidden.reveal() == "mysql mysql/root password geheim\nx x/y boolean true\n"
    assert change.command[-2:] == ("mysql", "x")
    assert "geheim" not in repr(change)


def test_hostile_values(tmp_path: Path) -> None:
    """Lines, options and paths that were smuggled in are left out by themselves, each with a finding."""
    text = r"""apt:
  http_proxy: "http://x\";\nDPkg::Pre-Invoke {\"id\";}"
  primary: [{arches: [default], uri: "http://x y"}]
  sources:
    a: {source: "deb http://x a main\ndeb http://y b main"}
    b: {source: deb http://x a main, filename: ../../../etc/cron.d/x}
    c: {source: "-oX:y"}
    d: {keyid: --export-secret-keys}
    "../e": {source: deb http://x a main}
    f: {key: nonsense}
"""
    answer = ask(apt, tree(tmp_path), text)
    # a source whose file cannot be is put into one of its own name
    assert answer.targets == ["/etc/apt/sources.list.d/b.list"]
    assert [line.split(": ")[1] for line in answer.said] == [
        "apt.http_proxy",
        "apt.primary[0].uri",
        "apt.sources.b.filename",
        "apt.sources.d.keyid",
        "apt.sources.f.key",
    ]
    assert [problem.split(":")[0] for problem in answer.problems] == [
        f"apt.sources.{name}" for name in ("a.source", "c.source", "../e")
    ]


def test_old_names(tmp_path: Path) -> None:
    """What the peer's early releases had at the top is taken, with a word on what to write today."""
    root = tree(tmp_path, classic=CLASSIC)
    text = "apt_mirror: http://old.example.com/debian\napt_proxy: http://p:1\napt_sources: [{source: 'ppa:a/b'}]\n"
    answer = ask(apt, root, text)
    assert sorted(answer.targets) == ["/etc/apt/apt.conf.d/90ovfinit-proxy", LIST, "add-apt-repository ppa:a/b"]
    assert b"http://old.example.com/debian bookworm main" in answer.one(LIST).content
    assert answer.said[0] == "warning: apt_mirror: is deprecated (write apt: primary:)"


@pytest.mark.parametrize("form", ["deb [trusted=yes] file:{repository} ./", "stanza"])
def test_apt_finds_the_package(tmp_path: Path, form: str, as_root: None) -> None:
    """APT itself reads a repository through a planned file, in either form, and finds what is in it."""
    root, repository = tree(tmp_path / "tree"), tmp_path / "repository"
    repository.mkdir()
    (repository / "Packages").write_text(
        "Package: ovfinit-sample\nVersion: 7\nArchitecture: all\nFilename: ./x.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\nMaintainer: nobody\nDescription: none\n"
    )
    if form == "stanza":
        form = "|\n        Types: deb\n        URIs: file:{repository}\n        Suites: ./\n        Trusted: yes"
    install(root, f"apt:\n  sources:\n    mine:\n      source: {form.format(repository=repository)}\n")
    run_apt(root, "apt-get", "-o", "APT::Sandbox::User=root", "-qq", "update")
    assert "Candidate: 7" in run_apt(root, "apt-cache", "policy", "ovfinit-sample")
