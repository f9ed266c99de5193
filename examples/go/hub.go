package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// Hub is what connections share. One lock covers all of it, so that a message is accepted in one step.
type Hub struct {
	cfg      *Config
	run      string // makes ids differ from those of an earlier process
	started  time.Time
	mu       sync.Mutex
	last     int64 // number of the last id given out
	rooms    map[string]*Room
	users    map[string]map[*Conn]bool // welcomed connections
	spoken   map[string]*Log           // bucket `messages`, by user: it outlives the connections
	active   int
	total    int
	slots    [61]struct{ second, count int }
	draining bool
}

// Room is a name and the connections that joined it.
type Room struct {
	name    string
	epoch   string
	seq     int64
	members map[*Conn]bool
	users   map[string]int // connections of each user
	typing  map[string]*time.Timer
}

// NewHub makes an empty hub.
func NewHub(cfg *Config) *Hub {
	run := make([]byte, 6)
	rand.Read(run) // never fails: it ends the process instead
	h := &Hub{cfg: cfg, run: hex.EncodeToString(run), started: time.Now(), rooms: map[string]*Room{},
		users: map[string]map[*Conn]bool{}, spoken: map[string]*Log{}}
	go h.forget()
	return h
}

// forget drops the logs of users who have been silent for a window.
func (h *Hub) forget() {
	window := time.Duration(h.cfg.Messages.WindowMS) * time.Millisecond
	for range time.Tick(max(window, time.Second)) {
		h.mu.Lock()
		for user, log := range h.spoken {
			if log.drop(time.Now(), window); len(*log) == 0 {
				delete(h.spoken, user)
			}
		}
		h.mu.Unlock()
	}
}

func (h *Hub) newID(prefix string) string {
	h.last++
	return fmt.Sprintf("%s-%s-%d", prefix, h.run, h.last)
}

// send queues a message for each member of a room but the connections of one user.
func (r *Room) send(m Message, except string) {
	m.Room = r.name
	frame := text(m)
	for c := range r.members {
		if c.identity.User != except {
			c.send(frame)
		}
	}
}

func (h *Hub) snapshot(r *Room, self string) object {
	members := []string{self}
	for user := range r.users {
		if user != self && len(members) < h.cfg.Limits.ListedMembers {
			members = append(members, user)
		}
	}
	data := object{"members": members, "count": len(r.users)}
	if len(members) < len(r.users) {
		data["truncated"] = true
	}
	return data
}

// receive carries out a message of a welcomed connection.
func (h *Hub) receive(c *Conn, request Request, fault *Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.closing {
		return
	}
	var data any
	if fault == nil {
		fault = h.admit(c, request)
	}
	if fault == nil {
		data, fault = h.execute(c, request)
	}
	reply := Message{Type: "ack", Ref: request.ID, Data: data}
	if roomTypes[request.Type] || request.Type == "binary" {
		reply.Room = request.Room
	}
	switch {
	case fault != nil:
		reply.Type, reply.Data = "error", fault
		c.send(text(reply))
		h.punish(c, fault)
	case request.Type == "ping":
		reply.Type = "pong"
		c.send(text(reply))
	case data != nil && request.ID != "":
		c.send(text(reply))
	}
}

// punish closes a connection that spent a budget.
func (h *Hub) punish(c *Conn, fault *Fault) {
	now := time.Now()
	if fault.isProtocolError() && c.faults.add(now, h.cfg.Limits.ProtocolErrorWindowMS) >= h.cfg.Limits.ProtocolErrors {
		h.close(c, 4000, "too_many_protocol_errors")
	}
	if fault.Code != "rate_limited" {
		return
	}
	bucket, refusals := h.cfg.Control, &c.controlRefusals
	if fault.Bucket == h.cfg.Messages.Name {
		bucket, refusals = h.cfg.Messages, &c.messageRefusals
	}
	if bucket.CloseAfter > 0 && refusals.add(now, bucket.WindowMS) >= bucket.CloseAfter {
		h.close(c, 4101, fmt.Sprintf("rate_limited;retry_after_ms=%d", *fault.RetryAfter))
	}
}

// admit looks at the rate, then at what the token allows.
func (h *Hub) admit(c *Conn, request Request) *Fault {
	bucket, log := &h.cfg.Control, &c.control
	if request.Type == "chat" {
		bucket = &h.cfg.Messages
		if log = h.spoken[c.identity.User]; log == nil {
			log = &Log{}
			h.spoken[c.identity.User] = log
		}
	}
	if wait, ok := log.admit(time.Now(), bucket.Limit, bucket.WindowMS); !ok {
		return &Fault{Code: "rate_limited", Message: "too many messages", Retryable: true,
			Bucket: bucket.Name, Limit: &bucket.Limit, RetryAfter: &wait}
	}
	if request.Type != "ping" && request.Type != "leave" && !c.identity.allows(request.Room) {
		return &Fault{Code: "forbidden", Message: "the token does not allow this room"}
	}
	return nil
}

// execute returns the data of the reply; nil when the reply was sent.
func (h *Hub) execute(c *Conn, request Request) (any, *Fault) {
	room := c.rooms[request.Room]
	switch request.Type {
	case "ping":
		return request.Data, nil
	case "join":
		return nil, h.join(c, request)
	case "leave":
		if room != nil {
			h.leave(c, room, "left")
		}
		return object{}, nil
	}
	if room == nil {
		return nil, &Fault{Code: "not_in_room", Message: "join the room first"}
	}
	switch request.Type {
	case "members":
		return h.snapshot(room, c.identity.User), nil
	case "typing":
		h.setTyping(room, c.identity.User, request.Data["active"] == true)
		return object{}, nil
	}
	return h.chat(c, room, request), nil
}

