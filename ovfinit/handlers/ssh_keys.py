"""The host's own SSH keys: new ones for a new instance, so that no two machines of one image share them, or given ones.

And what sshd is set to, and what the console shows of keys.
"""

from __future__ import annotations

from ..changes import FINAL, LOCAL, MakeHostKey, RemoveFile, WriteFile
from ..model import Problem
from ..userdata import NOTHING

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

NAME = "ssh_keys"
FOLDER = "/etc/ssh"
SECONDS, LIMIT = 10.0, 64 * 1024


def __getattr__(name: str) -> Any:
    """`KEYS`, for whoever reads cloud-config; most boots read none."""
    if name != "KEYS":
        raise AttributeError(name)
    from .vocabulary.ssh_keys import KEYS

    return KEYS


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """Keys are given, or made of the types that are wanted, and those of other types go, all once per instance.

    An RSA key takes longer than everything else together, so it is made after the rest of the boot. With no types
    wanted the keys are left alone.
    """
    asked, fresh = handed.config, NAME not in past.done
    given: dict[str, Mapping[str, bytes]] = {}
    if asked.get("ssh_keys"):
        for kind in ("rsa", "ecdsa", "ed25519"):
            pair = _pair(host, asked["ssh_keys"], kind, fresh=fresh)
            if isinstance(pair, Problem):
                yield pair
            elif pair:
                given[kind] = pair
    types: Sequence[str] = tuple(given) or asked.get("ssh_genkeytypes") or config.ssh.host_keys
    if fresh and types and asked.get("ssh_deletekeys", True):
        for name in host.listing(FOLDER):
            if name.startswith("ssh_host_") and "_key" in name and _goes(name, types, given):
                yield RemoveFile(NAME, f"{FOLDER}/{name}")
    for kind in types:
        path = f"{FOLDER}/ssh_host_{kind}_key"
        if given:
            for end, content in given[kind].items() if fresh else ():
                mode, secret = (0o644, False) if end else (0o600, True)
                yield WriteFile(NAME, path + end, content=content, mode=mode, ours=False, secret=secret)
        elif asked.get("ssh_deletekeys", True) or not host.exists(path):
            yield MakeHostKey(NAME, path, FINAL if kind == "rsa" else LOCAL, type=kind)
    passwords = asked.get("ssh_pwauth", config.ssh.password_authentication)
    settings = [("PasswordAuthentication", "yes" if passwords else "no")] if isinstance(passwords, bool) else []
    for kind, files in given.items():
        certificate = f"{FOLDER}/ssh_host_{kind}_key-cert.pub"
        if "-cert.pub" in files and (fresh or host.exists(certificate)):
            settings.append(("HostCertificate", certificate))
    if settings:
        from .sshd import settle

        yield from settle(NAME, host, settings)
    if fresh and host.live and not asked.get("no_ssh_fingerprints"):
        from .fingerprints import announce

        yield from announce(NAME, metadata, config, host, handed)


def _goes(name: str, types: Sequence[str], given: Mapping[str, Mapping[str, bytes]]) -> bool:
    """True for keys of other types, and for certificates, which are those of the keys that go."""
    kind = name.split("_")[2]
    return kind not in types or name.endswith("-cert.pub") and "-cert.pub" not in given.get(kind, {})


def _pair(host: Host, asked: Mapping[str, Any], kind: str, *, fresh: bool) -> dict[str, bytes] | Problem | None:
    """The files of one type by what their names end in; sshd wants a line feed at the end of each."""
    private, public = asked.get(f"{kind}_private"), asked.get(f"{kind}_public")
    certificate = asked.get(f"{kind}_certificate")
    if private is None:
        if public is None and certificate is None:
            return None
        return Problem(f"ssh_keys.{kind}_public", f"is of no use without {kind}_private; left out")
    text = f"{private.reveal().strip()}\n".encode()
    if fresh:
        derived = _public(host, text)
        if isinstance(derived, Problem):
            return derived.with_(field=f"ssh_keys.{kind}_private")
        if public is not None and public.split()[:2] != derived.split()[:2]:
            return Problem(f"ssh_keys.{kind}_public", f"is not that of {kind}_private; both are left out")
        public = public or derived
    files = {"": text, ".pub": f"{(public or '').strip()}\n".encode()}
    return {**files, "-cert.pub": f"{certificate.strip()}\n".encode()} if certificate else files


def _public(host: Host, private: bytes) -> str | Problem:
    """The public half, from ssh-keygen, which reads the private one from its standard input."""
    from ..deadline import Deadline
    from ..errors import InputError
    from ..process import run

    tool = host.tool("ssh-keygen")
    if tool is None:
        return Problem("", "cannot be looked at: install the package openssh-client")
    try:
        output = run((tool, "-y", "-P", "", "-f", "/dev/stdin"), Deadline(SECONDS), limit=LIMIT, stdin=private)
    except InputError as error:
        return Problem("", f"cannot be looked at: {error.message}")
    if output.status:
        return Problem("", "is damaged, or needs a passphrase; left out")
    return output.stdout.decode("utf-8", "replace").strip()
