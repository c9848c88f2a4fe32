package ringback

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
)

// timing is how long Create and Watch wait.
type timing struct {
	// A try that failed is repeated after firstDelay, and then after twice as long each time, up to maxDelay.
	firstDelay, maxDelay time.Duration
	// One try of Create, and all of them when the caller has set no deadline.
	try, overall time.Duration
	// What the server makes of a heartbeat_interval that is shorter.
	minHeartbeat time.Duration
	// A stream that lived as long began with valid credentials. When they end, a token file may have the next ones.
	renewableAfter time.Duration
}

// recommended is the timing for everybody but tests, which can't wait.
var recommended = timing{
	firstDelay:   100 * time.Millisecond,
	maxDelay:     5 * time.Second,
	try:          10 * time.Second,
	overall:      30 * time.Second,
	minHeartbeat: time.Second,

	renewableAfter: time.Minute,
}

// delay is how long to wait after so many failures in a row, jittered so that clients don't return in step.
func (t timing) delay(failures int) time.Duration {
	// The shift is bounded too: an outage of some minutes would overflow.
	limit := min(t.firstDelay<<min(failures-1, 16), t.maxDelay)
	return limit/2 + rand.N(limit/2+1)
}

// wait returns after delay, or when ctx is done.
func wait(ctx context.Context, delay time.Duration) {
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}

// closed tells whether the caller has closed the connection, which no new try can cure.
func closed(err error) bool {
	//lint:ignore SA1019 The code alone, CANCELLED, could also come from a server that stops.
	return errors.Is(err, grpc.ErrClientConnClosing)
}
