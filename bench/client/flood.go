package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// flood begins `-in-flight` calls at once, and another whenever one has ended, on `-connections` in turn. It goes on
// when calls are refused, and prints how many were, by code.
func flood(args []string) error {
	flags := flag.NewFlagSet("flood", flag.ExitOnError)
	address := flags.String("address", "", "HOST:PORT of the server")
	inFlight := flags.Int("in-flight", 1, "calls at a time")
	connections := flags.Int("connections", 1, "connections to send on")
	reads := flags.Bool("reads", false, "read callbacks that do not exist, instead of creating some")
	l := &loading{due: time.Hour}
	flags.StringVar(&l.service, "service", "", "UUID of the service to call for")
	flags.IntVar(&l.batch, "batch", 0, "callbacks in a call of BatchCreateCallbacks; 0 for calls of CreateCallback")
	flags.Int64Var(&l.count, "count", 1, "calls to send")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conns := make([]*grpc.ClientConn, *connections)
	for i := range conns {
		conn, err := dialRaw(*address)
		if err != nil {
			return err
		}
		defer conn.Close()
		conns[i] = conn
	}
	l.number.Store(time.Now().UnixMicro())
	refusals := make(chan string, l.count)
	begun := time.Now()
	group := failing{}
	for range *inFlight {
		group.run(func() error {
			for number := l.begun.Add(1); number <= l.count; number = l.begun.Add(1) {
				if err := l.tryOn(conns[number%int64(len(conns))], *reads); err != nil {
					refusals <- status.Code(err).String()
				}
			}
			return nil
		})
	}
	if err := group.wait(); err != nil {
		return err
	}
	close(refusals)
	refused := map[string]int{}
	for code := range refusals {
		refused[code]++
	}
	return show(struct {
		Span
		Refused map[string]int `json:"refused"`
	}{spanSince(begun), refused})
}

func (l *loading) tryOn(conn *grpc.ClientConn, read bool) error {
	method, body, err := l.request(time.Now())
	if read {
		method, body, err = l.lookUp()
	}
	if err != nil {
		return err
	}
	return conn.Invoke(context.Background(), method, body, nil)
}

// lookUp makes the bytes of a call for a callback that does not exist.
func (l *loading) lookUp() (method string, body []byte, err error) {
	task := &ringbackv1.ExternalTaskKey{CallerId: "crm", ExternalTaskId: fmt.Sprintf("task-%d", l.number.Add(1))}
	key := &ringbackv1.CallbackKey{Key: &ringbackv1.CallbackKey_ExternalTask{ExternalTask: task}}
	body, err = proto.Marshal(&ringbackv1.GetCallbackRequest{Key: key})
	return ringbackv1.CallbacksService_GetCallback_FullMethodName, body, err
}
