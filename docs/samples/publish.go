// Publishes one event and waits until it is stored.
//
//	go mod init publish && go get github.com/nats-io/nats.go
//	export NATS_URL="$(node dist/main.js nats-url --publisher)"
//	go run publish.go ws_demo project.created '{"name":"Website Redesign"}'
//
// A fourth argument is the event's id: publishing it twice delivers it once.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Event is one domain fact. ID and Timestamp are made once, where the fact is: every try sends the same bytes.
type Event struct {
	ID        string          `json:"id"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
	Workspace string          `json:"-"`
	Type      string          `json:"-"`
}

// What ends up in a subject. Anything else could be read as another subject.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (e Event) check() error {
	tokens := append([]string{e.Workspace, e.ID}, strings.Split(e.Type, ".")...)
	for _, text := range tokens {
		if len(tokens) != 4 || !token.MatchString(text) {
			return fmt.Errorf("not publishable: workspace %q, type %q, id %q", e.Workspace, e.Type, e.ID)
		}
	}
	return nil
}

// isFinal tells errors that no repetition mends: a size that is refused.
func isFinal(err error) bool {
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == 10054 { // over the stream's 1 MiB
		return true
	}
	return errors.Is(err, nats.ErrMaxPayload)
}

// PublishEvent returns when the broker has acknowledged the event: from then on it is owed to every webhook that
// subscribes to it. It gives up when ctx ends; the event may be stored all the same, so publish it again later with the
// same id.
func PublishEvent(ctx context.Context, js jetstream.JetStream, event Event) (*jetstream.PubAck, error) {
	if err := event.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	subject := "events." + event.Workspace + "." + event.Type
	// The workspace belongs into it: the broker compares this header across all workspaces.
	messageID := jetstream.WithMsgID(event.Workspace + "/" + event.ID)
	for wait := 250 * time.Millisecond; ; wait = min(wait*2, 10*time.Second) {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		ack, err := js.Publish(try, subject, body, messageID)
		cancel()
		if err == nil || isFinal(err) {
			return ack, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

func newID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return "evt_" + hex.EncodeToString(id)
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: publish <workspace> <type> <data> [id]")
	}
	event := Event{
		ID:        newID(),
		Timestamp: time.Now().UTC(),
		Workspace: os.Args[1],
		Type:      os.Args[2],
		Data:      json.RawMessage(os.Args[3]),
	}
	if len(os.Args) > 4 {
		event.ID = os.Args[4]
	}
	connection, err := nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ack, err := PublishEvent(ctx, js, event)
	if err != nil {
		log.Fatal(err)
	}
	if ack.Duplicate {
		fmt.Printf("%s was stored before\n", event.ID)
	} else {
		fmt.Printf("%s is stored as %s %d\n", event.ID, ack.Stream, ack.Sequence)
	}
}
