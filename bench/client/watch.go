package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// Fields that are looked at in what arrives; everything else is skipped, not decoded.
const (
	eventsField    protowire.Number = 1 // of WatchCallbacksResponse
	eventTimeField protowire.Number = 4 // of CallbackEvent
	secondsField   protowire.Number = 1 // of Timestamp
	nanosField     protowire.Number = 2
)

// Flow control as it is by default in HTTP/2: a stream that is not read holds 64 KiB, and then waits. gRPC for Go would
// allow more and more.
const (
	streamWindow     = 64 << 10
	connectionWindow = 16 << 20
)

// watch opens streams of everything, says "ready" on stderr when each has its first response, and reads until each
// has `-until` events; without that, until stdin ends. It fails when two streams did not get the same events in the same
// order. It prints how much has arrived since the first stream was opened, and with `-times` how long after the event's
// own time, which is just before the commit.
func watch(args []string) error {
	flags := flag.NewFlagSet("watch", flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT of the server")
	connections := flags.Int("connections", 1, "that share the streams")
	streams := flags.Int("streams", 1, "that are read")
	stalled := flags.Int("stalled", 0, "more streams, of which only the first response is read")
	token := flags.String("token", "", "where to begin; with the changes from now on when empty")
	until := flags.Int("until", 0, "events that each stream is to get")
	times := flags.Bool("times", false, "also measure how long each event was on its way")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conns := make([]*grpc.ClientConn, *connections)
	for i := range conns {
		conn, err := dialRaw(*address,
			grpc.WithStaticStreamWindowSize(streamWindow), grpc.WithStaticConnWindowSize(connectionWindow))
		if err != nil {
			return err
		}
		defer conn.Close()
		conns[i] = conn
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	begun := time.Now()
	watchers, err := openAll(ctx, *streams+*stalled, conns, *token)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "ready")
	if *until == 0 {
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	took := &timings{}
	if *times {
		for _, w := range watchers {
			w.took = took
		}
	}
	all, err := readAll(watchers[:*streams], *until, cancel)
	if err != nil {
		return err
	}
	return show(struct {
		Span
		Latency
		received
	}{spanSince(begun), took.latency(), all})
}

// openAll opens so many streams over the connections in turn.
func openAll(ctx context.Context, count int, conns []*grpc.ClientConn, token string) ([]*watcher, error) {
	var opening failing
	watchers := make([]*watcher, count)
	for i := range watchers {
		w := &watcher{}
		watchers[i] = w
		opening.run(func() error { return w.open(ctx, conns[i%len(conns)], token) })
	}
	return watchers, opening.wait()
}

// readAll answers what all have got when each has so many events, and calls stop when one fails.
func readAll(watchers []*watcher, until int, stop func()) (received, error) {
	reading := failing{stop: stop}
	for _, w := range watchers {
		reading.run(func() error { return w.read(until) })
	}
	var all received
	if err := reading.wait(); err != nil {
		return all, err
	}
	for _, w := range watchers {
		if w.order != watchers[0].order {
			return all, errors.New("two streams did not get the same events in the same order")
		}
		all.Events += w.Events
		all.Messages += w.Messages
		all.Bytes += w.Bytes
	}
	return all, nil
}

// received is what has arrived.
type received struct {
	Events   int `json:"events"`
	Messages int `json:"messages"`
	Bytes    int `json:"bytes"`
}

// watcher reads one stream.
type watcher struct {
	received
	stream grpc.ClientStream
	// A checksum of all events in their order, however they were put into responses.
	order uint32
	// Nil when times are not wanted.
	took *timings
}

// open begins the stream and reads its first response.
func (w *watcher) open(ctx context.Context, conn *grpc.ClientConn, token string) error {
	request, err := proto.Marshal(&ringbackv1.WatchCallbacksRequest{
		ResumeToken:       token,
		HeartbeatInterval: durationpb.New(time.Minute), // none in between
	})
	if err != nil {
		return err
	}
	description := &grpc.StreamDesc{ServerStreams: true}
	method := ringbackv1.CallbacksService_WatchCallbacks_FullMethodName
	w.stream, err = conn.NewStream(ctx, description, method, grpc.ForceCodecV2(watchCodec{}))
	if err != nil {
		return err
	}
	if err := w.stream.SendMsg(request); err != nil {
		return err
	}
	if err := w.stream.CloseSend(); err != nil {
		return err
	}
	return w.stream.RecvMsg(w)
}

// read takes responses until the watcher has got so many events.
func (w *watcher) read(until int) error {
	for w.Events < until {
		if err := w.stream.RecvMsg(w); err != nil {
			return err
		}
	}
	if w.Events > until {
		return fmt.Errorf("%d events instead of %d", w.Events, until)
	}
	return nil
}

// take looks through one response.
func (w *watcher) take(response []byte) error {
	arrived := time.Now()
	w.Messages++
	w.Bytes += len(response)
	return eachField(response, func(number protowire.Number, event []byte) error {
		if number != eventsField {
			return nil
		}
		w.Events++
		w.order = crc32.Update(w.order, crc32.IEEETable, event)
		if w.took == nil {
			return nil
		}
		happened, err := eventTime(event)
		w.took.add(arrived.Sub(happened))
		return err
	})
}

func eventTime(event []byte) (time.Time, error) {
	var seconds, nanos uint64
	err := eachField(event, func(number protowire.Number, value []byte) error {
		if number != eventTimeField {
			return nil
		}
		return eachField(value, func(number protowire.Number, value []byte) error {
			switch number {
			case secondsField:
				seconds, _ = protowire.ConsumeVarint(value)
			case nanosField:
				nanos, _ = protowire.ConsumeVarint(value)
			}
			return nil
		})
	})
	return time.Unix(int64(seconds), int64(nanos)), err
}

// eachField calls visit with each field of a message: with the content of one that has a length, else with its encoding.
func eachField(message []byte, visit func(number protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			return protowire.ParseError(length)
		}
		message = message[length:]
		length = protowire.ConsumeFieldValue(number, kind, message)
		if length < 0 {
			return protowire.ParseError(length)
		}
		value := message[:length]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if err := visit(number, value); err != nil {
			return err
		}
		message = message[length:]
	}
	return nil
}

// watchCodec sends []byte as it is, and shows what arrives to the watcher that receives it.
type watchCodec struct{ rawCodec }

func (watchCodec) Unmarshal(data mem.BufferSlice, into any) error {
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return into.(*watcher).take(buffer.ReadOnlyData())
}
