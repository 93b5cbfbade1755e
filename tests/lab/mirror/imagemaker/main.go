// Imagemaker makes container images out of folders, without a container engine, so that the same content has the same
// digest on every machine; and puts them where they are served from.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `usage: imagemaker COMMAND [OPTION…]

  image     --out DIR --layer DIR [--layer DIR…] [--entrypoint WORD…] [--command WORD…] [--env NAME=VALUE…]
            [--user NUMBER] [--workdir DIR] [--stop-signal SIGNAL]      an image, as an OCI layout
  archive   --out FILE REFERENCE=DIR…        one docker archive of several images
  publish   --registry DIR REFERENCE=DIR…    put images into the registry's storage, print their digests
`

var errUsage = errors.New("wrong usage")

func main() {
	commands := map[string]func(context.Context, []string) error{
		"image":   imageCommand,
		"archive": archiveCommand,
		"publish": publishCommand,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, usage)
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// words is a flag that may be given several times.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

func (w *words) Set(value string) error {
	*w = append(*w, value)
	return nil
}

// newFlags makes a flag set whose errors end as ordinary errors.
func newFlags(command string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	return flags
}
