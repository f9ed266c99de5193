package main

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	subprotocol = "parlor.v1"
	sentinel    = "parlor.unsupported"
)

// serveWebSocket answers the endpoint, in the order of refusals.
func (h *Hub) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "this is a WebSocket endpoint", http.StatusUpgradeRequired)
		return
	}
	if r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		http.Error(w, "the opening handshake is not one of RFC 6455", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	if draining {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the server restarts", http.StatusServiceUnavailable)
		return
	}
	if origin, sent := r.Header["Origin"]; sent && (len(origin) != 1 || !h.cfg.Origins[origin[0]]) {
		http.Error(w, "this origin is not allowed", http.StatusForbidden)
		return
	}
	selected, ok := selectSubprotocol(r)
	if !ok {
		http.Error(w, "none of the offered subprotocols is spoken here", http.StatusBadRequest)
		return
	}
	header := http.Header{}
	if selected != "" {
		header.Set("Sec-WebSocket-Protocol", selected)
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, header)
	if err != nil {
		return // Upgrade has answered
	}
	c := NewConn(h, ws)
	identity, reason := h.cfg.authenticate(r)
	switch {
	case selected == sentinel:
		h.Close(c, 4002, "version_unsupported")
	case reason != "":
		h.Close(c, 4001, reason)
	default:
		c.identity = identity
		h.welcome(c)
		go c.beat()
		go c.expire()
	}
	c.read()
}

// selectSubprotocol reads every header field: websocket.Subprotocols reads the first one only.
func selectSubprotocol(r *http.Request) (string, bool) {
	offered := map[string]bool{}
	for _, name := range strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if name = strings.Trim(name, " \t"); name != "" {
			offered[name] = true
		}
	}
	switch {
	case offered[subprotocol]:
		return subprotocol, true
	case offered[sentinel]:
		return sentinel, true
	}
	return "", len(offered) == 0
}

// operations serves an endpoint of the profile `operations`.
func (h *Hub) operations(answer func(now time.Time) (int, object)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeJSON(w, http.StatusMethodNotAllowed, "application/problem+json",
				object{"type": "about:blank", "title": "Method Not Allowed", "status": http.StatusMethodNotAllowed})
			return
		}
		h.mu.Lock()
		status, body := answer(time.Now())
		h.mu.Unlock()
		writeJSON(w, status, "application/json", body)
	}
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, body object) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a peer that is gone needs no answer
}

func (h *Hub) health(now time.Time) (int, object) {
	body := object{"status": "healthy", "active_connections": h.active, "timestamp": timestamp(now)}
	if h.draining {
		body["status"] = "draining"
		return http.StatusServiceUnavailable, body
	}
	return http.StatusOK, body
}

func (h *Hub) stats(now time.Time) (int, object) {
	uptime := now.Sub(h.started).Seconds()
	recent, rate := 0, 0.0
	for _, slot := range h.slots {
		if int(uptime)-slot.second < 60 {
			recent += slot.count
		}
	}
	if span := math.Min(60, uptime); span > 0 {
		rate = float64(recent) / span
	}
	return http.StatusOK, object{"active_connections": h.active, "total_messages": h.total,
		"uptime_seconds": uptime, "messages_per_second": rate}
}
