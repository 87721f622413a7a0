"""The network: from the metadata's description to the files of the renderer that this machine uses."""

from __future__ import annotations

from .. import marks
from ..changes import LeaveAlone, ReloadNetwork, RemoveFile, RenameInterfaces, WriteBlock, WriteFile
from ..digest import sha256
from ..errors import ChangeError, NetworkLost, OvfinitError
from ..model import Problem
from ..network import choose, forms, precedence
from ..userdata import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..changes import Change
    from ..config import Config
    from ..host import Host
    from ..model import Metadata
    from ..network.model import Network
    from ..network.outcome import Rendered, RenderedFile
    from ..state import Past
    from ..userdata import UserData

NAME = "network"
SHOWN_LIMIT = 5
# where each renderer's files are, and no other's
PLACES = {
    choose.NETWORKD: "/etc/systemd/network/",
    choose.NETPLAN: "/etc/netplan/",
    choose.IFUPDOWN: "/etc/network/",
    choose.NETWORKMANAGER: "/etc/NetworkManager/",
}


def changes(
    metadata: Metadata, config: Config, host: Host, past: Past, handed: UserData = NOTHING
) -> Iterator[Change | Problem]:
    """The files, and a problem for each value that had to be left out and each thing that may spoil their effect.

    Which network counts is `network.precedence`'s; if none does, nothing. What is wrong in one place does not cost the
    rest. Raises ChangeError, after everything else has been handed out, if a value or a device had to be left out or a
    setting cannot be expressed: files of an earlier boot that may be that device's stay then, and the next boot tries
    again. Raises LeaveAlone for `config: disabled`.
    """
    del handed
    wanted = precedence.wanted(metadata, config, host)
    yield from wanted.problems
    if wanted.origin == precedence.FALLBACK and _worked(metadata, past):
        return
    if wanted.network is None:
        # what we wrote goes, and the running network with it
        yield from _reload(metadata, config, host, _last_renderer(past), {})
        return
    origin = wanted.origin
    parsed = forms.parse(dict(wanted.network))
    if parsed.network.disabled:
        raise LeaveAlone
    lost = parsed.errors
    for finding in parsed.warnings:
        yield Problem(NAME, str(finding), origin)
    if parsed.network.devices:
        renderer = choose.choose(host, config.network.renderer)
        rendered = _render(renderer, parsed.network, host)
        _refuse(rendered, past, origin)
        for path, file in rendered.files.items():
            yield WriteFile(NAME, path, content=file.text.encode(), mode=file.mode)
        if renderer == choose.IFUPDOWN:
            yield from _sourced(host)
        if lost or rendered.errors:
            yield from _unwanted(renderer, rendered, past, all_known=not parsed.lost and not rendered.left_out)
        lost += rendered.errors
        for finding in rendered.warnings:
            if finding not in lost:
                yield Problem(NAME, str(finding), origin)
        for obstacle in choose.obstacles(host, renderer):
            yield Problem(NAME, obstacle)
        if renderer == choose.IFUPDOWN:
            yield from _obstacles(parsed.network, rendered, host)
        elif renderer == choose.NETPLAN:
            yield from _merged(parsed.network, host)
        yield from _names(parsed.network, host)
        yield from _reload(metadata, config, host, renderer, rendered.files)
    # what was lost before the network came into this form
    ours = wanted.network is metadata.network
    earlier = [problem for problem in metadata.problems if ours and problem.field.startswith(f"{NAME}.")]
    reasons = [*(f"{problem.field}: {problem.message}" for problem in earlier), *map(str, lost)]
    if reasons:
        more = f" (and {len(reasons) - SHOWN_LIMIT} more)" if len(reasons) > SHOWN_LIMIT else ""
        raise ChangeError(
            f"left out: {'; '.join(reasons[:SHOWN_LIMIT])}{more}",
            where=origin,
            remedy="`ovfinit check FILE` names every mistake",
        )


def _worked(metadata: Metadata, past: Past) -> bool:
    """True if the source's network cannot be used this time and an earlier one is there, which is better than none."""
    return any(problem.field == NAME for problem in metadata.problems) and NAME in past.wanted_by.values()


def _refuse(rendered: Rendered, past: Past, origin: str | None) -> None:
    """A configuration that cut this machine off once is left alone, and what stands stays."""
    if past.done.get(marks.NETWORK_REFUSED, {}).get("fingerprint") == _fingerprint(rendered.files):
        raise NetworkLost(
            "this configuration cut the machine off, or was not confirmed, and was taken back: the former one stays",
            where=origin,
            remedy="`ovfinit apply` tries it again",
        )


