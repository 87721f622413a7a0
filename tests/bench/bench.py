"""`make bench`: what the program costs, in multiples of a Python that does nothing.

Every figure is of a whole process, from its start to its end. In each round all cases run once, one after the other,
so that a busy moment hits them alike; the bare `python3 -c pass` is one of them. Printed are medians over the rounds,
with the smallest and the largest value.

How it is measured: the child is waited for with WNOWAIT, so that it stays a zombie whose process clock
(clock_getcpuclockid(3)) still tells the CPU time of all its threads, and of it alone. wait4(2) then adds the programs
that it started and waited for (useradd, ssh-keygen); the difference is their column. The peak of resident memory is the
kernel's VmHWM, which the process reads of itself as its last act, in rounds of their own: wait4's ru_maxrss would count
the forked copy of this script.

The interpreter is the virtual environment's in an empty environment of its own, with the same packages on PYTHONPATH.
An editable install (and whatever else left a .pth file) runs code at every start of Python, of `pass` too, which would
make our multiples look smaller than they are.
"""

from __future__ import annotations

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
CHECKOUT = os.path.dirname(TESTS)
SYSTEM_PYTHON = os.path.realpath(sys.executable)
PACKAGES = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "LANG": "C.UTF-8",
    "PYTHONPATH": ":".join([CHECKOUT, *PACKAGES]),
}
# what an installed /usr/bin/ovfinit does
PROGRAM = "import sys; from ovfinit.cli import main; sys.exit(main())"
BARE = "`python3 -c pass`"
ROUNDS = 17
MEMORY_ROUNDS = 3

# name → (most CPU, most memory) that issue 2 allows, in multiples of the bare start; None: told for scale only
CASES: dict[str, tuple[float | None, float | None]] = {
    BARE: (None, None),
    "`ovfinit --help`": (3, None),
    "`status`": (3, None),
    "`show --from seed:DIR`": (6, None),
    "first `apply` from an OVF ISO": (10, 2.5),
    "the same again, nothing changed": (6, 2.5),
    "first `apply` from a metadata URL": (18, None),
    "the same again from the URL": (None, None),
    "first `apply` of 20 cloud-config keys": (14, None),
    "`ovf show` of a vApp": (15, None),
    "`ovf show` of 26 questions": (15, None),
    "import of all network renderers": (None, None),
    "the same, and 64 adapters through all four": (None, None),
    "`import cloudinit.cmd.main`": (None, None),
}
# issue 5 allows four bare starts above the import for 64 adapters through one renderer
RENDERERS = "from ovfinit.network import ifupdown, netplan, netplanlimits, networkd, networkmanager, v2"
ADAPTERS = {
    f"nic{number}": {
        "match": {"macaddress": f"02:00:00:00:00:{number:02x}"},
        "addresses": [f"10.{number}.0.5/24", f"2001:db8:{number:x}::5/64"],
        "routes": [{"to": "default", "via": f"10.{number}.0.1", "table": 100 + number}],
        "routing-policy": [{"from": f"10.{number}.0.5", "table": 100 + number}],
        "nameservers": {"addresses": ["192.0.2.53"]},
    }
    for number in range(64)
}
RENDERED = (
    f"{RENDERERS}; network = v2.parse({{'version': 2, 'ethernets': {ADAPTERS!r}}}).network; "
    "networkd.render(network); netplan.render(network, None); ifupdown.render(network, ()); "
    "networkmanager.render(network)"
)


class Sample:
    """One process: seconds of CPU of its own, and of the programs it started."""

    def __init__(self, own: float, started: float) -> None:
        self.own, self.started = own, started


