#!/usr/bin/env python3
"""Boot real guests with the packages of this tree inside, and check what became of them.

    run.py [--mode container|qemu] [--suite bookworm|trixie] [--debs FOLDER] [--keep FOLDER] [SCENE...]
    run.py measure [--suite ...] [--runs N] [WHAT...]
                                                figures of the agent against a guest without one
    run.py build [--suite ...]                  only build the guests

Needs root. `make deb` makes the packages; tests/guest/setup.sh brings the programs. Exit code 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import images  # noqa: E402
import inputs  # noqa: E402
from checks import Expect, check  # noqa: E402
from container import Container  # noqa: E402
from diskboot import Appliance  # noqa: E402
from domain import Domain  # noqa: E402
from emulated import Machine  # noqa: E402
from guest import Guest  # noqa: E402
from lab import Lab  # noqa: E402
from plug import Plug  # noqa: E402
from scenes import CONTAINER_ONLY, CUTS, EMULATED_ONLY, SCENES  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = {"container": 120.0, "qemu": 600.0}
# the last of the first day: its state and its settings are in the oldest form
OLDER = "c70307f"
# how much longer everything may take on a busy host
PATIENCE = 5


class Order(NamedTuple):
    """How scenes are to be played: where, with which packages, which cuts of the power, from which older revision.

    `busy`: in all patience.
    """

    mode: str
    suite: str
    debs: Sequence[Path]
    cuts: Sequence[int]
    older: str
    busy: bool


class Stage:
    """Where one scene plays: a lab, a guest, and the record of what was wrong."""

    def __init__(self, scene: str, order: Order, folder: Path, lab: Lab) -> None:
        self.scene, self.order, self.folder, self.lab = scene, order, folder, lab
        self.key, self.public = inputs.user_key(folder)
        self.guests = 0
        self.problems: list[str] = []
        self.report: dict[str, Any] = {}
        self.guest: Guest
        self.new_guest()

    def new_guest(self) -> None:
        """Another guest with a fresh disk; the one before is thrown away."""
        if self.guests:
            self.guest.close()
            shutil.rmtree(self.guest.folder)
        self.guests += 1
        folder = self.folder / f"guest-{self.guests}"
        folder.mkdir()
        suite, debs = self.order.suite, self.order.debs
        if self.order.mode == "container":
            self.guest = Container(suite, debs, self.lab, folder)
        else:
            self.guest = Machine(suite, debs, self.lab, folder, clock="counted" if self.order.busy else "threads")
        # the images may have an older one
        self.guest.put({"/usr/local/sbin/lab-observer": ((HERE / "observer/lab-observer").read_bytes(), 0o755)})
        self.keys = {path.name: path.read_text() for path in images.base(suite).glob("etc/ssh/ssh_host_*.pub")}

    def without_cd_drivers(self) -> None:
        """From now on the initrd has no drivers for the CD-ROM."""
        assert isinstance(self.guest, Machine)
        self.guest.late = True

    def appliance(self, disk: Path, kind: str = "qcow2") -> None:
        """From now on the guest is a machine that boots from this disk."""
        assert isinstance(self.guest, Machine)
        self.guest.close()
        self.guest = Appliance(disk, kind, self.guest)

    def domain(self, path: Path, elements: str) -> None:
        """From now on the guest is a machine that libvirt starts: a domain, and elements to go into it."""
        assert isinstance(self.guest, Machine)
        self.guest.close()
        self.guest = Domain(path, elements, self.guest)

    def with_packages(self, *names: str, mask: Sequence[str] = (), installed: bool = True) -> Container:
        """From now on the guest has these packages too, and does without some units; or has these instead of ours."""
        suite, debs = self.order.suite, self.order.debs
        below = images.lowers(suite, debs) if installed else [images.needs(suite, debs), images.base(suite)]
        return self._over(images.beside(suite, below, self.scene, names, mask=mask))

    def with_older(self) -> Container:
        """From now on the guest has an older package of ours."""
        suite, debs = self.order.suite, self.order.debs
        below = [images.needs(suite, debs), images.base(suite)]
        return self._over(images.beside(suite, below, self.scene, [images.older(self.order.older)]))

    def _over(self, layers: Sequence[Path]) -> Container:
        assert isinstance(self.guest, Container)
        self.guest.lowers = ":".join(map(str, layers))
        return self.guest

    def environment(self, instance: str, name: str) -> str:
        """An OVF environment with the person's key."""
        return inputs.environment(instance, name, self.public)

    def ec2(self, instance: str, name: str) -> Path:
        """A metadata tree with the person's key."""
        return inputs.ec2(self.folder / f"{instance}.json", instance, name, self.public)

    def boot(self, label: str, plug: Plug, expect: Expect, then: Callable[[], list[str]] = list) -> float:
        """Boot, check, do `then` with the machine that is up, shut down; returns the seconds until the report came.

        What `then` returns is wrong.
        """
        start = time.monotonic()
        self.guest.boot(plug)
        report = self.guest.report(LIMITS[self.order.mode] * self.lab.patience)
        seconds = time.monotonic() - start
        if report is None:
            wrong = ["no report: the guest did not finish its boot"]
            self.guest.cut()
        else:
            self._keep(label, report)
            wrong = check(expect, report, self.keys, lab=self.lab, key=self.key, public=self.public)
            self.keys, self.report = report["host_keys"], report
            wrong += then()
            self.guest.power_off()
        self.say(label, seconds, wrong)
        return seconds

    def cut(self, plug: Plug, instant: float) -> None:
        """Boot, and take the power away so many seconds later."""
        self.guest.boot(plug)
        time.sleep(instant)
        self.guest.cut()

    def say(self, label: str, seconds: float, wrong: list[str]) -> None:
        """One line of the table, and one for each thing that is wrong."""
        verdict = "WRONG" if wrong else "ok"
        print(
            f"{self.order.suite:9} {self.order.mode:10} {self.scene:11} {label:24} {seconds:7.2f} s  {verdict}",
            flush=True,
        )
        for line in wrong:
            print(f"    {line}", flush=True)
        self.problems += wrong

    def _keep(self, label: str, report: dict[str, Any]) -> None:
        name = f"{self.scene}-{label}".replace(" ", "-").replace("/", "-")
        (self.folder / f"{name}.journal").write_text(report.pop("journal") or "")
        report["journal"] = (self.folder / f"{name}.journal").read_text()
        (self.folder / f"{name}.json").write_text(
            json.dumps({key: value for key, value in report.items() if key != "journal"}, indent=1)
        )


