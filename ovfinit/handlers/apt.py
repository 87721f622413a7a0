"""APT: where packages come from, whose keys are trusted, what is configured; before any package is installed."""

from __future__ import annotations

from ..changes import FINAL, Call, WriteFile
from ..digest import digest
from ..errors import ChangeError
from ..model import Problem, Secret
from ..packaging import sources
from ..packaging.logins import FILE, Logins
from .vocabulary.apt import FILE_NAME, KEYSERVER, current, unfit_file
from .vocabulary.apt import KEYS as KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "apt"
SETTINGS = "/etc/apt/apt.conf.d"
KEYRINGS, TRUSTED = "/etc/apt/keyrings", "/etc/apt/trusted.gpg.d"
REPOSITORY = r"^[\w-]+:\w"
FETCH_SECONDS = 120.0
# into a keyring of its own first: a key that did not arrive whole is never trusted
_FETCH_KEY = """
set -eu
home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill all; rm -rf "$home"' EXIT
gpg --homedir "$home" --batch --quiet --keyserver "$1" --recv-keys "$2"
gpg --homedir "$home" --batch --armor --export "$2" > "$home/key"
test -s "$home/key"
install -D -m 0644 "$home/key" "$3.ovfinit-new"
mv "$3.ovfinit-new" "$3"
"""
# what is installed already has answered its questions; it is asked again, with the new answers
_SELECTIONS = """
set -eu
debconf-set-selections
for package do
    case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) in
        installed) dpkg-reconfigure --frontend=noninteractive "$package" ;;
    esac
done
"""


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.search(pattern, text) is not None


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Settings, keys and more sources as files of ours; the distribution's list; calls for what only programs can."""
    del metadata, config, past
    settings = current(handed.config)
    yield from _settings(settings, handed.config.get("apt_pipelining", "os"))
    yield from _debconf(settings.get("debconf_selections", {}))
    mirrors, logins = {}, Logins()
    for name in ("primary", "security"):
        entry = _mirror(settings.get(name, ()), sources.architecture(host))
        uri = entry.get("uri") or next(iter(entry.get("search", ())), None)
        mirrors[name] = uri and logins.apart(uri)
        if "uri" not in entry and len(entry.get("search", ())) > 1:
            yield Problem(f"apt.{name}.search", "mirrors are not searched: the first one is taken")
        yield from _key(name, entry, TRUSTED, host)
    words = dict(zip(("PRIMARY", "SECURITY"), sources.defaults(host)))
    words |= {name.upper(): uri for name, uri in mirrors.items() if uri}
    words |= {"MIRROR": words["PRIMARY"]}
    if release := sources.release(host):
        words["RELEASE"] = release
    elif "$RELEASE" in repr(settings):
        raise ChangeError("this release has no code name, so $RELEASE means nothing", where="/etc/os-release")
    if not settings.get("preserve_sources_list", False):
        yield from _own_list(settings, mirrors, words, logins, host)
    yield from _sources(settings, words, logins, host)
    hidden = logins.content()
    if hidden is not None:
        # apt reads it as root
        yield WriteFile(NAME, FILE, content=hidden.encode(), mode=0o600, secret=True)


def _settings(settings: Mapping[str, Any], pipelining: object) -> Iterator[Change]:
    depth = {"os": None, "unchanged": None, "none": 0}.get(str(pipelining), pipelining)
    if isinstance(depth, bool):
        depth = None if depth else 0
    if depth is not None:
        content = f'// Written by ovfinit.\nAcquire::http::Pipeline-Depth "{depth}";\n'
        yield WriteFile(NAME, f"{SETTINGS}/90ovfinit-pipelining", content=content.encode())
    proxies = {"http": settings.get("http_proxy") or settings.get("proxy")}
    proxies |= {kind: settings.get(f"{kind}_proxy") for kind in ("https", "ftp")}
    rows = [f'Acquire::{kind}::Proxy "{proxy.reveal()}";' for kind, proxy in proxies.items() if proxy is not None]
    if rows:
        # apt reads its settings as root; a password in a proxy's URL is nobody else's
        mode = 0o600 if any("@" in row for row in rows) else 0o644
        content = "\n".join(["// Written by ovfinit.", *rows, ""])
        yield WriteFile(NAME, f"{SETTINGS}/90ovfinit-proxy", content=content.encode(), mode=mode, secret=mode == 0o600)
    if "conf" in settings:
        content = f"// Written by ovfinit.\n{settings['conf'].rstrip()}\n"
        yield WriteFile(NAME, f"{SETTINGS}/94ovfinit-conf", content=content.encode())


def _debconf(selections: Mapping[str, Secret]) -> Iterator[Change]:
    if not selections:
        return
    rows = [row for value in selections.values() for row in value.reveal().splitlines() if row.strip()]
    packages = {row.split()[0]: None for row in rows if not row.lstrip().startswith("#")}
    text = "\n".join([*rows, ""])
    yield Call(
        NAME,
        "debconf-set-selections",
        FINAL,
        command=("sh", "-c", _SELECTIONS, "selections", *packages),
        fingerprint=digest(text.encode()),
        hidden=Secret(text),
    )


