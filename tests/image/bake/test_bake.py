"""`image bake`: the agent lands in a tree or an image, starts there, and nothing of the image is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from image.images import MIB, make_ext, make_partitioned
from scratch import environment, run, snapshot

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
MODULES = "usr/lib/python3/dist-packages"
VERSION, OTHER = (f"python3.{number}" for number in (sys.version_info[1], sys.version_info[1] + 1))


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A tree that passes for a merged-/usr Debian with Python and systemd."""
    root = tmp_path / "root"
    for name in (
        "etc/cloud",
        "etc/ssh",
        "usr/bin",
        "usr/sbin",
        "usr/lib/systemd/system",
        "var/lib/dpkg/info",
        "var/log",
        MODULES,
    ):
        (root / name).mkdir(parents=True)
    for name in ("lib", "bin", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ("yaml", "requests", "pycdlib", "netifaces"):
        (root / MODULES / name).mkdir()
    (root / "usr/bin" / VERSION).write_text("")
    (root / "usr/lib/systemd/systemd").write_text("")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/ssh/ssh_host_rsa_key").write_text("secret")
    (root / "var/lib/dpkg/status").write_text("Package: other\nStatus: install ok installed\nVersion: 1\n\n")
    return root


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    """A Debian package as ours is laid out, with scripts that would tell on being run."""
    tree = tmp_path / "deb"
    for name, text, mode in (
        (
            "DEBIAN/control",
            "Package: ovfinit\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.example>\nDescription: x\n",
            0o644,
        ),
        ("DEBIAN/conffiles", "/etc/ovfinit/ovfinit.yaml\n", 0o644),
        ("DEBIAN/postinst", "#!/bin/sh\ntouch /ran\n", 0o755),
        ("etc/ovfinit/ovfinit.yaml", "{}\n", 0o644),
        (
            "lib/systemd/system/ovfinit.service",
            "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
            0o644,
        ),
        ("usr/lib/python3/dist-packages/ovfinit/__init__.py", "", 0o644),
        ("usr/bin/ovfinit", "#!/usr/bin/python3\n", 0o755),
    ):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    subprocess.run(
        ["dpkg-deb", "-b", "--root-owner-group", tree, tmp_path / "ovfinit_1_all.deb"], check=True, capture_output=True
    )
    return tmp_path / "ovfinit_1_all.deb"


def test_a_baked_tree_runs_the_agent(system: Path, tmp_path: Path) -> None:
    """From a checkout: the program in the tree starts, finds its seed there, and the unit is enabled."""
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "meta-data").write_text("instance-id: i-7\n")
    (tmp_path / "settings.yaml").write_text("datasources: [seed]\n")

    done = run("image", "bake", system, "--seed", seed, "--config-file", tmp_path / "settings.yaml")

    assert done.code == 0, done
    link = system / "etc/systemd/system/multi-user.target.wants/ovfinit.service"
    assert os.readlink(link) == "/usr/lib/systemd/system/ovfinit.service"
    assert (system / os.readlink(link)[1:]).is_file()
    assert not (system / MODULES / "ovfinit/image").exists()
    assert (system / MODULES / f"ovfinit/__pycache__/boot.cpython-3{sys.version_info[1]}.pyc").exists()
    assert (system / "var/lib/ovfinit/seed").stat().st_mode & 0o777 == 0o700
    env = {**environment(), "PYTHONPATH": str(system / MODULES)}
    words = [sys.executable, "-m", "ovfinit", "show", "instance_id", "--root", system]
    shown = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, check=False)
    assert shown.stdout.decode().strip() == "i-7", shown


