"""Files whose content lies elsewhere."""

from __future__ import annotations

import os

from .. import atomic
from ..changes import FetchFile
from ..compare.files import names_to_ids
from ..deadline import Deadline
from ..errors import ChangeError, SourceError
from .folders import make_folders, open_folder

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
    at = open_folder(host, change.target)
    if at is not None:
        try:
            atomic.prepare(os.path.basename(change.target), content, change.mode, owner, at=at)
            atomic.commit(os.path.basename(change.target), at=at)
        finally:
            os.close(at)
        return
    real = host.real(change.target, follow=False)
    make_folders(host, change.target)
    atomic.prepare(real, content, change.mode, owner)
    atomic.commit(real)


PERFORM: dict[str, Any] = {FetchFile.kind: _fetch_file}
