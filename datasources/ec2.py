"""EC2 and those who speak like it: Eucalyptus and UEC and other clones; OpenStack's EC2 tree only if it is named.

A tree of small text leaves at a link-local address. Some twenty are asked for, and only those that the tree's own
listings name; `ovfinit.http` says what the answers mean. A leaf that nobody could tell about fails the whole read: an
instance whose keys are unknown is not an instance without keys.

Settings: `metadata_urls`, base URLs to try in place of the link-local ones (naming them is proof enough of the
platform), and `timeout`, the seconds that the whole read may take, 50 unless set.
"""

from __future__ import annotations

from ovfinit.datasource import (
    Datasource,
    Detection,
    SourceAbsent,
    SourceInvalid,
    digest,
    ip_address,
    ip_network,
    mac_address,
)
from ovfinit.http import metadata_service, text_lines
from ovfinit.model import Metadata, Nic, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from ovfinit.datasource import Deadline
    from ovfinit.host import Host
    from ovfinit.http import MetadataService

IPV4_URL, IPV6_URL = "http://169.254.169.254", "http://[fd00:ec2::254]"
TIMEOUT = 50.0

AWS = "Amazon EC2"
COMPATIBLE = "EC2 compatible"
# DMI value → (how it must look, the platform's name); all compared in lower case
PLATFORMS = (
    ("sys_vendor", "amazon ec2", AWS),
    ("bios_vendor", "amazon ec2", AWS),
    ("sys_vendor", "eucalyptus", "Eucalyptus"),
    ("product_name", "eucalyptus", "Eucalyptus"),
    ("product_serial", "*.brightbox.com", "Brightbox"),
    ("chassis_asset_tag", "*.zstack.io", "ZStack"),
    ("sys_vendor", "e24cloud", "e24cloud"),
    ("product_name", "3ds outscale vm", "Outscale"),
    ("sys_vendor", "tilaa", "Tilaa"),
)
EMULATORS = ("qemu", "bochs", "red hat", "kvm", "rhev", "ovirt")

# a dated tree keeps its form for ever; only Amazon has this one, and Nova and AEMM answer 404 to dates they do not know
AWS_VERSIONS = ("2021-03-23", "latest")
VERSIONS = ("latest", "2009-04-04")

LEAF_LIMIT = 64 * 1024
USER_DATA_LIMIT = 16 * 1024 * 1024
MOST_KEYS = MOST_NICS = 64

INSTANCE_ID = "meta-data/instance-id"
KEYS = "meta-data/public-keys/"
MACS = "meta-data/network/interfaces/macs/"
ZONE, REGION = "meta-data/placement/availability-zone", "meta-data/placement/region"
IDENTITY = "dynamic/instance-identity/document"
HOSTNAMES = ("local-hostname", "hostname")
FACTS = ("ami-id", "reservation-id", "local-ipv4", "public-ipv4", "public-hostname", "security-groups", "mac")
NIC_LEAVES = ("device-number", "local-ipv4s", "subnet-ipv4-cidr-block", "ipv6s")
# what only counts beside other adapters; Amazon's own mock spells the first one differently
CARDS = ("network-card", "network-card-index")
PREFIXES = {False: "ipv4-prefix", True: "ipv6-prefix"}
# "Subnet sizing for IPv6" and "VPC router", VPC user guide: at this address on the link of every subnet with IPv6
AWS_ROUTER = "fe80:ec2::1"


class Ec2(Datasource):
    """The metadata service of an EC2-compatible cloud, versions 1 and 2."""

    name = "ec2"
    needs_network = True
    options = ("metadata_urls", "timeout")

    def detect(self, host: Host) -> Detection:
        """DMI and the hypervisor tell; a bare KVM or Xen guest may be anybody's."""
        if self.settings.get("metadata_urls"):
            return Detection.yes("metadata_urls is configured")
        platform, reason = identify(host)
        if platform is not None:
            return Detection.yes(f"{platform}: {reason}")
        return Detection.maybe(reason) if reason else Detection.no("DMI names no platform with such a service")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """Everything that the instance is told.

        Raises SourceAbsent if a server that was named has no such tree, SourceInvalid if something else than a metadata
        service answers, SourceUnreachable naming the leaf that nobody could tell about.
        """
        platform, _ = identify(host)
        configured = self.urls()
        defaults = [IPV4_URL, IPV6_URL] if platform == AWS else [IPV4_URL]
        bases = [self.location] if self.location is not None else configured or defaults
        identified = platform is not None and self.location is None and not configured
        with metadata_service(bases, deadline.within(self.seconds(TIMEOUT))) as service:
            return _Tree(service, platform, certain=identified).metadata()


