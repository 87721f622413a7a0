"""A session with an EC2-compatible metadata service: which version it speaks, its token, its leaves.

Version 2 (IMDSv2) hands out a token for a PUT and wants it with every GET; version 1 has none. Version 1 is spoken only
where version 2 is positively absent, and once where the PUT got no answer at all (`UNKNOWN`), because a token that was
lost on the way (hop limit) must not hide that plain questions are answered.
"""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic

from ..errors import SourceError, SourceInvalid, SourceUnreachable
from ..model import Secret
from .endpoint import Endpoint, connect
from .policy import ABSENT, AGAIN, AGENT, REFUSED, VALUE, Backoff, explained, retry_after, text_lines, verdict
from .wire import CONNECT, DENIED, MALFORMED, RESET, STALE, TIMEOUT, TOO_LARGE, TRUNCATED, Broken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..deadline import Deadline
    from .wire import Answer, Connection

V1, V2, UNKNOWN = "1", "2", "unknown"

LEAF_LIMIT = 64 * 1024
TOKEN_LIMIT = 4 * 1024
# a read is over long before; a token of six hours would only be something to steal
TOKEN_SECONDS = 300
TOKEN_PATH = "/latest/api/token"  # noqa: S105
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0
TOKEN_ANSWER_SECONDS = 5.0

MOST_CONNECTIONS = 4
MOST_NAMES = 1000
# below this a thread and a connection of its own cost more than they save
WORTH_A_THREAD = 0.001
PATIENCE = 0.05

# 501 is what simple servers say to any method they do not know (RFC 9110, 15.6.2)
NO_TOKENS = (404, 405, 410, 501)
PASSING = (CONNECT, STALE, RESET, TRUNCATED)

REMEDY_HOPS = (
    "the token's answer may not cross another hop: raise the instance's metadata hop limit (HttpPutResponseHopLimit)"
)
REMEDY_OFF = (
    "the metadata service is switched off for this instance, or asked through a proxy: enable its HTTP endpoint"
)
REMEDY_DENIED = "allow this machine to reach its metadata service (routes, packet filter, systemd-imdsd's network mode)"
REMEDY_OTHER = "something else than a metadata service may answer at this address"
REMEDY_DOWN = "check that the metadata service runs and that this machine has a route to it"


