package main

import (
	"encoding/json"
	"net/http"
	"os"
	"time"
)

type vector struct {
	Secret  string
	Now     int64
	Headers map[string]string
	Body    string
}

type answer struct {
	Standard bool `json:"standard"`
	Hex      bool `json:"hex"`
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		panic(err)
	}
	answers := []answer{}
	for _, one := range vectors {
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		answers = append(answers, answer{
			Standard: VerifyStandard([]byte(one.Body), headers, one.Secret, time.Unix(one.Now, 0)),
			Hex:      VerifyHex([]byte(one.Body), headers.Get("x-webhook-signature"), one.Secret),
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
