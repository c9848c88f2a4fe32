"""Writes of services, with the first state of their round robin."""

from ringback.domain.priority import FRESH_ROUND
from ringback.domain.service import Service
from ringback.ports.errors import DuplicateService
from ringback.storage.body import write_json, write_service
from ringback.storage.comparison import compare_service, service_changed_since
from ringback.storage.operations import ServiceRevision
from ringback.storage.postgres.transaction import Locks, PostgresTransaction, each


async def _put_service(transaction: PostgresTransaction, service: Service) -> None:
    service_id = service.service_id
    stored = await transaction.ask("SELECT revision FROM service WHERE service_id = $1 FOR NO KEY UPDATE", service_id)
    compare_service(service, stored[0][0] if stored else None)
    others = await transaction.ask(
        "SELECT service_id FROM service WHERE sip_address = $1 AND service_id <> $2", service.sip_address, service_id
    )
    if others:
        raise DuplicateService(others[0][0], "sip_address")
    values = service.sip_address, service.revision, write_service(service), service_id
    if service.revision == 1:
        await transaction.send(
            "INSERT INTO service (sip_address, revision, body, service_id) VALUES ($1, $2, $3, $4)", *values
        )
        await transaction.send(
            "INSERT INTO service_turn (service_id, credits, revision) VALUES ($1, $2, 0)",
            service_id,
            write_json(FRESH_ROUND),
        )
    else:
        await transaction.send(
            "UPDATE service SET sip_address = $1, revision = $2, body = $3 WHERE service_id = $4", *values
        )
    transaction.locked.services[service_id] = service.revision
    if service_id in transaction.services:
        transaction.services[service_id] = service.revision
    await _count_version(transaction)


async def _delete_service(transaction: PostgresTransaction, service: ServiceRevision) -> bool:
    # A server that creates callbacks for it locks the row too, so the next statement sees them.
    stored = await transaction.ask("SELECT revision FROM service WHERE service_id = $1 FOR UPDATE", service.service_id)
    if stored != [(service.revision,)]:
        raise service_changed_since(service.service_id)
    is_used = await transaction.ask(
        """
        SELECT 1 FROM callback
         WHERE service_id = $1
           AND state IN ('SCHEDULED', 'QUEUED', 'OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING') LIMIT 1
        """,
        service.service_id,
    )
    if is_used:
        return False
    await transaction.send("DELETE FROM service WHERE service_id = $1", service.service_id)
    transaction.services.pop(service.service_id, None)
    transaction.locked.services[service.service_id] = None
    await _count_version(transaction)
    return True


async def _count_version(transaction: PostgresTransaction) -> None:
    [(transaction.services_version,)] = await transaction.ask(
        "UPDATE ringback SET services_version = services_version + 1 RETURNING services_version"
    )


def _locks(service: Service | ServiceRevision) -> Locks:
    return Locks(changed_settings=(service.service_id,))


put_service = each(_put_service, _locks)
delete_service = each(_delete_service, _locks)
