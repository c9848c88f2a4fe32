package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// read is the message that data has.
func read[Request proto.Message](data []byte, into Request) Request {
	if err := proto.Unmarshal(data, into); err != nil {
		log.Fatal(err)
	}
	return into
}

// follow answers every response, and the end unless it was asked for.
func follow[Response proto.Message](ctx context.Context, d *driver, id int, responses iter.Seq2[Response, error]) {
	for response, err := range responses {
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
func streamOnce[Request, Response any](
	ctx context.Context,
	open func(context.Context, *Request, ...grpc.CallOption) (grpc.ServerStreamingClient[Response], error),
	request *Request,
) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		stream, err := open(ctx, request)
		for err == nil {
			var response *Response
			if response, err = stream.Recv(); err == nil && !yield(response, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}
