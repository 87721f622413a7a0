"""A machine room's own source: one line per machine in a file of the image, found by the serial number.

    # /etc/rack/machines: serial, name, address
    CZ1234ABCD  web1  192.0.2.10/24

Goes to /etc/ovfinit/datasources/rack.py, owned by root. Settings in ovfinit.yaml, with their defaults:

    rack:
      file: /etc/rack/machines
      domain: ""
"""

from __future__ import annotations

from ovfinit.datasource import Datasource, Deadline, Detection, SourceAbsent, SourceInvalid
from ovfinit.host import Host
from ovfinit.model import Metadata


class Rack(Datasource):
    """The list of machines, and the line with this machine's serial number."""

    name = "rack"
    needs_network = False

    def detect(self, host: Host) -> Detection:
        """The list is there, or this is not our machine room."""
        if host.exists(self._file):
            return Detection.yes(f"{self._file} is there")
        return Detection.no(f"no {self._file}")

    def read(self, host: Host, deadline: Deadline) -> Metadata:
        """The line of this machine's serial number."""
        serial = host.dmi("product_serial")
        if serial is None:
            raise SourceAbsent("this machine has no serial number in DMI")
        text = host.text(self._file)
        if text is None:
            raise SourceAbsent(f"there is no {self._file}")
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words or words[0] != serial:
                continue
            if len(words) != 3:
                raise SourceInvalid("a line must be: serial, name, address", where=f"{self._file}:{number}")
            return self._metadata(serial, words[1], words[2], f"{self._file}:{number}")
        raise SourceAbsent(f"no line for the serial number {serial}", where=self._file)

    def _metadata(self, serial: str, name: str, address: str, where: str) -> Metadata:
        domain = str(self.settings.get("domain") or "")
        return Metadata(
            instance_id=f"rack-{serial}",
            hostname=f"{name}.{domain}" if domain else name,
            network={"version": 2, "ethernets": {"lan": {"match": {"name": "e*"}, "addresses": [address]}}},
            location=self._file,
            origins=dict.fromkeys(("instance_id", "hostname", "network"), where),
        )

    @property
    def _file(self) -> str:
        return str(self.settings.get("file") or "/etc/rack/machines")
