// receiver.go: takes tongdai's events, knows that they are genuine, and handles each one once.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type event struct {
	State        string `json:"state"`
	CallID       string `json:"call_id"`
	FromNumber   string `json:"from_number"`
	ToNumber     string `json:"to_number"`
	RecordingURL string `json:"recording_url"`
}

var (
	keys [][]byte
	lock sync.Mutex
	seen = map[string]bool{} // in real life: a table with a unique index on the webhook-id
)

func isGenuine(header http.Header, body []byte) bool {
	stamp := header.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	for _, key := range keys {
		hash := hmac.New(sha256.New, key)
		fmt.Fprintf(hash, "%s.%s.%s", header.Get("webhook-id"), stamp, body)
		good := "v1," + base64.StdEncoding.EncodeToString(hash.Sum(nil))
		for _, given := range strings.Fields(header.Get("webhook-signature")) {
			if hmac.Equal([]byte(good), []byte(given)) {
				return true
			}
		}
	}
	return false
}

func handle(body []byte) error {
	var one event
	if err := json.Unmarshal(body, &one); err != nil {
		return err
	}
	fmt.Println(one.State, one.CallID, one.FromNumber, "->", one.ToNumber, one.RecordingURL)
	return nil
}

func receive(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body) // the bytes as they came: the signature is over these
	if err != nil || !isGenuine(request.Header, body) {
		answer.WriteHeader(http.StatusUnauthorized)
		return
	}
	lock.Lock()
	defer lock.Unlock()
	if id := request.Header.Get("webhook-id"); !seen[id] {
		if handle(body) != nil {
			answer.WriteHeader(http.StatusInternalServerError) // the event comes again
			return
		}
		seen[id] = true
	}
	answer.WriteHeader(http.StatusNoContent)
}

func main() {
	secrets, err := os.ReadFile("secrets.txt")
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range strings.Fields(string(secrets)) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "whsec_"))
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, key)
	}
	http.HandleFunc("/", receive)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
