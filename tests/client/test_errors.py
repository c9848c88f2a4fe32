"""The text of an error."""

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from ringback.client import Violation, insecure_channel, reason_of, violations_of
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from ringback.v1 import error_reason_pb2 as reasons
from tests.world.api import Api, by_external_id


async def test_the_reason_of_a_refusal(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.GetCallback(pb.GetCallbackRequest(key=by_external_id("crm", "42")))
    assert reason_of(caught.value) == reasons.ERROR_REASON_CALLBACK_NOT_FOUND
    assert violations_of(caught.value) == ()


async def test_the_violations_of_a_bad_request(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.create(target="foo", max_retries=-1)
    assert reason_of(caught.value) == reasons.ERROR_REASON_INVALID_FIELD
    assert [violation.field for violation in violations_of(caught.value)] == [
        "callback_request.target",
        "callback_request.max_retries",
    ]
    assert violations_of(caught.value)[1] == Violation("callback_request.max_retries", "-1 is not between 0 and 100")


async def test_the_error_of_a_batch_item_is_read_as_that_of_a_call(api: Api) -> None:
    requests = [
        pb.CreateCallbackRequest(callback_request=api.request("sip:1@b.example")),
        pb.CreateCallbackRequest(callback_request=api.request("foo", max_retries=-1)),
        pb.CreateCallbackRequest(callback_request=api.request(service_sip="sip:nobody@cc.example")),
    ]
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))
    assert [reason_of(result.error) for result in response.results] == [
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_INVALID_FIELD,
        reasons.ERROR_REASON_SERVICE_NOT_FOUND,
    ]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.CreateCallback(requests[1])
    assert violations_of(response.results[1].error) == violations_of(caught.value) != ()
    assert [violations_of(response.results[index].error) for index in (0, 2)] == [(), ()]


async def test_an_error_that_is_not_the_servers_has_no_reason() -> None:
    async with insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CallbacksServiceStub(channel).GetCallback(pb.GetCallbackRequest(), timeout=0.01)
    assert reason_of(caught.value) == reasons.ERROR_REASON_UNSPECIFIED
    assert violations_of(caught.value) == ()


@pytest.mark.parametrize(
    ("domain", "reason", "expected"),
    [
        ("ringback.v1", "SERVER_DRAINING", reasons.ERROR_REASON_SERVER_DRAINING),
        ("ringback.v1", "OF_A_LATER_VERSION", reasons.ERROR_REASON_UNSPECIFIED),
        ("proxy.example", "SERVER_DRAINING", reasons.ERROR_REASON_UNSPECIFIED),
    ],
)
def test_a_reason_is_ringbacks_own_and_known(domain: str, reason: str, expected: Any) -> None:
    status = Status(code=14)
    status.details.add().Pack(ErrorInfo(domain=domain, reason=reason))
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), trailers)
    assert reason_of(error) == expected
