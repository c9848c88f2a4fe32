#!/bin/sh
# What a present user of the REST contract runs in a shell: curl, an address, and nothing of Ringback.
set -eu
base=$1
service=$(curl --fail --silent "$base/v1.0/services" | sed 's/.*"ServiceId":"\([^"]*\)".*/\1/')
create() {
    curl --silent --output /dev/null --write-out '%{http_code}\n' "$base/v1.0/callbackrequests" \
        --header 'Content-Type: application/json' --data '{
            "Target": "tel: +41785556677", "Priority": "Normal", "SecondsBetweenRetries": 60,
            "ServiceId": "'"$service"'", "ExternalTaskId": "task-1", "CallerId": "cron"
        }'
}
create
create
curl --fail --silent --get "$base/v1.0/callbackrequests" --data-urlencode ExternalTaskId=task-1 --data CallerId=cron \
    | grep --only-matching '"State":"[A-Z]*"'
curl --fail --silent --request DELETE "$base/v1.0/callbackrequests?ExternalTaskId=task-1&CallerId=cron&Reason=solved" \
    | grep --only-matching '"CancelReason":"[a-z]*"'
