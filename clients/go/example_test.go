package ringback_test

import (
	"log"

	ringback "github.com/ringback/ringback/clients/go"
)

func ExampleWithTLSFiles() {
	// Roots may be left out for the system's, and the certificate where a token proves who the client is.
	secured, err := ringback.WithTLSFiles(ringback.TLSFiles{
		Roots:       "/etc/ringback/ca.pem",
		Certificate: "/etc/ringback/client.pem",
		Key:         "/etc/ringback/client-key.pem",
	})
	if err != nil {
		log.Fatal(err)
	}
	// The file is read for each call, so a token that is renewed is used at once.
	token := ringback.WithTokenFile("/run/secrets/ringback-token")
	conn, err := ringback.Dial("ringback.example:443", secured, token)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}

func ExampleWithPlainTextTokenFile() {
	token := ringback.WithPlainTextTokenFile("/run/secrets/ringback-token")
	conn, err := ringback.Dial("localhost:50051", ringback.WithPlainText(), token)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}
