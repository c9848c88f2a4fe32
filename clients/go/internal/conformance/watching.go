package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"log"

	"google.golang.org/protobuf/proto"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

type (
	responses = iter.Seq2[*ringbackv1.WatchCallbacksResponse, error]
	watch     func(context.Context, ringbackv1.CallbacksServiceClient, *ringbackv1.WatchCallbacksRequest) responses
)

// follow answers every response, and the end unless it was asked for.
func (d *driver) follow(ctx context.Context, id int, data []byte, watch watch) {
	request := &ringbackv1.WatchCallbacksRequest{}
	if err := proto.Unmarshal(data, request); err != nil {
		log.Fatal(err)
	}
	for response, err := range watch(ctx, d.callbacks, request) {
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.answer(refused(id, err))
			return
		}
		message, err := proto.Marshal(response)
		if err != nil {
			log.Fatal(err)
		}
		d.answer(answer{ID: id, Response: message})
	}
	d.answer(answer{ID: id, Code: "OK"})
}

// streamOnce is one plain stream, in the form of ringback.Watch.
func streamOnce(
	ctx context.Context, client ringbackv1.CallbacksServiceClient, request *ringbackv1.WatchCallbacksRequest,
) responses {
	return func(yield func(*ringbackv1.WatchCallbacksResponse, error) bool) {
		stream, err := client.WatchCallbacks(ctx, request)
		for err == nil {
			var response *ringbackv1.WatchCallbacksResponse
			if response, err = stream.Recv(); err == nil && !yield(response, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}
