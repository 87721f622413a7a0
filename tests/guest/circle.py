"""Scenes of the image builder's half: what its commands made of a third party's package, booted.

The descriptors are real ones (tests/data/ovf-packages), the disk is a Debian without the agent (appliance.py), and COT
makes the OVA of them. Everything after that is done with this tree's own commands.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import appliance
import inputs
from checks import USER, Expect
from images import HERE, ImageError, run
from lab import MAC, ROUTER, STATIC
from plug import Plug

if TYPE_CHECKING:
    from run import Stage

TREE = HERE.parents[1]
PACKAGES = TREE / "tests/data/ovf-packages"
TOOLS = TREE / ".venv/bin"
# one that nobody but its owner knows
PROPERTY = {"shop.color": "green"}
UBUNTU, STUDIO = PACKAGES / "ubuntu24.10.ovf", PACKAGES / "studio-1.0.ovf"


def circle(stage: Stage) -> None:
    """An OVA is checked, converted, the agent baked in, the environment handed over as a disc that then goes away."""
    ova = _ova(stage)
    _ovfinit("ovf", "check", ova)
    disk = stage.folder / "web.qcow2"
    _ovfinit("image", "convert", ova, disk)
    _bake(stage, disk)
    disc = _environment(stage, ova, "circle1", "env.iso")
    stage.appliance(disk)

    def look() -> list[str]:
        return _told(stage, "circle1")

    stage.boot("first", Plug(cdrom=disc), Expect("circle1", STATIC, source="ovf"), look)
    stage.boot("disc removed", Plug(), Expect("circle1", STATIC, keys="same"), look)


def circle_libvirt(stage: Stage) -> None:
    """The same OVA as a domain, which libvirt itself starts; the environment comes by its fw_cfg elements."""
    ova = _ova(stage)
    domain, elements = stage.folder / "web.xml", _environment(stage, ova, "domain1", "env.libvirt", kind="libvirt")
    _ovfinit("image", "convert", ova, domain, "--bus", "virtio")
    _bake(stage, stage.folder / "web-disk1.qcow2")
    stage.domain(domain, elements.read_text())
    stage.boot("first", Plug(), Expect("domain1", STATIC, source="ovf"), lambda: _told(stage, "domain1"))


def whole_again(stage: Stage) -> None:
    """A partition image in a UEC tarball, and one in an EC2 bundle, get a boot loader and boot by themselves."""
    seed, disk = stage.folder / "seed", stage.folder / "built.img"
    seed.mkdir()
    for name, text in inputs.seed("i-whole", "whole1", stage.public).items():
        (seed / name).write_text(text)
    run("cp", "--sparse=always", appliance.disk(), disk)
    _bake(stage, disk, "--seed", seed)
    keys = TREE / "tests/data/bundles/keys"
    owner = ("--privatekey", keys / "user.key.der", "--cert", keys / "user.pem")
    cloud = ("--ec2cert", keys / "cloud.pem", "--user", "123456789012")
    for name, steps in {
        "UEC tarball": [("web.tar.gz",), ("tarball.ova", "--network", "lan"), ("tarball.qcow2",)],
        "EC2 bundle": [("bundle/", *owner, *cloud), ("web.ova", *owner, "--network", "lan"), ("bundle.qcow2",)],
    }.items():
        source = disk
        for output, *more in steps:
            _ovfinit("image", "convert", source, f"{stage.folder}/{output}", *more)
            source = stage.folder / output
        stage.new_guest()
        stage.appliance(source)
        stage.boot(name, Plug(), Expect("whole1", STATIC, source="seed"))


def env_guestinfo(stage: Stage) -> None:
    """VMware Studio's own properties, as the line of a .vmx that gives them to guestinfo.ovfEnv."""
    line = _environment(stage, STUDIO, "studio1", "web.vmx").read_text()
    found = re.fullmatch(r'guestinfo\.ovfEnv = "([^"]*)"\n', line)
    assert found, f"not the line of a .vmx: {line}"
    # as VMware's products read a .vmx: a bar and two hexadecimal digits are one character
    document = re.sub(r"\|([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), found[1])
    stage.guest.put(inputs.rpctool({"ovfEnv": document}))
    plug = Plug(platform="vmware")

    def look() -> list[str]:
        return _told(stage, "studio1", "vami.ip0.ubuntu-name")

    stage.boot("first", plug, Expect("studio1", STATIC, source="ovf"), look)
    stage.boot("second", plug, Expect("studio1", STATIC, keys="same", source="ovf"), look)


def env_qemu(stage: Stage) -> None:
    """Words for QEMU's command line: the document over fw_cfg, instance id and host name in SMBIOS."""
    words = shlex.split(_environment(stage, UBUNTU, "words1", "env.qemu").read_text())
    assert [word for word in words if word.startswith("-")] == ["-smbios", "-fw_cfg"], words

    def look() -> list[str]:
        return _told(stage, "words1")

    stage.boot("first", Plug(options=words), Expect("words1", STATIC, source="ovf"), look)
    stage.boot("without the words", Plug(), Expect("words1", STATIC, keys="same"), look)


def env_nocloud(stage: Stage) -> None:
    """A package's answers as a NoCloud seed: an image labelled cidata, then a folder where cloud-init has its own."""
    disc = _environment(stage, UBUNTU, "seed1", "seed.iso", kind="nocloud")
    stage.boot("image", Plug(cdrom=disc), Expect("seed1", STATIC, source="seed"))
    stage.new_guest()
    folder = _environment(stage, UBUNTU, "seed2", "seed/")
    files = {f"/var/lib/cloud/seed/nocloud/{path.name}": (path.read_bytes(), 0o600) for path in folder.iterdir()}
    stage.guest.put(files)
    stage.boot("folder", Plug(), Expect("seed2", STATIC, source="seed"))


def _ovfinit(*words: object) -> str:
    """One of this tree's commands; what it printed. Raises ImageError."""
    command = [str(word) for word in (TOOLS / "python", "-m", "ovfinit", *words)]
    done = subprocess.run(command, cwd=TREE, capture_output=True, check=False, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        raise ImageError(f"ovfinit {' '.join(command[3:6])} …: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _ova(stage: Stage) -> Path:
    """Ubuntu's descriptor with the lab's disk, packed by COT, which also corrects sizes and writes the manifest."""
    if not (TOOLS / "cot").exists():
        run("make", ".venv/test", cwd=TREE)
    work = stage.folder / "package"
    work.mkdir()
    (work / "web.ovf").write_bytes(UBUNTU.read_bytes())
    disk = re.search(r'ovf:href="([^"]+)"', UBUNTU.read_text())
    assert disk
    (work / disk[1]).symlink_to(appliance.stream())
    ova = stage.folder / "web.ova"
    run(TOOLS / "cot", "-f", "edit-product", work / "web.ovf", "-o", ova, "-v", "lab")
    return ova


def _bake(stage: Stage, disk: Path, *more: object) -> None:
    debs = [word for deb in (*stage.order.debs, *appliance.needed()) for word in ("--deb", deb)]
    _ovfinit("image", "bake", disk, "--scrub", *debs, *more)


def _environment(stage: Stage, package: Path, name: str, output: str, *, kind: str = "") -> Path:
    """What `ovf env` makes of a package's questions: answers for those it has, the others under the agent's names."""
    path = stage.folder / output
    descriptor = (UBUNTU if package.suffix == ".ova" else package).read_text()
    address = {"network-config": inputs.NETWORK}
    if package == STUDIO:
        values = {"ip0": STATIC, "netmask0": "255.255.255.0", "gateway0": ROUTER, "DNS0": ROUTER}
        address = {f"vami.{key}.ubuntu-name": value for key, value in values.items()}
    told = {"instance-id": f"i-{name}", "hostname": name, **PROPERTY, **address}
    long = {"public-keys": stage.public, "user-data": inputs.SCRIPT}
    answers = stage.folder / f"{name}.yaml"
    asked = {key: value for key, value in told.items() if f'ovf:key="{key.split(".")[-2:][0]}"' in descriptor}
    answers.write_text(json.dumps(asked))
    words: list[object] = ["--answers", answers, "--nic", f"{MAC}={_network(descriptor)}"]
    for key, value in [*told.items(), *long.items()]:
        if key not in asked:
            file = stage.folder / f"{name}.{key}"
            file.write_text(value)
            words += ["--set" if f'ovf:key="{key}"' in descriptor else "--property", f"{key}=@{file}"]
    words += ["--format", kind] if kind else []
    _ovfinit("ovf", "env", package, "-o", f"{path}/" if output.endswith("/") else path, *words)
    return path


def _network(descriptor: str) -> str:
    found = re.search(r'<Network ovf:name="([^"]+)"', descriptor)
    assert found
    return found[1]


def _told(stage: Stage, name: str, network: str = "network-config") -> list[str]:
    """What `show` and `explain` in the guest do not say, and should; `network` is the property it came from."""
    _, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "ovfinit", "show", "--json")
    try:
        known = json.loads(said)
    except ValueError:
        return [f"show --json printed {said[-400:]!r}"]
    facts = {
        "datasource": "ovf",
        "hostname": name,
        "instance_id": f"i-{name}",
        "public_keys": [stage.public],
        "properties": {**known["properties"], **PROPERTY},
    }
    wrong = [f"show says {key} is {known[key]!r}, not {value!r}" for key, value in facts.items() if known[key] != value]
    if not known["origins"]["network"].endswith(f"/PropertySection/{network}"):
        wrong.append(f"the network is said to come from {known['origins']['network']}")
    _, said = stage.lab.ssh(STATIC, USER, stage.key, "sudo", "-n", "ovfinit", "explain", "hostname")
    if f"hostname = {name}\n" not in said or "/PropertySection/hostname" not in said:
        wrong.append(f"explain does not say where the host name came from: {said[-400:]}")
    return wrong
