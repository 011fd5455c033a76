package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// exit logs one line per --log, waits, and ends with --code.
func exit(args []string) {
	var lines []string
	f := flag.NewFlagSet("exit", flag.ExitOnError)
	code := f.Int("code", 1, "exit code")
	after := f.Duration("after", 0, "how long to live")
	f.Func("log", "a line to print (may be repeated)", func(s string) error { lines = append(lines, s); return nil })
	f.Parse(args)
	for _, line := range lines {
		fmt.Println(line)
	}
	time.Sleep(*after)
	os.Exit(*code)
}

type server struct{ store *store }
type store struct{ items map[string]int }

func (s *server) count(key string) int { return s.store.items[key] }

// nilPanic dereferences a nil pointer, as the most common Go crash does.
func nilPanic(args []string) {
	say("INFO", "api server starting")
	s := &server{}
	fmt.Println(s.count("orders"))
}

// env requires each named variable.
func env(args []string) {
	say("INFO", "starting")
	for _, name := range args {
		if os.Getenv(name) == "" {
			die("environment variable %s is required but not set", name)
		}
	}
	say("INFO", "configuration complete")
	forever()
}

// config reads a file, as the guide's service does, and ends when it cannot.
func config(args []string) {
	say("INFO", "starting web")
	data, err := os.ReadFile(args[0])
	if err != nil {
		fmt.Fprintf(os.Stderr, "Error: could not read config file %s: %v\n", args[0], err)
		os.Exit(1)
	}
	say("INFO", "read %d bytes of configuration", len(data))
	forever()
}

// write stores its state in the given file, again and again.
func write(args []string) {
	say("INFO", "starting worker")
	for {
		if err := os.WriteFile(args[0], []byte("{}\n"), 0o644); err != nil {
			die("failed to write %s: %v", args[0], err.(*os.PathError).Err)
		}
		time.Sleep(time.Second)
	}
}

// disk fills a file up to --mib, then lives on; ends when the file system refuses.
func disk(args []string) {
	f := flag.NewFlagSet("disk", flag.ExitOnError)
	path := f.String("path", "/tmp/cache.bin", "file to fill")
	mib := f.Int("mib", 64, "how much to write")
	f.Parse(args)
	say("INFO", "warming the cache in %s", *path)
	out, err := os.Create(*path)
	if err != nil {
		die("cannot create cache: %v", err)
	}
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for i := 0; i < *mib; i++ {
		if _, err := out.Write(block); err != nil {
			die("cannot extend cache: %v", err)
		}
	}
	say("INFO", "cache of %d MiB is warm", *mib)
	forever()
}

// files opens sockets until the limit on open files is reached.
func files(args []string) {
	say("INFO", "opening upstream connections")
	var limit syscall.Rlimit
	limit.Cur, limit.Max = 64, 64
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		die("setrlimit: %v", err)
	}
	var held []net.Listener
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			die("pool: %v", err)
		}
		held = append(held, l)
	}
}

// spawn runs a child, passes its end on as its own (`--code` overrides), or lives on (`--survive`).
func spawn(args []string) {
	f := flag.NewFlagSet("spawn", flag.ExitOnError)
	survive := f.Bool("survive", false, "go on when the child dies")
	code := f.Int("code", 1, "exit code when the child dies")
	f.Parse(args)
	say("INFO", "starting worker %v", f.Args())
	cmd := exec.Command(f.Arg(0), f.Args()[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	say("ERROR", "worker ended: %v", err)
	if *survive {
		forever()
	}
	os.Exit(*code)
}

// term lives until SIGTERM and ends with 128+15, as a program does that follows the shell's convention.
// With --send it sends SIGTERM to the process whose command line begins with that name (in a shared process namespace).
func term(args []string) {
	f := flag.NewFlagSet("term", flag.ExitOnError)
	send := f.Int("send", 0, "after 2 s, send SIGTERM to this process id")
	f.Parse(args)
	if *send != 0 {
		go func() {
			time.Sleep(2 * time.Second)
			syscall.Kill(*send, syscall.SIGTERM)
		}()
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	say("INFO", "worker ready, waiting for jobs")
	<-c
	say("INFO", "received SIGTERM, shutting down")
	os.Exit(143)
}

// forever blocks until the process is asked to end.
func forever() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
	os.Exit(0)
}
