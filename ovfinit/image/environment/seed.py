"""What an environment says, as a NoCloud seed: for guests whose agent reads no OVF environment.

The properties become host name, keys, user data and network by the very rules by which the agent takes them from an
environment, so that a guest is the same either way.
"""

from __future__ import annotations

import os

from ...digest import digest
from ...document import dumps
from ...formats import environment
from ...host import Host
from ...model import Metadata, Secret
from ...normalize import normalize

LABEL = "cidata"


def compose(document: bytes, where: str) -> tuple[dict[str, bytes], list[str]]:
    """The files of a seed by name, and what the environment has and a seed cannot say.

    Raises InputError or SourceInvalid for an environment that the agent would refuse.
    """
    said = environment.parse(document, where)
    origins = {f"properties.{key}": key for key in said.properties}
    given = Metadata(properties=said.properties, nics=said.nics, origins=origins)
    # no machine's facts: the builder's own must not get into the seed
    known = normalize(given, Host(os.devnull), {})
    # an id that no property gives is made of the host's facts, of which there are none here
    told = known.instance_id if "instance_id" in known.origins else None
    meta: dict[str, object] = {"instance-id": told or f"iid-ovf-{digest(document)[:16]}"}
    if known.fqdn or known.hostname:
        meta["local-hostname"] = known.fqdn or known.hostname
    if known.public_keys:
        meta["public-keys"] = list(known.public_keys)
    left = {key: value for key, value in known.properties.items() if key not in meta}
    meta.update({key: value.reveal() if isinstance(value, Secret) else value for key, value in left.items()})
    # JSON is YAML
    files = {"meta-data": dumps(meta), "user-data": known.user_data or b""}
    if known.vendor_data:
        files["vendor-data"] = known.vendor_data
    if known.network is not None:
        files["network-config"] = dumps(dict(known.network))
    lost = [problem.text for problem in known.problems]
    if known.password is not None:
        lost.append("the password is not in the seed: NoCloud has no place for it besides user-data")
    return files, lost
