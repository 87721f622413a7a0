"""`make demo`: the main job on real input, in a scratch tree, with nothing of this machine touched.

Makes an OVF environment ISO and customizes a tree from it: plan, apply, explain, plan again, undo. Then the same from
a metadata URL on loopback and from a seed folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from ovfinit.image.environment import iso  # noqa: E402

INPUT = HERE / "input"


def show(title: str) -> None:
    """A heading."""
    line = f"── {title} "
    print(f"\n{line}{'─' * max(4, 78 - len(line))}", flush=True)


def ovfinit(*words: str, expect: int = 0) -> None:
    """Run the real program as a person would, and stop the demo if it does not end as it should."""
    print(f"\n$ ovfinit {' '.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "ovfinit", *words], check=False).returncode
    if code != expect:
        sys.exit(f"demo: exit code {code}, expected {expect}")


def make_tree(root: Path) -> None:
    """A scratch tree that looks enough like a fresh Debian."""
    shutil.copytree(INPUT / "tree", root)
    for folder in ("etc/ssh", "etc/sudoers.d", "home", "root", "var/log", "run"):
        (root / folder).mkdir(parents=True, exist_ok=True)


def fingerprint(root: Path) -> str:
    """One digest of all names, modes and contents below a tree."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        total.update(repr((str(path.relative_to(root)), status.st_mode, status.st_uid, content)).encode())
    return total.hexdigest()[:16]


def tell(root: Path) -> None:
    """Show some of what now stands in the tree."""
    show("what stands in the tree now")
    names = ["etc/hostname", "etc/hosts", "home/debian/.ssh/authorized_keys"]
    for path in [root / name for name in names] + sorted((root / "etc/systemd/network").glob("*ovfinit*")):
        if path.is_file():
            print(f"\n# /{path.relative_to(root)}\n{path.read_text().rstrip()}")


def main() -> None:
    """The whole tour."""
    os.environ.setdefault("PYTHONPATH", str(HERE.parents[1]))
    with tempfile.TemporaryDirectory(prefix="ovfinit-demo-") as scratch:
        place = Path(scratch)
        os.chdir(place)
        show("an OVF environment on a virtual CD-ROM")
        (place / "env.iso").write_bytes(iso.compose((INPUT / "ovf-env.xml").read_bytes()))
        make_tree(place / "tree")
        before = fingerprint(place / "tree")
        source = ("--root", "tree", "--from", "ovf:env.iso")
        ovfinit("check", "env.iso")
        ovfinit("plan", *source)
        print(f"\nplan changed nothing: {'yes' if fingerprint(place / 'tree') == before else 'NO'}")
        ovfinit("apply", *source)
        tell(place / "tree")
        ovfinit("explain", "--root", "tree")
        ovfinit("plan", *source)
        ovfinit("undo", "--root", "tree")
        same = fingerprint(place / "tree") == before
        print(f"\nthe tree is what it was, byte for byte: {'yes' if same else 'NO'}")

        from metadata_server import serve

        show("a metadata service on loopback")
        make_tree(place / "cloud")
        with serve(INPUT / "ec2.json") as server:
            source = ("--root", "cloud", "--from", f"ec2:{server.url}")
            ovfinit("apply", *source)
            ovfinit("show", "--root", "cloud", "hostname")
            ovfinit("plan", *source)
        show("the service is gone: the machine stays as it is, and says so")
        # it is asked for 50 seconds otherwise, which is right for a boot and long for a demo
        (place / "quick.yaml").write_text("ec2: {timeout: 2}\n")
        before = fingerprint(place / "cloud")
        ovfinit("apply", *source, "--config", "quick.yaml", expect=1)
        print(f"\nnothing was changed: {'yes' if fingerprint(place / 'cloud') == before else 'NO'}")
        ovfinit("undo", "--root", "cloud", "--quiet")

        show("a seed folder, as cloud-init's NoCloud has it")
        make_tree(place / "seeded")
        source = ("--root", "seeded", "--from", f"seed:{INPUT / 'seed'}")
        ovfinit("apply", *source)
        ovfinit("explain", "--root", "seeded", "hostname")
        ovfinit("undo", "--root", "seeded", "--quiet")
        print("\nThat was all of it. Nothing outside a temporary folder was touched.")
        if not same:
            sys.exit("demo: undo left something behind")


if __name__ == "__main__":
    main()