func (h *Hub) chat(c *Conn, room *Room, request Request) object {
	now, user := time.Now(), c.identity.User
	h.setTyping(room, user, false)
	room.seq++
	h.count(now)
	data := object{"text": request.Data["text"]}
	if meta, present := request.Data["meta"]; present {
		data["meta"] = meta
	}
	event := Message{Type: "chat", ID: h.newID("ev"), From: user, Seq: room.seq, Timestamp: timestamp(now), Data: data}
	room.send(event, "")
	return object{"id": event.ID, "seq": room.seq}
}

func (h *Hub) join(c *Conn, request Request) *Fault {
	room, user := c.rooms[request.Room], c.identity.User
	came := false
	if room == nil {
		if len(c.rooms) >= h.cfg.Limits.Rooms {
			return &Fault{Code: "too_many_rooms", Message: "leave a room first"}
		}
		if room = h.rooms[request.Room]; room == nil {
			room = &Room{name: request.Room, epoch: h.newID("e"), members: map[*Conn]bool{}, users: map[string]int{},
				typing: map[string]*time.Timer{}}
			h.rooms[room.name] = room
		}
		room.members[c], c.rooms[room.name] = true, room
		room.users[user]++
		came = room.users[user] == 1
	}
	if request.ID != "" {
		data := h.snapshot(room, user)
		data["seq"], data["epoch"] = room.seq, room.epoch
		c.send(text(Message{Type: "ack", Ref: request.ID, Room: room.name, Data: data}))
	}
	if came {
		room.send(Message{Type: "join", Data: object{"user": user}}, user)
	}
	return nil
}

func (h *Hub) leave(c *Conn, room *Room, reason string) {
	user := c.identity.User
	delete(room.members, c)
	delete(c.rooms, room.name)
	room.users[user]--
	if room.users[user] > 0 {
		return
	}
	delete(room.users, user)
	if timer := room.typing[user]; timer != nil && h.draining {
		timer.Stop()
		delete(room.typing, user)
	}
	h.setTyping(room, user, false)
	if !h.draining || reason == "left" {
		room.send(Message{Type: "leave", Data: object{"user": user, "reason": reason}}, user)
	}
	if len(room.members) == 0 {
		delete(h.rooms, room.name) // its next life has another epoch
	}
}

func (h *Hub) setTyping(room *Room, user string, active bool) {
	timer := room.typing[user]
	if timer != nil {
		timer.Stop()
		delete(room.typing, user)
	}
	if active {
		var own *time.Timer
		own = time.AfterFunc(h.cfg.TypingTTL, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if room.typing[user] == own {
				h.setTyping(room, user, false)
			}
		})
		room.typing[user] = own
	}
	if active != (timer != nil) {
		room.send(Message{Type: "typing", From: user, Data: object{"active": active, "user": user}}, user)
	}
}

// close takes a connection out of its rooms and queues its Close frame; the lock is held.
func (h *Hub) close(c *Conn, code int, reason string) {
	if c.closing {
		return
	}
	c.closing = true
	for _, room := range c.rooms {
		h.leave(c, room, "disconnected")
	}
	c.sendClose(code, reason)
}

// Close is close for those who do not hold the lock.
func (h *Hub) Close(c *Conn, code int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.close(c, code, reason)
}

// welcome admits a verified connection, or closes it.
func (h *Hub) welcome(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	user := c.identity.User
	switch {
	case c.closing:
		return
	case h.draining:
		h.close(c, 1012, fmt.Sprintf("server_restart;retry_after_ms=%d", spread()))
		return
	case len(h.users[user]) >= h.cfg.Limits.ConnectionsPerUser:
		h.close(c, 4005, "connection_limit")
		return
	}
	if h.users[user] == nil {
		h.users[user] = map[*Conn]bool{}
	}
	h.users[user][c] = true
	h.active++
	c.send(text(Message{Type: "welcome", Data: object{
		"protocol":      "parlor.v1",
		"server":        object{"name": "parlor-example-go", "version": "1.0.0"},
		"connection_id": h.newID("c"),
		"user":          user,
		"features":      h.cfg.Features,
		"heartbeat": object{"interval_ms": h.cfg.HeartbeatInterval.Milliseconds(),
			"timeout_ms": h.cfg.HeartbeatTimeout.Milliseconds()},
		"auth":          object{"method": "token", "expires_at": timestamp(c.identity.Expires)},
		"limits":        h.cfg.Limits,
		"rates":         []Bucket{h.cfg.Messages, h.cfg.Control},
		"typing_ttl_ms": h.cfg.TypingTTL.Milliseconds(),
	}}))
}

// remove forgets a connection that ended.
func (h *Hub) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.closing = true
	if c.identity == nil {
		return
	}
	for _, room := range c.rooms {
		h.leave(c, room, "disconnected")
	}
	if user := c.identity.User; h.users[user][c] {
		h.active--
		if delete(h.users[user], c); len(h.users[user]) == 0 {
			delete(h.users, user)
		}
	}
}

// count notes an accepted message.
func (h *Hub) count(now time.Time) {
	h.total++
	second := int(now.Sub(h.started) / time.Second)
	slot := &h.slots[second%len(h.slots)]
	if slot.second != second {
		slot.second, slot.count = second, 0
	}
	slot.count++
}
