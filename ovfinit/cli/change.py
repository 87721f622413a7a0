"""`plan`, `apply`, `undo`: what would change, change it, take it back."""

from __future__ import annotations

import sys

from ..boot import LOCK_SECONDS, Boot
from ..chain import NOT_ASKED
from ..deadline import Deadline
from ..errors import UsageError
from ..stages import FINAL, LOCAL, STAGES
from .argument import seconds
from .output import RESULTS, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from ..chain import Probe
    from ..model import Metadata
    from ..plan import Plan
    from ..step import Step

DESCRIPTION = {
    "plan": "Show what applying would change on this machine, as a diff. Changes nothing.",
    "apply": "Ask the datasources and customize this machine now, all stages in order.\n"
    "A duty that fails does not stop the others; the exit code is 1 then.",
    "undo": "Take back what was applied for this instance, newest first.\n"
    "What was changed by hand since is kept and reported.",
}
DIFF_LIMIT = 100_000
# what is not a path needs a word in front of it
_NAMED = {
    "user": "user ",
    "group": "group ",
    "password": "password of ",
    "kernel-hostname": "running host name ",
    "message": "message ",
    "post": "POST to ",
}
_MARKS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red"), "run": ("»", "cyan")}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of these commands."""
    if name in ("plan", "apply"):
        parser.add_argument("--stage", choices=STAGES, help="only this stage of the boot")
    if name == "apply":
        parser.add_argument(
            "--confirm",
            type=seconds,
            metavar="S",
            help="if the running network changes, take it back unless somebody presses Enter within S seconds",
        )


def run(name: str, options: Namespace) -> int:
    """Run one of these commands."""
    output = Output(options)
    if name == "undo":
        return _undo(options, output)
    agent = Boot(options.root, options.wanted, options.config)
    stages = (options.stage,) if options.stage else STAGES
    return _plan(agent, stages, output) if name == "plan" else _apply(agent, stages, output, options.confirm)


def _plan(agent: Boot, stages: tuple[str, ...], output: Output) -> int:
    metadata = agent.metadata()
    plan = agent.plan(metadata)
    steps = list(plan.steps(stages))
    errors = [duty.error for duty in plan.duties if duty.error] + [step.error for step in steps if step.error]
    problems = [*metadata.problems, *(problem for duty in plan.duties for problem in duty.problems)]
    failures = {str(error) for error in errors}
    warnings = [problem.text for problem in problems if problem.text not in failures]
    shown = {finding.where for finding in plan.handed.broken.values()}
    warnings += [finding.note for finding in plan.handed.findings if finding.where not in shown]
    warnings += [f"{url}: the include waits for the network" for url in plan.handed.wanting]
    warnings += [f"{step.change.target}: {step.reason}; kept" for step in steps if step.kept]
    if output.json:
        output.warned = bool(warnings)
        changes = [step.shown() for step in steps]
        errors_shown = [error.as_dict() for error in errors]
        output.document(
            {
                "version": 1,
                "instance_id": metadata.instance_id,
                "datasource": metadata.datasource,
                "location": metadata.location,
                "changes": changes,
                "warnings": warnings,
                "errors": errors_shown,
                "findings": [finding.as_dict() for finding in plan.handed.findings],
            }
        )
        return output.code(1 if errors else 0)
    output.warn(warnings)
    output.fail(errors)
    _print(plan, [step for step in steps if step.due], output)
    return output.code(1 if errors else 0)


def _print(plan: Plan, due: list[Step], output: Output) -> None:
    metadata = plan.metadata
    new = "new here" if plan.past.new else "known here"
    output.say(f"Instance {output.paint(metadata.instance_id or '', 'bold')} from {_place(metadata)}, {new}.")
    if not due:
        output.say("Nothing to do.")
        return
    for step in due:
        change = step.change
        mark, colour = _MARKS[step.action]
        notes = [] if change.kind in (*_NAMED, step.action) else [change.kind]
        notes += [f"{change.mode:04o}"] if hasattr(change, "mode") else []
        notes += [f"stage {change.stage}"] if change.stage == FINAL else []
        notes += ["deferred"] if step.deferred else []
        notes += [step.reason] if step.reason else []
        title = output.paint(f"{mark} {step.action} {_NAMED.get(change.kind, '')}{change.target}", colour)
        output.say(f"\n{title}" + (f"  {output.paint(', '.join(notes), 'dim')}" if notes else ""))
        for line in _diff(step):
            sign = {"+": "green", "-": "red"}.get(line[:1])
            output.say(f"    {output.paint(line, sign) if sign else line}")
    counts = {action: sum(step.action == action for step in due) for action in _MARKS}
    output.say("\n" + ", ".join(f"{count} to {action}" for action, count in counts.items() if count) + ".")


