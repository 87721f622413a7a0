"""The manifest of an EC2/UEC bundle: what was bundled, for whom, in which parts; and the exact bytes that are signed.

Both tools that people have sign the raw text of `<machine_configuration>…` directly followed by that of `<image>…`
(ec2-ami-tools: lib/ec2/amitools/manifestv20071010.rb, euca2ools: euca2ools/bundle/manifest.py); manifests of version 3
have only `<image>`. They write the same elements in other orders, quotes and declarations; both are read here, and
what is written is accepted by both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ... import __version__
from ...errors import InputError
from ...formats.xmlwalk import Walk
from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2007-10-10"
LIMIT = 16 * 1024 * 1024
DEPTH = 16
PARTS = 100_000
TYPES = ("machine", "kernel", "ramdisk")
# euca2ools 1.0 to 1.3 hashed nothing at all, by mistake; both of today's tools refuse such bundles
OF_NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
_SIGNED = ("machine_configuration", "image")


class Part(Record):
    """One encrypted part: its file name, without a folder, and the SHA-1 of the file in hexadecimal."""

    filename: str
    digest: str


class Manifest(Record):
    """What a manifest says. Sizes are in bytes; keys and initialization vectors are hexadecimal RSA ciphertexts.

    `kind` is machine, kernel or ramdisk. `digest` is the SHA-1 of the tar stream before compression. `mappings` are
    virtual name → device. `signed` are the bytes that `signature` signs; empty in one that is yet to be written.
    """

    name: str
    user: str
    architecture: str
    digest: str
    size: int
    bundled_size: int
    parts: tuple[Part, ...]
    user_key: str
    user_iv: str
    ec2_key: str
    ec2_iv: str
    kind: str = "machine"
    mappings: Mapping[str, str] = {}
    product_codes: tuple[str, ...] = ()
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    kernel_name: str | None = None
    ancestors: tuple[str, ...] = ()
    signature: str = ""
    signed: bytes = b""
    bundler: str = ""


def compose(manifest: Manifest) -> tuple[bytes, bytes, bytes]:
    """The document before the signature's text, the bytes to sign, the document after it."""
    configuration = _element(
        "machine_configuration",
        _text("architecture", manifest.architecture),
        _mappings(manifest.mappings),
        _text("kernel_id", manifest.kernel_id),
        _text("ramdisk_id", manifest.ramdisk_id),
        _list("product_codes", "product_code", manifest.product_codes),
    )
    parts = "".join(
        f'<part index="{index}">{_text("filename", part.filename)}{_digest(part.digest)}</part>'
        for index, part in enumerate(manifest.parts)
    )
    image = _element(
        "image",
        _text("name", manifest.name),
        _text("user", manifest.user),
        _text("type", manifest.kind),
        _text("kernel_name", manifest.kernel_name),
        _list("ancestry", "ancestor_ami_id", manifest.ancestors),
        _digest(manifest.digest),
        _text("size", str(manifest.size)),
        _text("bundled_size", str(manifest.bundled_size)),
        f'<ec2_encrypted_key algorithm="AES-128-CBC">{manifest.ec2_key}</ec2_encrypted_key>',
        f'<user_encrypted_key algorithm="AES-128-CBC">{manifest.user_key}</user_encrypted_key>',
        f"<ec2_encrypted_iv>{manifest.ec2_iv}</ec2_encrypted_iv>",
        f"<user_encrypted_iv>{manifest.user_iv}</user_encrypted_iv>",
        f'<parts count="{len(manifest.parts)}">{parts}</parts>',
    )
    bundler = _text("name", "ovfinit") + _text("version", __version__) + _text("release", "0")
    head = f'<?xml version="1.0"?><manifest><version>{VERSION}</version><bundler>{bundler}</bundler>'
    signed = (configuration + image).encode()
    return head.encode() + signed + b"<signature>", signed, b"</signature></manifest>"


