// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Kind says what an [Event] reports.
type Kind string

// The kinds of events. Each stage has one Started and at most one Finished or
// Failed, with any number of Progress between them. Continued is of no stage: it
// says that the run goes on in this file, and has in Hosts the sum of all Hosts
// of the run until then, for the case that the files before are gone. Readers
// pass over kinds that they do not know, so that there may be more of them.
const (
	Started   Kind = "started"
	Progress  Kind = "progress"
	Finished  Kind = "finished"
	Failed    Kind = "failed"
	Continued Kind = "continued"
)

// Event is one line of the run log.
type Event struct {
	Time    time.Time
	Run     string // the run's id, one for each process
	Cluster string
	Host    string
	Role    string
	Stage   string
	Event   Kind

	Duration time.Duration // since the stage started; seconds in JSON
	Bytes    int64         // transferred so far in this stage
	ExitCode *int          // of the script that failed, nil if there is none
	Message  string
	Tail     string // the last lines of output, for failures
	Hosts    int    // that there is something to do on, where a pool says so
}

// line is Event in the order and form in which it is written.
type line struct {
	Time     time.Time `json:"time"`
	Run      string    `json:"run"`
	Cluster  string    `json:"cluster,omitempty"`
	Host     string    `json:"host,omitempty"`
	Role     string    `json:"role,omitempty"`
	Stage    string    `json:"stage,omitempty"`
	Event    Kind      `json:"event"`
	Duration *float64  `json:"duration,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	ExitCode *int      `json:"exit_code,omitempty"`
	Message  string    `json:"message,omitempty"`
	Tail     string    `json:"tail,omitempty"`
	Hosts    int       `json:"hosts,omitempty"`
}

var (
	_ json.Marshaler   = Event{}
	_ json.Unmarshaler = (*Event)(nil)
)

// MarshalJSON writes the event with its duration in seconds, to the
// millisecond.
func (e Event) MarshalJSON() ([]byte, error) {
	l := line{
		Time: e.Time.UTC(), Run: e.Run, Cluster: e.Cluster, Host: e.Host, Role: e.Role, Stage: e.Stage,
		Event: e.Event, Bytes: e.Bytes, ExitCode: e.ExitCode, Message: e.Message, Tail: e.Tail, Hosts: e.Hosts,
	}
	if e.Event != Started && e.Stage != "" {
		seconds := math.Round(e.Duration.Seconds()*1000) / 1000
		l.Duration = &seconds
	}
	return json.Marshal(l)
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown members are ignored, so
// that older programs can read newer logs.
func (e *Event) UnmarshalJSON(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	if l.Event == "" {
		return fmt.Errorf("no event in the line")
	}
	*e = Event{
		Time: l.Time, Run: l.Run, Cluster: l.Cluster, Host: l.Host, Role: l.Role, Stage: l.Stage,
		Event: l.Event, Bytes: l.Bytes, ExitCode: l.ExitCode, Message: l.Message, Tail: l.Tail, Hosts: l.Hosts,
	}
	if l.Duration != nil {
		e.Duration = time.Duration(*l.Duration * float64(time.Second))
	}
	return nil
}
