"""Writes of services, with the first state of their round robin."""

import sqlite3

from ringback.domain.priority import FRESH_ROUND
from ringback.domain.service import Service
from ringback.ports.errors import DuplicateService
from ringback.storage.body import write_json, write_service
from ringback.storage.comparison import compare_service, service_changed_since
from ringback.storage.operations import ServiceRevision
from ringback.storage.sqlite.transaction import Transaction, each


def _put_service(transaction: Transaction, service: Service) -> int:
    """Return the version of all services after it."""
    database = transaction.database
    service_id = service.service_id
    stored = database.execute("SELECT revision FROM service WHERE service_id = ?", (service_id,)).fetchone()
    compare_service(service, None if stored is None else stored[0])
    other = database.execute(
        "SELECT service_id FROM service WHERE sip_address = ? AND service_id <> ?",
        (service.sip_address, service_id),
    ).fetchone()
    if other is not None:
        raise DuplicateService(other[0], "sip_address")
    values = service.sip_address, service.revision, write_service(service), service_id
    if service.revision == 1:
        database.execute("INSERT INTO service (sip_address, revision, body, service_id) VALUES (?, ?, ?, ?)", values)
        database.execute(
            "INSERT INTO service_turn (service_id, credits, revision) VALUES (?, ?, 0)",
            (service_id, write_json(FRESH_ROUND)),
        )
    else:
        database.execute("UPDATE service SET sip_address = ?, revision = ?, body = ? WHERE service_id = ?", values)
    transaction.revisions[service_id] = service.revision
    return _next_version(database)


def _delete_service(transaction: Transaction, service: ServiceRevision) -> int | None:
    """Return the version of all services after it; None when the service is used."""
    database = transaction.database
    stored = database.execute("SELECT revision FROM service WHERE service_id = ?", (service.service_id,)).fetchone()
    if stored != (service.revision,):
        raise service_changed_since(service.service_id)
    is_used = database.execute(
        """
        SELECT 1 FROM callback INDEXED BY callback_by_service
         WHERE service_id = ?
           AND state IN ('SCHEDULED', 'QUEUED', 'OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING') LIMIT 1
        """,
        (service.service_id,),
    ).fetchone()
    if is_used is not None:
        return None
    database.execute("DELETE FROM service WHERE service_id = ?", (service.service_id,))
    transaction.revisions[service.service_id] = None
    return _next_version(database)


def _next_version(database: sqlite3.Connection) -> int:
    counted = database.execute("UPDATE ringback SET services_version = services_version + 1 RETURNING services_version")
    (version,) = counted.fetchone()
    return int(version)


put_service = each(_put_service)
delete_service = each(_delete_service)
