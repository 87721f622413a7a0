"""`## template: jinja`: user data with places that this instance's metadata fills.

The templates are rendered by Jinja2, in its sandbox: they see the public metadata, and nothing of this program.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..model import Metadata
    from .part import Part
    from .unfolding import Unfolding

HEADER = "## template: jinja"
MISSING = "is a template, and Jinja2 is not installed"
REMEDY = "install the package python3-jinja2, or ovfinit[template] by pip"


def unfold(part: Part, work: Unfolding) -> Iterator[Part]:
    """What it is when it is rendered; the first line goes."""
    try:
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        work.error(part, MISSING, REMEDY)
        return
    text = part.content.decode("utf-8-sig", "replace").lstrip()
    header, _, body = text.partition("\n")
    if header.strip().lower() != HEADER:
        work.warning(part, "says more on its first line than the name of its language", f"write {HEADER}")
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    if work.variables is None:
        # nobody's metadata to fill it with: only its grammar can be judged
        _judge(environment, body, part, work)
        return
    try:
        pieces, size = [], 0
        for piece in environment.from_string(body).generate(**work.variables()):
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
        work.error(part, f"cannot be rendered: {_reason(error)}", line=_line(error) + 1)
        return
    content = "".join(pieces).encode("utf-8", "surrogateescape")
    if work.take(part, size):
        yield part.with_(content=content, kind=None, numbers=(*part.numbers, 1))


def _judge(environment: Any, body: str, part: Part, work: Unfolding) -> None:
    from jinja2 import TemplateSyntaxError

    try:
        environment.parse(body)
    except TemplateSyntaxError as error:
        work.error(part, f"cannot be rendered: {_reason(error)}", line=error.lineno + 1)


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


def variables(metadata: Metadata) -> Mapping[str, Any]:
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
    return {
        **{_name(key): value for key, value in shown.items() if value is not None},
        **known,
        "v1": known,
        "ds": {"meta_data": {key: value for key, value in said.items() if value is not None}},
    }


def _name(key: str) -> str:
    return key.replace("-", "_")