def test_a_package_is_unpacked_registered_and_not_run(system: Path, deb: Path) -> None:
    """Dpkg knows the package afterwards, finds its files unchanged, and no script of it has run."""
    done = run("image", "bake", system, "--deb", deb)

    assert done.code == 0, done
    asked = subprocess.run(["dpkg-query", f"--admindir={system}/var/lib/dpkg", "-W"], capture_output=True, check=True)
    assert asked.stdout.decode().split() == ["other", "1", "ovfinit", "1"]
    verified = subprocess.run(["dpkg", f"--root={system}", "-V", "ovfinit"], capture_output=True, check=False)
    assert (verified.returncode, verified.stdout) == (0, b"")
    assert (system / "usr/lib/systemd/system/ovfinit.service").is_file()
    assert (system / "etc/systemd/system/multi-user.target.wants/ovfinit.service").is_symlink()
    assert not (system / "ran").exists()
    assert not Path("/ran").exists()


def test_baking_twice_changes_nothing(system: Path) -> None:
    """The second run leaves the tree as the first one did."""
    assert run("image", "bake", system).code == 0
    before = snapshot(system, times="none")

    assert run("image", "bake", system).code == 0

    assert snapshot(system, times="none") == before


def test_links_in_the_tree_lead_nowhere_else(system: Path, tmp_path: Path) -> None:
    """A hostile tree cannot make us write outside of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (system / "etc/ovfinit").symlink_to(outside)
    (system / "usr/libexec").symlink_to("../../outside")

    done = run("image", "bake", system)

    assert done.code in (0, 1), done
    assert list(outside.iterdir()) == []


def test_what_is_missing_is_said(system: Path, tmp_path: Path) -> None:
    """No Python, missing modules, cloud-init, bad settings, no system at all: each in words with a way out."""
    (tmp_path / "bad.yaml").write_text("datasources: 7\n")
    bad = run("image", "bake", system, "--config-file", tmp_path / "bad.yaml")
    # bytecode is made for our own version only, and nothing here looks at it
    (system / "usr/bin" / VERSION).rename(system / "usr/bin" / OTHER)
    cloud = run("image", "bake", system, "--strict")
    (system / MODULES / "yaml").rmdir()
    modules = run("image", "bake", system)
    ignored = run("image", "bake", system, "--ignore-missing", "--replace-cloud-init")
    (system / "usr/bin" / OTHER).unlink()
    python = run("image", "bake", system)
    nothing = run("image", "bake", tmp_path / "none")

    assert bad.code == 1
    assert "bad.yaml:1" in bad.err
    assert cloud.code == 3
    assert "--replace-cloud-init" in cloud.err
    assert modules.code == 1
    assert "python3-yaml" in modules.err
    assert ignored.code == 0
    assert (system / "etc/cloud/cloud-init.disabled").exists()
    assert python.code == 1
    assert "no Python" in python.err
    assert nothing.code == 1
    assert run("image", "bake", "/").code == 1


@ROOT
def test_a_disk_image_is_baked_and_scrubbed(system: Path, tmp_path: Path) -> None:
    """A partitioned qcow2 gets the agent on its root partition; the original stays until all is well."""
    root = make_ext(tmp_path / "root.img", system, size="48M")
    make_partitioned(tmp_path / "web.raw", [("83", root)])
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "web.raw", tmp_path / "web.qcow2"], check=True)
    before = (tmp_path / "web.qcow2").read_bytes()

    done = run("image", "bake", tmp_path / "web.qcow2", "-o", tmp_path / "new.qcow2", "--scrub")

    assert done.code == 0, done
    assert (tmp_path / "web.qcow2").read_bytes() == before
    from ovfinit.image.disk import imagefile
    from ovfinit.image.disk.blocks import Window
    from ovfinit.image.rootfs.ext import Ext

    with imagefile.probe(str(tmp_path / "new.qcow2")).open() as blocks:
        files = Ext(Window(blocks, MIB, 48 * MIB))
        assert files.exists("/etc/systemd/system/multi-user.target.wants")
        assert files.read("/etc/machine-id") == b""
        assert not files.exists("/etc/ssh/ssh_host_rsa_key")
        assert files.exists("/usr/bin/ovfinit")
    assert (
        str(tmp_path)
        not in subprocess.run(["/usr/sbin/losetup", "-a"], capture_output=True, check=True).stdout.decode()
    )
