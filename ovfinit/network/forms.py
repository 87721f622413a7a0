"""The forms in which a network is described, each told by its content and turned into netplan's version 2."""

from __future__ import annotations

from .outcome import Converted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .outcome import Finding, Parsed

V1, V2, NETWORK_DATA, ENI = (
    "cloud-init version 1",
    "netplan version 2",
    "OpenStack network_data",
    "/etc/network/interfaces",
)


def form(value: Mapping[str, Any]) -> str:
    """Which form a mapping (without its top `network:` key) has; what is none of the others is taken for version 2."""
    version, config = value.get("version"), value.get("config")
    if (version == 1 and not isinstance(version, bool)) or (version is None and isinstance(config, (list, tuple))):
        return V1
    if version is None and isinstance(value.get("links"), (list, tuple)):
        return NETWORK_DATA
    return ENI if isinstance(value.get("network-interfaces"), str) else V2


def convert(value: Mapping[str, Any]) -> Converted:
    """The same network as a version 2 mapping; one that is in version 2 comes back as it is, and is not looked into."""
    found = form(value)
    if found == V1:
        from . import v1

        return v1.convert(value)
    if found == NETWORK_DATA:
        from . import network_data

        return network_data.convert(value)
    if found == ENI:
        from . import eni

        return eni.convert(value["network-interfaces"])
    return Converted(value)


def parse(value: object) -> Parsed:
    """The model of a document of any form, with or without its top `network:` key; all findings lead into it."""
    from . import v2

    inner = value.get("network") if isinstance(value, dict) and set(value) == {"network"} else value
    if not isinstance(inner, dict) or form(inner) == V2:
        return v2.parse(value)
    converted = convert(inner)
    prefix = ("network",) if inner is not value else ()
    parsed = v2.parse(dict(converted.network))

    def placed(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return tuple(one.with_(path=(*prefix, *one.path)) for one in findings)

    def led_back(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return placed(tuple(_led_back(one, converted) for one in findings))

    return parsed.with_(
        errors=(*placed(converted.errors), *led_back(parsed.errors)),
        warnings=(*placed(converted.warnings), *led_back(parsed.warnings)),
        deprecations=led_back(parsed.deprecations),
        lost=(*placed(converted.lost), *led_back(parsed.lost)),
    )


def _led_back(finding: Finding, converted: Converted) -> Finding:
    """A finding about the version 2 mapping, at the place of the device in the document it came from."""
    section, id_ = (*finding.path, None, None)[:2]
    place = converted.places.get((str(section), str(id_)))
    if place is None:
        return finding.with_(path=(), message=str(finding))
    rest = finding.with_(path=finding.path[2:])
    return finding.with_(path=place, message=str(rest))
