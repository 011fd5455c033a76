// Command crashkit is a small static program that fails in the ways real services fail: one binary, one subcommand per way.
// The scenarios in tests/scenarios use it where real software would be slow or large. Its log lines are worded like those of
// ordinary Go services, never like a test's.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"
)

// commands maps a subcommand to what it does; each gets the arguments after its name.
var commands = map[string]func(args []string){
	"dial":     dial,
	"config":   config,
	"disk":     disk,
	"env":      env,
	"exit":     exit,
	"files":    files,
	"grow":     grow,
	"listen":   listenRaw,
	"panic":    nilPanic,
	"registry": registry,
	"serve":    serve,
	"spawn":    spawn,
	"term":     term,
	"write":    write,
}

func main() {
	if len(os.Args) > 1 {
		if run := commands[os.Args[1]]; run != nil {
			run(os.Args[2:])
			return
		}
	}
	names := make([]string, 0, len(commands))
	for name := range commands {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "usage: crashkit COMMAND [FLAGS]\ncommands: %v\n", names)
	os.Exit(2)
}

// say prints a log line in the style of the guide: `2024-01-15 10:00:00 [INFO] text`.
func say(level, format string, args ...any) {
	fmt.Printf("%s [%s] %s\n", time.Now().UTC().Format("2006-01-02 15:04:05"), level, fmt.Sprintf(format, args...))
}

// die logs a fatal line and ends with exit code 1.
func die(format string, args ...any) {
	say("FATAL", format, args...)
	os.Exit(1)
}
