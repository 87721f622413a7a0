"""Phoning home: who this machine has become, told to a URL once the boot is over."""

from __future__ import annotations

from ..changes import FINAL, Post
from ..model import Problem, Secret
from ..userdata.scalars import Number, Text
from ..userdata.schema import Many, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..state import Past
    from ..userdata import UserData

NAME = "phone_home"
KEYS_OF = {f"pub_key_{kind}": f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("rsa", "ecdsa", "ed25519")}
FIELDS = (*KEYS_OF, "instance_id", "hostname", "fqdn")
OLD = "pub_key_dsa"


def _judge(url: str) -> str | None:
    good = url.startswith(("http://", "https://")) and " " not in url
    return None if good else "must be an http:// or https:// URL"


KEYS = {
    "phone_home": Table(
        "A POST of what this machine is, as a form.",
        keys={
            "url": Text("Where to; `$INSTANCE_ID` stands for the id.", check=_judge),
            "post": Many(
                f"Which of {', '.join(FIELDS)}; all by default.", item=Text(choices=("all", *FIELDS, OLD)), single=True
            ),
            "tries": Number("How often it is tried.", low=1, high=1000),
        },
        required=("url",),
    )
}


def changes(metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData) -> Iterator[Change | Problem]:
    """Once per instance, in the final stage: host keys are what they are by then."""
    del config, host, past
    wanted: Mapping[str, Any] | None = handed.config.get(NAME)
    if wanted is None:
        return
    assert metadata.instance_id is not None
    names = wanted.get("post", ("all",))
    if "all" in names:
        names = FIELDS
    if OLD in names:
        yield Problem("phone_home.post", f"{OLD} is left out: sshd has no DSA keys any more")
    fqdn = handed.config.get("fqdn") or metadata.fqdn
    known = {"instance_id": metadata.instance_id}
    if fqdn:
        known["fqdn"] = fqdn
    # the name that the machine has by then
    files = {**KEYS_OF, "hostname": "/etc/hostname", "fqdn": "/etc/hostname"}
    url = wanted["url"].replace("$INSTANCE_ID", metadata.instance_id).replace("${INSTANCE_ID}", metadata.instance_id)
    from ..http.policy import shown

    # a password or a token may be in it
    yield Post(
        NAME,
        shown(url),
        FINAL,
        url=Secret(url),
        fields={name: known[name] for name in names if name in known},
        files={name: files[name] for name in names if name in files and name not in known},
        tries=wanted.get("tries", 10),
    )