def identify(host: Host) -> tuple[str | None, str]:
    """The platform's name and the evidence; without a name, why it might be one, or an empty text.

    Amazon's UUIDs begin with `ec2`, sometimes with the first group in little-endian order ("Detect whether a host is an
    EC2 instance", EC2 user guide). One in 2000 of other UUIDs do so by chance, hence the look at the vendor.
    """
    value = {name: (host.dmi(name) or "").lower() for name in {name for name, _, _ in PLATFORMS}}
    for name, pattern, platform in PLATFORMS:
        if value[name] == pattern or (pattern.startswith("*") and value[name].endswith(pattern[1:])):
            return platform, f"DMI {name} is {host.dmi(name)}"
    hypervisor = (host.text("/sys/hypervisor/uuid", 4096) or "").strip().lower()
    if _amazons(hypervisor):
        return AWS, "the hypervisor's UUID begins with ec2"
    uuid, vendor = (host.dmi("product_uuid") or "").lower(), value["sys_vendor"]
    if _amazons(uuid) and (not vendor or vendor.startswith("xen") or value["product_serial"] == uuid):
        return AWS, "the machine's UUID begins with ec2"
    xen = vendor.startswith("xen") or bool(hypervisor)
    if (
        not xen
        and not vendor.startswith(EMULATORS)
        and not (host.dmi("product_name") or "").lower().startswith(EMULATORS)
    ):
        return None, ""
    if any(nic.mac.startswith("d0:0d:") for nic in host.interfaces()):
        # the rest of such an address is the instance's id
        return "Eucalyptus", "a network adapter has one of its addresses (d0:0d)"
    return None, f"a {'Xen' if xen else 'KVM'} guest may be of any cloud: name the source to have it asked"


def _amazons(uuid: str) -> bool:
    group = uuid.partition("-")[0]
    return uuid.startswith("ec2") or (len(group) == 8 and (group[6:8] + group[4:6]).startswith("ec2"))


