"""Talking to EC2 and S3, or to Eucalyptus, through boto3, which finds the credentials; they are never shown."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ...errors import OvfinitError, UsageError
from ...record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS, READ_SECONDS = 10, 60
_DENIED = (
    *("AccessDenied", "UnauthorizedOperation", "AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId"),
    *("SignatureDoesNotMatch", "ExpiredToken", "403"),
)
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired")


class UnreachableError(OvfinitError):
    """Nobody answered: it may be different in a moment."""


class Cloud(Record):
    """The two services, as boto3 clients; safe to use from several threads."""

    s3: Any
    ec2: Any


def connect(
    *, region: str | None, profile: str | None, endpoint: str | None, s3_endpoint: str | None, ec2_endpoint: str | None
) -> Cloud:
    """Clients for a cloud. `endpoint` is for both services, the others for one of them.

    Raises OvfinitError if boto3 is missing, or nobody says which region.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise OvfinitError(
            "clouds are reached through the Python package boto3, which is not here",
            remedy="apt install python3-boto3, or pip install 'ovfinit[image]'",
        ) from None
    for url in (endpoint, s3_endpoint, ec2_endpoint):
        if url is not None and not url.startswith(("http://", "https://")):
            raise UsageError(f"{_without_user(url)!r} is no URL", remedy="such as https://cloud.example.com:8773")
    own = endpoint is not None or s3_endpoint is not None
    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard"},
        max_pool_connections=16,
        # other clouds have no name of its own for every bucket
        s3={"addressing_style": "path"} if own else {},
    )
    with errors("the cloud"):
        session = boto3.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            session = boto3.Session(profile_name=profile, region_name="us-east-1")
        return Cloud(
            session.client("s3", endpoint_url=s3_endpoint or endpoint, config=settings),
            session.client("ec2", endpoint_url=ec2_endpoint or endpoint, config=settings),
        )


@contextlib.contextmanager
def errors(where: str) -> Iterator[None]:
    """Turn what the SDK raises into errors for people; a service's answer is quoted, a request never is."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
    from botocore.exceptions import ConnectionError as NoConnectionError

    try:
        yield
    except NoCredentialsError:
        remedy = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or an instance's role"
        raise OvfinitError("no credentials were found", where=where, remedy=remedy) from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        said = error.response.get("Error", {}).get("Message", "")
        hint = None
        if code in _DENIED:
            # an answer to HEAD has no body, so the number is all that is told
            hint = "are the credentials those of this cloud, may they do this, and is the bucket not somebody else's?"
        elif code in _SKEWED:
            hint = "the clock of this machine is wrong: set it, by NTP for instance"
        raise OvfinitError(f"refused: {code}: {said}".rstrip(": "), where=where, remedy=hint) from None
    except BotoCoreError as error:
        endpoint = getattr(error, "kwargs", {}).get("endpoint_url")
        if isinstance(error, (HTTPClientError, NoConnectionError)):
            place = _without_user(str(endpoint)) if endpoint else where
            raise UnreachableError(f"cannot be reached ({type(error).__name__})", where=place) from None
        raise OvfinitError(" ".join(str(error).split()), where=where) from None


def _without_user(url: str) -> str:
    """A URL that may be shown: what stands before an @ may be a password."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def code_of(error: Exception) -> str:
    """The service's code of an error that it answered with."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
