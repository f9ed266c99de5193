// A Parlor v1 server that keeps everything in memory.
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const longestReturn = 5000 // ms within which the clients of a drained server come back

func main() {
	log.SetFlags(0)
	cfg, err := Load()
	if err != nil {
		log.Fatal(err)
	}
	hub := NewHub(cfg)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", hub.serveWebSocket)
	if slices.Contains(cfg.Features, "operations") {
		mux.HandleFunc("/health/websocket", hub.operations(hub.health))
		mux.HandleFunc("/stats", hub.operations(hub.stats))
	}
	listener, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Fatal(server.Serve(sockets{listener})) }()
	<-signals
	drained, cancel := context.WithTimeout(context.Background(), cfg.Grace+closeWait)
	defer cancel()
	go func() {
		hub.drain()
		cancel()
	}()
	select {
	case <-drained.Done():
	case <-signals:
		os.Exit(1)
	}
}

// sockets wraps what a TCP listener accepts.
type sockets struct{ net.Listener }

func (s sockets) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Socket{TCPConn: conn.(*net.TCPConn)}, nil
}

func spread() int { return rand.IntN(longestReturn + 1) }

// drain tells every connection, lets the queues flow out, and closes.
func (h *Hub) drain() {
	h.mu.Lock()
	h.draining = true
	waits := map[*Conn]int{}
	for _, conns := range h.users {
		for c := range conns {
			waits[c] = spread()
			c.send(text(Message{Type: "server_shutdown", Data: object{"reason": "restart",
				"grace_ms": h.cfg.Grace.Milliseconds(), "reconnect": true, "retry_after_ms": waits[c]}}))
		}
	}
	h.mu.Unlock()
	end := time.Now().Add(h.cfg.Grace)
	pending := waits
	for len(pending) > 0 {
		h.mu.Lock()
		left := map[*Conn]int{}
		for c, wait := range pending {
			if c.flushed() || !time.Now().Before(end) {
				h.close(c, 1012, fmt.Sprintf("server_restart;retry_after_ms=%d", wait))
			} else {
				left[c] = wait
			}
		}
		h.mu.Unlock()
		if pending = left; len(pending) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	for c := range waits {
		<-c.done
	}
}
