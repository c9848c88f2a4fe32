package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// dialRaw connects for calls that send []byte as it is and do not look at the answer: what a client does with
// messages is not measured, and would take the cores from what is.
func dialRaw(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	ours := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})),
	}
	return grpc.NewClient(address, append(ours, options...)...)
}

// withToken has a bearer token go with each call, unless it is empty.
func withToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	body, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T is not []byte", message)
	}
	return mem.BufferSlice{mem.SliceBuffer(body)}, nil
}

func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