def _diff(step: Step) -> list[str]:
    from difflib import unified_diff

    from ..wishes import wishes

    before, after = step.before or b"", step.after or b""
    told = wishes(step.change)
    if told:
        return [f"+{line}" for line in told]
    if before == after or len(before) + len(after) > DIFF_LIMIT or getattr(step.change, "secret", False):
        return []
    try:
        old, new = (text.decode().splitlines() for text in (before, after))
    except UnicodeDecodeError:
        return [f"(binary, {len(before)} → {len(after)} bytes)"]
    lines = list(unified_diff(old, new, lineterm="", n=2))[2:]
    return [
        "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in line)
        for line in lines
    ]


def _apply(agent: Boot, stages: tuple[str, ...], output: Output, patience: float | None) -> int:
    if patience is not None and not sys.stdin.isatty():
        raise UsageError("--confirm needs a terminal, where somebody can press a key")
    found = _probe(agent, stages)
    report = agent.apply(found, stages, output.progress, confirm=_confirmer(patience))
    output.progress_end()
    status = report.status
    failed = any(entry["errors"] for entry in status["handlers"].values())
    if output.json:
        output.warned = bool(status["warnings"])
        output.document(status)
        return output.code(1 if failed else 0)
    output.warn(status["warnings"])
    from ..errors import OvfinitError

    for entry in status["errors"]:
        output.fail([OvfinitError(entry["message"], where=entry["where"], remedy=entry.get("remedy"))])
    metadata = report.metadata
    output.say(f"Instance {output.paint(metadata.instance_id or '', 'bold')} from {_place(metadata)}.")
    colours = {"done": "green", "failed": "red", "deferred": "cyan", "nothing": "dim"}
    width = max((len(RESULTS[entry["result"]]) for entry in status["handlers"].values()), default=0)
    longest = max(map(len, status["handlers"]), default=0)
    for name, entry in status["handlers"].items():
        word = output.paint(f"{RESULTS[entry['result']]:<{width}}", colours[entry["result"]])
        changed = f"{len(entry['changed'])} changed" if entry["changed"] else ""
        output.say(f"  {name:<{longest}} {word}  {changed:<10} {entry['seconds'] * 1000:>6.0f} ms")
    return output.code(1 if failed else 0)


def _probe(agent: Boot, stages: tuple[str, ...]) -> Probe:
    """Ask the sources.

    In the local stage of a boot without systemd nothing brought a network up yet, so those that need one have their
    turn later, and nobody is told that there is nothing. Raises SourceAbsent then.
    """
    early = False
    if stages == (LOCAL,) and agent.host.live and all(location is None for _, location in agent.wanted):
        from ..system.uplink import linked

        early = not linked(agent.host)
    found = agent.probe(network=not early)
    if early and found.metadata is None and any(verdict.verdict == NOT_ASKED for verdict in found.verdicts):
        raise found.failure()
    return found


def _confirmer(patience: float | None) -> Callable[[], bool] | None:
    if patience is None:
        return None
    from .confirm import confirmed

    return lambda: confirmed(patience)


def _place(metadata: Metadata) -> str:
    """The source as `--from` spells it."""
    return f"{metadata.datasource}:{metadata.location}" if metadata.location else f"{metadata.datasource}"


def _undo(options: Namespace, output: Output) -> int:
    from ..host import Host
    from ..state import State
    from ..undo import undo

    host = Host(options.root)
    state = State(host)
    state.lock(Deadline(LOCK_SECONDS))
    steps = []
    for step in undo(host, state):
        steps.append(step)
        if step.action == "kept":
            output.warn([f"{step.target}: kept: {step.reason}"])
        else:
            reason = f"  ({step.reason})" if step.reason else ""
            # what has neither a path nor a reason is an account
            name = step.target if "/" in step.target or reason else f"user {step.target}"
            output.say(f"{output.paint(f'{step.action:<8}', 'yellow')} {name}{reason}")
    if output.json:
        output.document({"version": 1, "undone": [step.as_dict() for step in steps]})
    elif not steps:
        output.say("Nothing was left to take back.")
    return output.code(0)
