"""`ovf`: what an OVF package holds, whether it is sound, and the environment that it asks for."""

from __future__ import annotations

import os

from ..errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from ..image.package.finding import Finding, Findings
    from ..image.package.model import Package
    from .output import Output

DESCRIPTION = {
    "ovf": "Look into an OVF package (a folder, a descriptor, an OVA or a URL of one), check it, and answer its\n"
    "questions, so that a machine made from it gets an environment whatever hypervisor it runs on."
}
VERBS = {
    "show": ("ovf_show", "what is in a package: machines, devices, disks, networks, questions"),
    "check": ("ovf_check", "whether a package is sound, and what importers will trip on"),
    "env": ("ovf_env", "make an OVF environment, as an ISO image or a document"),
}
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def package_arguments(parser: ArgumentParser) -> None:
    """What the commands share that read a package."""
    parser.add_argument(
        "file", metavar="FILE", help="a folder with one descriptor, an .ovf, an .ova, or an http(s) URL of one"
    )
    parser.add_argument(
        "--language", metavar="TAG", default=language(), help="texts in this language, such as de or pt-BR"
    )
    parser.add_argument(
        "--deployment-option", metavar="ID", help="as with this deployment option, not the package's default"
    )


def language() -> str | None:
    """The language of the caller's environment, as POSIX finds the one for messages."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((name for name in names if name), None)


def chosen_option(package: Package, options: Namespace) -> str | None:
    """The deployment option that counts. Raises UsageError for one that the package does not have."""
    wanted: str | None = options.deployment_option
    ids = [option.id for option in package.options]
    if wanted is not None and wanted not in ids:
        remedy = f"it has: {', '.join(ids)}" if ids else "it has none at all"
        raise UsageError(f"the package has no deployment option {wanted!r}", remedy=remedy)
    return wanted if wanted is not None else package.default_option


def tell(output: Output, findings: Findings, shown: Iterable[Finding]) -> None:
    """Findings for people, a line each, and for `--strict` whether there are warnings."""
    output.warned = output.warned or bool(findings.of("warning"))
    for finding in shown:
        output.say(painted(output, finding))
    if findings.omitted:
        output.say(f"and {findings.omitted} more findings")


def painted(output: Output, finding: Finding) -> str:
    """`file:line: severity: what; remedy` with the severity in its colour."""
    label = output.paint(finding.severity, COLOURS[finding.severity])
    text = f"{finding.where}: {label}: {finding.message}"
    return f"{text}\n    {finding.remedy}" if finding.remedy else text
