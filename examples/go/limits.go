package main

import "time"

// Log is a sliding log: the times of what was admitted in the last window.
type Log []time.Time

// drop forgets what is not later than the beginning of the window that ends now.
func (l *Log) drop(now time.Time, window time.Duration) {
	kept := *l
	for len(kept) > 0 && !kept[0].After(now.Add(-window)) {
		kept = kept[1:]
	}
	*l = kept
}

// admit appends now where there is room, or tells how many milliseconds to wait.
func (l *Log) admit(now time.Time, limit, windowMS int) (wait int64, ok bool) {
	window := time.Duration(windowMS) * time.Millisecond
	l.drop(now, window)
	if len(*l) < limit {
		*l = append(*l, now)
		return 0, true
	}
	left := (*l)[0].Add(window).Sub(now)
	return int64((left + time.Millisecond - 1) / time.Millisecond), false
}

// add appends now and tells how many there are in the window.
func (l *Log) add(now time.Time, windowMS int) int {
	l.drop(now, time.Duration(windowMS)*time.Millisecond)
	*l = append(*l, now)
	return len(*l)
}
