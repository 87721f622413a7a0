"""APT in cloud-config, with the names that its settings had before they stood under `apt`."""

from __future__ import annotations

from ...packaging import sources
from ...userdata.scalars import Flag, Hidden, Number, Text
from ...userdata.schema import Many, Named, OneOf, Table
from ...userdata.spec import Unoffered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...userdata.spec import Spec

KEYSERVER = "hkps://keyserver.ubuntu.com"
KEY_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
FILE_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def _uri(text: str) -> str | None:
    good = ":" in text and not text.startswith(("-", "[")) and not set(text) & set(" \t\"';{}")
    return None if good else "must be a URI without spaces and quotes"


def _proxy(text: str) -> str | None:
    return _uri(text) if text.upper() != "DIRECT" else None


def unfit_file(text: str) -> str | None:
    """What keeps a name from being that of a list of sources; None if nothing does."""
    name = text.removeprefix(f"{sources.FOLDER}/")
    if text == sources.LIST or name and set(name) <= FILE_NAME and not name.startswith("."):
        return None
    return f"must be a file name of letters, digits, _ . and -, in {sources.FOLDER}"


def _armored(text: str) -> str | None:
    return None if KEY_BEGIN in text else f"is not an OpenPGP public key: it has no {KEY_BEGIN}"


def _key_id(text: str) -> str | None:
    digits = "".join(text.split()).removeprefix("0x").lower()
    good = digits and set(digits) <= set("0123456789abcdef") and 8 <= len(digits) <= 40
    return None if good else "must be the fingerprint of a key, in hexadecimal digits"


def _pattern(text: str) -> str | None:
    import re

    try:
        re.compile(text)
    except re.error as error:
        return f"is not a regular expression: {error.msg}"
    return None


def _server(text: str) -> str | None:
    return None if text[:1].isalnum() and " " not in text else "must be the name or URL of a keyserver"


_KEY: dict[str, Any] = {
    "key": Text("An OpenPGP public key, ASCII-armored.", lines=True, check=_armored),
    "keyid": Text("The fingerprint of a key to fetch from a keyserver; needs gpg.", check=_key_id),
    "keyserver": Text(f"Where to fetch it, {KEYSERVER} by default.", check=_server),
}
_MIRROR = Many(
    item=Table(
        keys={
            "arches": Many("Architectures that this is for, or `default`.", item=Text(), single=True),
            "uri": Text("The mirror.", check=_uri),
            "search": Many("Mirrors, of which the first is taken.", item=Text(check=_uri), single=True),
            "search_dns": Unoffered("Looking for a mirror by name.", instead="name the mirror in uri"),
            **_KEY,
        },
        required=("arches",),
    )
)
_SOURCE: dict[str, Any] = {
    "source": Text(
        "A line or a deb822 stanza; `$RELEASE $MIRROR $KEY_FILE`. A login in its URL goes into a file for root alone.",
        lines=True,
    ),
    "filename": Text("The file, after the source's own name by default.", check=unfit_file),
    "append": Flag("Whether sources of the same file are put together."),
    **_KEY,
}
# what the peer's releases before 2016 had at the top: key → the key of `apt` that it became
_OLD: dict[str, tuple[str, Spec]] = {
    "apt_proxy": ("proxy", Hidden(lines=False, check=_proxy)),
    "apt_http_proxy": ("http_proxy", Hidden(lines=False, check=_proxy)),
    "apt_https_proxy": ("https_proxy", Hidden(lines=False, check=_proxy)),
    "apt_ftp_proxy": ("ftp_proxy", Hidden(lines=False, check=_proxy)),
    "apt_mirror": ("primary", Text(check=_uri)),
    "apt_mirror_search": ("primary", Many(item=Text(check=_uri), single=True)),
    "apt_mirror_search_dns": ("primary", Unoffered(instead="name the mirror")),
    "apt_preserve_sources_list": ("preserve_sources_list", Flag()),
    "apt_custom_sources_list": ("sources_list", Text(lines=True)),
    "apt_conf": ("conf", Text(lines=True)),
    "apt_sources": ("sources", Many(item=Table(keys=_SOURCE))),
    "add_apt_repo_match": ("add_apt_repo_match", Text(check=_pattern)),
    "debconf_selections": ("debconf_selections", Named(value=Hidden())),
}
KEYS = {
    "apt": Table(
        "Where packages come from.",
        keys={
            "preserve_sources_list": Flag("Leave the distribution's own list alone."),
            "disable_suites": Many("Suites that are not wanted, such as `$RELEASE-updates`.", item=Text()),
            "primary": _MIRROR,
            "security": _MIRROR,
            "add_apt_repo_match": Text(
                "A regular expression: sources that match are added by add-apt-repository.", check=_pattern
            ),
            "debconf_selections": Named("Answers to questions of packages.", value=Hidden()),
            "sources_list": Text("The distribution's list, with `$RELEASE $MIRROR $PRIMARY $SECURITY`.", lines=True),
            "conf": Text("Settings as in apt.conf(5).", lines=True),
            "proxy": Hidden("The same as http_proxy.", lines=False, check=_proxy),
            "http_proxy": Hidden("A proxy for http.", lines=False, check=_proxy),
            "https_proxy": Hidden("A proxy for https.", lines=False, check=_proxy),
            "ftp_proxy": Hidden("A proxy for ftp.", lines=False, check=_proxy),
            "sources": Named(
                "More sources, by a name or file name.",
                value=Table(keys=_SOURCE),
            ),
        },
    ),
    "apt_pipelining": OneOf(
        "How many requests APT sends ahead: a number, false for none, `os` for the distribution's own.",
        specs=(Number(high=1000), Flag(), Text(choices=("os", "none", "unchanged"))),
    ),
    **{old: spec.with_(deprecated=f"write apt: {new}:") for old, (new, spec) in _OLD.items()},
}


def current(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `apt`, and before them those under their old names, in today's form."""
    found: dict[str, Any] = {}
    for old, (new, _) in _OLD.items():
        if old not in config:
            continue
        value = config[old]
        if old.startswith("apt_mirror"):
            mirror = {"arches": ("default",), "uri" if old == "apt_mirror" else "search": value}
            value = ({**found.get(new, ({},))[0], **mirror},)
        elif old == "apt_sources":
            value = {entry.get("filename", f"source{index}"): entry for index, entry in enumerate(value)}
        found[new] = value
    found |= config.get("apt", {})
    return found
