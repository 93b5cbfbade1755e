// Mirror is the lab's stand-in for the places that a learner's machine downloads from: it serves files over HTTPS and
// images as a registry, at a chosen rate, and misbehaves on request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: mirror COMMAND [OPTION…]

  serve     --root DIR --files ADDRESS --registry ADDRESS[,ADDRESS…]
  throttle  --root DIR RATE|off              limit all answers together, e.g. 100mbit, or bytes a second
  fault     --root DIR add [--times N] GLOB KIND [ARGUMENT] | list | clear
  health    --root DIR                       what the running server says about itself, as JSON
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	commands := map[string]func(context.Context, []string) error{
		"serve":    serveCommand,
		"throttle": throttleCommand,
		"fault":    faultCommand,
		"health":   healthCommand,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, usage)
			os.Exit(2)
		}
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage")

// newFlags makes a flag set whose errors end as ordinary errors.
func newFlags(command string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	return flags
}
