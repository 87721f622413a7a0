"""`image publish`, `download`, `unbundle`: judged by a loopback S3 and EC2 (moto), and a scripted EC2 for imports."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from image.images import DATA, KEYS, MIB, OWN, identical, make_disk
from scratch import Result, environment, run

SECRET = "dont-show-me-this-secret"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(**more: str) -> Iterator[str]:
    """A loopback S3 and EC2: its URL."""
    pytest.importorskip("moto")
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-p", str(port)]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **more})
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.1)
    yield url
    child.terminate()
    child.wait()


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """A cloud that takes everybody."""
    with serving() as url:
        yield url


@pytest.fixture
def guarded() -> Iterator[str]:
    """A cloud that knows nobody, and asks."""
    with serving(INITIAL_NO_AUTH_ACTION_COUNT="0") as url:
        yield url


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of several parts, with its disk beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    disk = make_disk(folder / "web.raw", 48 * MIB)
    with disk.open("r+b") as file:
        file.seek(30 * MIB)
        file.write(os.urandom(11 * MIB))
    done = run("image", "convert", disk, f"{folder}/web/", "--full-disk", "--arch", "x86_64", *OWN)
    assert done.code == 0, done
    return folder / "web"


def published(cloud: str, *words: object, **more: str) -> Result:
    """Run `image publish` against the loopback cloud; whatever it says, it must not say the secret."""
    done = run("image", "publish", *map(str, words), "--endpoint-url", cloud, env={**CREDENTIALS, **more})
    assert SECRET not in done.out + done.err
    return done


def test_a_bundle_is_uploaded_registered_and_comes_back(cloud: str, bundle: Path, tmp_path: Path) -> None:
    """Everything lies below the prefix, the image has an id, and what is downloaded unbundles to the same disk."""
    done = published(cloud, bundle, "--bucket", "images/web/1", "--create-bucket", "--json")
    assert done.code == 0, done
    image = done.json["images"][0]
    assert image["location"] == "images/web/1/web.manifest.xml"
    assert image["image"].startswith("ami-")

    fetched = run(
        *("image", "download", image["location"], tmp_path / "back", "--endpoint-url", cloud), env=CREDENTIALS
    )
    assert fetched.code == 0, fetched
    words = ("--privatekey", KEYS / "user.key.der", "--cert", KEYS / "user.pem")
    opened = run("image", "unbundle", tmp_path / "back", "-o", tmp_path / "web.img", *words)

    assert opened.code == 0, opened
    assert identical(tmp_path / "web.img", bundle.parent / "web.raw")


def test_what_is_there_is_not_sent_again(cloud: str, bundle: Path) -> None:
    """A second run, as after an interrupt, leaves the parts in S3 as they are: their dates do not change."""
    boto3 = pytest.importorskip("boto3")
    s3 = boto3.client(
        "s3", endpoint_url=cloud, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert published(cloud, bundle, "--bucket", "again", "--create-bucket", "--no-register").code == 0
    s3.delete_object(Bucket="again", Key="web.part.01")
    before = {one["Key"]: one["LastModified"] for one in s3.list_objects(Bucket="again")["Contents"]}
    time.sleep(1.1)

    assert published(cloud, bundle, "--bucket", "again", "--no-register", "--acl", "public-read").code == 0

    after = {one["Key"]: one["LastModified"] for one in s3.list_objects(Bucket="again")["Contents"]}
    assert set(after) == {*before, "web.part.01"}
    assert {key: after[key] for key in before} == before
    grants = s3.get_object_acl(Bucket="again", Key="web.part.00")["Grants"]
    s3.close()
    assert any("AllUsers" in str(grant) for grant in grants)


def test_a_damaged_bundle_is_not_published(cloud: str, bundle: Path, tmp_path: Path) -> None:
    """A part with another digest ends the upload before the manifest, so that no cloud ever sees half an image."""
    boto3 = pytest.importorskip("boto3")
    shutil.copytree(bundle, tmp_path / "bad")
    part = tmp_path / "bad/web.part.01"
    part.write_bytes(part.read_bytes()[:-1] + b"!")

    done = published(cloud, tmp_path / "bad", "--bucket", "damaged", "--create-bucket")

    assert done.code == 1, done
    assert "web.part.01" in done.err
    s3 = boto3.client(
        "s3", endpoint_url=cloud, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    names = [one["Key"] for one in s3.list_objects(Bucket="damaged").get("Contents", [])]
    s3.close()
    assert "web.manifest.xml" not in names


def test_kernel_first_and_its_id_for_the_machine(cloud: str, tmp_path: Path) -> None:
    """Of a folder with a kernel's bundle and a machine's, the kernel is registered first."""
    for name in ("euca2ools-3.4-kernel", "euca2ools-3.4-machine"):
        shutil.copytree(DATA / name, tmp_path / "both", dirs_exist_ok=True)

    done = published(cloud, tmp_path / "both", "--bucket", "both-of-them", "--create-bucket", "--json")

    assert done.code == 0, done
    assert [one["type"] for one in done.json["images"]] == ["kernel", "machine"]


class Importer(BaseHTTPRequestHandler):
    """An EC2 that knows imports only."""

    asked: list[dict[str, list[str]]] = []

    def do_POST(self) -> None:
        """Answer as EC2's query API does."""
        query = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.asked.append(query)
        if query["Action"] == ["ImportImage"]:
            body = "<ImportImageResponse><importTaskId>import-ami-1</importTaskId></ImportImageResponse>"
        else:
            body = (
                "<DescribeImportImageTasksResponse><importImageTaskSet><item><importTaskId>import-ami-1</importTaskId>"
                "<status>completed</status><imageId>ami-77</imageId></item></importImageTaskSet>"
                "</DescribeImportImageTasksResponse>"
            )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Silence."""


def test_an_ova_is_uploaded_in_parts_and_imported(cloud: str, tmp_path: Path) -> None:
    """The object is the OVA to the byte, a begun upload is gone on with, and EC2 is asked to import it as OVA."""
    boto3 = pytest.importorskip("boto3")
    ova = tmp_path / "web.ova"
    ova.write_bytes(os.urandom(20 * MIB))
    s3 = boto3.client(
        "s3", endpoint_url=cloud, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    s3.create_bucket(Bucket="imports")
    begun = s3.create_multipart_upload(Bucket="imports", Key="web.ova")["UploadId"]
    s3.upload_part(Bucket="imports", Key="web.ova", UploadId=begun, PartNumber=1, Body=ova.read_bytes()[: 16 * MIB])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Importer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        ec2 = f"http://127.0.0.1:{server.server_port}"
        done = published(cloud, ova, "--bucket", "imports", "--ec2-endpoint-url", ec2, "--wait", "--json")
    finally:
        server.shutdown()
        server.server_close()

    assert done.code == 0, done
    assert (done.json["task"], done.json["image"]) == ("import-ami-1", "ami-77")
    assert Importer.asked[0]["DiskContainer.1.Format"] == ["ova"]
    assert Importer.asked[0]["DiskContainer.1.UserBucket.S3Key"] == ["web.ova"]
    assert s3.get_object(Bucket="imports", Key="web.ova")["Body"].read() == ova.read_bytes()
    left = s3.list_multipart_uploads(Bucket="imports").get("Uploads")
    s3.close()
    assert not left


def test_what_the_cloud_refuses_is_said(cloud: str, bundle: Path, tmp_path: Path) -> None:
    """No bucket, nobody there, no credentials, nothing to fetch: an error in words, no trace, no secret."""
    no_bucket = published(cloud, bundle, "--bucket", "not-there")
    nobody = published(f"http://127.0.0.1:{free_port()}", bundle, "--bucket", "images")
    empty = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    anonymous = published(cloud, bundle, "--bucket", "images", **empty)
    absent = run(
        *("image", "download", "images/none.manifest.xml", tmp_path / "x", "--endpoint-url", cloud), env=CREDENTIALS
    )

    assert [one.code for one in (no_bucket, nobody, anonymous, absent)] == [1, 1, 1, 1]
    assert "--create-bucket" in no_bucket.err
    assert "cannot be reached" in nobody.err
    assert "no credentials" in anonymous.err
    assert not (tmp_path / "x").exists()
    assert all("fault of ovfinit" not in one.err for one in (no_bucket, nobody, anonymous, absent))


@contextlib.contextmanager
def store(cloud: str) -> Iterator[Any]:
    """The loopback S3, asked directly."""
    boto3 = pytest.importorskip("boto3")
    known = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    s3 = boto3.client("s3", endpoint_url=cloud, **known)
    try:
        yield s3
    finally:
        s3.close()


def test_killed_half_way_it_goes_on(cloud: str, tmp_path: Path) -> None:
    """Killed after the first parts of an OVA, the next run ends the same upload; the one after that sends nothing."""
    ova = tmp_path / "big.ova"
    ova.write_bytes(os.urandom(80 * MIB))
    where = (
        "--bucket",
        "killed/here",
        "--endpoint-url",
        cloud,
        "--ec2-endpoint-url",
        f"http://127.0.0.1:{free_port()}",
    )
    with store(cloud) as s3:
        s3.create_bucket(Bucket="killed")
        words = [sys.executable, "-m", "ovfinit", "image", "publish", ova, *where, "--jobs", "1"]
        child = subprocess.Popen(words, env=environment(**CREDENTIALS), stderr=subprocess.DEVNULL)
        while child.poll() is None:
            begun = s3.list_multipart_uploads(Bucket="killed").get("Uploads")
            if begun and s3.list_parts(Bucket="killed", Key="here/big.ova", UploadId=begun[0]["UploadId"]).get("Parts"):
                break
            time.sleep(0.01)
        child.kill()
        child.wait()
        (upload,) = s3.list_multipart_uploads(Bucket="killed")["Uploads"]
        before = s3.list_parts(Bucket="killed", Key="here/big.ova", UploadId=upload["UploadId"])["Parts"]
        assert 0 < len(before) < 5

        # the import finds nobody, but the upload is done before
        assert "cannot be reached" in run("image", "publish", ova, *where, env=CREDENTIALS).err
        done = s3.head_object(Bucket="killed", Key="here/big.ova")
        assert not s3.list_multipart_uploads(Bucket="killed").get("Uploads")
        assert done["ETag"].endswith('-5"')
        time.sleep(1.1)
        run("image", "publish", ova, *where, env=CREDENTIALS)
        assert s3.head_object(Bucket="killed", Key="here/big.ova")["LastModified"] == done["LastModified"]
        assert s3.get_object(Bucket="killed", Key="here/big.ova")["Body"].read() == ova.read_bytes()


def test_a_download_goes_on_where_it_ended(cloud: str, bundle: Path, tmp_path: Path) -> None:
    """After a part that could not be had only what is missing or cut off is fetched; whole parts stay."""
    assert published(cloud, bundle, "--bucket", "resumed/web", "--create-bucket", "--no-register").code == 0
    words = ("image", "download", "resumed/web/web.manifest.xml", tmp_path / "back", "--endpoint-url", cloud)
    with store(cloud) as s3:
        parts = sorted(path.name for path in bundle.glob("web.part.*"))
        body = s3.get_object(Bucket="resumed", Key=f"web/{parts[-1]}")["Body"].read()
        s3.delete_object(Bucket="resumed", Key=f"web/{parts[-1]}")
        failed = run(*words, "--jobs", "1", env=CREDENTIALS)
        assert failed.code == 1, failed
        assert not (tmp_path / "back").exists()
        (begun,) = tmp_path.glob(".ovfinit*")
        (begun / parts[-1]).write_bytes(body[:1000])
        before = {name: (begun / name).stat().st_ino for name in parts}
        # what is here already cannot be had any more, and need not be
        s3.delete_object(Bucket="resumed", Key=f"web/{parts[0]}")
        s3.put_object(Bucket="resumed", Key=f"web/{parts[-1]}", Body=body)

    done = run(*words, env=CREDENTIALS)

    assert done.code == 0, done
    assert not list(tmp_path.glob(".ovfinit*"))
    assert (tmp_path / "back" / parts[0]).stat().st_ino == before[parts[0]]
    assert all((tmp_path / "back" / name).read_bytes() == (bundle / name).read_bytes() for name in parts)


def test_wrong_credentials(bundle: Path, tmp_path: Path, guarded: str) -> None:
    """A cloud that asks who one is refuses keys that it does not know, both ways, and nothing of the key is printed."""
    sent = published(guarded, bundle, "--bucket", "images", "--create-bucket", "--verbose")
    got = run(
        *("image", "download", "images/web.manifest.xml", tmp_path / "x", "--endpoint-url", guarded, "--verbose"),
        env=CREDENTIALS,
    )

    for done in (sent, got):
        assert done.code == 1, done
        assert "are the credentials those of this cloud" in done.err
        assert not [text for text in (SECRET, "AKIDEXAMPLE", "Traceback") if text in done.out + done.err]
    assert not list(tmp_path.iterdir())


class Refuser(BaseHTTPRequestHandler):
    """An S3 that refuses everything; the first part of the path says how."""

    def do_HEAD(self) -> None:
        """A bucket of somebody else's; one that is there."""
        self.send_response(403 if self.path.startswith("/foreign") else 404 if self.path.count("/") > 1 else 200)
        self.end_headers()

    def do_PUT(self) -> None:
        """A clock that is wrong."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too large a difference</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


def test_somebody_elses_bucket_and_a_wrong_clock(bundle: Path) -> None:
    """What a refusal most likely means is said with it, and never what was sent."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuser)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        foreign = published(url, bundle, "--bucket", "foreign", "--verbose")
        skewed = published(url, bundle, "--bucket", "skewed", "--verbose")
    finally:
        server.shutdown()
        server.server_close()

    assert (foreign.code, skewed.code) == (1, 1)
    assert "somebody else's" in foreign.err
    assert "clock" in skewed.err
    assert "AKIDEXAMPLE" not in foreign.err + skewed.err


def test_what_is_no_url(bundle: Path, tmp_path: Path) -> None:
    """An endpoint that is no URL is a usage error; the password in one that nobody answers at is not shown."""
    assert published("cloud.example.com", bundle, "--bucket", "images").code == 2
    nobody = published(f"http://me:hidden-one@127.0.0.1:{free_port()}", bundle, "--bucket", "images")
    assert nobody.code == 1
    assert "hidden-one" not in nobody.err
