"""Guest roots and disk images, built once and kept: a suite's base, and over it a layer with the packages under test.

base-SUITE/             a minimal bootable Debian with sshd and networkd, no agent
layer-SUITE-DIGEST/     what installing the .debs (and their dependencies) changed, an overlay file system's upper
SUITE-DIGEST.ext4       both together, for a virtual machine
kernel/                 one kernel for all: vmlinux, initrd, and initrd-late without the CD-ROM's drivers
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("OVFINIT_GUEST_CACHE", Path.home() / ".cache/ovfinit-guest"))
PACKAGES = [
    *("systemd", "systemd-sysv", "systemd-resolved", "udev", "dbus", "kmod", "iproute2", "procps"),
    *("openssh-server", "sudo", "python3", "ca-certificates", "e2fsprogs"),
]
KERNEL_PACKAGES = ["linux-image-cloud-amd64", "initramfs-tools", "zstd"]
# trixie's kernel is not at home under an emulator of bookworm's age, so every suite boots this one's
KERNEL_SUITE = "bookworm"
DRIVERS = ["virtio_pci", "virtio_blk", "ext4"]
CD_DRIVERS = ["ata_piix", "sr_mod"]
QUIET_UNITS = [
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
    *("e2scrub_all.timer", "systemd-firstboot.service"),
]


class ImageError(Exception):
    """An image cannot be built; the text is for people."""


def run(*words: object, quiet: bool = False, check: bool = True, **more: object) -> subprocess.CompletedProcess[bytes]:
    """Run a program. Raises ImageError with the end of its output."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more
    )
    if check and done.returncode:
        tail = "" if quiet else "\n" + done.stdout[-3000:].decode(errors="replace")
        raise ImageError(f"{' '.join(str(word) for word in words[:4])} …: exit {done.returncode}{tail}")
    return done  # type: ignore[no-any-return]


def mirror() -> str:
    """The archive that this machine's own apt uses."""
    for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        for line in Path(path).read_text().splitlines() if Path(path).exists() else ():
            words = line.split()
            if words[:1] == ["URIs:"]:
                return words[1]
            if words[:1] == ["deb"]:
                return next(word for word in words if "://" in word)
    return "http://deb.debian.org/debian"


def base(suite: str) -> Path:
    """The suite's base root; the kernel comes with KERNEL_SUITE's."""
    root = CACHE / f"base-{suite}"
    if root.exists():
        return root
    CACHE.mkdir(parents=True, exist_ok=True)
    new = CACHE / f"base-{suite}.new"
    shutil.rmtree(new, ignore_errors=True)
    packages = PACKAGES + (KERNEL_PACKAGES if suite == KERNEL_SUITE else [])
    run(
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--skip=cleanup/apt/lists"),
        *('--aptopt=APT::Install-Recommends "false"', "--dpkgopt=path-exclude=/usr/share/doc/*"),
        *("--dpkgopt=path-exclude=/usr/share/locale/*", f"--include={','.join(packages)}"),
        *(suite, new, mirror()),
    )
    (new / "etc/fstab").write_text("LABEL=guest / ext4 defaults 0 1\n")
    (new / "etc/hostname").write_text("image\n")
    (new / "etc/default/locale").write_text("LANG=C.UTF-8\n")
    (new / "etc/machine-id").write_text("")
    shutil.copy(HERE / "observer/lab-observer", new / "usr/local/sbin/lab-observer")
    shutil.copy(HERE / "observer/lab-observer.service", new / "etc/systemd/system/lab-observer.service")
    # name look-ups over multicast would be waited for, and counted
    (new / "etc/systemd/resolved.conf.d").mkdir()
    (new / "etc/systemd/resolved.conf.d/lab.conf").write_text("[Resolve]\nLLMNR=no\nMulticastDNS=no\n")
    run("chroot", new, "systemctl", "enable", "systemd-networkd", "systemd-resolved", "lab-observer")
    run("chroot", new, "systemctl", "mask", *QUIET_UNITS)
    if suite == KERNEL_SUITE:
        _kernel(new)
    else:
        shutil.copytree(base(KERNEL_SUITE) / "usr/lib/modules", new / "usr/lib/modules", dirs_exist_ok=True)
    new.rename(root)
    return root


def _kernel(root: Path) -> None:
    """Take the kernel, and make two initrds: with and without the drivers of the CD-ROM."""
    folder = CACHE / "kernel"
    folder.mkdir(exist_ok=True)
    settings = root / "etc/initramfs-tools"
    (settings / "conf.d/lab").write_text("MODULES=list\n")
    version = next((root / "usr/lib/modules").iterdir()).name
    for name, drivers in (("initrd-late", DRIVERS), ("initrd", DRIVERS + CD_DRIVERS)):
        (settings / "modules").write_text("".join(f"{driver}\n" for driver in drivers))
        run("chroot", root, "mkinitramfs", "-o", f"/tmp/{name}", version)
        shutil.move(root / "tmp" / name, folder / name)
    (folder / "vmlinux").write_bytes(payload((root / f"boot/vmlinuz-{version}").read_bytes()))
    shutil.rmtree(root / "boot")
    (root / "boot").mkdir()


