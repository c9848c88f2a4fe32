"""The services that a server applies at its start: the path of a services file, or in a config file the list itself."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ringback.cli.services_file import WantedService, load, read_services
from ringback.cli.settings.kinds import Kind
from ringback.cli.yaml_file import Place
from ringback.domain.faults import Faults
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.services import read_service


def _check(service: pb.Service) -> Iterable[tuple[str, str]]:
    """Return what a server would refuse of a service, so that it is found before anything has been started."""
    faults = Faults()
    read_service(service, faults)
    for fault in faults.violations:
        # A service that is there already can be named by its id alone.
        if fault.field != "sip_address" or service.sip_address:
            yield fault.field, fault.description


def _parse(text: str, folder: Path) -> Sequence[WantedService]:
    return load(folder / text, _check)


def _read(place: Place, folder: Path) -> Sequence[WantedService]:
    if place.is_list:
        return read_services(place, _check)
    return place.read(lambda text: _parse(text, folder), [])


def _show(services: Sequence[WantedService]) -> list[str]:
    return [each.service.sip_address or each.service.service_id for each in services]


SERVICES: Final = Kind(form="FILE", parse=_parse, read=_read, show=_show, is_path=True)
