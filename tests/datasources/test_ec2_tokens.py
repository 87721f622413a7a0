"""The EC2 source and tokens of version 2: had, lost, refused, run out; when version 1 is spoken."""

from __future__ import annotations

import pytest
from amazon import fail, read
from metadata_server import TOKEN

from ovfinit.errors import SourceInvalid, SourceUnreachable


@pytest.mark.parametrize("status", [404, 405, 501])
def test_version_one_where_version_two_is_absent(status: int) -> None:
    """A service that does not know the token call is asked without one."""
    metadata, server = read("aws-one-nic", f"token={status}")
    assert metadata.instance_id
    assert len(server.paths("PUT")) == 1


@pytest.mark.parametrize("fault", ["token=403", "token=401", "*=403"])
def test_refusal_is_no_reason_for_version_one(fault: str) -> None:
    """A service that is switched off is not asked again, in no version, and the error says what to do."""
    error, server = fail(SourceUnreachable, fault)
    assert "enable" in (error.remedy or "")
    assert len(server.requests) == 1


def test_bad_request_is_our_defect() -> None:
    """400 on the token call is reported as what it is."""
    error, server = fail(SourceInvalid, "token=400")
    assert "defect" in (error.remedy or "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", ["token=hang", "token=503", "token=reset", "token=empty", "token=inject"])
def test_token_that_cannot_be_had_is_tried_without_once(fault: str) -> None:
    """Where the token call gives nothing usable, plain questions may still be answered."""
    metadata, server = read("aws-one-nic", fault, seconds=2)
    assert metadata.instance_id
    assert all("x-aws-ec2-metadata-token" not in request.headers for request in server.requests)


def test_lost_token_on_a_version_two_service_points_to_the_hop_limit() -> None:
    """A PUT without an answer and a GET that wants a token are the signs of a hop limit."""
    error, server = fail(SourceUnreachable, "token=hang", tokens="required")
    assert "hop limit" in (error.remedy or "")
    assert len(server.paths("PUT")) == 2


def test_token_is_renewed_once_on_401() -> None:
    """A refused token costs one more PUT and one more GET each time; other leaves are not lost."""
    # the first hits the listing, which is asked alone, the second one of many, whose token stays good for the others
    refused = ["meta-data=401x1", "meta-data/ami-id=401x1"]
    metadata, server = read("aws-one-nic", *refused, tokens="required")
    plain, undisturbed = read("aws-one-nic", tokens="required")
    assert metadata.fingerprint == plain.fingerprint
    assert len(server.paths("PUT")) == 3
    assert len(server.paths()) == len(undisturbed.paths()) + 2
    error, server = fail(SourceUnreachable, "meta-data/ami-id=401")
    assert server.paths().count("/latest/meta-data/ami-id") == 2
    assert "401" in error.message


def test_token_that_has_run_out_is_replaced_once() -> None:
    """However many questions meet the end of a token side by side, there is one more PUT, and no leaf is lost."""
    metadata, server = read("aws-one-nic", tokens="required", token_uses=12)
    assert metadata.fingerprint == read("aws-one-nic")[0].fingerprint
    assert len(server.paths("PUT")) == 2
    assert len({request.headers[TOKEN] for request in server.requests if request.status == 401}) == 1


def test_token_is_renewed_at_half_life() -> None:
    """A token that lives two seconds is replaced before anybody refuses it."""
    metadata, server = read(
        "aws-one-nic", "meta-data/mac=slow:1.05", tokens="required", token_seconds=2, token_grace=60
    )
    assert metadata.instance_id
    assert len(server.paths("PUT")) >= 2
    assert 401 not in [request.status for request in server.requests]


def test_tokens_reach_no_error() -> None:
    """Whatever goes wrong, the token stays out of the text, the cause and the representation."""
    error, server = fail(SourceUnreachable, "meta-data/ami-id=503", "user-data=slow:0.05", tokens="required")
    assert server.issued
    for token in server.issued:
        assert token not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
