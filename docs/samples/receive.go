// An endpoint that verifies what arrives, answers at once and works afterwards. Needs nothing but Go.
//
//	WEBHOOK_SECRET=whsec_… PORT=4000 go run receive.go verify.go
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// An event has at most 512 KiB, and its envelope a little more.
const limit = 1 << 20

// Event is one body. Data stays the bytes it came as: a float64 would round integers over 2^53.
type Event struct {
	ID   string          `json:"id"`
	Type string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// endpoint has in memory what in a real service is a unique key in the database, and a job queue that outlives the
// process.
type endpoint struct {
	secret string
	lock   sync.Mutex
	seen   map[string]bool
	jobs   chan Event
}

// take says whether the event is taken care of: it is new and there was room for it, or it was seen before.
func (e *endpoint) take(event Event) bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.seen[event.ID] {
		return true
	}
	select {
	case e.jobs <- event:
		e.seen[event.ID] = true
		return true
	default:
		return false
	}
}

func (e *endpoint) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	// The bytes as they came: JSON that was parsed and written again is not what was signed.
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, limit))
	if err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	if !VerifyStandard(body, request.Header, e.secret, time.Now()) {
		http.Error(response, "Unauthorized", http.StatusUnauthorized)
		return
	}
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	if !e.take(event) {
		// Anything but 200 has the event sent again later.
		http.Error(response, "Too much to do", http.StatusServiceUnavailable)
		return
	}
	// 200, not 201 or 204. A repeat gets it too, or it would come again.
	response.WriteHeader(http.StatusOK)
}

func (e *endpoint) work() {
	for event := range e.jobs {
		fmt.Printf("%s %s %s\n", event.Type, event.ID, event.Data)
	}
}

func main() {
	secret, port := os.Getenv("WEBHOOK_SECRET"), os.Getenv("PORT")
	if secret == "" {
		log.Fatal("set WEBHOOK_SECRET to the webhook's secret")
	}
	if port == "" {
		port = "4000"
	}
	receiving := &endpoint{secret: secret, seen: map[string]bool{}, jobs: make(chan Event, 1000)}
	go receiving.work()
	http.Handle("/webhooks/craftdesk", receiving)
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s/webhooks/craftdesk\n", listener.Addr())
	server := &http.Server{ReadTimeout: 30 * time.Second}
	log.Fatal(server.Serve(listener))
}
