"""`clean`: make the machine ready to be an image again."""

from __future__ import annotations

from ..clean import clean_changes, forget
from ..compare import compare
from ..errors import OvfinitError
from ..host import Host
from ..state import Past, State
from .output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = {
    "clean": "Make the machine ready to be an image again: our files, key blocks and state go, so that the next\n"
    "boot is a first boot. Users and what scripts did stay."
}


def arguments(name: str, parser: ArgumentParser) -> None:
    """Options of this command."""
    del name
    parser.add_argument("--logs", action="store_true", help="remove our logs too")
    parser.add_argument(
        "--machine-id", action="store_true", help="empty /etc/machine-id, so that each clone gets its own"
    )
    parser.add_argument("--host-keys", action="store_true", help="remove the SSH host keys")
    parser.add_argument("--dry-run", action="store_true", help="only show what would go")


def run(name: str, options: Namespace) -> int:
    """Run this command."""
    del name
    from ..apply import perform

    output = Output(options)
    host = Host(options.root)
    state = State(host)
    wanted = clean_changes(host, state, logs=options.logs, machine_id=options.machine_id, host_keys=options.host_keys)
    steps = [compare(change, host, Past()) for change in wanted]
    gone, failed = [], False
    for step in steps:
        if step.error is not None:
            failed = True
            output.fail([step.error])
        elif step.due:
            try:
                if not options.dry_run:
                    perform(step, host)
                gone.append({"target": step.change.target, "kind": step.change.kind, "action": step.action})
                output.say(f"{output.paint(step.action, 'yellow')} {step.change.target}")
            except OvfinitError as error:
                failed = True
                output.fail([error])
    for path in forget(host, dry_run=options.dry_run):
        gone.append({"target": path, "kind": "state", "action": "remove"})
        output.say(f"{output.paint('remove', 'yellow')} {path}")
    if output.json:
        output.document({"version": 1, "dry_run": options.dry_run, "changes": gone})
    elif not gone:
        output.say("Nothing of ours is here.")
    return output.code(1 if failed else 0)
