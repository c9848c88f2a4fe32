// Command client is the load of the bench: what asks a server, in a process of its own, and takes little of the
// cores that the server shares with it.
//
//	client load …   creates callbacks, so many calls in flight or so many a second
//	client dial …   leases callbacks and answers each call at once, as a dialer without a telephone
//	client flood …  sends very many at once, and goes on when it is refused
//	client watch …  watches, as many streams as wanted
//
// Each prints one JSON object about what it measured, and fails on the first answer that is not OK. Its clock is that
// of the server, since both are on one machine.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// commands take the arguments after their name. They read flags of their own, and print their result with show.
var commands = map[string]func(args []string) error{
	"flood": flood,
	"load":  load,
	"dial":  dial,
	"watch": watch,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: client load|flood|dial|watch [FLAG…]; -h tells the flags"))
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[1], err))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// show prints what was measured, for the bench to read.
func show(measured any) error {
	return json.NewEncoder(os.Stdout).Encode(measured)
}
