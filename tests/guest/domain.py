"""A virtual machine as libvirt starts it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from emulated import Machine
from lab import MAC
from plug import Plug

HERE = Path(__file__).resolve().parent


class Domain(Machine):
    """A virtual machine that libvirt starts, by its driver for QEMU alone: no service of it runs on this machine.

    What the lab has otherwise than the domain is changed: there is no KVM, and the network is the lab's cable.
    """

    def __init__(self, path: Path, elements: str, before: Machine) -> None:
        super().__init__(before.suite, before.debs, before.lab, before.folder, before.clock)
        domain = ElementTree.fromstring(path.read_text())
        domain.set("type", "qemu")
        domain.remove(_one(domain, "cpu"))
        domain.append(_one(ElementTree.fromstring(f"<x>{elements}</x>"), "sysinfo"))
        devices = _one(domain, "devices")
        adapter = _one(devices, "interface")
        adapter.set("type", "ethernet")
        adapter.remove(_one(adapter, "source"))
        ElementTree.SubElement(adapter, "mac", address=MAC)
        ElementTree.SubElement(adapter, "target", dev="cable", managed="no")
        channel = ElementTree.SubElement(devices, "channel", type="unix")
        ElementTree.SubElement(channel, "source", mode="bind", path=str(self.folder / "port"))
        ElementTree.SubElement(channel, "target", type="virtio", name="lab")
        (self.folder / "domain.xml").write_text(ElementTree.tostring(domain, encoding="unicode"))

    def boot(self, plug: Plug) -> None:
        """Start libvirt's driver, which starts QEMU; see domain.sh."""
        assert not any(vars(plug).values()), "the domain says what it has"
        command = ["unshare", "--mount", "sh", HERE / "domain.sh", self.folder]
        self._launch(["nsenter", f"--net=/run/netns/{self.lab.inside}", *command])

    def cut(self) -> None:
        """The driver takes the machine with it when it is told to go, and not when it is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self._wait(30)
        super().cut()


def _one(element: ElementTree.Element, name: str) -> ElementTree.Element:
    found = element.find(name)
    assert found is not None, f"no <{name}> in <{element.tag}>"
    return found
