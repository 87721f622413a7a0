"""The questions of a package: names, types, qualifiers, defaults, substitution."""

from __future__ import annotations

from ..package import substitution
from ..package.constraint import FOREIGN, base_type, constraint
from ..package.model import Collection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..package.finding import Findings
    from ..package.model import Package, Property

MOST = 4096
# the boundary between what a name may be and what agents cut it at
SEPARATORS = ".:"


def check(package: Package, findings: Findings) -> None:
    """Note what is wrong with the properties of every machine and collection."""
    top = [question for product in package.products for question in product.properties]
    # what is known inside a collection, its own ancestors' properties included
    inside: dict[str, Mapping[str, str]] = {"": _scope(package, top, {}, findings)}
    for node in package.nodes:
        outer = inside.get(node.parents[-1] if node.parents else "", {})
        questions = [question for product in node.products for question in product.properties]
        own = _scope(package, questions, outer, findings) if questions else {}
        if isinstance(node, Collection):
            inside[node.id] = {**outer, **own} if own else outer


def _scope(
    package: Package, questions: Sequence[Property], outer: Mapping[str, str], findings: Findings
) -> dict[str, str]:
    """One machine's or collection's properties; their defaults after substitution come back."""
    known: dict[tuple[str, tuple[str, ...]], int] = {}
    for question in questions:
        place = f"{package.path}:{question.line}"
        line = known.setdefault((question.name, question.options), question.line)
        if line != question.line:
            message = (
                f"the property {question.name[:100]!r} is there already, in line {line}: the guest gets one of them"
            )
            findings.error("duplicate-property", message, place, "give it another key, class or instance")
        _judge(question, place, findings)
    _habits(package, questions, findings)
    if len(questions) > MOST:
        message = f"{len(questions)} properties are more than guests read ({MOST})"
        findings.warning("many-properties", message, f"{package.path}:{questions[MOST].line}")
    lines = {question.name: question.line for question in questions}
    expanded, troubles = substitution.expand({question.name: question.default for question in questions}, outer)
    for trouble in troubles:
        place = f"{package.path}:{lines[trouble.name]}"
        if trouble.kind == substitution.CYCLE:
            message = f"the value of {trouble.name[:100]!r} goes in circles: {trouble.detail[:200]}"
            findings.error("cyclic-substitution", message, place, "break the ring")
        elif trouble.kind == substitution.TOO_LARGE:
            message = f"the value of {trouble.name[:100]!r} grows beyond {trouble.detail} by substitution"
            findings.error("substitution-too-large", message, place, "shorten it")
        elif trouble.kind == substitution.UNKNOWN:
            message = f"the value of {trouble.name[:100]!r} names {trouble.detail[:100]!r}, which is no property here"
            findings.warning("dangling-property", message, place, "correct the name, or add the property")
    return expanded


def _habits(package: Package, questions: Sequence[Property], findings: Findings) -> None:
    """What a whole section of properties has in common is said once, at the first of them."""
    dotted = [one for one in questions if any(character in SEPARATORS for character in one.key)]
    if dotted:
        message = f"{_count(dotted, ('key', 'keys'))} a dot or colon in it, which DSP0243 9.5.1 forbids"
        message += f": first {dotted[0].key[:80]!r}"
        remedy = "most importers take it; class and instance are made for this"
        findings.warning("property-key", message, f"{package.path}:{dotted[0].line}", remedy)
    foreign = [one for one in questions if one.type in FOREIGN or base_type(one.type) != one.type]
    if foreign:
        kinds = ", ".join(sorted({one.type[:40] for one in foreign})[:8])
        message = (
            f"{_count(foreign, ('property', 'properties'))} a type that is VMware's and not the standard's: {kinds}"
        )
        findings.note("foreign-type", message, f"{package.path}:{foreign[0].line}")


def _count(questions: Sequence[Property], what: tuple[str, str]) -> str:
    return f"a {what[0]} has" if len(questions) == 1 else f"{len(questions)} {what[1]} have"


def _judge(question: Property, place: str, findings: Findings) -> None:
    name = question.name[:100]
    rule = constraint(question)
    for word in rule.unknown:
        message = f"{word[:60]!r} at {name!r} is neither a type nor a qualifier that anybody knows"
        findings.warning("unknown-qualifier", message, place, "see DSP0243, tables 6 and 7")
    if rule.low is not None and rule.high is not None and rule.low > rule.high:
        message = f"nothing can be the value of {name!r}: at least {rule.low} and at most {rule.high}"
        findings.error("qualifier-contradiction", message, place, "correct the qualifiers")
    elif rule.shortest is not None and rule.longest is not None and rule.shortest > rule.longest:
        message = f"nothing can be the value of {name!r}: {rule.shortest} to {rule.longest} characters"
        findings.error("qualifier-contradiction", message, place, "correct the qualifiers")
    for option, value in [("", question.default), *question.values.items()]:
        if not value or "${" in value:
            continue
        wrong = rule.wrong(value)
        if wrong:
            # a default may be a password
            of = f" for the deployment option {option[:60]!r}" if option else ""
            message = f"the default of {name!r}{of} {wrong}: importers refuse the package"
            findings.error("bad-default", message, place, "correct the default or the qualifiers")
    fixed = not question.user_configurable and not question.default and not question.values
    if fixed and not rule.may_be_empty:
        message = f"nobody can give {name!r} the value that it must have: it has none and is not userConfigurable"
        findings.warning("no-value", message, place, 'write ovf:value, or ovf:userConfigurable="true"')
    if question.password and question.default:
        message = f"the default of the password {name!r} can be read by everybody who has the package"
        findings.warning("known-password", message, place, "remove it, so that it is asked for")
