package main

import (
	"flag"
	"os"
	"time"
)

// grow takes memory step by step, touching every page, until the kernel objects or --max-mib is reached.
func grow(args []string) {
	f := flag.NewFlagSet("grow", flag.ExitOnError)
	step := f.Int("step-mib", 16, "MiB per step")
	every := f.Duration("every", 100*time.Millisecond, "time between steps")
	limit := f.Int("max-mib", 1<<20, "stop growing here")
	f.Parse(args)
	say("INFO", "loading data set")
	var held [][]byte
	for total := 0; total < *limit; total += *step {
		block := make([]byte, *step<<20)
		for i := 0; i < len(block); i += os.Getpagesize() {
			block[i] = 1
		}
		held = append(held, block)
		say("INFO", "cache holds %d MiB", total+*step)
		time.Sleep(*every)
	}
	say("INFO", "data set loaded: %d blocks", len(held))
	forever()
}
