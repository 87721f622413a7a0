"""The questions that a package asks for the agent: properties under names that it understands (docs/metadata.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UsageError
from ..package.model import Product, Property

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MACHINE, NETWORK, ACCESS, ADVANCED = "Machine", "Network", "Access", "Advanced"
# name → category, label, description, whether it is hidden
STANDARD: dict[str, tuple[str, str, str, bool]] = {
    "hostname": (MACHINE, "Host name", "Short or full name of this machine.", False),
    "timezone": (MACHINE, "Time zone", "An IANA name, such as Europe/Berlin.", False),
    "ip0": (NETWORK, "Address", "IPv4 or IPv6 address of the first adapter; empty for DHCP.", False),
    "netmask0": (NETWORK, "Netmask", "Netmask or prefix length of that address.", False),
    "gateway": (NETWORK, "Gateway", "Router of the default route.", False),
    "DNS": (NETWORK, "DNS servers", "Addresses, separated by commas.", False),
    "searchpath": (NETWORK, "Search domains", "Domains, separated by commas.", False),
    "public-keys": (ACCESS, "SSH public keys", "Who may log in as the default user, one key a line.", False),
    "password": (ACCESS, "Password", "Of the default user, plain or in crypt(5) form; empty for none.", True),
    "instance-id": (ADVANCED, "Instance id", "Changes exactly when this is another machine.", False),
    "user-data": (ADVANCED, "User data", "A script or other user data, base64 encoded.", False),
    "network-config": (ADVANCED, "Network configuration", "Netplan version 2 as YAML, base64 encoded.", False),
}
# what is asked when nobody says what
DEFAULT = ("hostname", "ip0", "netmask0", "gateway", "DNS", "searchpath", "public-keys", "password", "user-data")
TYPES = frozenset(
    {
        *("uint8", "sint8", "uint16", "sint16", "uint32", "sint32", "uint64", "sint64"),
        *("string", "boolean", "real32", "real64"),
    }
)


def standard(name: str, default: str = "") -> Property:
    """One of the agent's questions. Raises UsageError for a name that is none."""
    if name not in STANDARD:
        raise UsageError(
            f"{name!r} is no property that the agent knows",
            remedy=f"there are: {', '.join(STANDARD)}; or say what it is",
        )
    category, label, description, hidden = STANDARD[name]
    return Property(
        name,
        0,
        default=default,
        user_configurable=True,
        password=hidden,
        label=label,
        description=description,
        category=category,
    )


def own(name: str, default: str = "") -> Property:
    """A question of the package's own; a name with dots gets its front part as class, as the standard wants it."""
    class_name, _, key = name.rpartition(".")
    return Property(key, 0, class_name=class_name, default=default, user_configurable=True)


def asked(given: Iterable[str], names: Sequence[str] = DEFAULT) -> list[Property]:
    """The standard questions of these names, and those of `KEY` or `KEY=DEFAULT`, of which some may be standard too."""
    chosen = {name: standard(name) for name in names}
    for text in given:
        name, _, default = text.partition("=")
        if not name or any(character in name for character in ": \t\n"):
            raise UsageError(f"--property {text!r} is not KEY or KEY=DEFAULT")
        chosen[name] = standard(name, default) if name in STANDARD else own(name, default)
    return list(chosen.values())


def sections(product: Product, questions: Iterable[Property]) -> tuple[Product, ...]:
    """The questions as ProductSections, one for each class, since that is where a class is written; first `product`."""
    by_class: dict[str, list[Property]] = {"": []}
    for question in questions:
        by_class.setdefault(question.class_name, []).append(question)
    found = []
    for name, members in by_class.items():
        base = product if not name else Product(0, class_name=name, info=f"Settings of {name}")
        if members or not name:
            found.append(base.with_(properties=tuple(_grouped(members))))
    return tuple(found)


def _grouped(members: Iterable[Property]) -> Iterable[Property]:
    """Those of one category together, categories in the order of their first."""
    groups: dict[str, list[Property]] = {}
    for member in members:
        groups.setdefault(member.category, []).append(member)
    # a question without a category must come first, or it would belong to the one before it
    return [member for name in sorted(groups, key=lambda name: name != "") for member in groups[name]]
