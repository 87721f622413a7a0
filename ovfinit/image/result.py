"""Results that appear whole or not at all: files and folders are made under another name and renamed when all is well.

Whatever happens before that (an error, a full disk, an interrupt), what was begun is removed and what was there stays.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from .. import atomic
from ..errors import OvfinitError

if TYPE_CHECKING:
    from types import TracebackType


class Result:
    """One file or folder at `path`. Work on `candidate`; leaving the `with` block without an error puts it in place.

    Raises OvfinitError if something is there already, unless `replace`; a folder is replaced only if it is empty or of
    our own making, told by the file that `mark` names. With `resume` a folder that was begun stays under its other
    name after an error, if there is anything beside that file in it, and is there again in the next run.
    """

    def __init__(
        self, path: str, *, replace: bool = False, folder: bool = False, mark: str | None = None, resume: bool = False
    ) -> None:
        self.path = os.path.abspath(path)
        self.candidate = atomic.candidate(self.path)
        self._folder = folder
        self._replace = replace
        self._mark = mark
        self._resume = resume

    def __enter__(self) -> Result:
        self._check()
        parent = os.path.dirname(self.path)
        if not os.path.isdir(parent):
            raise OvfinitError(
                "cannot be written: its folder is not there", where=self.path, remedy=f"mkdir -p {parent}"
            )
        if not (self._resume and self._begun()):
            _remove(self.candidate)
            if self._folder:
                os.mkdir(self.candidate)
        return self

    def _begun(self) -> bool:
        """True if the candidate is a folder of the caller's own with something to go on with."""
        try:
            status = os.lstat(self.candidate)
        except FileNotFoundError:
            return False
        own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        return own and any(not name.endswith(self._mark or "\0") for name in os.listdir(self.candidate))

    def _check(self) -> None:
        if not os.path.lexists(self.path):
            return
        if self._folder:
            if not os.path.isdir(self.path) or os.path.islink(self.path):
                raise OvfinitError("is there already, and is no folder", where=self.path)
            known = self._mark is not None and any(name.endswith(self._mark) for name in os.listdir(self.path))
            if os.listdir(self.path) and not (self._replace and known):
                raise OvfinitError("is there already, and not empty", where=self.path, remedy="name a new folder")
        elif not os.path.isfile(self.path) or os.path.islink(self.path):
            raise OvfinitError("is there already, and is no file", where=self.path)
        elif not self._replace:
            raise OvfinitError("is there already", where=self.path, remedy="--force replaces it")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            if not (self._resume and self._begun()):
                _remove(self.candidate)
            return
        try:
            if self._folder:
                for name in os.listdir(self.candidate):
                    _flush(os.path.join(self.candidate, name))
                if os.path.isdir(self.path):
                    aside = f"{self.candidate}.old"
                    _remove(aside)
                    os.rename(self.path, aside)
                    os.rename(self.candidate, self.path)
                    _remove(aside)
                else:
                    os.rename(self.candidate, self.path)
            else:
                _flush(self.candidate)
                os.rename(self.candidate, self.path)
            atomic.touched(self.path)
            atomic.flush()
        except BaseException:
            _remove(self.candidate)
            raise


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
