"""Files whose content lies elsewhere."""

from __future__ import annotations

from .. import atomic
from ..changes import FetchFile
from ..compare.files import names_to_ids
from ..deadline import Deadline
from ..errors import ChangeError, SourceError
from .folders import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..host import Host
    from ..step import Step

SECONDS = 60.0
LIMIT = 256 * 1024 * 1024


def _fetch_file(change: FetchFile, _: Step, host: Host) -> None:
    from ..http import fetch

    owner = names_to_ids(change, host)
    headers = {name: value.reveal() for name, value in change.headers.items()}
    try:
        content = fetch(change.url, Deadline(SECONDS), LIMIT, headers)
    except SourceError as error:
        if change.fallback is None:
            message = f"could not be fetched: {error.where}: {error.message}"
            raise ChangeError(message, where=change.target, remedy=error.remedy) from error
        content = change.fallback
    with Place(host, change.target) as place:
        atomic.write(place.path, content, change.mode, owner, at=place.at)


PERFORM: dict[str, Any] = {FetchFile.kind: _fetch_file}
