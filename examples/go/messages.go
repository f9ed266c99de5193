package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"time"
)

const deepest = 64 // levels of nesting that are read; 32 are owed

var (
	typeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	roomForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)
)

// roomTypes says of each type that this server carries out whether it needs a room.
var roomTypes = map[string]bool{
	"join": true, "leave": true, "members": true, "chat": true, "typing": true, "ping": false,
}

// unannounced are the client types of profiles that this server does not have.
var unannounced = map[string]bool{"auth": true, "direct": true, "broadcast": true, "binary": true}

// Request is what a client sent; what was missing or malformed is empty.
type Request struct {
	Type, ID, Room string
	Data           map[string]any
}

// Fault is the `data` of an `error`.
type Fault struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Retryable  bool   `json:"retryable"`
	Path       string `json:"path,omitempty"`
	Bucket     string `json:"bucket,omitempty"`
	Limit      *int   `json:"limit,omitempty"`
	RetryAfter *int64 `json:"retry_after_ms,omitempty"`
}

func (f *Fault) isProtocolError() bool {
	switch f.Code {
	case "invalid_json", "invalid_envelope", "unknown_type", "unsupported", "invalid_payload":
		return true
	}
	return false
}

// Message is what a server sends.
type Message struct {
	Type      string `json:"type"`
	ID        string `json:"id,omitempty"`
	Ref       string `json:"ref,omitempty"`
	Room      string `json:"room,omitempty"`
	From      string `json:"from,omitempty"`
	Seq       int64  `json:"seq,omitempty"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

type object = map[string]any

func (m Message) encode() []byte {
	if m.Timestamp == "" {
		m.Timestamp = timestamp(time.Now())
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		panic(err) // everything in a message came out of a decoder
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// read takes a text message through the steps that need nothing but itself.
func (cfg *Config) read(payload []byte) (Request, *Fault) {
	var r Request
	if depth(payload) > deepest {
		return r, &Fault{Code: "invalid_json", Message: "the message is nested too deep"}
	}
	// Maps, because encoding/json matches the members of a struct in any case.
	var value any
	if json.Unmarshal(payload, &value) != nil {
		return r, &Fault{Code: "invalid_json", Message: "the message is not JSON"}
	}
	envelope, ok := value.(object)
	if !ok {
		return r, &Fault{Code: "invalid_envelope", Message: "the message has to be an object"}
	}
	sound := true
	take := func(name string, form *regexp.Regexp, longest int) string {
		value, present := envelope[name]
		text, _ := value.(string)
		if present && (len(text) > longest || !form.MatchString(text)) {
			sound = false
			return ""
		}
		return text
	}
	r.Type, r.ID, r.Room = take("type", typeForm, 64), take("id", idForm, 64), take("room", roomForm, 128)
	r.Data = object{}
	if data, present := envelope["data"]; present {
		var isObject bool
		r.Data, isObject = data.(object)
		sound = sound && isObject
	}
	if !sound || r.Type == "" {
		return r, &Fault{Code: "invalid_envelope", Message: "type is required, and type, id, room and data have to be well-formed"}
	}
	needsRoom, known := roomTypes[r.Type]
	switch {
	case unannounced[r.Type]:
		return r, &Fault{Code: "unsupported", Message: "this server does not announce the profile of this type"}
	case !known:
		return r, &Fault{Code: "unknown_type", Message: "there is no such type for clients"}
	case needsRoom && r.Room == "":
		return r, payloadFault("/room", "room is required")
	}
	return r, cfg.checkData(r)
}

func (cfg *Config) checkData(r Request) *Fault {
	switch r.Type {
	case "chat":
		text, ok := r.Data["text"].(string)
		if !ok || text == "" {
			return payloadFault("/data/text", "text has to be a string that is not empty")
		}
		if len(text) > cfg.Limits.TextBytes {
			fault := payloadFault("/data/text", "text is too long")
			fault.Limit = &cfg.Limits.TextBytes
			return fault
		}
		if meta, present := r.Data["meta"]; present {
			if _, ok := meta.(object); !ok {
				return payloadFault("/data/meta", "meta has to be an object")
			}
		}
	case "typing":
		if _, ok := r.Data["active"].(bool); !ok {
			return payloadFault("/data/active", "active has to be a boolean")
		}
	}
	return nil
}

func payloadFault(path, message string) *Fault {
	return &Fault{Code: "invalid_payload", Message: message, Path: path}
}

// depth counts the levels of a text that may or may not be JSON.
func depth(text []byte) int {
	level, most, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			most = max(most, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return most
}
