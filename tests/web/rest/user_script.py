"""What a present user of the REST contract runs: the standard library, an address, and nothing of Ringback.

It prints what it saw. The test runs it as it is.
"""

# ruff: noqa: T201
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

BASE = sys.argv[1]


def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        BASE + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"} if body is not None else {},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def main() -> None:
    status, services = call("GET", "/v1.0/services")
    print(status, [service["DisplayName"] for service in services])

    request = {
        "Target": "tel: +41785556677",
        "SecondsBetweenRetries": 300,
        "MaxRetries": 2,
        "ServiceId": services[0]["ServiceId"],
        "ServiceSip": services[0]["ServiceSip"],
        "IncomingServiceSipUri": "",
        "Priority": "High",
        "ContextUrl": "https://crm.example.com/tasks/4711",
        "DueDate": "24.12.2025 08:30:00",
        "Supervisor": None,
        "Description": "Wants to talk about order 4711",
        "ExternalTaskId": "task-4711",
        "CallerId": "crm",
    }
    status, created = call("POST", "/v1.0/callbackrequests", request)
    print(status, created["State"], created["Priority"], created["DueDate"])
    status, again = call("POST", "/v1.0/callbackrequests", request)
    print(status, again["Id"] == created["Id"])
    status, other = call("POST", "/v1.0/callbackrequests", request | {"Target": "tel: +41785556678"})
    print(status, other["reason"], [violation["field"] for violation in other["violations"]])

    key = urllib.parse.urlencode({"ExternalTaskId": "task-4711", "CallerId": "crm"})
    status, found = call("GET", "/v1.0/callbackrequests?" + key)
    print(status, found["State"], found["AttemptCount"])
    status, found = call("GET", "/v1.0/callbackrequests/" + created["Id"])
    print(status, found["ExternalTaskId"])
    status, cancelled = call("DELETE", "/v1.0/callbackrequests?" + key)
    print(status, cancelled["State"])
    status, cancelled = call("DELETE", "/v1.0/callbackrequests?" + key)
    print(status, cancelled["State"])
    status, absent = call("GET", "/v1.0/callbackrequests?ExternalTaskId=task-1&CallerId=crm")
    print(status, absent["reason"])


main()
