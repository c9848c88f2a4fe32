// The conformance driver: does what the runner says, through the Go stubs and helpers.
//
//	conformance HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]
//
// Commands and answers are JSON, one object per line: tests/conformance/README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ringback "github.com/ringback/ringback/clients/go"
	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

// command is one line of input: what to do is the one of the fields that is there.
type command struct {
	ID        int    `json:"id"`
	Call      string `json:"call"`
	Request   []byte `json:"request"`
	Create    []byte `json:"create"`
	Stream    []byte `json:"stream"`
	Queues    []byte `json:"queues"`
	Watch     []byte `json:"watch"`
	Error     []byte `json:"error"`
	Stop      *int   `json:"stop"`
	TimeoutMS int64  `json:"timeout_ms"`
}

// driver carries out commands on one connection, each in a goroutine of its own.
type driver struct {
	callbacks ringbackv1.CallbacksServiceClient
	directory ringbackv1.DirectoryServiceClient
	methods   map[string]method
	tasks     map[int]task

	writing sync.Mutex
	answers *json.Encoder
}

// task is a command that has begun.
type task struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func main() {
	conn, err := dial(os.Args[1], os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	d := &driver{
		callbacks: ringbackv1.NewCallbacksServiceClient(conn),
		directory: ringbackv1.NewDirectoryServiceClient(conn),
		methods:   methodsOf(conn),
		tasks:     map[int]task{},
		answers:   json.NewEncoder(os.Stdout),
	}
	commands := json.NewDecoder(os.Stdin)
	for {
		var c command
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		d.begin(c)
	}
}

// dial connects over TLS where the arguments have an authority.
func dial(target string, arguments []string) (*grpc.ClientConn, error) {
	var files ringback.TLSFiles
	flags := flag.NewFlagSet("conformance", flag.ExitOnError)
	flags.StringVar(&files.Roots, "ca", "", "authority of the server")
	flags.StringVar(&files.Certificate, "cert", "", "certificate of the client")
	flags.StringVar(&files.Key, "key", "", "its key")
	token := flags.String("token-file", "", "has a bearer token")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	var options []grpc.DialOption
	withToken := ringback.WithTokenFile
	if files.Roots == "" {
		options = append(options, ringback.WithPlainText())
		withToken = ringback.WithPlainTextTokenFile
	} else {
		secured, err := ringback.WithTLSFiles(files)
		if err != nil {
			return nil, err
		}
		options = append(options, secured)
	}
	if *token != "" {
		options = append(options, withToken(*token))
	}
	return ringback.Dial(target, options...)
}

func (d *driver) begin(c command) {
	if c.Stop != nil {
		go d.stop(c.ID, d.tasks[*c.Stop])
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	begun := task{cancel, make(chan struct{})}
	d.tasks[c.ID] = begun
	go func() {
		defer close(begun.ended)
		d.carryOut(ctx, c)
	}()
}

func (d *driver) carryOut(ctx context.Context, c command) {
	switch {
	case c.Call != "":
		d.call(ctx, c, d.methods["/"+c.Call], c.Request)
	case c.Create != nil:
		d.call(ctx, c, unary(d.create), c.Create)
	case c.Stream != nil:
		follow(ctx, d, c.ID, streamOnce(ctx, d.callbacks.WatchCallbacks, read(c.Stream, &ringbackv1.WatchCallbacksRequest{})))
	case c.Queues != nil:
		follow(ctx, d, c.ID, streamOnce(ctx, d.directory.WatchQueues, read(c.Queues, &ringbackv1.WatchQueuesRequest{})))
	case c.Watch != nil:
		follow(ctx, d, c.ID, ringback.Watch(ctx, d.callbacks, read(c.Watch, &ringbackv1.WatchCallbacksRequest{})))
	case c.Error != nil:
		d.explain(c.ID, c.Error)
	default:
		log.Fatalf("not a command: %+v", c)
	}
}

func (d *driver) call(ctx context.Context, c command, call method, request []byte) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.TimeoutMS)*time.Millisecond)
	defer cancel()
	response, err := call(ctx, request)
	if err != nil {
		d.answer(refused(c.ID, err))
		return
	}
	d.answer(answer{ID: c.ID, Code: "OK", Response: response})
}

// explain answers what the helper tells about the error of a batch item.
func (d *driver) explain(id int, data []byte) {
	item := &ringbackv1.Error{}
	if err := proto.Unmarshal(data, item); err != nil {
		log.Fatal(err)
	}
	d.answer(refused(id, ringback.ErrorOf(item)))
}

func (d *driver) stop(id int, stopped task) {
	stopped.cancel()
	<-stopped.ended
	d.answer(answer{ID: id, Code: "OK"})
}

func (d *driver) answer(a answer) {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.answers.Encode(a); err != nil {
		log.Fatal(err)
	}
}
