"""Run by the distribution's own Python: what libnm, NetworkManager's library, makes of keyfiles, as JSON.

Reads {name: text} from standard input, writes {name: {"warnings": […], "settings": {…}} or {"error": "…"}}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("NM", "1.0")
from gi.repository import NM, GLib  # noqa: E402

FOLDER = "/etc/NetworkManager/system-connections"


def judged(text: str) -> dict[str, object]:
    """The settings of one profile after the checks that NetworkManager makes before it takes one."""
    warnings: list[str] = []

    def handle(_file: object, _connection: object, kind: object, data: Any, _more: object) -> bool:
        if kind == NM.KeyfileHandlerType.WARN:
            warnings.append(data.warn_get()[0])
        return True

    keyfile = GLib.KeyFile()
    try:
        keyfile.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
        connection = NM.keyfile_read(keyfile, FOLDER, NM.KeyfileHandlerFlags.NONE, handle, None)
        connection.normalize(None)
        connection.verify()
    except GLib.Error as error:
        return {"error": error.message, "warnings": warnings}
    settings = connection.to_dbus(NM.ConnectionSerializationFlags.ALL).unpack()
    return {"warnings": warnings, "settings": settings}


json.dump({name: judged(text) for name, text in json.load(sys.stdin).items()}, sys.stdout)
