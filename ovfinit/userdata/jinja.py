"""`## template: jinja`: user data with places that this instance's metadata fills.

The templates are rendered by Jinja2, in its sandbox: they see the public metadata, and nothing of this program.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ..host import Host
    from ..model import Metadata
    from .part import Part
    from .unfolding import Unfolding

HEADER = "## template: jinja"
MISSING = "is a template, and Jinja2 is not installed"
REMEDY = "install the package python3-jinja2, or ovfinit[template] by pip"
# what cloud-init leaves where a value is missing, so that scripts can look for it
MARK = "CI_MISSING_JINJA_VAR/"


def unfold(part: Part, work: Unfolding) -> Iterator[Part]:
    """What it is when it is rendered; the first line goes."""
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        work.lose(part, MISSING, REMEDY)
        return
    text = part.content.decode("utf-8-sig", "replace").lstrip()
    header, _, body = text.partition("\n")
    if header.strip().lower() != HEADER:
        work.warning(part, "says more on its first line than the name of its language", f"write {HEADER}")
    # without an instance, an example's values show what else is off
    known = example() if work.variables is None else work.variables()
    missing: list[str] = []
    environment = ImmutableSandboxedEnvironment(undefined=_undefined(known, missing), keep_trailing_newline=True)
    try:
        pieces, size = [], 0
        for piece in environment.from_string(body).generate(**known):
            size += len(piece)
            if size > work.room:
                break
            pieces.append(piece)
    except (
        TemplateError,
        TypeError,
        ValueError,
        OverflowError,
        ZeroDivisionError,
        RecursionError,
        MemoryError,
    ) as error:
        # line 1 is the header
        work.lose(part, f"cannot be rendered: {_reason(error)}", line=_line(error) + 1)
        return
    _warn(missing, body, part, work)
    # an empty line in place of the header: what is off is found at its line of the template, but after loops
    content = ("\n" + "".join(pieces)).encode("utf-8", "surrogateescape")
    if work.take(part, size):
        yield part.with_(content=content, kind=None, numbers=(*part.numbers, 1))


def _undefined(known: Mapping[str, Any], missing: list[str]) -> type[Any]:
    """What stands for names that are not known: false in a condition, a mark in the text, and listed in `missing`."""
    from jinja2 import ChainableUndefined
    from jinja2.exceptions import SecurityError

    prefixes = {id(known["v1"]): "v1.", id(known["ds"]): "ds.", id(known["ds"]["meta_data"]): "ds.meta_data."}

    class Missing(ChainableUndefined):
        def __str__(self) -> str:
            if issubclass(self._undefined_exception, SecurityError):
                self._fail_with_undefined_error()
            name = f"{prefixes.get(id(self._undefined_obj), '')}{self._undefined_name}"
            missing.append(name)
            return f"{MARK}{name}"

    return Missing


def _warn(names: Sequence[str], body: str, part: Part, work: Unfolding) -> None:
    """Each missing name once, at the first line that has it; without an instance only those that none would have."""
    for name in dict.fromkeys(names):
        if work.variables is None and name.startswith(("ds.", "properties.")):
            continue
        last = name.rpartition(".")[2]
        line = next((number for number, text in enumerate(body.splitlines(), 2) if last in text), 2)
        message = f"{name} is not known" if work.variables is None else f"this instance has no {name}"
        work.warning(part, f"{message}: {MARK}{name} stands there", line=line)


def _line(error: Exception) -> int:
    """Where in the template: told by its grammar, or by the frames of what it was compiled to."""
    line: int = getattr(error, "lineno", None) or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _reason(error: Exception) -> str:
    """The library's words, on one line and bounded; they name variables, not their values."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def variables(metadata: Metadata, host: Host | None = None) -> Mapping[str, Any]:
    """What templates see: `v1` and its names as cloud-init has them, `ds.meta_data`, the model by its names."""
    from ..document import public

    shown = public(metadata)
    v1 = {
        "instance_id": metadata.instance_id,
        "local_hostname": metadata.hostname,
        "hostname": metadata.hostname,
        "fqdn": metadata.fqdn,
        "region": metadata.region,
        "availability_zone": metadata.availability_zone,
        "machine_type": metadata.instance_type,
        "platform": metadata.datasource,
        "cloud_name": metadata.platform or metadata.datasource,
        "cloud_id": metadata.datasource,
        "public_ssh_keys": list(metadata.public_keys),
        "launch_index": metadata.launch_index,
        **(_facts(host) if host is not None else {}),
    }
    said = {
        "instance_id": metadata.instance_id,
        "local_hostname": metadata.fqdn or metadata.hostname,
        "hostname": metadata.hostname,
        "public_keys": list(metadata.public_keys),
        "ami_launch_index": metadata.launch_index,
        "placement": {"availability_zone": metadata.availability_zone, "region": metadata.region},
        "instance_type": metadata.instance_type,
        **{_name(key): value for key, value in shown["properties"].items()},
    }
    # a platform's own names have -, templates cannot have them behind a dot
    said |= {key.replace("_", "-"): value for key, value in said.items()} | dict(shown["properties"])
    known = {key: value for key, value in v1.items() if value is not None}
    dashed = {key.replace("_", "-"): value for key, value in known.items()}
    return {
        **{_name(key): value for key, value in shown.items() if value is not None},
        **known,
        "v1": {**dashed, **known},
        "ds": {"meta_data": {key: value for key, value in said.items() if value is not None}},
    }


def _facts(host: Host) -> dict[str, Any]:
    """The distribution, of the tree; kernel and architecture only of a running machine."""
    release = host.os_release
    facts: dict[str, Any] = {
        "distro": release.get("ID"),
        "distro_version": release.get("VERSION_ID"),
        "distro_release": release.get("VERSION_CODENAME"),
        "variant": release.get("ID"),
    }
    if host.live:
        from os import uname

        system = uname()
        facts |= {"kernel_release": system.release, "machine": system.machine, "system_platform": system.sysname}
    return facts


def example() -> Mapping[str, Any]:
    """The names that templates see, with values of an instance that has everything."""
    from ..host import Host
    from ..model import Metadata

    return variables(
        Metadata(
            datasource="seed",
            platform="example",
            location="example",
            instance_id="i-0123456789abcdef0",
            hostname="example",
            fqdn="example.example.org",
            region="region-1",
            availability_zone="region-1a",
            instance_type="small",
            launch_index=0,
        ),
        Host(),
    )


def _name(key: str) -> str:
    return key.replace("-", "_")
