"""The network: from the metadata's description to the files of the renderer that this machine uses."""

from __future__ import annotations

from ..changes import WriteFile
from ..errors import ChangeError
from ..model import Problem
from ..network import choose, v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..network.model import Finding, Network, Rendered
    from ..state import Past

NAME = "network"


def changes(metadata: Metadata, config: Config, host: Host, past: Past) -> Iterator[Change | Problem]:
    """The files, and a problem for each value that had to be left out and each thing that may spoil their effect.

    Without a network in the metadata, or with `config: disabled`, nothing. What is wrong in one place does not cost
    the rest; if nothing at all is left, or nobody would read the files, raises ChangeError and plans nothing.
    """
    del past
    if metadata.network is None:
        return
    origin = metadata.origins.get(NAME)
    parsed = v2.parse(dict(metadata.network))
    _check_any(parsed.errors, parsed.network.devices, origin)
    if not parsed.network.devices:
        return
    renderer = choose.choose(host, config.network.renderer)
    rendered = _render(renderer, parsed.network, host)
    _check_any(rendered.errors, rendered.files, origin)
    for finding in (*parsed.errors, *parsed.warnings, *rendered.errors, *rendered.warnings):
        yield Problem(NAME, str(finding), origin)
    for obstacle in choose.obstacles(host, renderer):
        yield Problem(NAME, obstacle)
    if renderer == choose.IFUPDOWN:
        yield from _rivals(rendered, host)
        if not choose.resolves_names(host) and any(device.nameservers for device in parsed.network.devices):
            yield Problem(NAME, "nameservers have no effect under ifupdown without resolvconf: install it", origin)
    for path, file in rendered.files.items():
        yield WriteFile(NAME, path, content=file.text.encode(), mode=file.mode)


def _check_any(errors: Sequence[Finding], usable: Sequence[object] | Mapping[str, object], origin: str | None) -> None:
    """Raise ChangeError if there are errors and nothing that is usable in spite of them."""
    if errors and not usable:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ChangeError(f"{errors[0]}{more}", where=origin, remedy="`ovfinit check FILE` names every mistake")


def _render(renderer: str, network: Network, host: Host) -> Rendered:
    if renderer == choose.NETWORKD:
        from ..network import networkd

        return networkd.render(network)
    from ..network import ifupdown, interfaces

    if not interfaces.read(host).sources_ours:
        raise ChangeError(
            f"does not read {interfaces.OURS}, so nothing written there has any effect",
            where=interfaces.MAIN,
            remedy=f"add the line `source {interfaces.FOLDER}/*`",
        )
    return ifupdown.render(network, host.interfaces())


def _rivals(rendered: Rendered, host: Host) -> Iterator[Problem]:
    """The admin's stanzas for names of ours: ifupdown applies all, their DHCP as well as our fixed address."""
    from ..network import interfaces

    for stanza in interfaces.read(host).stanzas:
        if stanza.name in rendered.names:
            message = f"configures {stanza.name} ({stanza.family} {stanza.method}) as well, both apply: remove one"
            yield Problem(NAME, message, stanza.where)
