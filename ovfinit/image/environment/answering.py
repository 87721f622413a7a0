"""From a package's questions to what each of its machines is told (DSP0243 1.1, sections 9.5 and 11).

A machine sees its own properties and those of the collection that it is directly in; its own go before. Values come
from the deployer, else from the deployment option, else from the property; then `${…}` is replaced.
"""

from __future__ import annotations

from ...errors import InputError, UsageError
from ...record import Record
from ..package import substitution
from ..package.constraint import BOOLEAN, FALSE, TRUE, Constraint, constraint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..package.model import Machine, Package, Property

    # questions → an answer for each, None to take the default
    Ask = Callable[["Sequence[Question]"], "Sequence[str | None]"]

# the scope of properties that stand in the envelope itself, as in the 0.9 draft
ENVELOPE = ""
MOST_TOLD = 200_000


class Question(Record):
    """A property of one machine or collection (`node`, its id), with the default of the deployment option."""

    node: str
    asks: Property
    rule: Constraint

    @property
    def name(self) -> str:
        """What the guest sees."""
        return self.asks.name

    def wrong(self, value: str) -> str | None:
        """Why a value cannot be taken; what is substituted later is not judged."""
        if "${" in value:
            return None
        if not value:
            return None if self.rule.may_be_empty and not self.asks.required else "must have a value"
        return self.rule.wrong(value)


class Member(Record):
    """A machine or collection beside the one that is told: what it is told itself."""

    id: str
    properties: Mapping[str, str]


class Told(Record):
    """What one machine is told: its properties and those of its siblings, complete; `troubles` are for people."""

    machine: Machine
    properties: Mapping[str, str]
    siblings: tuple[Member, ...] = ()
    troubles: tuple[str, ...] = ()


def chosen_machine(package: Package, wanted: str | None) -> Machine:
    """The machine of that id, or the only one. Raises UsageError, InputError if there is none at all."""
    machines = package.machines
    if not machines:
        raise InputError("describes no machine, so that nobody can be told anything", where=package.path)
    ids = ", ".join(machine.id for machine in machines[:20])
    if wanted is None:
        if len(machines) > 1:
            raise UsageError(f"the package has {len(machines)} machines", remedy=f"add --machine ID, one of: {ids}")
        return machines[0]
    found = next((machine for machine in machines if machine.id == wanted), None)
    if found is None:
        raise UsageError(f"the package has no machine {wanted!r}", remedy=f"it has: {ids}")
    return found


def _family(package: Package, machine: Machine) -> tuple[list[str], list[str]]:
    """Ids of the collections around a machine, outermost first, and of everything that its parent has in it."""
    siblings: list[str] = []
    if machine.parents:
        parent = next((one for one in package.collections if one.id == machine.parents[-1]), None)
        siblings = [member.id for member in parent.members] if parent is not None else []
    return [ENVELOPE, *machine.parents], siblings or [machine.id]


def questions(package: Package, machine: Machine, option: str | None) -> tuple[Question, ...]:
    """Everything that must be known to tell a machine, its siblings' questions included, in the package's order."""
    ancestors, siblings = _family(package, machine)
    wanted = {*ancestors, *siblings}
    sections = [(ENVELOPE, package.products), *((node.id, node.products) for node in package.nodes)]
    found: dict[tuple[str, str], Question] = {}
    for node, products in sections:
        for one in (one for product in products for one in product.properties) if node in wanted else ():
            there = one.for_option(option)
            if there is not None and there.key:
                found.setdefault((node, there.name), Question(node, there, constraint(there)))
    return tuple(found.values())


