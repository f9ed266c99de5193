package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Bucket is one bucket of the rate limiter, as `welcome` announces it.
type Bucket struct {
	Name       string   `json:"bucket"`
	Types      []string `json:"types"`
	Limit      int      `json:"limit"`
	WindowMS   int      `json:"window_ms"`
	Scope      string   `json:"scope"`
	CloseAfter int      `json:"close_after"`
}

// Limits are the announced limits, in bytes, counts and milliseconds.
type Limits struct {
	MessageBytes          int `json:"max_message_bytes"`
	TextBytes             int `json:"max_text_bytes"`
	Rooms                 int `json:"max_rooms"`
	ListedMembers         int `json:"max_listed_members"`
	ConnectionsPerUser    int `json:"max_connections_per_user"`
	ProtocolErrors        int `json:"max_protocol_errors"`
	ProtocolErrorWindowMS int `json:"protocol_error_window_ms"`
	QueueBytes            int `json:"max_queue_bytes"`
}

// Config holds everything that an operator chooses.
type Config struct {
	Address           string
	Algorithm         string
	Key               any // []byte for HS256, a public key otherwise
	Issuer, Audience  string
	Leeway            time.Duration
	Origins           map[string]bool
	HeartbeatInterval time.Duration
	HeartbeatTimeout  time.Duration
	Grace             time.Duration
	TypingTTL         time.Duration
	Limits            Limits
	Messages, Control Bucket
	Features          []string
}

// Load reads the configuration from the environment.
func Load() (*Config, error) {
	var faults []error
	from := func(least int, name string, fallback int) int {
		text := os.Getenv(name)
		if text == "" {
			return fallback
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			faults = append(faults, fmt.Errorf("%s has to be a whole number from %d, not %q", name, least, text))
		}
		return n
	}
	number := func(name string, fallback int) int { return from(0, name, fallback) }
	duration := func(name string, fallback int) time.Duration {
		return time.Duration(number(name, fallback)) * time.Millisecond
	}
	c := &Config{
		Address:           or(os.Getenv("HOST"), "127.0.0.1") + ":" + or(os.Getenv("PORT"), "8000"),
		Algorithm:         or(os.Getenv("PARLOR_TOKEN_ALGORITHM"), "HS256"),
		Issuer:            os.Getenv("PARLOR_TOKEN_ISSUER"),
		Audience:          os.Getenv("PARLOR_TOKEN_AUDIENCE"),
		Leeway:            duration("PARLOR_TOKEN_LEEWAY_MS", 0),
		Origins:           map[string]bool{},
		HeartbeatInterval: duration("PARLOR_HEARTBEAT_INTERVAL_MS", 30000),
		HeartbeatTimeout:  duration("PARLOR_HEARTBEAT_TIMEOUT_MS", 10000),
		Grace:             duration("PARLOR_GRACE_MS", 10000),
		TypingTTL:         duration("PARLOR_TYPING_TTL_MS", 6000),
		Limits: Limits{
			MessageBytes:          from(1, "PARLOR_MAX_MESSAGE_BYTES", 65536),
			TextBytes:             from(1, "PARLOR_MAX_TEXT_BYTES", 4096),
			Rooms:                 from(1, "PARLOR_MAX_ROOMS", 50),
			ListedMembers:         from(1, "PARLOR_MAX_LISTED_MEMBERS", 1000),
			ConnectionsPerUser:    from(1, "PARLOR_MAX_CONNECTIONS_PER_USER", 10),
			ProtocolErrors:        from(1, "PARLOR_MAX_PROTOCOL_ERRORS", 20),
			ProtocolErrorWindowMS: number("PARLOR_PROTOCOL_ERROR_WINDOW_MS", 60000),
			QueueBytes:            number("PARLOR_MAX_QUEUE_BYTES", 1048576),
		},
		Messages: Bucket{"messages", []string{"chat"}, number("PARLOR_MESSAGES_LIMIT", 10),
			number("PARLOR_MESSAGES_WINDOW_MS", 60000), "user", number("PARLOR_MESSAGES_CLOSE_AFTER", 0)},
		Control: Bucket{"control", []string{"join", "leave", "members", "typing", "ping"},
			number("PARLOR_CONTROL_LIMIT", 120), number("PARLOR_CONTROL_WINDOW_MS", 60000), "connection",
			number("PARLOR_CONTROL_CLOSE_AFTER", 0)},
		Features: []string{},
	}
	for _, origin := range list("PARLOR_ALLOWED_ORIGINS") {
		c.Origins[origin] = true
	}
	if _, chosen := os.LookupEnv("PARLOR_FEATURES"); !chosen {
		c.Features = append(c.Features, "operations")
	}
	for _, feature := range list("PARLOR_FEATURES") {
		if feature == "operations" {
			c.Features = append(c.Features, feature)
		}
	}
	if c.HeartbeatInterval < 2*time.Millisecond {
		faults = append(faults, errors.New("PARLOR_HEARTBEAT_INTERVAL_MS has to be at least 2"))
	}
	if c.Messages.Limit < 1 || c.Control.Limit < 1 || c.Messages.WindowMS < 1 || c.Control.WindowMS < 1 {
		faults = append(faults, errors.New("the limit and the window of a bucket have to be at least 1"))
	}
	if c.Limits.ListedMembers > 1000 {
		faults = append(faults, errors.New("PARLOR_MAX_LISTED_MEMBERS has to be at most 1,000"))
	}
	if c.Limits.MessageBytes < c.Limits.TextBytes+1024 {
		faults = append(faults, errors.New("PARLOR_MAX_MESSAGE_BYTES has to be 1,024 more than PARLOR_MAX_TEXT_BYTES"))
	}
	if c.Limits.QueueBytes < c.Limits.MessageBytes+1024 {
		faults = append(faults, errors.New("PARLOR_MAX_QUEUE_BYTES has to be 1,024 more than PARLOR_MAX_MESSAGE_BYTES"))
	}
	var err error
	if c.Key, err = key(c.Algorithm); err != nil {
		faults = append(faults, err)
	}
	return c, errors.Join(faults...)
}

func key(algorithm string) (any, error) {
	switch algorithm {
	case "HS256":
		if secret := os.Getenv("PARLOR_TOKEN_SECRET"); secret != "" {
			return []byte(secret), nil
		}
		return nil, errors.New("PARLOR_TOKEN_SECRET has to hold the secret of HS256, and is empty")
	case "RS256", "ES256", "EdDSA":
		block, _ := pem.Decode([]byte(os.Getenv("PARLOR_TOKEN_PUBLIC_KEY")))
		if block == nil {
			return nil, fmt.Errorf("PARLOR_TOKEN_PUBLIC_KEY has to hold the public key of %s as PEM", algorithm)
		}
		return x509.ParsePKIXPublicKey(block.Bytes)
	}
	return nil, fmt.Errorf("PARLOR_TOKEN_ALGORITHM has to be HS256, RS256, ES256 or EdDSA, not %q", algorithm)
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func list(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}
