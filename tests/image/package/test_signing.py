"""What `--sign` writes: `.cert` files that openssl and our own check accept, and no word about the key."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from image.images import MIB, leftovers, make_disk
from scratch import Result, run
from terminal import Person

PASSPHRASE = "open says me"


def openssl(*words: str | Path, check: bool = True) -> str:
    """Run openssl; what it says."""
    return subprocess.run(["openssl", *words], capture_output=True, check=check, text=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a maker's key and certificate, the key under a passphrase, and a stranger's key."""
    folder = tmp_path_factory.mktemp("keys")
    key, locked = folder / "maker.key", folder / "locked.key"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", folder / "maker.pem",
            "-days", "30", "-subj", "/CN=maker")  # fmt: skip
    openssl("rsa", "-aes256", "-in", key, "-out", locked, "-passout", f"pass:{PASSPHRASE}")
    openssl("genrsa", "-out", folder / "stranger.key", "2048")
    openssl("genpkey", "-algorithm", "ED25519", "-out", folder / "modern.key")
    (folder / "both.pem").write_bytes(key.read_bytes() + (folder / "maker.pem").read_bytes())
    return folder


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small disk."""
    return make_disk(tmp_path_factory.mktemp("disk") / "web.raw", 2 * MIB)


def signed(disk: Path, output: Path | str, keys: Path, *more: str | Path) -> Result:
    """Make a package of the disk, signed by the maker."""
    words = ("--sign", keys / "maker.key", "--sign-cert", keys / "maker.pem", *more)
    done = run("image", "create", disk, "-o", output, *words)
    assert done.code == 0, done
    return done


def judged(folder: Path, algorithm: str = "sha256") -> str:
    """What openssl says of the signature in a folder with NAME.mf and NAME.cert."""
    cert = next(folder.glob("*.cert"))
    first = cert.read_text().splitlines()[0]
    assert first.startswith(f"{algorithm.upper()}({cert.stem}.mf)= ")
    (folder / "signature").write_bytes(bytes.fromhex(first.rpartition(" ")[2]))
    (folder / "public").write_text(openssl("x509", "-in", cert, "-pubkey", "-noout"))
    names = ("-verify", folder / "public", "-signature", folder / "signature", cert.with_suffix(".mf"))
    said = openssl("dgst", f"-{algorithm}", *names, check=False)
    for name in ("signature", "public"):
        (folder / name).unlink()
    return said.strip()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
def test_openssl_accepts_the_signature_of_a_folder(disk: Path, keys: Path, tmp_path: Path, algorithm: str) -> None:
    """The signature is that of the manifest's bytes, by the manifest's algorithm; our check says so too."""
    signed(disk, f"{tmp_path}/web/", keys, "--algorithm", algorithm)

    assert judged(tmp_path / "web", algorithm) == "Verified OK"
    assert "signature-good" in [each["code"] for each in findings(tmp_path / "web")]


def findings(package: Path) -> list[dict[str, str]]:
    """What `ovf check` finds."""
    found: list[dict[str, str]] = run("ovf", "check", package, "--json").json["files"][0]["findings"]
    return found


def test_an_archive_has_the_certificate_third(disk: Path, keys: Path, tmp_path: Path) -> None:
    """Descriptor, manifest, certificate, disks: the order of the standard; the signature is of the padded manifest."""
    run("image", "create", disk, "-o", tmp_path / "web.ova", "--sign", keys / "both.pem")

    with tarfile.open(tmp_path / "web.ova") as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "out", filter="data")
    assert names == ["web.ovf", "web.mf", "web.cert", "web-disk1.vmdk"]
    assert judged(tmp_path / "out") == "Verified OK"
    assert run("ovf", "check", tmp_path / "web.ova", "--strict").code == 0


def test_what_was_changed_after_signing_is_found(disk: Path, keys: Path, tmp_path: Path) -> None:
    """A manifest with other digests, and a certificate of somebody else, no longer fit the signature."""
    signed(disk, f"{tmp_path}/web/", keys)
    manifest, cert = tmp_path / "web/web.mf", tmp_path / "web/web.cert"
    whole = manifest.read_text()

    manifest.write_text(whole.replace("= ", "= 0", 1).replace("0\n", "\n", 1) + "\n")
    assert "signature-wrong" in [each["code"] for each in findings(tmp_path / "web")]

    manifest.write_text(whole)
    openssl("req", "-x509", "-key", keys / "stranger.key", "-out", tmp_path / "stranger.pem", "-subj", "/CN=maker")
    cert.write_text(cert.read_text().splitlines()[0] + "\n" + (tmp_path / "stranger.pem").read_text())
    assert "signature-wrong" in [each["code"] for each in findings(tmp_path / "web")]
    assert judged(tmp_path / "web") != "Verified OK"


def test_a_package_is_signed_on_its_way(disk: Path, keys: Path, tmp_path: Path) -> None:
    """`image convert` signs the manifest that it takes along, or that it writes anew; without `--sign` nothing is."""
    run("image", "create", disk, "-o", tmp_path / "plain.ova")
    sign = ("--sign", keys / "both.pem")

    for name, more in (("kept", ()), ("anew", ("--network", "VM Network=LAN")), ("other", ("--algorithm", "sha512"))):
        done = run("image", "convert", tmp_path / "plain.ova", f"{tmp_path}/{name}/", "--to", "ovf", *sign, *more)
        assert done.code == 0, done
        assert judged(tmp_path / name, "sha512" if name == "other" else "sha256") == "Verified OK"
    again = run("image", "convert", tmp_path / "kept", tmp_path / "again.ova")
    assert again.code == 0
    assert "signature-good" in [each["code"] for each in findings(tmp_path / "again.ova")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--sign", "stranger.key", "--sign-cert", "maker.pem"), 2, "is not the certificate of"),
        (("--sign", "maker.key"), 1, "holds no certificate"),
        (("--sign", "maker.pem"), 1, "is not a private key"),
        (("--sign", "modern.key"), 1, "is not an RSA key"),
        (("--sign", "nothing.key"), 1, "No such file"),
        (("--sign", "locked.key", "--sign-cert", "maker.pem"), 1, "no terminal"),
        (("--sign-cert", "maker.pem"), 2, "goes with a key"),
    ],
)
def test_what_cannot_sign_is_told_before_work_begins(
    disk: Path, keys: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """A wrong key, certificate or passphrase is an error; nothing is written."""
    paths = [str(keys / word) if "." in word else word for word in words]
    done = run("image", "create", disk, "-o", tmp_path / "web.ova", *paths)

    assert done.code == code
    assert said in done.err
    assert list(tmp_path.iterdir()) == []


def test_only_packages_are_signed(disk: Path, keys: Path, tmp_path: Path) -> None:
    """A disk has no certificate."""
    done = run("image", "convert", disk, tmp_path / "web.qcow2", "--sign", keys / "both.pem")

    assert done.code == 2
    assert "only an OVF package" in done.err


@pytest.mark.parametrize("passphrase", [PASSPHRASE, "another"])
def test_the_passphrase_is_asked_unseen(disk: Path, keys: Path, tmp_path: Path, passphrase: str) -> None:
    """A key under a passphrase is opened by what is typed, which is not shown; a wrong one leaves nothing behind."""
    words = ("--sign", keys / "locked.key", "--sign-cert", keys / "maker.pem")
    terminal = Person("image", "create", disk, "-o", tmp_path / "web.ova", *words)
    terminal.expect("Passphrase of", passphrase)

    assert terminal.end() == (0 if passphrase == PASSPHRASE else 1)
    assert passphrase not in terminal.said
    assert (tmp_path / "web.ova").exists() == (passphrase == PASSPHRASE)
    assert leftovers(tmp_path) == []
