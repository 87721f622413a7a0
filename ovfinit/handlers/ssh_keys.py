"""The host's own SSH keys: new ones for a new instance, so that no two machines of one image share them."""

from __future__ import annotations

from ..changes import FINAL, LOCAL, MakeHostKey, RemoveFile, WriteFile
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "ssh_keys"
SETTINGS = "/etc/ssh/sshd_config.d/50-ovfinit.conf"


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING) -> Iterator[Change]:
    """Keys of the configured types are made, those of other types go, both once per instance.

    An RSA key takes longer than everything else together, so it is made after the rest of the boot. With no types
    configured the keys are left alone.
    """
    del metadata, handed
    types = config.ssh.host_keys
    if types and NAME not in past.done:
        for name in host.listing("/etc/ssh"):
            if name.startswith("ssh_host_") and "_key" in name and name.split("_")[2] not in types:
                yield RemoveFile(NAME, f"/etc/ssh/{name}")
    for kind in types:
        stage = FINAL if kind == "rsa" else LOCAL
        yield MakeHostKey(NAME, f"/etc/ssh/ssh_host_{kind}_key", stage, type=kind)
    if config.ssh.password_authentication is not None:
        answer = "yes" if config.ssh.password_authentication else "no"
        yield WriteFile(
            NAME, SETTINGS, content=f"# Written by ovfinit.\nPasswordAuthentication {answer}\n".encode(), mode=0o600
        )
