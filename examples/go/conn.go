package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// closeWait is how long a peer has to take and to answer a Close frame.
const closeWait = 2 * time.Second

// Conn is one connection: a goroutine reads it, one writes it, one looks after its heartbeat.
type Conn struct {
	hub  *Hub
	ws   *websocket.Conn
	tcp  *Socket
	done chan struct{} // closed when the reading ends

	// Under the hub's lock.
	identity        *Identity
	rooms           map[string]*Room
	closing         bool
	control         Log
	faults          Log
	messageRefusals Log
	controlRefusals Log

	// The queue.
	queue   sync.Mutex
	wake    *sync.Cond
	frames  []Frame
	bytes   int  // of what is queued or being written
	sealed  bool // nothing more is added but a Close frame
	stopped bool
	written chan struct{} // closed when the writing ends
}

// Frame is one message or control frame to be written.
type Frame struct {
	opcode  int
	payload []byte
}

func text(m Message) Frame { return Frame{websocket.TextMessage, m.encode()} }

// Socket is a TCP connection that remembers when it last received something.
type Socket struct {
	*net.TCPConn
	heard atomic.Int64 // nanoseconds since the process began
}

var begin = time.Now()

func (s *Socket) Read(p []byte) (int, error) {
	n, err := s.TCPConn.Read(p)
	if n > 0 {
		s.heard.Store(int64(time.Since(begin)))
	}
	return n, err
}

func (s *Socket) silence() time.Duration { return time.Since(begin) - time.Duration(s.heard.Load()) }

// NewConn takes over a connection whose opening handshake is complete.
func NewConn(hub *Hub, ws *websocket.Conn) *Conn {
	c := &Conn{hub: hub, ws: ws, tcp: ws.NetConn().(*Socket), done: make(chan struct{}), rooms: map[string]*Room{},
		written: make(chan struct{})}
	c.wake = sync.NewCond(&c.queue)
	ws.SetReadLimit(int64(hub.cfg.Limits.MessageBytes))
	// One goroutine writes, so answers of the library go through the queue as well.
	ws.SetPingHandler(func(payload string) error {
		c.send(Frame{websocket.PongMessage, []byte(payload)})
		return nil
	})
	ws.SetCloseHandler(func(code int, _ string) error {
		hub.Close(c, code, "")
		return nil
	})
	go c.write()
	return c
}

// send queues a frame; a queue that grows too long ends the connection.
func (c *Conn) send(f Frame) {
	c.queue.Lock()
	defer c.queue.Unlock()
	if c.sealed {
		return
	}
	c.frames = append(c.frames, f)
	c.bytes += size(f)
	if c.bytes > c.hub.cfg.Limits.QueueBytes {
		c.sealed, c.frames = true, nil
		go c.hub.Close(c, 4102, "slow_consumer") // the caller may hold the lock, and may be walking over the members
	}
	c.wake.Signal()
}

// size is that of the frame on the wire, in bytes.
func size(f Frame) int {
	switch n := len(f.payload); {
	case n < 126:
		return n + 2
	case n < 65536:
		return n + 4
	default:
		return n + 10
	}
}

// sendClose queues the last frame, and cuts the connection when the peer does not answer it.
func (c *Conn) sendClose(code int, reason string) {
	c.queue.Lock()
	defer c.queue.Unlock()
	c.sealed = true
	c.frames = append(c.frames, Frame{websocket.CloseMessage, websocket.FormatCloseMessage(code, reason)})
	c.wake.Signal()
	time.AfterFunc(closeWait, func() { c.tcp.Close() })
}

// flushed tells whether everything has been handed to the operating system.
func (c *Conn) flushed() bool {
	c.queue.Lock()
	defer c.queue.Unlock()
	return c.sealed || c.bytes == 0
}

func (c *Conn) write() {
	defer close(c.written)
	for {
		c.queue.Lock()
		for len(c.frames) == 0 && !c.stopped {
			c.wake.Wait()
		}
		if c.stopped {
			c.queue.Unlock()
			return
		}
		frame := c.frames[0]
		c.frames = c.frames[1:]
		c.queue.Unlock()
		var err error
		if frame.opcode == websocket.TextMessage {
			err = c.ws.WriteMessage(frame.opcode, frame.payload)
		} else {
			err = c.ws.WriteControl(frame.opcode, frame.payload, time.Time{})
		}
		if err != nil || frame.opcode == websocket.CloseMessage {
			return
		}
		c.queue.Lock()
		c.bytes -= size(frame)
		c.queue.Unlock()
	}
}

// read serves the connection until it ends.
func (c *Conn) read() {
	defer c.end()
	for {
		opcode, payload, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		switch {
		case opcode == websocket.BinaryMessage:
			c.hub.receive(c, Request{}, &Fault{Code: "unsupported", Message: "this server takes no binary messages"})
		case !utf8.Valid(payload):
			c.hub.Close(c, websocket.CloseInvalidFramePayloadData, "")
		default:
			request, fault := c.hub.cfg.read(payload)
			c.hub.receive(c, request, fault)
		}
	}
}

func (c *Conn) end() {
	c.hub.mu.Lock()
	answering := c.closing // a Close frame is queued, or written
	c.hub.mu.Unlock()
	c.hub.remove(c)
	close(c.done)
	if answering {
		select {
		case <-c.written:
		case <-time.After(closeWait):
		}
	}
	c.queue.Lock()
	c.sealed, c.stopped = true, true
	c.wake.Signal()
	c.queue.Unlock()
	// To close a socket with unread bytes resets it, and the peer may lose the Close frame: read on for a while.
	c.tcp.CloseWrite()
	c.tcp.SetReadDeadline(time.Now().Add(closeWait))
	io.Copy(io.Discard, c.tcp.TCPConn)
	c.tcp.Close()
}

// beat sends Pings and ends a silent connection.
func (c *Conn) beat() {
	interval, patience := c.hub.cfg.HeartbeatInterval, c.hub.cfg.HeartbeatInterval+c.hub.cfg.HeartbeatTimeout
	pings := time.NewTicker(interval / 2)
	defer pings.Stop()
	for {
		left := patience - c.tcp.silence()
		if left <= 0 {
			c.hub.Close(c, 4201, "heartbeat_timeout")
			return
		}
		select {
		case <-c.done:
			return
		case <-pings.C:
			c.send(Frame{websocket.PingMessage, nil})
		case <-time.After(left):
		}
	}
}

// expire closes the connection when its token ends.
func (c *Conn) expire() {
	timer := time.NewTimer(time.Until(c.identity.Expires.Add(c.hub.cfg.Leeway)))
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.hub.Close(c, 4001, "token_expired")
	}
}
