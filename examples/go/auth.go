package main

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

const (
	longestToken = 8192
	lastSecond   = 253402300799 // of the year 9999, the last that a timestamp can hold
)

// Go's base64 skips line breaks, so the alphabet is checked here.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// Identity is what a token says.
type Identity struct {
	User    string
	Expires time.Time
	Rooms   map[string]bool // nil: all rooms
}

func (i *Identity) allows(room string) bool { return i.Rooms == nil || i.Rooms[room] }

// authenticate finds the one token of a request; reason is that of the 4001 close, or empty.
func (cfg *Config) authenticate(r *http.Request) (identity *Identity, reason string) {
	var tokens []string
	// url.Values drops what it cannot read; a second token has to be seen however it is written.
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != "token" {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		tokens = append(tokens, value)
	}
	for _, header := range r.Header.Values("Authorization") {
		if scheme, value, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(value))
		}
	}
	switch len(tokens) {
	case 0:
		return nil, "token_missing"
	case 1:
		return cfg.verify(tokens[0], time.Now())
	}
	return nil, "credentials_conflict"
}

func (cfg *Config) verify(text string, now time.Time) (*Identity, string) {
	const invalid = "token_invalid"
	if len(text) > longestToken || !compact.MatchString(text) {
		return nil, invalid
	}
	// The claims are judged below: the library looks at fewer of them, and at fewer of their types.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{cfg.Algorithm}), jwt.WithoutClaimsValidation(),
		jwt.WithStrictDecoding())
	token, err := parser.Parse(text, func(*jwt.Token) (any, error) { return cfg.Key, nil })
	if err != nil {
		return nil, invalid
	}
	if _, critical := token.Header["crit"]; critical || token.Header["b64"] == false {
		return nil, invalid
	}
	// encoding/json puts U+FFFD for bytes that are no UTF-8, so that two users could become one.
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	var claims map[string]any
	if err != nil || !utf8.Valid(payload) || json.Unmarshal(payload, &claims) != nil || claims == nil {
		return nil, invalid
	}
	user, _ := claims["sub"].(string)
	if user == "" || len(user) > 255 || strings.ContainsFunc(user, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return nil, invalid
	}
	exp, ok := claims["exp"].(float64)
	if !ok || exp > lastSecond || exp < -lastSecond {
		return nil, invalid
	}
	if value, present := claims["nbf"]; present {
		if nbf, ok := value.(float64); !ok || nbf > float64(now.Add(cfg.Leeway).UnixMilli())/1000 {
			return nil, invalid
		}
	}
	if cfg.Audience != "" && !names(claims["aud"], cfg.Audience) || cfg.Issuer != "" && claims["iss"] != cfg.Issuer {
		return nil, invalid
	}
	rooms, ok := roomsOf(claims)
	if !ok {
		return nil, invalid
	}
	// A binary fraction may lie a little below the decimal that was written.
	expires := time.UnixMilli(int64(math.Floor(exp*1000 + 0.0005)))
	if !expires.Add(cfg.Leeway).After(now) {
		return nil, "token_expired"
	}
	return &Identity{user, expires, rooms}, ""
}

func names(aud any, audience string) bool {
	if many, ok := aud.([]any); ok {
		found := false
		for _, one := range many {
			if _, ok := one.(string); !ok {
				return false
			}
			found = found || one == audience
		}
		return found
	}
	return aud == audience
}

func roomsOf(claims map[string]any) (map[string]bool, bool) {
	claim, present := claims["rooms"]
	if !present {
		return nil, true
	}
	names, ok := claim.([]any)
	rooms := map[string]bool{}
	for _, name := range names {
		room, text := name.(string)
		ok = ok && text
		rooms[room] = true
	}
	return rooms, ok
}
