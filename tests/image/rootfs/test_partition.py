"""Root partitions, kernels and ramdisks are found without mounting; file systems become disks that boot."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from image.images import MIB, OPEN, OWN, make_disk, make_ext, make_kernels, make_partitioned, make_root
from scratch import run

from ovfinit.errors import InputError
from ovfinit.image.disk import partition
from ovfinit.image.disk.blocks import RawFile, Window
from ovfinit.image.rootfs.ext import Ext

NEWER = "6.10.0-1-amd64"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ext4", ()),
        ("ext4", ("-b", "1024")),
        ("ext4", ("-O", "^64bit,^metadata_csum")),
        ("ext3", ()),
        ("ext2", ("-b", "4096")),
        ("ext2", ("-b", "1024")),
    ],
)
def test_files_are_read_as_debugfs_reads_them(kind: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """Small and large files, links, sparse files and large folders, from every layout that mke2fs makes."""
    root = make_root(tmp_path / "root")
    with (root / "sparse").open("wb") as file:
        file.seek(2 * MIB)
        file.write(b"end")
    (root / "many").mkdir()
    for number in range(400):
        (root / f"many/a-rather-long-name-of-a-file-{number}").write_text(str(number))
    (root / "deep").symlink_to("boot/../boot/./vmlinuz-" + NEWER)
    (root / "circle").symlink_to("circle")
    image = make_ext(tmp_path / "root.img", root, kind=kind, options=options)

    with RawFile(str(image)) as blocks:
        files = Ext(blocks)

        for name in (
            "/vmlinuz",
            "/initrd.img",
            "/deep",
            "/sparse",
            "/etc/fstab",
            "/many/a-rather-long-name-of-a-file-399",
        ):
            inside = {"/initrd.img": f"/boot/initrd.img-{NEWER}"}.get(name, name)
            assert files.read(name) == (root / inside[1:]).read_bytes()
        assert len(files.listing("/many")) == 400
        assert files.read("/circle") is None
        assert files.read("/none") is None
        assert not files.exists("/etc/none")


def test_the_tables_are_those_of_sfdisk(tmp_path: Path) -> None:
    """MBR with logical partitions and GPT give the places that sfdisk tells."""
    disk = tmp_path / "disk"
    for script in (
        "label: dos\nsize=4M, type=83\nsize=10M, type=5\nsize=3M, type=83\nsize=3M, type=82\n",
        "label: gpt\nsize=4M, name=esp, type=U\nsize=5M, type=L\n",
    ):
        with disk.open("wb") as file:
            file.truncate(32 * MIB)
        subprocess.run(["/usr/sbin/sfdisk", "-q", disk], input=script.encode(), check=True)
        told = subprocess.run(
            ["/usr/sbin/sfdisk", "-o", "start,sectors,type", "-l", disk], capture_output=True, check=True
        )
        rows = [row.split() for row in told.stdout.decode().splitlines() if row.strip()[:1].isdigit()]
        expected = [(int(row[0]) * 512, int(row[1]) * 512) for row in rows if "Extended" not in row]

        with RawFile(str(disk)) as blocks:
            assert [(one.offset, one.size) for one in partition.table(blocks)] == expected


def test_damaged_tables_are_errors_or_nothing(tmp_path: Path) -> None:
    """A GPT with a wrong checksum is an error, a circle of logical partitions ends, zeros are no table."""
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(32 * MIB))
    with RawFile(str(disk)) as blocks:
        assert partition.table(blocks) == ()
    subprocess.run(["/usr/sbin/sfdisk", "-q", disk], input=b"label: gpt\nsize=5M\n", check=True)
    data = bytearray(disk.read_bytes())
    data[1024 + 40] ^= 1
    disk.write_bytes(data)
    with RawFile(str(disk)) as blocks, pytest.raises(InputError, match="damaged GPT"):
        partition.table(blocks)
    disk.write_bytes(bytes(32 * MIB))
    subprocess.run(["/usr/sbin/sfdisk", "-q", disk], input=b"label: dos\nsize=9M, type=5\nsize=3M\n", check=True)
    data = bytearray(disk.read_bytes())
    start = 2048 * 512
    data[start + 446 + 16 + 4] = 5
    disk.write_bytes(data)
    with RawFile(str(disk)) as blocks:
        assert len(partition.table(blocks)) == 1


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_a_uec_tarball_has_root_kernel_and_ramdisk(label: str, tmp_path: Path) -> None:
    """The root partition is taken out to the byte, with the newest kernel; what it needs beside it is said."""
    root = make_ext(tmp_path / "root.img", make_root(tmp_path / "root"))
    (tmp_path / "other").mkdir()
    other = make_ext(tmp_path / "other.img", tmp_path / "other", size="4M")
    kinds = ("83", "83") if label == "dos" else ("U", "L")
    make_partitioned(tmp_path / "web.raw", [(kinds[0], other), (kinds[1], root)], label)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "web.raw", tmp_path / "web.qcow2"], check=True)

    done = run("image", "convert", tmp_path / "web.qcow2", tmp_path / "web.tar.gz")

    assert done.code == 0, done
    assert "/boot: a partition of its own" in done.err
    assert "/srv" not in done.err
    with tarfile.open(tmp_path / "web.tar.gz") as archive:
        assert archive.getnames() == ["web.img", "web-vmlinuz-virtual", "web-initrd-virtual"]
        assert archive.extractfile("web.img").read() == root.read_bytes()
        assert (
            archive.extractfile("web-vmlinuz-virtual").read() == (tmp_path / f"root/boot/vmlinuz-{NEWER}").read_bytes()
        )
        assert (
            archive.extractfile("web-initrd-virtual").read()
            == (tmp_path / f"root/boot/initrd.img-{NEWER}").read_bytes()
        )


def test_a_kernel_on_a_boot_partition_is_found(tmp_path: Path) -> None:
    """/boot may be a partition of its own."""
    root = make_ext(tmp_path / "root.img", make_root(tmp_path / "root", boot=False))
    (tmp_path / "boot").mkdir()
    make_kernels(tmp_path / "boot")
    boot = make_ext(tmp_path / "boot.img", tmp_path / "boot", size="16M")
    make_partitioned(tmp_path / "web.raw", [("83", boot), ("83", root)])

    done = run("image", "convert", tmp_path / "web.raw", tmp_path / "web.tgz", "--to", "uec")

    assert done.code == 0, done
    with tarfile.open(tmp_path / "web.tgz") as archive:
        assert archive.extractfile("web-vmlinuz-virtual").read() == (tmp_path / f"boot/vmlinuz-{NEWER}").read_bytes()


def test_what_has_no_root_partition_says_why(tmp_path: Path) -> None:
    """Without a table, or without a root file system, the error tells the way out."""
    make_disk(tmp_path / "plain.raw", 4 * MIB)
    (tmp_path / "empty").mkdir()
    make_partitioned(tmp_path / "none.raw", [("83", make_ext(tmp_path / "e.img", tmp_path / "empty", size="2M"))])

    plain = run("image", "convert", tmp_path / "plain.raw", f"{tmp_path}/a/", *OWN)
    none = run("image", "convert", tmp_path / "none.raw", f"{tmp_path}/b/", *OWN)

    assert plain.code == none.code == 1
    assert "no partition table" in plain.err
    assert "none of its partitions holds a root file system" in none.err
    assert "--full-disk" in plain.err


def test_from_disk_to_bundles_and_back_to_a_disk(tmp_path: Path) -> None:
    """Root, kernel and ramdisk become three bundles, and from them a disk whose partitions hold the same again."""
    root = make_ext(tmp_path / "root.img", make_root(tmp_path / "root"))
    make_partitioned(tmp_path / "web.raw", [("83", root)])
    made = run("image", "convert", tmp_path / "web.raw", f"{tmp_path}/bundle/", *OWN, "--json")
    assert [Path(name).name for name in made.json["files"]] == [
        "web-kernel.manifest.xml",
        "web-ramdisk.manifest.xml",
        "web.manifest.xml",
    ]

    done = run("image", "convert", tmp_path / "bundle", tmp_path / "web.ova", *OPEN)
    assert done.code == 0, done
    assert run("image", "convert", tmp_path / "web.ova", tmp_path / "again.raw").code == 0

    with RawFile(str(tmp_path / "again.raw")) as blocks:
        first, second = partition.table(blocks)
        assert blocks.read(first.offset, root.stat().st_size) == root.read_bytes()
        boot = Ext(Window(blocks, second.offset, second.size))
        assert boot.read("/vmlinuz") == (tmp_path / f"root/boot/vmlinuz-{NEWER}").read_bytes()
        code = blocks.read(0, 440)
    assert b"GRUB" in code or "apt install grub-pc-bin" in done.err


def test_a_bare_file_system_boots_by_itself(tmp_path: Path) -> None:
    """The kernel inside it is what GRUB loads, by the link that updates keep; none is missed aloud."""
    root = make_ext(tmp_path / "root.img", make_root(tmp_path / "root"))
    none = make_ext(tmp_path / "none.img", make_root(tmp_path / "without", boot=False))

    boots = run("image", "convert", root, tmp_path / "one.ova")
    stays = run("image", "convert", none, tmp_path / "two.ova")
    domain = run("image", "convert", root, tmp_path / "domain.xml")

    assert boots.code == stays.code == domain.code == 0, (boots, stays, domain)
    assert "cannot boot" not in boots.err
    assert "cannot boot" in stays.err
    text = (tmp_path / "domain.xml").read_text()
    assert f"<kernel>{tmp_path}/domain-vmlinuz</kernel>" in text
    assert "<cmdline>root=UUID=" in text
    assert subprocess.run(["virt-xml-validate", tmp_path / "domain.xml"], check=False).returncode == 0
