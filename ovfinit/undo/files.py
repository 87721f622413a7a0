"""Files and links, blocks of ours in files of others, folders."""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64

from .. import block
from ..changes import FetchFile, MakeFolder, MakeHostKey, MakeLink, RemoveFile, WriteBlock, WriteFile
from ..compare.files import check_way
from ..digest import sha256
from ..journal import capture, digest, put_back
from .undone import Undone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..host import Host


def _folder(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    path = entry["target"]
    check_way(host, f"{path}/")
    real = host.real(path)
    if entry["before"][path]["type"] != "absent" or not os.path.isdir(real):
        return
    try:
        os.rmdir(real)
        yield Undone(path, "removed")
    except OSError:
        yield Undone(path, "kept", "is not empty")


def _files(host: Host, entry: Mapping[str, Any], noted: Mapping[str, str]) -> Iterator[Undone]:
    for path, before in entry["before"].items():
        check_way(host, path)
        now = capture(host, path)
        if digest(now) == digest(before):
            continue
        written = _written_digest(now)
        ours = noted.get(path) == digest(now) if noted else written is not None and written == entry.get("after")
        if entry["kind"] == RemoveFile.kind:
            ours = now["type"] == "absent"
        if entry["kind"] == MakeHostKey.kind and not noted:
            # killed before it could be noted, and nobody else makes host keys just then
            ours = True
        if not ours and now["type"] != "absent":
            yield Undone(path, "kept", "changed by hand since we wrote it")
            continue
        put_back(host, path, before)
        yield Undone(path, "removed" if before["type"] == "absent" else "restored")


def _written_digest(captured: Mapping[str, Any]) -> str | None:
    if captured["type"] == "link":
        return str(sha256(captured["to"].encode()).hexdigest())
    return sha256(a2b_base64(captured["content"])).hexdigest() if captured["type"] == "file" else None


def restore_block(host: Host, entry: Mapping[str, Any], _: Mapping[str, str]) -> Iterator[Undone]:
    """Restore the whole file if nobody touched it, else take out or put back only our lines."""
    path, before = next(iter(entry["before"].items()))
    now = capture(host, path)
    if digest(now) == digest(before):
        return
    if now["type"] != "file" or _written_digest(now) == entry.get("after"):
        put_back(host, path, before)
        yield Undone(path, "removed" if before["type"] == "absent" else "restored")
        return
    text = a2b_base64(now["content"]).decode("utf-8", "surrogateescape")
    old = a2b_base64(before.get("content", "")).decode("utf-8", "surrogateescape")
    rest = block.replace(text, block.find(old) or ())
    if rest != text:
        content = rest.encode("utf-8", "surrogateescape")
        put_back(host, path, {**now, "content": b2a_base64(content, newline=False).decode()})
        yield Undone(path, "restored", "only our lines; the rest was changed by hand")


UNDO: dict[str, Any] = {
    WriteBlock.kind: restore_block,
    MakeFolder.kind: _folder,
    **dict.fromkeys((WriteFile.kind, FetchFile.kind, RemoveFile.kind, MakeLink.kind, MakeHostKey.kind), _files),
}