def settle(
    asked: Sequence[Question],
    given: Mapping[str, str],
    *,
    ask: Ask | None,
    accept_defaults: bool,
    hidden: bool,
) -> dict[str, dict[str, str]]:
    """A value for every question, by node and name, as given: not substituted yet.

    Args:
        asked: the questions.
        given: by name, or by `NODE/NAME` where several machines have the same one.
        ask: asks a person all that is open; None where there is nobody to be asked.
        accept_defaults: ask only what has no acceptable default.
        hidden: values may also be given to properties that are not for users.

    Raises:
        UsageError: for a name that the package does not have, or one that is not for users.
        InputError: for values that cannot be taken, and for those that are missing, all of them by name.
    """
    names = {key for question in asked for key in _keys(question)}
    unknown = [key for key in given if key not in names]
    if unknown:
        raise UsageError(f"the package has no property {unknown[0]!r}", remedy=_near(unknown[0], names))
    told = [next((given[key] for key in _keys(question) if key in given), None) for question in asked]
    for question, value in zip(asked, told):
        if value is not None and not question.asks.user_configurable and not hidden:
            remedy = "its maker has fixed it; --hidden sets it nevertheless"
            raise UsageError(f"the property {question.name!r} is not for users", remedy=remedy)
    if ask is not None:
        due = [
            number
            for number, question in enumerate(asked)
            if told[number] is None
            and question.asks.user_configurable
            and not (accept_defaults and question.wrong(question.asks.default) is None)
        ]
        for number, answer in zip(due, ask([asked[number] for number in due])):
            told[number] = answer
    values: dict[str, dict[str, str]] = {}
    refused: list[str] = []
    for question, value in zip(asked, told):
        default = question.asks.default
        if value is None and question.asks.user_configurable and question.wrong(default) is not None:
            refused.append(f"{_shown(question)} {question.wrong(default)}")
        found = default if value is None else _plain(question, value)
        wrong = None if value is None else question.wrong(found)
        if wrong:
            refused.append(f"{_shown(question)} {wrong}")
        values.setdefault(question.node, {})[question.name] = found
    if refused:
        more = f" (and {len(refused) - 20} more)" if len(refused) > 20 else ""
        message = f"answers are missing or cannot be taken: {'; '.join(refused[:20])}{more}"
        raise InputError(message, remedy="add --set NAME=VALUE for each, or --answers FILE.yaml")
    return values


def tell(package: Package, machine: Machine, values: Mapping[str, Mapping[str, str]]) -> Told:
    """What a machine is told, with every `${…}` replaced.

    Raises InputError for values that go in circles or grow without bounds.
    """
    ancestors, siblings = _family(package, machine)
    outer: dict[str, str] = {}
    complete: dict[str, dict[str, str]] = {}
    troubles: list[str] = []
    for node in ancestors:
        complete[node] = _expanded(values.get(node, {}), outer, troubles)
        outer = {**outer, **complete[node]}
    for node in siblings:
        complete[node] = _expanded(values.get(node, {}), outer, troubles)
    parent = {**complete[ENVELOPE], **complete[ancestors[-1]]}
    if len(siblings) * len(parent) > MOST_TOLD:
        raise InputError(f"{len(siblings)} machines with {len(parent)} properties each are too much for an environment")
    others = (Member(node, {**parent, **complete[node]}) for node in siblings if node != machine.id)
    return Told(machine, {**parent, **complete[machine.id]}, tuple(others), tuple(dict.fromkeys(troubles)))


def _expanded(values: Mapping[str, str], outer: Mapping[str, str], troubles: list[str]) -> dict[str, str]:
    expanded, found = substitution.expand(values, outer)
    for trouble in found:
        if trouble.kind == substitution.CYCLE:
            message = f"the value of {trouble.name!r} goes in circles: {trouble.detail[:200]}"
            raise InputError(message, remedy="give one of them a value of its own with --set")
        if trouble.kind == substitution.TOO_LARGE:
            raise InputError(f"the value of {trouble.name!r} grows beyond {trouble.detail} by substitution")
        why = "is for VMware to fill in" if trouble.kind == substitution.PLATFORM else "is no property here"
        troubles.append(f"{trouble.name}: ${{{trouble.detail[:100]}}} {why} and stays as it is; --set gives a value")
    return expanded


def _keys(question: Question) -> tuple[str, str]:
    return f"{question.node}/{question.name}", question.name


def _shown(question: Question) -> str:
    return question.name if question.node == ENVELOPE else f"{question.name} (of {question.node})"


def _plain(question: Question, value: str) -> str:
    """The value in the form that guests expect; people say yes and no."""
    lower = value.lower()
    if question.rule.kind != BOOLEAN or lower in ("true", "false") or lower not in (*TRUE, *FALSE, "y", "n"):
        return value
    word = "true" if lower in (*TRUE, "y") else "false"
    return word.capitalize() if question.asks.default[:1].isupper() else word


def _near(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(names), 3)
    return f"did you mean {' or '.join(near)}?" if near else "ovfinit ovf show FILE lists its properties"
