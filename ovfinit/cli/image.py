"""`image`: machine images in, machine images out. Options and surroundings that its verbs share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

from ..errors import InputError, OvfinitError, UsageError
from .meter import Meter

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup
    from collections.abc import Iterator

    from ..image.convert.loading import Loading
    from ..image.convert.target import Target
    from .output import Output

DESCRIPTION = {
    "image": "Convert machine images, make packages of them, put the agent into them, bring them to a cloud."
}
VERBS = {
    "create": ("image_create", "an OVF package of any disk, asking the agent's questions"),
    "unbundle": ("image_unbundle", "the image out of an EC2/UEC bundle"),
    "capture": ("image_capture", "a running instance, or a disk, as an OVF package"),
    "publish": ("image_publish", "a bundle registered with EC2 or Eucalyptus, an OVA imported"),
    "download": ("image_publish", "a bundle fetched from a cloud"),
    "bake": ("image_bake", "the agent put into a tree or disk image, offline"),
    "convert": ("image_convert", "from OVF, OVA, bundle, UEC tarball, libvirt domain or disk to any of these"),
}


_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def surroundings(output: Output, beside: str) -> Iterator[tuple[Meter, str]]:
    """A meter, and a scratch folder next to where the result will lie, which is gone afterwards whatever happens.

    A polite end (SIGTERM, a terminal that was closed) is an interrupt, so that it cleans up too; no second one keeps
    the first from that.
    """
    parent = os.path.dirname(os.path.abspath(beside))
    if not os.path.isdir(parent):
        raise OvfinitError("cannot be written: its folder is not there", where=beside, remedy=f"mkdir -p {parent}")

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        for each in _ENDS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in _ENDS:
        # nohup has SIGHUP ignored, and that is meant
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, interrupt)
    with attended(output, beside) as meter, tempfile.TemporaryDirectory(prefix=".ovfinit-", dir=parent) as scratch:
        yield meter, scratch


@contextlib.contextmanager
def attended(output: Output, beside: str) -> Iterator[Meter]:
    """A meter alone, for work whose result does not lie here; a file that fails is said by name, else `beside`."""
    meter = Meter(output)
    try:
        yield meter
    except OSError as error:
        where = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else beside
        raise OvfinitError(f"cannot be read or written: {error.strerror}", where=where) from error
    finally:
        meter.end()


def loading(options: Namespace, output: Output, meter: Meter, scratch: str) -> Loading:
    """What reading an image needs, from the options that the verb has."""
    from ..image.convert.loading import Loading

    return Loading(
        scratch=scratch,
        warn=lambda text: _warn(output, meter, text),
        advance=meter.advance,
        expect=meter.expect,
        # not every verb reads packages and bundles
        private_key=getattr(options, "privatekey", None),
        certificate=getattr(options, "cert", None),
        machine=getattr(options, "machine", None),
        option=getattr(options, "deployment_option", None),
        check=not getattr(options, "skip_digests", False),
    )


def _warn(output: Output, meter: Meter, text: str) -> None:
    meter.end()
    output.warn([text])


def source_arguments(parser: ArgumentParser) -> None:
    """Options about what is read."""
    group = parser.add_argument_group("what is read")
    group.add_argument("--from-format", metavar="KIND", help="what SRC is, if its content does not tell")
    group.add_argument("--machine", metavar="NAME", help="one of several machines of a package")
    group.add_argument("--deployment-option", metavar="ID", help="the hardware of this deployment option")
    group.add_argument("--skip-digests", action="store_true", help="take files although their digests are wrong")


def written_arguments(group: _ArgumentGroup) -> None:
    """Options about what every verb that writes packages writes."""
    group.add_argument("--force", action="store_true", help="replace what is at DST")
    group.add_argument(
        "--algorithm",
        choices=("sha256", "sha1", "sha512"),
        help="of a package's manifest (sha256; sha1 for vSphere before 6)",
    )
    group.add_argument("--sign", metavar="KEY", help="sign a package with this RSA key (PEM); its passphrase is asked")
    group.add_argument(
        "--sign-cert", metavar="FILE", help="the key's certificate in PEM, issuers' behind it (in KEY's file)"
    )


def written(options: Namespace, path: str, kind: str) -> Target:
    """What a verb with `written_arguments` is to make.

    Raises UsageError if only packages have what is wanted, InputError for what is no key or no certificate.
    """
    from ..image.convert.target import Target

    signer = None
    if options.sign_cert and not options.sign:
        raise UsageError("--sign-cert goes with a key", remedy="--sign KEY")
    if options.sign:
        from ..image.package import signing

        if kind not in ("ovf", "ova"):
            raise UsageError("only an OVF package is signed", remedy="leave --sign out")
        signer = signing.signer(options.sign, options.sign_cert, lambda: _passphrase(options.sign))
    return Target(
        path,
        kind,
        replace=options.force,
        disk_kind=options.disk_format,
        algorithm=options.algorithm or "sha256",
        signer=signer,
    )


def _passphrase(path: str) -> str:
    """The passphrase of a key, asked where nobody sees it."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise InputError(
            "is protected by a passphrase, and there is no terminal to ask for it",
            where=path,
            remedy="openssl rsa -in KEY -out OTHER makes one without, for the time of the work",
        )
    try:
        return getpass(f"Passphrase of {path}: ", sys.stderr)
    except EOFError:
        raise InputError("is protected by a passphrase, and none was given", where=path) from None


def key_arguments(parser: ArgumentParser, *, opening: bool = False) -> None:
    """Options about the keys of bundles; the environment's names are those of the tools that people have.

    With `opening` only those that reading one needs.
    """
    group = parser.add_argument_group("keys of bundles (PEM or DER)")
    known = os.environ.get
    group.add_argument("--privatekey", metavar="FILE", default=known("EC2_PRIVATE_KEY"), help="the owner's private key")
    group.add_argument("--cert", metavar="FILE", default=known("EC2_CERT"), help="the owner's certificate")
    if opening:
        return
    group.add_argument(
        "--ec2cert", metavar="FILE", default=known("EUCALYPTUS_CERT"), help="the cloud's certificate, for a new bundle"
    )
    group.add_argument(
        "--user", metavar="ID", default=known("EC2_USER_ID"), help="the owner's account number, for a new bundle"
    )