class MetadataService:
    """Reads leaves over at most four kept-alive connections, all inside one deadline.

    Use as a context manager. After `open`, `url` is the base URL that answered and `version` is V1, V2 or UNKNOWN.
    """

    def __init__(self, bases: Sequence[str], deadline: Deadline) -> None:
        self._endpoints = [Endpoint.parse(base) for base in bases]
        self._deadline = deadline
        self._idle: list[Connection] = []
        self._token: Secret | None = None
        self._renew_at = 0.0
        self._renewing = allocate_lock()
        self._latency = 0.0
        self._closed = False
        self.version: str | None = None

    @property
    def url(self) -> str:
        """The base URL in use, without final slash."""
        return self._endpoints[0].url

    def __enter__(self) -> MetadataService:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back; the token is forgotten."""
        self._closed = True
        self._drop_idle()
        self._token = None

    def open(self) -> None:
        """Choose the address that connects first and find out which version is spoken.

        Raises SourceUnreachable when none answers before the deadline or the service refuses.
        """
        where = " or ".join(endpoint.url for endpoint in self._endpoints)
        backoff = Backoff(self._deadline)
        while not self._idle:
            try:
                connection, endpoint = connect(self._endpoints, self._deadline.within(CONNECT_SECONDS))
            except Broken as broken:
                self._again(broken, backoff, where)
                continue
            self._endpoints = [endpoint]
            self._idle.append(connection)
        try:
            self._authorize()
        except SourceError:
            self.close()
            raise

    def leaf(self, path: str, limit: int = LEAF_LIMIT, *, certain: bool = False) -> bytes | None:
        """The body at `path` (`/latest/user-data`), None if the service says that there is none.

        With `certain` there must be something: a 404 contradicts what is known, and counts as unknown.

        Raises SourceUnreachable naming the leaf if nobody could tell before the deadline, SourceInvalid if it is larger
        than `limit` bytes.
        """
        where = self.url + path
        backoff = Backoff(self._deadline)
        renewed = False
        while True:
            if self.version is V2 and monotonic() >= self._renew_at:
                self._renew(self._token)
            token = self._token
            began = monotonic()
            try:
                answer = self._exchange("GET", path, {} if token is None else {TOKEN_HEADER: token.reveal()}, limit)
            except Broken as broken:
                self._again(broken, backoff, where)
                continue
            self._latency = monotonic() - began
            meaning = verdict(answer.status)
            if meaning is VALUE:
                return answer.body
            if meaning is ABSENT and not certain:
                return None
            if answer.status == 401 and not renewed and self.version is not V1:
                renewed = True
                self._renew(token)
                continue
            if meaning is REFUSED:
                raise SourceUnreachable(explained(answer.status), where=where, remedy=self._remedy(answer.status))
            if meaning not in (AGAIN, ABSENT) or not backoff.wait(retry_after(answer.headers.get("retry-after"))):
                words = explained(answer.status) + (" although there must be something" if meaning is ABSENT else "")
                remedy = REMEDY_DOWN if meaning in (AGAIN, ABSENT) else REMEDY_OTHER
                raise SourceUnreachable(words, where=where, remedy=remedy)

    def leaves(self, wanted: Mapping[str, int]) -> dict[str, bytes | None]:
        """Several leaves, path → the most bytes accepted; over several connections if the answers so far were slow.

        Raises like `leaf`, for the first that fails.
        """
        if self._latency <= WORTH_A_THREAD or len(wanted) < 2:
            return {path: self.leaf(path, limit) for path, limit in wanted.items()}
        from threading import Event, Thread

        found: dict[str, bytes | None] = {}
        errors: list[BaseException] = []
        todo = list(wanted.items())[::-1]
        working = [None] * min(MOST_CONNECTIONS, len(todo))
        done = Event()

        def work() -> None:
            while todo and not errors:
                try:
                    path, limit = todo.pop()
                except IndexError:
                    break
                try:
                    found[path] = self.leaf(path, limit)
                except BaseException as error:
                    errors.append(error)
            working.pop()
            if errors or not working:
                done.set()
            while not done.wait(PATIENCE):
                # a server that serves one connection at a time waits for us to give up those that we keep
                self._drop_idle()

        for _ in working[1:]:
            Thread(target=work, daemon=True, name="imds").start()
        work()
        if errors:
            raise errors[0]
        return {path: found[path] for path in wanted}

    @staticmethod
    def names(listing: bytes) -> frozenset[str] | None:
        """The names in a directory; None if it is none.

        Nova and Amazon mark folders with a final slash, AEMM not on every level; all but AEMM's first levels come
        without a final newline.
        """
        lines = text_lines(listing)
        if not lines or len(lines) > MOST_NAMES or any(character in line for line in lines for character in "<> "):
            return None
        return frozenset(line.rstrip("/") for line in lines)

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], limit: int, seconds: float = ANSWER_SECONDS
    ) -> Answer:
        """One request over a kept or a new connection."""
        headers = {"User-Agent": AGENT, "Accept": "*/*", **headers}
        while True:
            kept = bool(self._idle)
            try:
                connection = self._idle.pop()
            except IndexError:
                kept = False
                connection, _ = connect(self._endpoints, self._deadline.within(CONNECT_SECONDS))
            try:
                answer = connection.ask(method, path, headers, self._deadline.within(seconds), limit)
            except Broken as broken:
                if kept and broken.kind is STALE:
                    # the service may close a kept connection whenever it likes; that says nothing about the leaf
                    continue
                raise
            if connection.reusable and self._closed:
                connection.close()
            elif connection.reusable:
                self._idle.append(connection)
            return answer

    def _authorize(self) -> None:
        """Ask for a token; see the module's docstring for what the answers mean."""
        where = self.url + TOKEN_PATH
        first = self.version is None
        # a third of what is left: tokens that cannot be had must leave time for the question that shows it
        patience = self._deadline.within(self._deadline.remaining() / 3) if first else self._deadline
        backoff = Backoff(patience)
        while True:
            seconds = min(TOKEN_ANSWER_SECONDS, patience.remaining())
            headers = {TTL_HEADER: str(TOKEN_SECONDS), "Content-Length": "0"}
            try:
                answer = self._exchange("PUT", TOKEN_PATH, headers, TOKEN_LIMIT, seconds)
            except Broken as broken:
                if first and (broken.kind is TIMEOUT or (broken.kind in PASSING and not backoff.wait())):
                    self.version = UNKNOWN
                    return
                if not first or broken.kind not in PASSING:
                    self._again(broken, backoff, where)
                continue
            meaning = verdict(answer.status)
            if meaning is VALUE and self._accept(answer):
                return
            if answer.status in NO_TOKENS and first:
                self.version = V1
                return
            if answer.status == 400:
                remedy = "this is a defect of ovfinit: report it"
                raise SourceInvalid(explained(400), where=where, remedy=remedy)
            if meaning is REFUSED:
                raise SourceUnreachable(explained(answer.status), where=where, remedy=REMEDY_OFF)
            if meaning is AGAIN and backoff.wait(retry_after(answer.headers.get("retry-after"))):
                continue
            if first and meaning in (VALUE, AGAIN):
                self.version = UNKNOWN
                return
            words = "answered without a usable token" if meaning is VALUE else explained(answer.status)
            remedy = REMEDY_DOWN if meaning is AGAIN else REMEDY_OTHER
            raise SourceUnreachable(words, where=where, remedy=remedy)

    def _accept(self, answer: Answer) -> bool:
        """Keep the token, unless it is empty or could break out of a header."""
        text = answer.body.decode("latin-1").strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            return False
        granted = answer.headers.get(TTL_HEADER.lower(), "")
        seconds = int(granted) if granted.isascii() and granted.isdigit() and len(granted) <= 5 else TOKEN_SECONDS
        self._token = Secret(text)
        self._renew_at = monotonic() + min(seconds, TOKEN_SECONDS) / 2
        self.version = V2
        return True

    def _renew(self, stale: Secret | None) -> None:
        """Another token in place of `stale`, unless another thread has just done so."""
        with self._renewing:
            if self._token is not stale:
                return
            if self.version is UNKNOWN:
                self.version = None
            self._authorize()

    def _again(self, broken: Broken, backoff: Backoff, where: str) -> None:
        """Wait for the next try after a broken exchange, or raise what it means for the source."""
        if broken.kind is TOO_LARGE:
            raise SourceInvalid(broken.reason, where=where) from None
        if broken.kind in (DENIED, MALFORMED) or not backoff.wait():
            remedy = {DENIED: REMEDY_DENIED, MALFORMED: REMEDY_OTHER}.get(broken.kind, REMEDY_DOWN)
            raise SourceUnreachable(f"could not be read: {broken.reason}", where=where, remedy=remedy) from None

    def _remedy(self, status: int) -> str:
        if status == 401 and self.version is UNKNOWN:
            return REMEDY_HOPS
        return REMEDY_OFF if status == 403 else "the service asks for a token and accepts none"
