"""The file tree we work on: `/`, or the one under `--root`, as if it were `/`. Reading only.

Links are resolved inside the tree, as chroot would: an absolute link in an image never leads out of it.
"""

from __future__ import annotations

import os
import stat

from .errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MAX_LINKS = 40
READ_LIMIT = 16 * 1024 * 1024


class Tree:
    """Paths given here are the tree's own (`/etc/hostname`); what `real` returns is the caller's."""

    def __init__(self, root: str = "/") -> None:
        self.root = os.path.abspath(root)
        # the paths that are looked at, as long as a witness keeps account; of a folder's listing with a final slash
        self.looked: set[str] | None = None

    @property
    def live(self) -> bool:
        """True when the tree is the running machine's own."""
        return self.root == "/"

    def note(self, *paths: str) -> None:
        """Tell the witness, if there is one, what is looked at; for looks that do not come through `real`."""
        if self.looked is not None:
            self.looked.update(paths)

    def real(self, path: str, *, follow: bool = True) -> str:
        """Where `path` of the tree lies for the operating system.

        Links on the way are followed inside the tree; the last component only with `follow`. What does not exist is
        kept as written. Raises InputError for a loop of links.
        """
        self.note(path)
        if self.root == "/":
            # the kernel follows the links on the way
            return os.path.abspath(path)
        todo = [part for part in path.split("/") if part][::-1]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                del done[-1:]
                continue
            here = os.path.join(self.root, *done, part)
            if not todo and not follow:
                done.append(part)
                break
            try:
                target = os.readlink(here)
            except OSError:
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise InputError("too many symbolic links", where=path)
            if target.startswith("/"):
                done.clear()
            todo += [piece for piece in target.split("/") if piece][::-1]
        return os.path.join(self.root, *done)

    def resolved(self, path: str) -> str:
        """What a path of the tree leads to, links followed, as a path of the tree. Raises InputError as `real` does."""
        return os.path.realpath(path) if self.live else self.inside(self.real(path))

    def path(self, path: str) -> Path:
        """The same as a `pathlib.Path`, for plugins; our own code does without that import."""
        from pathlib import Path as RealPath

        return RealPath(self.real(path))

    def inside(self, real: str) -> str:
        """The tree's name of an operating-system path below the root."""
        return real if self.live else "/" + os.path.relpath(real, self.root)

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """The content of a regular file, None where there is none.

        Raises InputError if it is not a regular file, cannot be read or is larger than `limit` bytes.
        """
        real = self.real(path)
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=path) from error
        # before open(): that refuses a folder in words of its own, and leaves the descriptor to us
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InputError("is not a regular file", where=path)
        with open(descriptor, "rb", buffering=0) as file:
            try:
                content = file.read(limit + 1)
                while len(content) <= limit:
                    # sysfs and procfs hand out a page at a time
                    more = file.read(limit + 1 - len(content))
                    if not more:
                        return content
                    content += more
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror}", where=path) from error
        raise InputError(f"is larger than {limit} bytes", where=path)

    def text(self, path: str, limit: int = READ_LIMIT) -> str | None:
        """The same as text; what is not UTF-8 becomes U+FFFD, for files that are not ours to judge."""
        content = self.read(path, limit)
        return None if content is None else content.decode("utf-8", "replace")

    def exists(self, path: str) -> bool:
        """True if something is there, links followed inside the tree."""
        return os.path.exists(self.real(path))

    def listing(self, path: str) -> list[str]:
        """Sorted names in a folder; empty where there is none."""
        self.note(path.rstrip("/") + "/")
        try:
            return sorted(os.listdir(self.real(path)))
        except OSError:
            return []
