"""A package on a web server: read where it lies, with Range requests, by HTTP or HTTPS.

Unlike what a boot fetches, this is a person's own choice of place: redirects are followed and proxies of the
environment used, as every download tool does. Certificates are verified. Nothing that a package itself refers to
outside its own folder is ever fetched (see `store`).
"""

from __future__ import annotations

import io
import os
import time

from ...errors import InputError
from ...http import explained, shown
from .store import Member, Store, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    import requests

TIMEOUTS = (10.0, 30.0)
REDIRECTS = 5
# reading on is cheaper than another request
SKIP = 1 << 20
SLOWEST, PATIENCE = 1024, 30.0


def is_url(text: str) -> bool:
    """True for what is fetched rather than opened."""
    return text.lower().startswith(("http://", "https://"))


class Session:
    """Connections that are kept for all requests of one package."""

    def __init__(self) -> None:
        import requests

        self._session = requests.Session()
        self._session.max_redirects = REDIRECTS

    def ask(self, url: str, start: int = 0, method: str = "GET") -> requests.Response:
        """The answer, its body not read yet, from a byte on where the server can do that.

        Raises InputError for anything but a body, FileNotFoundError for 404 and 410.
        """
        import requests

        headers = {"User-Agent": "ovfinit", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            answer = self._session.request(method, url, headers=headers, stream=True, timeout=TIMEOUTS)
        except requests.exceptions.SSLError as error:
            remedy = "check the certificate and the system's trust store"
            raise InputError("TLS could not be set up", where=shown(url), remedy=remedy) from error
        except requests.exceptions.TooManyRedirects as error:
            raise InputError(f"redirects more than {REDIRECTS} times", where=shown(url)) from error
        except (requests.exceptions.RequestException, ValueError) as error:
            remedy = "check the URL and the network"
            raise InputError(f"could not be reached: {_reason(error)}", where=shown(url), remedy=remedy) from error
        if answer.status_code in (200, 206):
            return answer
        answer.close()
        if answer.status_code in (404, 410):
            raise FileNotFoundError(shown(url))
        raise InputError(explained(answer.status_code), where=shown(url))

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()


def _reason(error: BaseException) -> str:
    late = "no answer in time" if "imeout" in type(error).__name__ else "no connection"
    return _system_words(error) or late


def _system_words(error: BaseException) -> str | None:
    """What the operating system said, out of the layers around it; a library's own words would show the whole URL."""
    inner: BaseException | None = error
    for _ in range(10):
        if isinstance(inner, OSError) and inner.strerror:
            return str(inner.strerror)
        if inner is None:
            break
        inner = inner.__cause__ or inner.__context__
    return None


class RemoteFile(io.RawIOBase):
    """A file behind a URL as a seekable stream; FileNotFoundError or InputError if it is not there."""

    def __init__(self, session: Session, url: str) -> None:
        self._session, self._url = session, url
        self._position = self._at = 0
        self._answer = session.ask(url)
        length = self._answer.headers.get("Content-Length", "")
        self.size: int | None = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
        self._began, self._received = time.monotonic(), 0

    def readable(self) -> bool:
        """As a file's."""
        return True

    def seekable(self) -> bool:
        """As a file's."""
        return True

    def tell(self) -> int:
        """As a file's."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's; nothing is asked before something is read."""
        if whence == os.SEEK_END and self.size is None:
            raise InputError("does not say how large it is", where=shown(self._url))
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size or 0}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        """As a file's. Raises InputError where the connection breaks."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        if self.size is not None and self._position >= self.size:
            return 0
        self._move()
        data = self._receive(len(view))
        view[: len(data)] = data
        self._position = self._at
        return len(data)

    def close(self) -> None:
        """As a file's."""
        self._answer.close()
        super().close()

    def _move(self) -> None:
        """Bring the answer to the position: read on if it is near, ask anew if it is not."""
        if not 0 <= self._position - self._at <= SKIP:
            self._answer.close()
            self._answer = self._session.ask(self._url, self._position)
            # a server without Range sends everything
            self._at = self._position if self._answer.status_code == 206 else 0
        while self._at < self._position:
            if not self._receive(min(SKIP, self._position - self._at)):
                raise InputError("ended before its announced length", where=shown(self._url))

    def _receive(self, most: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            data: bytes = self._answer.raw.read(most, decode_content=False)
        except (HTTPError, OSError) as error:
            words = _system_words(error) or "before the end"
            raise InputError(f"the connection broke: {words}", where=shown(self._url)) from error
        self._at += len(data)
        self._received += len(data)
        spent = time.monotonic() - self._began
        if spent > PATIENCE and self._received < SLOWEST * spent:
            raise InputError("comes slower than 1 KiB a second", where=shown(self._url))
        if not data and self.size is not None and self._at < self.size:
            raise InputError("ended before its announced length", where=shown(self._url))
        return data


class RemoteFolder(Store):
    """The folder of a descriptor on a web server; nobody can list it."""

    def __init__(self, session: Session, url: str) -> None:
        self.where = shown(url).rpartition("/")[0]
        self._session = session
        head, question, query = url.partition("?")
        self._base, self._query = head.rpartition("/")[0], question + query

    def close(self) -> None:
        """See Store."""
        self._session.close()

    def members(self) -> None:
        """See Store."""

    def find(self, href: str) -> Member | None:
        """See Store; asks for the head of each file once."""
        for name in spellings(href):
            try:
                with self._session.ask(self._url(name), method="HEAD") as answer:
                    length = answer.headers.get("Content-Length", "")
                    return Member(name, int(length) if length.isascii() and length.isdigit() else None)
            except FileNotFoundError:
                continue
        return None

    def open(self, member: Member) -> BinaryIO:
        """See Store."""
        try:
            return io.BufferedReader(RemoteFile(self._session, self._url(member.name)), 256 * 1024)
        except FileNotFoundError as error:
            raise InputError("is not there", where=f"{self.where}/{member.name}") from error

    def _url(self, name: str) -> str:
        from urllib.parse import quote

        # a signed URL's query belongs to every file of the folder, or the server says so itself
        return f"{self._base}/{quote(name)}{self._query}"