def payload(image: bytes) -> bytes:
    """The ELF kernel in a bzImage (Linux boot protocol 2.08: payload_offset, payload_length).

    An emulator starts it through its PVH entry and need not decompress it instruction by instruction.
    """
    (sectors,) = struct.unpack_from("<B", image, 0x1F1)
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((sectors or 4) + 1) * 512 + offset
    # the last four bytes are the size after decompression
    packed = image[start : start + length - 4]
    if packed.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(packed)
    tool = "zstd" if packed.startswith(b"\x28\xb5\x2f\xfd") else "lz4" if packed.startswith(b"\x02!L\x18") else "gzip"
    return subprocess.run([tool, "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout


def older(revision: str) -> Path:
    """The agent's package of an earlier revision, with a version below that of the present one; built once."""
    folder = CACHE / f"older-{revision}"
    if not folder.exists():
        new, tree = CACHE / "older.new", CACHE / "older.tree"
        for path in (new, tree):
            shutil.rmtree(path, ignore_errors=True)
        run("git", "clone", "--quiet", "--shared", "--no-checkout", HERE.parents[1], tree)
        run("git", "-C", tree, "checkout", "--quiet", revision)
        log = tree / "debian/changelog"
        log.write_text(log.read_text().replace(")", f"~{revision})", 1))
        run(tree / "debian/build.sh", new)
        shutil.rmtree(tree)
        new.rename(folder)
    return next(folder.glob("ovfinit_*.deb"))


def digest(debs: Sequence[Path]) -> str:
    """What tells one set of packages from another."""
    total = hashlib.sha256()
    for deb in sorted(debs):
        total.update(deb.read_bytes())
    return total.hexdigest()[:12]


def layer(suite: str, debs: Sequence[Path]) -> Path:
    """What installing the packages changes in the base root. Earlier layers of the suite are thrown away."""
    path = CACHE / f"layer-{suite}-{digest(debs)}"
    if path.exists():
        return path
    below = [needs(suite, debs), base(suite)]
    for old in CACHE.glob(f"layer-{suite}-*"):
        shutil.rmtree(old)
    for old in CACHE.glob(f"{suite}-*.ext4"):
        old.unlink(missing_ok=True)
    with overlay(below, path) as root:
        install(root, debs)
    return path


def needs(suite: str, debs: Sequence[Path]) -> Path:
    """What the packages depend on; it comes from the network once and is kept as a layer of its own."""
    path = CACHE / f"needs-{suite}"
    if not path.exists():
        with overlay([base(suite)], path) as root:
            install(root, debs)
            _chroot(root, "dpkg", "--purge", *(deb.name.split("_")[0] for deb in debs))
    return path


def install(root: Path, packages: Sequence[Path | str], *, only_fetch: bool = False) -> None:
    """Install package files, or packages of the suite by name; or only fetch them, with what they need."""
    folder = root / "tmp/debs"
    folder.mkdir()
    for package in packages:
        if isinstance(package, Path):
            shutil.copy(package, folder)
    resolver = root / "etc/resolv.conf"
    link = os.readlink(resolver) if resolver.is_symlink() else None
    resolver.unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", resolver)
    names = [f"/tmp/debs/{package.name}" if isinstance(package, Path) else package for package in packages]
    words = ["-qy", "--no-install-recommends", "--allow-remove-essential", *(["--download-only"] if only_fetch else [])]
    _chroot(root, "apt-get", *words, "install", *names)
    if not only_fetch:
        _chroot(root, "apt-get", "-q", "clean")
    resolver.unlink()
    if link:
        resolver.symlink_to(link)
    shutil.rmtree(folder)


def _chroot(root: Path, *words: str) -> None:
    run("chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", *words)


@contextlib.contextmanager
def overlay(lowers: Sequence[Path], upper: Path) -> Iterator[Path]:
    """A root over others; `upper` gets its name only if all went well."""
    new, work, root = (upper.with_name(upper.name + end) for end in (".new", ".work", ".root"))
    for folder in (new, work, root):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    new.chmod(0o755)
    options = f"lowerdir={':'.join(map(str, lowers))},upperdir={new},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, root)
    run("mount", "-t", "proc", "proc", root / "proc")
    try:
        yield root
    finally:
        run("umount", "-R", root)
        root.rmdir()
        shutil.rmtree(work)
    new.rename(upper)


def lowers(suite: str, debs: Sequence[Path]) -> list[Path]:
    """The folders that make a guest's root, topmost first; without packages the floor."""
    if not debs:
        return [base(suite)]
    return [layer(suite, debs), needs(suite, debs), base(suite)]


def beside(
    suite: str, below: Sequence[Path], name: str, packages: Sequence[Path | str], *, mask: Sequence[str] = ()
) -> list[Path]:
    """A root with more packages in it, and some units masked; `name` is the new layer's, and it has one at a time."""
    known = " ".join([*(path.name for path in below), *map(str, packages)])
    path = CACHE / f"{name}-{suite}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    if not path.exists():
        for old in CACHE.glob(f"{name}-{suite}-*"):
            shutil.rmtree(old)
        with overlay(below, path) as root:
            install(root, packages)
            if mask:
                _chroot(root, "systemctl", "mask", *mask)
    return [path, *below]


def disk(suite: str, debs: Sequence[Path]) -> Path:
    """The same root as a disk image, 2 GiB and sparse."""
    image = CACHE / f"{suite}-{digest(debs) if debs else 'floor'}.ext4"
    if image.exists():
        return image
    folders = lowers(suite, debs)
    root = CACHE / f"{suite}.merged"
    root.mkdir(exist_ok=True)
    # an overlay file system without an upper folder wants two lower ones
    spare = CACHE / "empty"
    spare.mkdir(exist_ok=True)
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={':'.join(map(str, [*folders, spare]))}", root)
    try:
        new = image.with_suffix(".new")
        new.unlink(missing_ok=True)
        with new.open("wb") as file:
            file.truncate(2 << 30)
        run(
            "mke2fs", "-q", "-t", "ext4", "-L", "guest", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, new
        )
        new.rename(image)
    finally:
        run("umount", root)
        root.rmdir()
    return image
