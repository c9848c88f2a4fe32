"""Calls the server in all other ways, so that the plans of all its statements are looked at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from bench.counts.subject import Subject
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer
from ringback.v1 import directory_service_pb2 as directory

_LABELS: Final = {"campaign": "spring", "language": "it"}


async def tour(subject: Subject) -> None:
    waiting = await subject.create(labels=_LABELS, supervisor="sam")
    key = cb.CallbackKey(callback_id=waiting.callback_id)
    for wanted in _filters(subject, waiting):
        page = pb.ListCallbacksRequest(filter=wanted)
        await subject.callbacks.ListCallbacks(page)
        await subject.callbacks.CountCallbacks(pb.CountCallbacksRequest(filter=wanted))
        stream = subject.callbacks.WatchCallbacks(
            pb.WatchCallbacksRequest(filter=wanted, snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
        )
        while not (await stream.read()).snapshot_complete:
            pass
        stream.cancel()
    await subject.callbacks.GetCallback(pb.GetCallbackRequest(key=_by_task(waiting)))
    await subject.directory.GetQueue(directory.GetQueueRequest(service_id=subject.service_id, callback_key=key))
    await subject.directory.GetOutcomes(directory.GetOutcomesRequest(begin_time=waiting.create_time))
    await _create_again(subject)
    await _lease(subject)
    await _change(subject, key)
    await subject.callbacks.ResolveCallbacks(pb.ResolveCallbacksRequest(target="sip:answer@picky.example"))
    await _delete_service(subject)
    await subject.app.use_cases.scheduler.run_once(datetime.now(UTC))


def _filters(subject: Subject, callback: cb.Callback) -> Iterator[cb.CallbackFilter]:
    """Yield filters: each field alone, and what is asked for together."""
    by_due, by_end = cb.CallbackFilter(), cb.CallbackFilter()
    by_due.due_after.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    by_end.end_after.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    by_end_of_service = cb.CallbackFilter(service_ids=[subject.service_id])
    by_end_of_service.end_after.CopyFrom(by_end.end_after)
    fields: list[dict[str, Any]] = [
        {},
        {"keys": [cb.CallbackKey(callback_id=callback.callback_id), _by_task(callback)]},
        {"caller_ids": ["crm", "erp"]},
        {"service_ids": [subject.service_id]},
        {"states": [cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_SCHEDULED]},
        {"priorities": [cb.PRIORITY_NORMAL]},
        {"supervisors": ["sam"]},
        {"labels": _LABELS},
        {"dial_target": callback.dial_target},
        {"external_task_ids": [callback.callback_request.external_task_id]},
        {"service_ids": [subject.service_id], "states": [cb.CALLBACK_STATE_COMPLETED], "labels": _LABELS},
    ]
    yield from (by_due, by_end, by_end_of_service)
    yield from (cb.CallbackFilter(**some) for some in fields)


async def _create_again(subject: Subject) -> None:
    """Create twice with a request id; and twice for a service that takes one open callback per target."""
    request = pb.CreateCallbackRequest(callback_request=subject.request(), request_id=str(uuid4()))
    request.callback_request.external_task_id = ""
    for _ in range(2):
        await subject.callbacks.CreateCallback(request)
    picky = directory.Service(
        sip_address="sip:picky@cc.example", same_target_policy=directory.TARGET_POLICY_RETURN_EXISTING
    )
    created = await subject.directory.CreateService(directory.CreateServiceRequest(service=picky))
    for _ in range(2):
        request = pb.CreateCallbackRequest(callback_request=subject.request())
        request.callback_request.service_id = created.service.service_id
        request.callback_request.target = "sip:answer@picky.example"
        await subject.callbacks.CreateCallback(request)


async def _lease(subject: Subject) -> None:
    poll = dialer.LeaseCallbacksRequest(dialer_id="tour", max_leases=1, request_id=str(uuid4()))
    [lease] = (await subject.dialers.LeaseCallbacks(poll)).leases
    await subject.dialers.LeaseCallbacks(poll)  # the same one again
    await subject.dialers.ExtendLeases(dialer.ExtendLeasesRequest(lease_tokens=[lease.lease_token]))
    await subject.dialers.ReleaseLeases(dialer.ReleaseLeasesRequest(lease_tokens=[lease.lease_token]))


async def _change(subject: Subject, key: cb.CallbackKey) -> None:
    update = pb.UpdateCallbackRequest(key=key, update_mask=FieldMask(paths=["due_date"]))
    update.callback_request.due_date.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    await subject.callbacks.UpdateCallback(update)
    await subject.callbacks.CancelCallback(pb.CancelCallbackRequest(key=key))


async def _delete_service(subject: Subject) -> None:
    service = directory.Service(sip_address="sip:short@cc.example")
    created = await subject.directory.CreateService(directory.CreateServiceRequest(service=service))
    delete = directory.DeleteServiceRequest(service_id=created.service.service_id)
    await subject.directory.DeleteService(delete)


def _by_task(callback: cb.Callback) -> cb.CallbackKey:
    request = callback.callback_request
    task = cb.ExternalTaskKey(caller_id=request.caller_id, external_task_id=request.external_task_id)
    return cb.CallbackKey(external_task=task)
