"""The cloud-config keys of the host name duty."""

from __future__ import annotations

from ...normalize.hostname import settle
from ...userdata.scalars import Flag, Text
from ...userdata.schema import OneOf


def _judge(name: str) -> str | None:
    found = settle(name, None)
    return found.problems[0][1] if found.problems else None if found.short else "is empty"


KEYS = {
    "hostname": Text("The machine's name; one with dots is the full name as well.", check=_judge),
    "fqdn": Text("The full name, domain included.", check=_judge),
    "prefer_fqdn_over_hostname": Flag("Whether the machine calls itself by its full name."),
    "preserve_hostname": Flag("Whether the machine keeps the name that it has."),
    "create_hostname_file": Flag("Whether /etc/hostname is made where there is none."),
    "manage_etc_hosts": OneOf(
        "`localhost`: a line for 127.0.1.1 in /etc/hosts; true: the whole file from a template; false: hands off.",
        specs=(Flag(), Text(choices=("localhost", "template"))),
    ),
}
