package ringback

import (
	"os"
	"strings"
	"testing"
)

func TestTheReadmeShowsTheExamplesOfTheDocumentation(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ExampleWithTLSFiles", "ExampleWithPlainTextTokenFile"} {
		_, body, _ := strings.Cut(string(examples), "func "+name+"() {\n")
		body, _, _ = strings.Cut("\n"+body, "\n}")
		code := strings.TrimPrefix(strings.ReplaceAll(body, "\n\t", "\n"), "\n")
		if code == "" || !strings.Contains(string(readme), "```go\n"+code+"\n```\n") {
			t.Errorf("README.md does not show the code of %s as it is", name)
		}
	}
}

func TestTheReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(example)+"```\n") {
		t.Error("README.md does not show example/main.go as it is")
	}
}