def play(scene: str, order: Order, top: Path) -> bool:
    """Play one scene; True if nothing was wrong. Its folder is kept if something was."""
    folder = top / f"{order.suite}-{order.mode}-{scene}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Lab(folder, container=order.mode == "container", patience=PATIENCE if order.busy else 1) as lab:
        stage = Stage(scene, order, folder, lab)
        try:
            SCENES[scene](stage)
        except (images.ImageError, subprocess.SubprocessError, OSError, RuntimeError) as error:
            stage.say("", 0.0, [f"{type(error).__name__}: {error}"])
        finally:
            stage.guest.close()
    for heavy in folder.glob("guest-*"):
        for part in ("upper", "work", "root", "disk.ext4"):
            path = heavy / part
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return not stage.problems


def packages(folder: Path) -> list[Path]:
    """The agent's package in a folder."""
    found = sorted(folder.glob("ovfinit_*.deb"))
    if not found:
        sys.exit(f"run.py: no ovfinit_*.deb in {folder}: run `make deb` first")
    return found[-1:]


def numbers(text: str) -> list[int]:
    """`7`, `7-20`, or several of them with commas. Raises ValueError for anything else."""
    spans = [part.partition("-") for part in text.split(",")]
    return [number for first, _, last in spans for number in range(int(first), int(last or first) + 1)]


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=[*LIMITS], action="append", help="default: container")
    parser.add_argument("--suite", choices=["bookworm", "trixie"], action="append", help="default: bookworm")
    parser.add_argument("--debs", type=Path, default=HERE.parents[1] / "dist", help="where the packages are")
    parser.add_argument("--keep", type=Path, help="where reports and journals go")
    parser.add_argument(
        "--cuts", type=numbers, default=range(1, CUTS + 1), help=f"which of the {CUTS} cuts of `cut`: 7 or 1,5-9"
    )
    parser.add_argument("--older", default=OLDER, help="revision of the older package that is upgraded")
    parser.add_argument(
        "--busy",
        action="store_true",
        help="the host has other things to do: QEMU's guests count instructions instead of time, and may take long",
    )
    parser.add_argument("--runs", type=int, default=5, help="of each measurement, after one that does not count")
    parser.add_argument("words", nargs="*", metavar="SCENE", help=f"`measure`, `build`, or {', '.join(SCENES)}")
    given = parser.parse_intermixed_args()
    # whoever ends this ends the guests too
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    suites, debs = given.suite or ["bookworm"], packages(given.debs)
    top = given.keep or Path(tempfile.mkdtemp(prefix="ovfinit-guest-"))
    modes = given.mode or ["container"]
    subprocess.run([HERE / "setup.sh", *([] if "qemu" in modes or "measure" in given.words else modes)], check=True)
    if given.words == ["build"]:
        for suite in suites:
            images.disk(suite, debs)
        return 0
    if given.words[:1] == ["measure"]:
        from measure import SCENES as MEASURED
        from measure import measure

        if set(given.words[1:]) - set(MEASURED):
            parser.error(f"measured can be: {', '.join(MEASURED)}")
        return measure(suites, debs, top, given.runs, given.words[1:] or MEASURED)
    unknown = set(given.words) - set(SCENES)
    if unknown:
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    good = True
    for suite in suites:
        for mode in modes:
            for scene in given.words or SCENES:
                if scene in (EMULATED_ONLY if mode == "container" else CONTAINER_ONLY):
                    continue
                good &= play(scene, Order(mode, suite, debs, given.cuts, given.older, given.busy), top)
    print(f"{'everything was as expected' if good else 'something was wrong'}; reports and journals: {top}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
