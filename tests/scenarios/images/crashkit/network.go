package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// dial connects to a dependency as the guide's web service does: a few attempts, then it gives up.
func dial(args []string) {
	f := flag.NewFlagSet("dial", flag.ExitOnError)
	attempts := f.Int("attempts", 3, "attempts before giving up")
	https := f.Bool("https", false, "ask by HTTPS instead of plain TCP")
	f.Parse(args)
	target := f.Arg(0)
	say("INFO", "web server starting on :8080")
	var err error
	for i := 0; i < *attempts; i++ {
		say("INFO", "connecting to %s", target)
		if *https {
			_, err = (&http.Client{Timeout: 5 * time.Second}).Get("https://" + target)
		} else {
			var conn net.Conn
			if conn, err = net.DialTimeout("tcp", target, 3*time.Second); err == nil {
				conn.Close()
			}
		}
		if err == nil {
			say("INFO", "connected")
			forever()
		}
		say("ERROR", "failed to connect: %v", err)
		time.Sleep(200 * time.Millisecond)
	}
	say("FATAL", "exiting")
	os.Exit(1)
}

// listenRaw accepts TCP connections; a second listener on the same port ends with the kernel's "address already in use".
func listenRaw(args []string) {
	say("INFO", "listening on %s", args[0])
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		die("%v", err)
	}
	go func() {
		for {
			if conn, err := l.Accept(); err == nil {
				conn.Close()
			}
		}
	}()
	forever()
}

type options struct {
	listen                                                       string
	startDelay, readyAfter, slow, hangAfter, unhealthyAfter, cpu time.Duration
	failEvery                                                    uint64
	tlsExpired, grpc, ignoreTerm                                 bool
	grpcStatus                                                   int
}

// serve is an HTTP (or TLS, or gRPC health) server with the usual weaknesses; see the flags.
func serve(args []string) {
	var o options
	f := flag.NewFlagSet("serve", flag.ExitOnError)
	f.StringVar(&o.listen, "listen", ":8080", "address")
	f.DurationVar(&o.startDelay, "start-delay", 0, "work before the port is opened")
	f.DurationVar(&o.cpu, "start-cpu", 0, "CPU time to burn before the port is opened")
	f.DurationVar(&o.readyAfter, "ready-after", 0, "/health answers 503 until then; /alive always 200")
	f.DurationVar(&o.slow, "slow", 0, "time each answer takes")
	f.DurationVar(&o.hangAfter, "hang-after", 0, "stop answering after this time")
	f.DurationVar(&o.unhealthyAfter, "unhealthy-after", 0, "/health answers 500 from then on")
	f.Uint64Var(&o.failEvery, "fail-every", 0, "each Nth request to /health fails with 503")
	f.BoolVar(&o.tlsExpired, "tls-expired", false, "serve TLS with a certificate that has expired")
	f.BoolVar(&o.grpc, "grpc", false, "speak grpc.health.v1 in clear text")
	f.IntVar(&o.grpcStatus, "grpc-status", 1, "1 SERVING, 2 NOT_SERVING")
	f.BoolVar(&o.ignoreTerm, "ignore-term", false, "ignore SIGTERM")
	f.Parse(args)
	if o.ignoreTerm {
		signal.Ignore(syscall.SIGTERM)
	}
	say("INFO", "web server starting on %s", o.listen)
	prepare(&o)
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		die("%v", err)
	}
	say("INFO", "listening on %s", o.listen)
	started := time.Now()
	srv := &http.Server{Handler: health(&o, started)}
	if o.grpc {
		srv.Handler = grpcHealth(byte(o.grpcStatus))
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetUnencryptedHTTP2(true)
	}
	if o.tlsExpired {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{expiredCertificate()}}
		die("%v", srv.ServeTLS(l, "", ""))
	}
	die("%v", srv.Serve(l))
}

// prepare is the start-up work: waiting (a migration, a cache) and computing.
func prepare(o *options) {
	steps := int(o.startDelay / (2 * time.Second))
	for i := 0; i < steps; i++ {
		say("INFO", "applying migration %d of %d", i+1, steps)
		time.Sleep(2 * time.Second)
	}
	time.Sleep(o.startDelay % (2 * time.Second))
	if o.cpu > 0 {
		say("INFO", "compiling templates")
		for cpuTime() < o.cpu {
			for i := 0; i < 1_000_000; i++ {
				runtime.KeepAlive(i)
			}
		}
		say("INFO", "templates compiled")
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func health(o *options, started time.Time) http.Handler {
	var asked atomic.Uint64
	mux := http.NewServeMux()
	mux.HandleFunc("/alive", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		up := time.Since(started)
		if o.hangAfter > 0 && up > o.hangAfter {
			if asked.Add(1) == 1 {
				say("WARN", "worker pool exhausted, 200 requests waiting")
			}
			<-r.Context().Done()
			return
		}
		time.Sleep(o.slow)
		switch n := asked.Add(1); {
		case up < o.readyAfter:
			http.Error(w, "warming up", http.StatusServiceUnavailable)
		case o.unhealthyAfter > 0 && up > o.unhealthyAfter:
			say("ERROR", "health check failed: event loop stalled, last tick %s ago", (up - o.unhealthyAfter).Round(time.Second))
			http.Error(w, "event loop stalled", http.StatusInternalServerError)
		case o.failEvery > 0 && n%o.failEvery == 0:
			http.Error(w, "upstream hiccup", http.StatusServiceUnavailable)
		default:
			w.Write([]byte("ok\n"))
		}
	})
	return mux
}

// grpcHealth answers grpc.health.v1.Health/Check: one frame holding HealthCheckResponse{status}, then grpc-status 0.
func grpcHealth(status byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.Write([]byte{0, 0, 0, 0, 2, 0x08, status})
		w.Header().Set("Grpc-Status", "0")
	})
}

func expiredCertificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		die("%v", err)
	}
	host, _ := os.Hostname()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "billing"}, DNSNames: []string{"billing", host},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(0, 0, -1),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		die("%v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