def _mirror(entries: Sequence[Mapping[str, Any]], architecture: str) -> Mapping[str, Any]:
    for wanted in (architecture, "default"):
        for entry in entries:
            if wanted in entry["arches"]:
                return entry
    return {}


def _key(name: str, entry: Mapping[str, Any], folder: str, host: Host) -> Iterator[Change | Problem]:
    """The key as a file of its own, given or fetched."""
    path = f"{folder}/ovfinit-{_stem(name)}.asc"
    if "key" in entry:
        yield WriteFile(NAME, path, content=f"{entry['key'].strip()}\n".encode())
    elif "keyid" in entry:
        if host.live and host.tool("gpg") is None:
            yield Problem(f"apt.{name}.keyid", "needs gpg, which is not installed: give the key itself in key")
            return
        key = "".join(entry["keyid"].split())
        server = entry.get("keyserver", KEYSERVER)
        yield Call(
            NAME,
            f"key {key} for {name}",
            FINAL,
            command=("sh", "-c", _FETCH_KEY, "fetch", server, key, path),
            fingerprint=digest(server.encode(), path.encode()),
            timeout=FETCH_SECONDS,
            tries=3,
        )


def _own_list(
    settings: Mapping[str, Any],
    mirrors: Mapping[str, str | None],
    words: Mapping[str, str],
    logins: Logins,
    host: Host,
) -> Iterator[Change]:
    """The distribution's own list: written anew from `sources_list`, or with other mirrors and fewer suites."""
    name = words.get("RELEASE", "stable")
    disabled = sources.suites(settings.get("disable_suites", ()), name)
    wanted = sources.Mirrors(mirrors["primary"], mirrors["security"], disabled)
    present = sources.present(host)
    given: str | None = settings.get("sources_list")
    if given is None and wanted == sources.Mirrors():
        return
    texts = {path: host.text(path) or "" for path in present}
    if given is not None:
        own = sources.own_list(host)
        target = sources.LIST
        if sources.is_deb822(given):
            target = own if own != sources.LIST else f"{sources.FOLDER}/debian.sources"
        # what is not the list any more says where it went
        texts = dict.fromkeys(present, f"# ovfinit wrote {target} from the user data.\n")
        texts[target] = logins.apart(_filled(given.rstrip() + "\n", words))
        wanted = sources.Mirrors(disabled=disabled)
    elif not any(text.strip() for text in texts.values()):
        own = sources.own_list(host)
        texts = {own: sources.plain(host, own)}
    for path, text in texts.items():
        content = sources.rewrite(text, wanted, name)
        yield WriteFile(NAME, path, content=content.encode("utf-8", "surrogateescape"), ours=False)


def _sources(
    settings: Mapping[str, Any], words: Mapping[str, str], logins: Logins, host: Host
) -> Iterator[Change | Problem]:
    files: dict[str, str] = {}
    for name, entry in settings.get("sources", {}).items():
        source = entry.get("source", "").strip()
        signed = "$KEY_FILE" in source
        folder = KEYRINGS if signed else TRUSTED
        yield from _key(name, entry, folder, host)
        if not source:
            continue
        text = logins.apart(_filled(source, {**words, "KEY_FILE": f"{folder}/ovfinit-{_stem(name)}.asc"}))
        if sources.is_deb822(text) and all(row.isprintable() for row in text.splitlines()):
            suffix = ".sources"
        elif not text.isprintable():
            yield Problem(f"apt.sources.{name}.source", "must be one line, or a stanza in deb822 form")
            continue
        elif text.split()[0] in ("deb", "deb-src"):
            suffix = ".list"
        elif not text.startswith("-") and _matches(settings.get("add_apt_repo_match", REPOSITORY), text):
            command = ("add-apt-repository", "--yes", "--no-update", text)
            yield Call(NAME, f"add-apt-repository {text}", FINAL, command=command, timeout=FETCH_SECONDS, tries=3)
            continue
        else:
            yield Problem(f"apt.sources.{name}.source", "is neither a line with deb, nor a stanza, nor a repository")
            continue
        path = _path(entry.get("filename", name), suffix)
        wrong = unfit_file(path)
        if wrong:
            yield Problem(f"apt.sources.{name}", wrong)
            continue
        before = files.get(path, "") if entry.get("append", True) else ""
        files[path] = f"{before}{chr(10) if before and suffix == '.sources' else ''}{text}\n"
    for path, text in files.items():
        if path == sources.LIST:
            yield WriteFile(NAME, path, content=text.encode(), ours=False, append=True)
        else:
            yield WriteFile(NAME, path, content=f"# Written by ovfinit.\n{text}".encode())


def _path(name: str, suffix: str) -> str:
    if name == sources.LIST:
        return name
    stem = name if name.startswith("/") else f"{sources.FOLDER}/{name}"
    for known in (".list", ".sources"):
        stem = stem.removesuffix(known)
    return stem + suffix


def _stem(name: str) -> str:
    """A file name that apt reads, whatever the user calls a source."""
    stem = name.removesuffix(".list").removesuffix(".sources")
    return stem if stem and set(stem) <= FILE_NAME else digest(name.encode())[:16]


def _filled(text: str, words: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` of the words that we know; another `$` stays."""
    for name, value in sorted(words.items(), key=lambda item: -len(item[0])):
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text
