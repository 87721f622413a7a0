"""VMware's guestinfo: variables that the hypervisor keeps for a guest, read with open-vm-tools' own programs.

The variables and the encodings are those of cloud-init's VMware source (`guestinfo.metadata`, `.userdata`,
`.vendordata`, each with `.encoding`), and `guestinfo.ovfEnv`, the OVF environment's transport `com.vmware.guestInfo`.
"""

from __future__ import annotations

import os

from ..digest import digest
from ..errors import InputError, SourceInvalid, SourceUnreachable
from ..model import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..deadline import Deadline
    from ..host import Host
    from ..model import Metadata

PREFIX = "guestinfo"
VARIABLES = ("ovfEnv", "metadata", "userdata", "vendordata")
# how an agent or an admin blanks a variable that the hypervisor will not let go of
BLANK = b"---"
TOOLS = (("vmware-rpctool",), ("vmtoolsd", "--cmd"))
TOOL_SECONDS = 5.0
INSTANCE_ID = ("instance-id", "instance_id")
HOSTNAME = ("local-hostname", "local_hostname", "hostname")
KEYS = ("public-keys-data", "public_keys_data", "public-keys", "public_keys")


class Guestinfo:
    """The variables that have a value, each asked for once.

    Attributes:
        values: by name, without the `guestinfo.` in front.
        trouble: why nobody could tell what they are; `values` is empty then.
    """

    def __init__(self, host: Host, deadline: Deadline) -> None:
        self._host = host
        self._deadline = deadline
        self._tools = [[tool, *words[1:]] for words in TOOLS if (tool := host.tool(words[0]))]
        self._reasons: list[str] = []
        self.values: dict[str, bytes] = {}
        self.trouble: SourceUnreachable | None = None
        try:
            for name in VARIABLES:
                value = self._ask(name)
                if value is None:
                    continue
                self.values[name] = value
                encoding = self._ask(f"{name}.encoding") if name != "ovfEnv" else None
                if encoding is not None:
                    self.values[f"{name}.encoding"] = encoding
        except SourceUnreachable as error:
            # half of the variables is not an answer: the instance id may be in the other half
            self.values = {}
            self.trouble = error

    @property
    def environment(self) -> bytes | None:
        """The OVF environment document."""
        return self.values.get("ovfEnv")

    def over(self, said: Metadata) -> Metadata:
        """Lay `guestinfo.metadata`, `.userdata` and `.vendordata` over what an environment says.

        Raises SourceInvalid for a `guestinfo.metadata` that cannot be used: the instance id may be in it.
        """
        if not self.values:
            return said
        from ..userdata.content import decode, decode_document

        fields: dict[str, Any] = {}
        origins: dict[str, str] = dict(said.origins)
        problems = list(said.problems)
        for name, field in (("userdata", "user_data"), ("vendordata", "vendor_data")):
            text = self.text(name)
            if text is None:
                continue
            origins[field] = f"{PREFIX}.{name}"
            try:
                fields[field] = decode(text, self.text(f"{name}.encoding"))
            except InputError as error:
                problems.append(Problem(field, error.message, origins[field]))
        text = self.text("metadata")
        if text is not None:
            where = f"{PREFIX}.metadata"
            try:
                fields.update(_metadata(decode_document(text, self.text("metadata.encoding")), origins, said))
            except InputError as error:
                raise SourceInvalid(error.message, where=error.where or where, remedy=error.remedy) from error
        return said.with_(**fields, origins=origins, problems=tuple(problems))

    def digest(self) -> str:
        """What identifies these answers; `unreachable` where there are none."""
        if self.trouble is not None:
            return "unreachable"
        return digest(*(part for name, value in sorted(self.values.items()) for part in (name.encode(), value)))

    def text(self, name: str) -> str | None:
        """A variable as text. Raises SourceInvalid if it is not UTF-8."""
        try:
            return self.values[name].decode() if name in self.values else None
        except UnicodeDecodeError as error:
            raise SourceInvalid("is not UTF-8", where=f"{PREFIX}.{name}") from error

    def _ask(self, name: str) -> bytes | None:
        """The value; None where the hypervisor says that there is none.

        A tool that is refused, fails or hangs is not asked again. `vmware-rpctool` is refused where the machine is set
        to secure RPC (`guest_rpc.rpci.auth.cmd.info-get`), and vmtoolsd is not.
        """
        while self._tools:
            tool = os.path.basename(self._tools[0][0])
            try:
                command = [*self._tools[0], f"info-get {PREFIX}.{name}"]
                output = self._host.ask(command, self._deadline.within(TOOL_SECONDS))
            except InputError as error:
                self._reasons.append(error.message)
            else:
                if output.status == 0:
                    value = output.stdout.rstrip(b"\0\r\n \t")
                    return value if value.strip() not in (b"", BLANK) else None
                said = (output.stdout + output.stderr)[:400].decode("utf-8", "replace").strip()
                if "no value found" in said.lower():
                    return None
                self._reasons.append(
                    f"{tool} exits {output.status}" + (f": {said}" if said.isprintable() and said else "")
                )
            del self._tools[0]
        reason = "; ".join(self._reasons) or "neither vmware-rpctool nor vmtoolsd is installed"
        raise SourceUnreachable(
            reason, where=f"{PREFIX}.{name}", remedy="install open-vm-tools, or allow it to be asked"
        )


def _metadata(data: bytes, origins: dict[str, str], said: Metadata) -> dict[str, Any]:
    """The fields in `guestinfo.metadata`: JSON or YAML with the keys of cloud-init's VMware source."""
    from ..userdata.content import decode_document
    from .yamltext import load

    where = f"{PREFIX}.metadata"
    document = load(data, where)
    values = document.value
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError("must be a mapping", where=document.where())
    fields: dict[str, Any] = {}
    rest = dict(values)
    for field, keys in (("instance_id", INSTANCE_ID), ("hostname", HOSTNAME), ("public_keys", KEYS)):
        for key in keys:
            value = rest.pop(key, None)
            if value is None or value in ("", [], {}) or field in fields:
                continue
            fields[field] = _keys(value) if field == "public_keys" else document.spelling(key) or value
            origins[field] = f"{where}#/{key}"
    network, encoding = rest.pop("network", None), rest.pop("network.encoding", None)
    if isinstance(network, str) and network.strip():
        encoded = decode_document(network, str(encoding) if encoding else None)
        network = load(encoded, f"{where}#/network").value
    if network:
        fields["network"] = network
        origins["network"] = f"{where}#/network"
    properties = dict(said.properties)
    for key, value in rest.items():
        if isinstance(value, (str, int, float)):
            properties[str(key)] = document.spelling(key) or str(value)
            origins[f"properties.{key}"] = f"{where}#/{key}"
    return {**fields, "properties": properties}


def _keys(value: object) -> list[Any]:
    """Keys in any of the forms in use: lines of text, a list, a mapping of names to either."""
    if isinstance(value, dict):
        return [key for item in value.values() for key in _keys(item)]
    return list(value) if isinstance(value, list) else [value]
