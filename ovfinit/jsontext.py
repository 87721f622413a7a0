"""JSON for our own files, by the interpreter's C scanner and encoder alone.

The `json` package imports `re`, which is a quarter of all that a later boot does. What it wraps is used directly here,
and the package itself where an interpreter does not have it or has it otherwise.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLANK = " \t\n\r"


class _Context:
    """What the C scanner wants to know: json.JSONDecoder's defaults."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> float:
        raise ValueError(f"{name} is not JSON")


def loads(text: bytes | str) -> Any:
    """The value of one JSON document. Raises ValueError for anything else."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    text = text.strip(_BLANK)
    try:
        from _json import make_scanner

        # typeshed asks for itself here; any object with these attributes will do
        scan: Any = make_scanner(_Context())  # type: ignore[arg-type]
        value, end = scan(text, 0)
    except (ImportError, TypeError, AttributeError, SystemError):
        import json

        return json.loads(text)
    except (StopIteration, RecursionError):
        raise ValueError("is not a JSON document") from None
    if end != len(text):
        raise ValueError("has more than one JSON document")
    return value


def dumps(value: object) -> str:
    """One compact document. Raises TypeError or ValueError for what JSON cannot hold."""
    try:
        from _json import encode_basestring, make_encoder

        encode: Any = make_encoder({}, _refuse, encode_basestring, None, ": ", ", ", False, False, False)
        return "".join(encode(value, 0))
    except (ImportError, AttributeError):
        import json

        return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not for JSON")