class Case:
    """What was measured of one case: the processes, and peaks of memory in KiB."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.peaks: list[float] = []


def run(words: list[str], folder: str, *, loud: bool = True) -> Sample | None:
    """Run a program to its end in that folder; None, after its words were shown, if it failed."""
    output = os.path.join(folder, "output")
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            os.execve(words[0], words, ENVIRONMENT)
        finally:
            os._exit(127)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    # the clock id that clock_getcpuclockid(3) makes of a process id
    own = time.clock_gettime(~child << 3 | 2)
    _, status, usage = os.wait4(child, 0)
    if status:
        if loud:
            print(f"bench: {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}:", file=sys.stderr)
            with open(output, errors="replace") as file:
                print(file.read(), file=sys.stderr)
        return None
    return Sample(own, max(0.0, usage.ru_utime + usage.ru_stime - own))


def make_python(folder: str) -> str:
    """An empty virtual environment: the interpreter without anybody's start-up hooks."""
    os.makedirs(f"{folder}/python/bin")
    with open(f"{folder}/python/pyvenv.cfg", "w") as file:
        file.write(f"home = {os.path.dirname(SYSTEM_PYTHON)}\ninclude-system-site-packages = false\n")
    os.symlink(SYSTEM_PYTHON, f"{folder}/python/bin/python3")
    return f"{folder}/python/bin/python3"


def command(python: str, name: str, url: str, *, peak: bool) -> list[str]:
    """The words of a case. `tree` is the round's own copy of a fresh tree for the ISO, `cloud` the one for the URL,
    `users` the one for cloud-config.

    With `peak` the process leaves its /proc/self/status in the file of this name.
    """
    words = {
        "`ovfinit --help`": "--help",
        "`status`": "status --root tree",
        "`show --from seed:DIR`": f"show --root fresh --from seed:{TESTS}/demo/input/seed",
        "first `apply` from an OVF ISO": "apply --root tree --from ovf:env.iso",
        "the same again, nothing changed": "apply --root tree --from ovf:env.iso",
        "first `apply` from a metadata URL": f"apply --root cloud --from ec2:{url}",
        "the same again from the URL": f"apply --root cloud --from ec2:{url}",
        "first `apply` of 20 cloud-config keys": f"apply --root users --from seed:{TESTS}/data/userdata/twenty-keys",
        "`ovf show` of a vApp": f"ovf show {TESTS}/data/ovf-packages/SugarCRM.ovf",
        "`ovf show` of 26 questions": f"ovf show {TESTS}/data/ovf-packages/csr1000v_2017.ovf",
    }
    code = {
        BARE: "pass",
        "import of all network renderers": RENDERERS,
        "the same, and 64 adapters through all four": RENDERED,
        "`import cloudinit.cmd.main`": "import cloudinit.cmd.main",
    }
    program = code.get(name, PROGRAM)
    if peak:
        body = program.replace("; ", "\n    ")
        program = f"try:\n    {body}\nfinally:\n    open('peak', 'w').write(open('/proc/self/status').read())"
    return [python, "-c", program, *words.get(name, "").split()]


def make_input(folder: str) -> None:
    """The ISO and the fresh tree of `make demo`; called in a process of its own, so that pycdlib stays out of ours."""
    sys.path.insert(0, os.path.join(TESTS, "demo"))
    from pathlib import Path

    from demo import INPUT, make_tree  # type: ignore[import-not-found,unused-ignore]

    from ovfinit.image.environment import iso

    Path(folder, "env.iso").write_bytes(iso.compose((INPUT / "ovf-env.xml").read_bytes()))
    make_tree(Path(folder, "fresh"))


def start_server(python: str, folder: str) -> tuple[int, str]:
    """The metadata server of the tests in a process of its own: (process id, URL)."""
    log = os.path.join(folder, "server")
    words = [python, f"{TESTS}/metadata_server.py", f"{TESTS}/demo/input/ec2.json", "--port", "0"]
    child = os.fork()
    if child == 0:
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(descriptor, 2)
            os.execve(words[0], [*words, "--log", os.devnull], ENVIRONMENT)
        finally:
            os._exit(127)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if os.path.exists(log):
            with open(log) as file:
                text = file.read()
            if text.endswith("\n"):
                return child, text.split()[-1]
        time.sleep(0.02)
    sys.exit("bench: the metadata server did not start")