def _element(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def _text(name: str, text: str | None) -> str:
    return "" if text is None else _element(name, escape(text))


def _digest(text: str) -> str:
    return f'<digest algorithm="SHA1">{text}</digest>'


def _list(outer: str, inner: str, texts: tuple[str, ...]) -> str:
    return _element(outer, *(_text(inner, text) for text in texts)) if texts else ""


def _mappings(mappings: Mapping[str, str]) -> str:
    if not mappings:
        return ""
    rows = (_element("mapping", _text("virtual", name), _text("device", mappings[name])) for name in sorted(mappings))
    return _element("block_device_mapping", *rows)


def parse(data: bytes, where: str) -> Manifest:
    """The manifest in a document of either tool.

    Raises InputError with `where:line:column` for what is not one, lacks something, or is hostile.
    """
    if len(data) > LIMIT:
        raise InputError(f"is larger than {LIMIT} bytes", where=where)
    reader = _Reader(data, where)
    broken = reader.through(data)
    if broken is not None:
        raise InputError(f"is not well-formed XML: {broken[1]}", where=broken[2])
    return reader.result()


class _Reader(Walk):
    """Collects texts by their path while expat walks through the document, and where the signed elements lie."""

    def __init__(self, data: bytes, where: str) -> None:
        super().__init__(where)
        self._data = data
        self._path: list[str] = []
        self._texts: list[str] = []
        self._found: dict[str, list[str]] = {}
        self._spans: dict[str, bytes] = {}
        self._start = 0

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        del attributes
        if len(self._path) >= DEPTH:
            raise self._error(f"is nested deeper than {DEPTH} elements")
        self._path.append(qualified)
        self._texts = []
        if len(self._path) == 2 and qualified in _SIGNED:
            self._start = self._parser.CurrentByteIndex

    def end(self, qualified: str) -> None:
        """An element ends."""
        rows = self._found.setdefault("/".join(self._path[1:]), [])
        if len(rows) > PARTS:
            raise self._error(f"has more than {PARTS} of {qualified}")
        rows.append("".join(self._texts).strip())
        self._texts = []
        if len(self._path) == 2 and qualified in _SIGNED:
            end = self._data.find(b">", self._parser.CurrentByteIndex) + 1
            self._spans[qualified] = self._data[self._start : end]
        self._path.pop()

    def text(self, text: str) -> None:
        """Text of the element that began last."""
        self._texts.append(text)

    def _one(self, path: str, default: str | None = None) -> str:
        texts = self._found.get(path)
        if texts:
            return texts[0]
        if default is None:
            raise InputError(f"has no {path}", where=self._where, remedy="is it a bundle's manifest?")
        return default

    def _number(self, path: str) -> int:
        text = self._one(path)
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise InputError(f"{path} is not a size in bytes", where=self._where)
        return int(text)

    def _names(self, *paths: str) -> tuple[str, ...]:
        return tuple(text for path in paths for text in self._found.get(path, ()))

    def result(self) -> Manifest:
        """What was collected, checked."""
        if "image" not in self._spans:
            raise InputError("is not a bundle's manifest: it has no image", where=self._where)
        machine = "machine_configuration"
        virtual = self._names(f"{machine}/block_device_mapping/mapping/virtual")
        devices = self._names(f"{machine}/block_device_mapping/mapping/device")
        # ec2-ami-tools writes what --productcodes got as one, with commas
        codes = self._names(f"{machine}/product_codes/product_code")
        files = self._names("image/parts/part/filename")
        digests = self._names("image/parts/part/digest")
        if len(files) != len(digests) or not files:
            raise InputError("does not name its parts, each with a digest", where=self._where)
        for name in files:
            if "/" in name or "\0" in name or name in (".", ".."):
                raise InputError(f"names a part outside of its folder: {name!r}", where=self._where)
        return Manifest(
            name=self._one("image/name"),
            user=self._one("image/user", ""),
            architecture=self._one(f"{machine}/architecture", "x86_64"),
            kind=self._kind(),
            digest=self._one("image/digest").lower(),
            size=self._number("image/size"),
            bundled_size=self._number("image/bundled_size"),
            parts=tuple(Part(name, digest.lower()) for name, digest in zip(files, digests)),
            user_key=self._one("image/user_encrypted_key", ""),
            user_iv=self._one("image/user_encrypted_iv", ""),
            ec2_key=self._one("image/ec2_encrypted_key", ""),
            ec2_iv=self._one("image/ec2_encrypted_iv", ""),
            mappings=dict(zip(virtual, devices)),
            product_codes=tuple(code for text in codes for code in text.split(",") if code),
            kernel_id=self._one(f"{machine}/kernel_id", "") or None,
            ramdisk_id=self._one(f"{machine}/ramdisk_id", "") or None,
            kernel_name=self._one("image/kernel_name", "") or None,
            ancestors=self._names("image/ancestry/ancestor_ami_id"),
            signature=self._one("signature", ""),
            signed=self._spans.get(machine, b"") + self._spans["image"],
            bundler=f"{self._one('bundler/name', '?')} {self._one('bundler/version', '?')}",
        )

    def _kind(self) -> str:
        kind = self._one("image/type", "")
        if kind in TYPES:
            return kind
        # what Eucalyptus looks at when there is no type
        if self._one("machine_configuration/kernel_id", "") in ("true", "yes"):
            return "kernel"
        return "ramdisk" if self._one("machine_configuration/ramdisk_id", "") in ("true", "yes") else "machine"
