// Command peer is Ringback, asked by its Go client. ../README.md tells what each command does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"

	"google.golang.org/protobuf/proto"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// bench is one run of a command, against a server that has nothing to do yet.
type bench struct {
	count, inFlight, polls, lines int
	together                      bool
	callbacks                     ringbackv1.CallbacksServiceClient
	dialer                        ringbackv1.DialerServiceClient
	service                       string
}

func main() {
	b := &bench{}
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	flags.IntVar(&b.count, "count", 0, "callbacks")
	flags.IntVar(&b.inFlight, "in-flight", 1, "calls at a time")
	flags.IntVar(&b.polls, "polls", 1, "polls of the dialer at a time")
	flags.IntVar(&b.lines, "lines", 100, "callbacks in a poll")
	flags.BoolVar(&b.together, "together", false, "report of all leases of a poll in the same calls")
	works := map[string]func(context.Context) (measured, error){"enqueue": b.enqueue, "run": b.run, "latency": b.latency}
	if len(os.Args) < 2 || works[os.Args[1]] == nil {
		log.Fatal("usage: peer enqueue|run|latency --count N [FLAG…]")
	}
	flags.Parse(os.Args[2:])
	ctx := context.Background()
	if err := b.open(ctx); err != nil {
		log.Fatal(err)
	}
	measured, err := works[os.Args[1]](ctx)
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(measured)
}

// open connects, and makes a service that allows as many calls at once as there are.
func (b *bench) open(ctx context.Context) error {
	conn, err := ringback.Dial(os.Getenv("RINGBACK_ADDRESS"), ringback.WithPlainText())
	if err != nil {
		return err
	}
	b.callbacks = ringbackv1.NewCallbacksServiceClient(conn)
	b.dialer = ringbackv1.NewDialerServiceClient(conn)
	created, err := ringbackv1.NewDirectoryServiceClient(conn).CreateService(ctx, &ringbackv1.CreateServiceRequest{
		Service: &ringbackv1.Service{SipAddress: "sip:support@cc.example", MaxConcurrentCalls: proto.Int32(10_000)},
	})
	b.service = created.GetService().GetServiceId()
	return err
}