def _names(network: Network, host: Host) -> Iterator[RenameInterfaces]:
    """Interfaces that are found by their hardware address and called otherwise, before anything configures them."""
    pairs = ((device.match, device.set_name) for device in network.devices)
    names = {match.macaddress: name for match, name in pairs if match and match.macaddress and name}
    if host.live and names:
        yield RenameInterfaces(NAME, "interfaces", names=names)


def _reload(
    metadata: Metadata, config: Config, host: Host, renderer: str | None, files: Mapping[str, RenderedFile]
) -> Iterator[ReloadNetwork]:
    """The running network follows; a tree has none, and a machine that never met us has nothing to follow."""
    if host.live and renderer is not None:
        settings = config.network
        targets = tuple(dict.fromkeys((*settings.check, *_service(metadata))))
        yield ReloadNetwork(
            NAME, renderer, fingerprint=_fingerprint(files), targets=targets, seconds=settings.check_seconds
        )


def _fingerprint(files: Mapping[str, RenderedFile]) -> str:
    whole = "".join(f"{path}\n{file.text}\n" for path, file in sorted(files.items()))
    return str(sha256(whole.encode()).hexdigest())


def _service(metadata: Metadata) -> Iterator[str]:
    """The metadata service, if that is where this comes from and its address is known without asking anybody."""
    if metadata.location is None or not metadata.location.startswith(("http://", "https://")):
        return
    from ..http.endpoint import Endpoint
    from ..network.address import parse_ip

    try:
        endpoint = Endpoint.parse(metadata.location)
        address = parse_ip(endpoint.host)
    except (OvfinitError, ValueError):
        return
    yield f"[{address}]:{endpoint.port}" if ":" in address else f"{address}:{endpoint.port}"


def _last_renderer(past: Past) -> str | None:
    """Whose files of ours there are."""
    ours = [path for path, handler in past.wanted_by.items() if handler == NAME]
    found = (renderer for renderer, place in PLACES.items() if any(path.startswith(place) for path in ours))
    return next(found, None)


def _unwanted(renderer: str, rendered: Rendered, past: Past, *, all_known: bool) -> Iterator[RemoveFile | WriteBlock]:
    """Files of ours that go in spite of an error: other renderers', and all if no device was lost.

    Where there is no error, what nobody wants any more goes without our help.
    """
    for path, handler in past.wanted_by.items():
        shared = path.endswith(".link")
        own = path.startswith(PLACES[renderer]) or shared
        if handler == NAME and path not in rendered.files and (all_known or not own):
            from ..network.interfaces import MAIN

            yield WriteBlock(NAME, path) if path == MAIN else RemoveFile(NAME, path)


def _render(renderer: str, network: Network, host: Host) -> Rendered:
    if renderer == choose.NETWORKD:
        from ..network import networkd

        return networkd.render(network)
    if renderer == choose.NETPLAN:
        from ..network import netplan, netplandocs

        others = netplandocs.read(host, choose.netplan_files(host))
        ahead = network if others.manager else netplandocs.ahead(network, others)
        rendered = netplan.render(ahead, netplan.vocabulary_of(host), manager=others.manager)
        return netplandocs.as_asked(rendered, network)
    if renderer == choose.NETWORKMANAGER:
        from ..network import networkmanager

        return networkmanager.render(network)
    from ..network import ifupdown

    return ifupdown.render(network, host.interfaces())


def _merged(network: Network, host: Host) -> Iterator[Problem]:
    """Devices of ours that netplan mixes with what others say of them."""
    from ..network import netplandocs

    for id_, path in netplandocs.merged(network, netplandocs.read(host, choose.netplan_files(host))):
        yield Problem(NAME, f"describes {id_} as well, and netplan merges the two: addresses and routes add up", path)


def _sourced(host: Host) -> Iterator[WriteBlock]:
    """A line of ours where no line of the admin's has ifupdown read our file."""
    from ..network import interfaces

    if not interfaces.read(host).sources_ours:
        yield WriteBlock(NAME, interfaces.MAIN, lines=(f"source {interfaces.OURS}",))


def _obstacles(network: Network, rendered: Rendered, host: Host) -> Iterator[Problem]:
    """What ifupdown makes otherwise of the file than it says."""
    from ..network import interfaces

    for stanza in interfaces.read(host).stanzas:
        if stanza.name in rendered.names:
            # all stanzas of a name apply: their DHCP as well as our fixed address
            message = f"configures {stanza.name} ({stanza.family} {stanza.method}) as well, both apply: remove one"
            yield Problem(NAME, message, stanza.where)
    if any(device.nameservers for device in network.devices) and not choose.resolves_names(host):
        yield Problem(NAME, "nameservers have no effect under ifupdown without resolvconf: install it")