def measure(python: str, folder: str, url: str, rounds: int) -> dict[str, Case]:
    """All cases; the first round only warms the caches, the last ones tell the peaks of memory."""
    cases = {name: Case() for name in CASES}
    # every other case needs the tree that the first apply makes
    order = [name for name in CASES if name == BARE or "apply" in name or "again" in name]
    order += [name for name in CASES if name not in order]
    last = rounds + MEMORY_ROUNDS
    for number in range(last + 1):
        for tree in ("tree", "cloud", "users"):
            run(["/bin/rm", "-rf", tree], folder)
            run(["/bin/cp", "-a", "fresh", tree], folder)
        for name in order:
            sample = run(command(python, name, url, peak=number > rounds), folder, loud="cloudinit" not in name)
            if sample is None:
                if "cloudinit" not in name:
                    sys.exit(1)
                # it is not installed here
                order = [other for other in order if other != name]
            elif number > rounds:
                with open(os.path.join(folder, "peak")) as file:
                    cases[name].peaks.append(float(file.read().partition("VmHWM:")[2].split()[0]))
            elif number:
                cases[name].samples.append(sample)
        print(f"\r{number}/{last}", end="" if number < last else "\r", file=sys.stderr, flush=True)
    return cases


def median(values: list[float]) -> float:
    """The middle value, the mean of both where there are two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values: list[float], unit: float, form: str = ".1f") -> str:
    """`median (smallest-largest)` in that unit."""
    return f"{median(values) / unit:{form}} ({min(values) / unit:{form}}-{max(values) / unit:{form}})"


def table(cases: dict[str, Case]) -> str:
    """The Markdown table."""
    bare_cpu = median([sample.own for sample in cases[BARE].samples])
    bare_peak = median(cases[BARE].peaks)
    lines = [
        "| case | own CPU / bare | target | own CPU, ms | programs it starts, ms | peak memory / bare | target |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (most, most_peak) in CASES.items():
        case = cases[name]
        if not case.samples:
            continue
        own = [sample.own for sample in case.samples]
        started = median([sample.started for sample in case.samples]) * 1000
        peak = median(case.peaks)
        cells = [
            name,
            spread(own, bare_cpu),
            _target(median(own) / bare_cpu, most),
            spread(own, 0.001),
            f"{started:.1f}" if started >= 0.05 else "",
            f"{peak / bare_peak:.2f} ({peak / 1024:.1f} MiB)",
            _target(peak / bare_peak, most_peak),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _target(value: float, most: float | None) -> str:
    return "" if most is None else f"≤ {most:g}{'' if value <= most else ', missed'}"


def main() -> int:
    """Measure and print; the only failures are those of the program."""
    if sys.argv[1:2] == ["--input"]:
        make_input(sys.argv[2])
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    folder = f"/tmp/ovfinit-bench-{os.getpid()}"
    os.mkdir(folder, 0o700)
    server = 0
    try:
        python = make_python(folder)
        if run([python, os.path.abspath(__file__), "--input", folder], folder) is None:
            return 1
        server, url = start_server(python, folder)
        cases = measure(python, folder, url, rounds)
    finally:
        if server:
            os.kill(server, 15)
            os.waitpid(server, 0)
        run(["/bin/rm", "-rf", folder], "/tmp", loud=False)
    version = ".".join(map(str, sys.version_info[:3]))
    account = "root" if os.geteuid() == 0 else "an ordinary user, for whom accounts are deferred"
    print(f"Python {version} on {os.cpu_count()} cores, as {account}; medians of {rounds} rounds (smallest-largest).\n")
    print(table(cases))
    if not cases["`import cloudinit.cmd.main`"].samples:
        print("\nNo cloud-init is importable here, so its row is left out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