class _Tree:
    """One reading of the tree; `certain` says that there must be one."""

    def __init__(self, service: MetadataService, platform: str | None, *, certain: bool) -> None:
        self._service = service
        self._platform = platform
        self._certain = certain
        self._root = ""
        self._found: dict[str, bytes | None] = {}
        self._origins: dict[str, str] = {}
        self._problems: list[Problem] = []

    def metadata(self) -> Metadata:
        names = self._open()
        self._ask(self._first_wanted(names))
        instance_id = self._instance_id(names)
        macs, indices = self._macs(), self._indices()
        second = [f"{MACS}{mac}/{leaf}" for mac in macs for leaf in NIC_LEAVES]
        second += [f"{KEYS}{index}/openssh-key" for index in indices]
        if len(macs) > 1:
            second += [f"{MACS}{mac}/" for mac in macs]
        if not (self._found.get(ZONE) and self._found.get(REGION)):
            second.append(IDENTITY)
        self._ask(second)
        for folder in [f"{MACS}{mac}/" for mac in macs] if len(macs) > 1 else ():
            names = self._service.names(self._found[folder] or b"") or ()
            self._ask([folder + name for name in (*CARDS, *PREFIXES.values()) if name in names])
        identity = self._identity()
        keys = self._keys(indices)
        leaves = (part for path, body in sorted(self._found.items()) for part in (path.encode(), body or b""))
        return Metadata(
            instance_id=instance_id,
            hostname=self._hostname(),
            public_keys=keys,
            user_data=self._user_data(),
            properties=dict(self._facts()),
            platform=self._platform or self._guess(),
            region=self._text("region", REGION) or self._from_identity("region", identity, "region"),
            availability_zone=self._text("availability_zone", ZONE)
            or self._from_identity("availability_zone", identity, "availabilityZone"),
            instance_type=self._text("instance_type", "meta-data/instance-type"),
            launch_index=self._number("launch_index", "meta-data/ami-launch-index"),
            nics=self._nics(macs),
            origins=self._origins,
            problems=tuple(self._problems),
            location=self._service.url,
            fingerprint={"instance_id": instance_id, "sha256": digest(*leaves)},
        )

    def _guess(self) -> str:
        """The platform where the machine itself does not tell: only Eucalyptus calls its images `emi-`."""
        return "Eucalyptus" if (self._found.get("meta-data/ami-id") or b"").startswith(b"emi-") else COMPATIBLE

    def _url(self, path: str) -> str:
        return f"{self._service.url}{self._root}{path}"

    def _ask(self, paths: Sequence[str]) -> None:
        limits = {self._root + path: USER_DATA_LIMIT if path == "user-data" else LEAF_LIMIT for path in paths}
        for path, body in self._service.leaves(limits).items():
            self._found[path.removeprefix(self._root)] = body

    def _open(self) -> frozenset[str] | None:
        """Choose the version; the names in meta-data/, None where its listing cannot be used."""
        versions = AWS_VERSIONS if self._platform == AWS else VERSIONS
        for version in versions:
            self._root = f"/{version}/"
            listing = self._service.leaf(f"{self._root}meta-data/")
            if listing is not None:
                break
            # a service that lists nothing may still answer, and the id is what tells one
            if self._service.leaf(self._root + INSTANCE_ID) is not None:
                return None
        else:
            if not self._certain:
                remedy = "an EC2-compatible service has meta-data/ below its version"
                raise SourceAbsent("there is no metadata tree", where=self._service.url, remedy=remedy)
            # Nova says so as well while it does not know the port of a guest that has only just started
            listing = self._service.leaf(f"{self._root}meta-data/", certain=True) or b""
        return self._service.names(listing)

    def _first_wanted(self, names: frozenset[str] | None) -> list[str]:
        hostnames = HOSTNAMES if names is None else HOSTNAMES[:1] if HOSTNAMES[0] in names else HOSTNAMES[1:]
        leaves = [*hostnames, "instance-type", "ami-launch-index", *FACTS]
        wanted = [f"meta-data/{leaf}" for leaf in leaves if names is None or leaf in names]
        branches = {"placement": (ZONE, REGION), "public-keys": (KEYS,), "network": (MACS,)}
        wanted += [path for branch, paths in branches.items() if names is None or branch in names for path in paths]
        return ["user-data", INSTANCE_ID, *wanted]

    def _instance_id(self, names: frozenset[str] | None) -> str:
        """The leaf that decides whether this is such a service: S3 and captive portals say 200 to anything."""
        body = self._found[INSTANCE_ID]
        if body is None:
            if not self._certain and (names is None or "instance-id" not in names):
                raise SourceAbsent("there is no instance id", where=self._url(INSTANCE_ID))
            body = self._service.leaf(self._root + INSTANCE_ID, certain=True) or b""
            self._found[INSTANCE_ID] = body
        text = _line(body)
        if not text or len(text) > 255 or not text.isascii() or any(character in " <>/\\" for character in text):
            remedy = "something else answers at this address, a captive portal perhaps"
            raise SourceInvalid("the answer is not an instance id", where=self._url(INSTANCE_ID), remedy=remedy)
        self._origins["instance_id"] = self._url(INSTANCE_ID)
        return text

    def _text(self, field: str, path: str) -> str | None:
        """A leaf of one line of text, None if absent, empty or unusable."""
        body = self._found.get(path)
        if body is None or not body.strip():
            return None
        text = _line(body)
        if not text:
            self._problems.append(Problem(field, "is not one line of printable text", self._url(path)))
            return None
        self._origins[field] = self._url(path)
        return text

    def _number(self, field: str, path: str) -> int | None:
        text = self._text(field, path)
        if text is None or (text.isascii() and text.isdigit() and len(text) <= 9):
            return None if text is None else int(text)
        self._problems.append(Problem(field, "is not a number", self._origins.pop(field)))
        return None

    def _hostname(self) -> str | None:
        """The first of the names: there is one for each domain of the network's DHCP options."""
        path = next((f"meta-data/{leaf}" for leaf in HOSTNAMES if self._found.get(f"meta-data/{leaf}")), "")
        words = (self._text("hostname", path) or "").split()
        if words and words[0].count(".") == 3 and words[0].replace(".", "").isdigit():
            return "ip-" + words[0].replace(".", "-")
        return words[0] if words else None

    def _facts(self) -> Iterator[tuple[str, str]]:
        for name in FACTS:
            path = f"meta-data/{name}"
            lines = text_lines(self._found.get(path) or b"")
            if lines is None:
                self._problems.append(Problem(f"properties.{name}", "is not printable text", self._url(path)))
            elif lines:
                self._origins[f"properties.{name}"] = self._url(path)
                yield name, "\n".join(lines)

    def _user_data(self) -> bytes | None:
        body = self._found["user-data"]
        if body:
            self._origins["user_data"] = self._url("user-data")
        return body or None

    def _indices(self) -> list[str]:
        """What the keys are called in paths: Nova and Amazon list `0=name`, others `0/` or `0`."""
        lines = text_lines(self._found.get(KEYS) or b"")
        indices = [line.partition("=")[0].strip().rstrip("/") for line in lines or ()]
        if lines is None or len(indices) > MOST_KEYS or not all(_segment(index) for index in indices):
            raise SourceInvalid("the list of keys cannot be understood", where=self._url(KEYS))
        return list(dict.fromkeys(indices))

    def _keys(self, indices: Sequence[str]) -> tuple[str, ...]:
        keys: list[str] = []
        for index in indices:
            path = f"{KEYS}{index}/openssh-key"
            body = self._found[path]
            if body is None:
                # a listed key that is not there (yet) must not look like no key
                body = self._service.leaf(self._root + path, certain=True) or b""
                self._found[path] = body
            lines = text_lines(body)
            if lines is None:
                self._problems.append(Problem("public_keys", "is not printable text", self._url(path)))
            keys += [line for line in lines or () if not line.startswith("#")]
        if keys:
            self._origins["public_keys"] = self._url(KEYS)
        return tuple(keys)

    def _macs(self) -> list[str]:
        lines = text_lines(self._found.get(MACS) or b"") or []
        fine = []
        for line in lines:
            try:
                fine.append(mac_address(line.rstrip("/")))
            except ValueError:
                continue
        if len(fine) != len(lines) or len(fine) > MOST_NICS:
            message = "some are left out: not hardware addresses, or too many"
            self._problems.append(Problem("nics", message, self._url(MACS)))
        return list(dict.fromkeys(fine[:MOST_NICS]))

    def _nics(self, macs: Sequence[str]) -> tuple[Nic, ...]:
        nics = []
        for mac in macs:
            folder = f"{MACS}{mac}/"
            index = self._number("nics", folder + "device-number")
            card = next((number for name in CARDS if (number := self._number("nics", folder + name)) is not None), None)
            # without its subnet an address is alone on the wire; DHCP knows better about the first one
            subnets = self._addresses(folder + "subnet-ipv4-cidr-block", False, ip_network) or ["/32"]
            length = subnets[0].rpartition("/")[2]
            ipv4 = [f"{address}/{length}" for address in self._addresses(folder + "local-ipv4s", False)]
            ipv6 = [f"{address}/128" for address in self._addresses(folder + "ipv6s", True)]
            prefixes = [
                text for ipv6_, name in PREFIXES.items() for text in self._addresses(folder + name, ipv6_, ip_network)
            ]
            routers = (AWS_ROUTER,) if ipv6 and self._platform == AWS else ()
            addresses = (*ipv4, *ipv6)
            nics.append(
                Nic(mac, None, index, addresses, True, bool(ipv6), card=card, prefixes=tuple(prefixes), routers=routers)
            )
        if nics:
            self._origins["nics"] = self._url(MACS)
        return tuple(sorted(nics, key=lambda nic: (nic.card or 0, nic.index is None, nic.index or 0, nic.mac)))

    def _addresses(self, path: str, ipv6: bool, parse: Callable[[str], str] = ip_address) -> list[str]:
        """The addresses (or networks) of a leaf, one a line, in canonical form."""
        found = []
        for line in text_lines(self._found.get(path) or b"") or ():
            try:
                found.append(parse(line))
                if (":" in found[-1]) != ipv6:
                    raise ValueError(found.pop())
            except ValueError:
                message = f"has a line that is of no use as IPv{6 if ipv6 else 4}"
                self._problems.append(Problem("nics", message, self._url(path)))
        return found

    def _identity(self) -> Mapping[str, Any]:
        body = self._found.get(IDENTITY)
        if not body:
            return {}
        import json

        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            return document
        self._problems.append(Problem("region", "the identity document is not a JSON object", self._url(IDENTITY)))
        return {}

    def _from_identity(self, field: str, identity: Mapping[str, Any], key: str) -> str | None:
        value = identity.get(key)
        if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 255:
            return None
        self._origins[field] = f"{self._url(IDENTITY)}#/{key}"
        return value


def _line(body: bytes) -> str | None:
    lines = text_lines(body)
    return lines[0] if lines and len(lines) == 1 else None


def _segment(text: str) -> bool:
    """True if it can be one part of a path and nothing else."""
    return 0 < len(text) <= 255 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
