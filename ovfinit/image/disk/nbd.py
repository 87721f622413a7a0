"""Any disk format as Blocks: qemu-nbd knows the format, we speak its protocol over a socket of our own.

After the NBD project's doc/proto.md: fixed newstyle negotiation, structured replies, in which holes cost nothing.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import tempfile

from ...errors import InputError
from .. import tool
from .blocks import Blocks

_MAGIC = b"NBDMAGICIHAVEOPT"
_OPTION = b"IHAVEOPT"
_OPTION_REPLY = 0x3E889045565A9
_REQUEST, _SIMPLE, _STRUCTURED = 0x25609513, 0x67446698, 0x668E33EF
_STRUCTURED_REPLY, _GO = 8, 7
_ACK, _INFO, _EXPORT = 1, 3, 0
_READ, _DISCONNECT = 0, 2
_NONE, _DATA, _HOLE, _ERROR = 0, 1, 2, 1 << 15
_DONE = 1
_ACTIVATED = ("/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 <&-', "sh")
START_SECONDS = 30
LONGEST_REPLY = 64 * 1024 * 1024


class Exported(Blocks):
    """A disk image in a format that QEMU knows; `node` is QEMU's description of it, as `json:` file name.

    The server is a child of ours on a socket in a folder of ours; it ends with `close`.
    """

    def __init__(self, name: str, node: str) -> None:
        program = tool.find("qemu-nbd")
        self._folder = tempfile.mkdtemp(prefix="ovfinit-")
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        try:
            place = os.path.join(self._folder, "nbd")
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(place)
                listening.listen(1)
                # qemu-nbd takes a listening socket as systemd would hand it over, so that there is nothing to wait for
                self._child = subprocess.Popen(
                    [*_ACTIVATED, program, "--read-only", node],
                    stdin=listening.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(START_SECONDS)
            self._socket.connect(place)
            self._stream = self._socket.makefile("rb", buffering=256 * 1024)
            super().__init__(name, self._negotiate(name))
            self._socket.settimeout(None)
        except (OSError, EOFError, struct.error) as error:
            raise self._trouble(name, error) from error
        except BaseException:
            self.close()
            raise

    def _trouble(self, name: str, error: Exception) -> InputError:
        said = b""
        if self._child is not None and self._child.stderr is not None:
            self._child.kill()
            said = self._child.stderr.read(65536)
        self.close()
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return InputError(f"cannot be opened: {lines[-1] if lines else error}", where=name)

    def _get(self, length: int) -> bytes:
        data: bytes = self._stream.read(length)
        if len(data) != length:
            raise EOFError("qemu-nbd has gone")
        return data

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.sendall(data)

    def _negotiate(self, name: str) -> int:
        """The size of the export."""
        if self._get(16) != _MAGIC:
            raise InputError("qemu-nbd speaks another protocol", where=name)
        self._get(2)
        self._send(struct.pack(">I", 3))  # fixed newstyle, no zeros
        self._option(_STRUCTURED_REPLY, b"")
        size = None
        for kind, data in self._option(_GO, struct.pack(">IH", 0, 0)):
            if kind == _INFO and struct.unpack_from(">H", data)[0] == _EXPORT:
                size = int(struct.unpack_from(">Q", data, 2)[0])
        if size is None:
            raise InputError("qemu-nbd does not say how large it is", where=name)
        return size

    def _option(self, option: int, data: bytes) -> list[tuple[int, bytes]]:
        self._send(_OPTION + struct.pack(">II", option, len(data)) + data)
        replies: list[tuple[int, bytes]] = []
        while True:
            _, _, kind, length = struct.unpack(">QIII", self._get(20))
            content = self._get(min(length, LONGEST_REPLY))
            if kind & 1 << 31:
                raise OSError(f"qemu-nbd refuses option {option}")
            if kind == _ACK:
                return replies
            replies.append((kind, content))

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        return self.piece(offset, length) or bytes(length)

    def piece(self, offset: int, length: int) -> bytes | None:
        """These bytes, None if the image says that all of them are a hole."""
        if offset < 0 or offset + length > self.size:
            raise InputError(f"byte {offset + length} lies outside of the disk", where=self.name)
        try:
            self._send(struct.pack(">IHHQQI", _REQUEST, 0, _READ, 1, offset, length))
            return self._reply(offset, length)
        except (OSError, EOFError) as error:
            raise InputError(f"cannot be read at byte {offset}: {error}", where=self.name) from error

    def _reply(self, offset: int, length: int) -> bytes | None:
        found: bytearray | None = None
        while True:
            magic = struct.unpack(">I", self._get(4))[0]
            if magic == _SIMPLE:
                code = struct.unpack(">IQ", self._get(12))[0]
                if code:
                    raise OSError(os.strerror(code))
                return self._get(length)
            flags, kind, _, size = struct.unpack(">HHQI", self._get(16))
            if size > LONGEST_REPLY:
                raise OSError("qemu-nbd sends more than was asked for")
            if kind == _DATA:
                at = struct.unpack(">Q", self._get(8))[0] - offset
                if at == 0 and size - 8 == length and flags & _DONE:
                    return self._get(length)
                found = bytearray(length) if found is None else found
                found[at : at + size - 8] = self._get(size - 8)
            else:
                content = self._get(size)
                if kind & _ERROR:
                    raise OSError(os.strerror(struct.unpack_from(">I", content)[0]))
            if flags & _DONE:
                return bytes(found) if found is not None else None

    def close(self) -> None:
        """End the server and remove its socket."""
        if self._socket is not None:
            try:
                self._send(struct.pack(">IHHQQI", _REQUEST, 0, _DISCONNECT, 2, 0, 0))
            except OSError:
                pass  # it has gone already
            self._socket.close()
            self._socket = None
        if self._child is not None:
            if self._child.stderr is not None:
                self._child.stderr.close()
            self._child.kill()
            self._child.wait()
            self._child = None
        for path, remove in ((os.path.join(self._folder, "nbd"), os.unlink), (self._folder, os.rmdir)):
            if os.path.lexists(path):
                remove(path)
