// Command peer is River with pgx, as its documentation recommends. ../README.md tells what each command does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// bench is one run of a command.
type bench struct {
	count, inFlight, maxWorkers int
	cooldown, poll              time.Duration
	worker                      worker
	client                      *river.Client[pgx.Tx]
}

func main() {
	b := &bench{}
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	flags.IntVar(&b.count, "count", 0, "jobs")
	flags.IntVar(&b.inFlight, "in-flight", 1, "calls at a time")
	flags.IntVar(&b.maxWorkers, "max-workers", 100, "jobs at a time")
	flags.DurationVar(&b.cooldown, "fetch-cooldown", river.FetchCooldownDefault, "between two fetches, at least")
	flags.DurationVar(&b.poll, "fetch-poll", river.FetchPollIntervalDefault, "between two fetches, at most")
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

// open makes River's tables, and a client of theirs.
func (b *bench) open(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &b.worker)
	b.client, err = river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: b.maxWorkers}},
		FetchCooldown:     b.cooldown,
		FetchPollInterval: b.poll,
		Workers:           workers,
	})
	return err
}
