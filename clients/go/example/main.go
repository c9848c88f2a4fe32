// Asks for one callback, and tells what becomes of it.
package main

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/protobuf/proto"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

func main() {
	// Over TLS: ringback.Dial("ringback.example:443", ringback.WithToken(token))
	conn, err := ringback.Dial("localhost:50051", ringback.WithPlainText())
	if err != nil {
		log.Fatal(err)
	}
	callbacks := ringbackv1.NewCallbacksServiceClient(conn)
	ctx := context.Background()

	created, err := ringback.Create(ctx, callbacks, &ringbackv1.CreateCallbackRequest{
		CallbackRequest: &ringbackv1.CallbackRequest{
			Target:                "tel:+41785556677",
			Service:               &ringbackv1.CallbackRequest_ServiceSip{ServiceSip: "sip:support@cc.example"},
			Priority:              ringbackv1.Priority_PRIORITY_HIGH,
			SecondsBetweenRetries: proto.Int32(60),
			CallerId:              "crm",
			ExternalTaskId:        "4713", // sending this twice makes one callback
		},
	})
	switch ringback.ReasonOf(err) {
	case ringbackv1.ErrorReason_ERROR_REASON_INVALID_FIELD:
		log.Fatal("my mistake: ", ringback.Violations(err))
	case ringbackv1.ErrorReason_ERROR_REASON_SERVICE_NOT_FOUND:
		log.Fatal("nobody to call back for")
	}
	if err != nil {
		log.Fatal(err)
	}

	// Reconnects and resumes by itself; nothing is missed, whatever happens to the connection or the server.
	id := &ringbackv1.CallbackKey_CallbackId{CallbackId: created.GetCallback().GetCallbackId()}
	mine := &ringbackv1.CallbackFilter{Keys: []*ringbackv1.CallbackKey{{Key: id}}}
	for response, err := range ringback.Watch(ctx, callbacks, &ringbackv1.WatchCallbacksRequest{
		Filter: mine, SnapshotMode: ringbackv1.SnapshotMode_SNAPSHOT_MODE_WHEN_NEEDED,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		for _, event := range response.GetEvents() {
			fmt.Println(event.GetCallback().GetState())
			if event.GetCallback().GetEndTime() != nil {
				return
			}
		}
	}
}
