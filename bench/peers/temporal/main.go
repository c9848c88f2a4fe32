// Command peer is Temporal: a workflow per job, as its documentation recommends. ../README.md tells what each command does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"log/slog"
	"os"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
)

const queue = "jobs"

// bench is one run of a command.
type bench struct {
	count, inFlight int
	bare            bool
	jobs            jobs
	client          client.Client
}

func main() {
	b := &bench{}
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	flags.IntVar(&b.count, "count", 0, "jobs")
	flags.IntVar(&b.inFlight, "in-flight", 1, "calls at a time")
	flags.BoolVar(&b.bare, "bare", false, "workflows without an activity, which could not do anything")
	works := map[string]func(context.Context) (measured, error){"enqueue": b.enqueue, "run": b.run, "latency": b.latency}
	if len(os.Args) < 2 || works[os.Args[1]] == nil {
		log.Fatal("usage: peer enqueue|run|latency --count N [FLAG…]")
	}
	flags.Parse(os.Args[2:])
	b.jobs.completed = make(chan struct{}, b.count)
	var err error
	b.client, err = client.Dial(client.Options{
		HostPort: os.Getenv("TEMPORAL_ADDRESS"),
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
		ConnectionOptions: client.ConnectionOptions{
			DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(b.jobs.noteCompletion)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer b.client.Close()
	measured, err := works[os.Args[1]](context.Background())
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(measured)
}

// work starts a worker, and stops it after the given deeds and when all jobs are recorded as completed.
func (b *bench) work(deeds func() error) error {
	// The number of pollers follows the load, as is recommended; else there are two.
	pollers := worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})
	working := worker.New(b.client, queue, worker.Options{
		WorkflowTaskPollerBehavior: pollers,
		ActivityTaskPollerBehavior: pollers,
	})
	working.RegisterWorkflow(b.jobs.Job)
	working.RegisterActivity(b.jobs.Handle)
	if err := working.Start(); err != nil {
		return err
	}
	defer working.Stop()
	if err := deeds(); err != nil {
		return err
	}
	for range b.count {
		<-b.jobs.completed
	}
	return nil
}

// noteCompletion is told of every call, and notes when the server has acknowledged the end of a workflow.
func (j *jobs) noteCompletion(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, reply, conn, options...)
	if done, ok := request.(*workflowservice.RespondWorkflowTaskCompletedRequest); ok && err == nil {
		for _, command := range done.GetCommands() {
			if command.GetCommandType() == enums.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION {
				j.completed <- struct{}{}
			}
		}
	}
	return err
}
