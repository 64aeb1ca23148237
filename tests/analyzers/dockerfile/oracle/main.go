// Reads Dockerfiles as BuildKit does and prints what it saw, one JSON object a line.
//
// Requests come on standard input, one JSON object a line. It runs BuildKit's own packages, so its
// answers are the specification; nothing here decides anything.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

type request struct {
	Kind   string            `json:"kind"` // split, expand, ignore, copy, resolve
	Data   []byte            `json:"data"` // split, resolve: the Dockerfile; ignore: the ignore file
	Word   string            `json:"word"` // expand
	Env    map[string]string `json:"env"`
	Escape string            `json:"escape"`
	Paths  []string          `json:"paths"` // ignore, copy: files of the context
	Copies []copyLine        `json:"copies"`
	Target string            `json:"target"` // resolve; Data and Env (build arguments) as well
}

type heredoc struct {
	Name    string `json:"name"`
	Content string `json:"content"`
	FD      uint   `json:"fd"`
	Expand  bool   `json:"expand"`
	Chomp   bool   `json:"chomp"`
}

type instruction struct {
	Name      string    `json:"name"`
	Start     int       `json:"start"`
	End       int       `json:"end"`
	Text      string    `json:"text"`
	Flags     []string  `json:"flags"`
	JSON      bool      `json:"json"`
	Arguments []string  `json:"arguments"`
	Heredocs  []heredoc `json:"heredocs"`
}

type answer struct {
	Instructions []instruction `json:"instructions,omitempty"`
	Escape       string        `json:"escape,omitempty"`
	ParseError   string        `json:"parse_error,omitempty"`
	CheckError   string        `json:"check_error,omitempty"`
	Word         string        `json:"word"`
	Words        []string      `json:"words,omitempty"`
	Error        string        `json:"error,omitempty"`
	Paths        []string      `json:"paths,omitempty"`
	Files        [][2]string   `json:"files,omitempty"`
	Image        *imageFacts   `json:"image,omitempty"`
}

func arguments(node *parser.Node) []string {
	found := []string{}
	for ; node.Next != nil; node = node.Next {
		arg := node.Next
		if len(arg.Children) == 0 {
			found = append(found, arg.Value)
		} else {
			found = append(found, arg.Children[0].Value)
			found = append(found, arguments(arg.Children[0])...)
		}
	}
	return found
}

func split(data []byte) (a answer) {
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		a.ParseError = err.Error()
		return
	}
	a.Escape = string(result.EscapeToken)
	for _, node := range result.AST.Children {
		i := instruction{
			Name: node.Value, Start: node.StartLine, End: node.EndLine, Text: node.Original,
			Flags: node.Flags, JSON: node.Attributes["json"], Arguments: arguments(node), Heredocs: []heredoc{},
		}
		if i.Flags == nil {
			i.Flags = []string{}
		}
		for _, h := range node.Heredocs {
			i.Heredocs = append(i.Heredocs, heredoc{h.Name, h.Content, h.FileDescriptor, h.Expand, h.Chomp})
		}
		a.Instructions = append(a.Instructions, i)
	}
	// A nil linter panics on a `# check=` comment.
	if _, _, err := instructions.Parse(result.AST, linter.New(&linter.Config{})); err != nil {
		a.CheckError = err.Error()
	}
	return
}

func expand(r request) (a answer) {
	env := []string{}
	for k, v := range r.Env {
		env = append(env, k+"="+v)
	}
	var err error
	lex := shell.NewLex(rune(r.Escape[0]))
	if a.Word, _, err = lex.ProcessWord(r.Word, shell.EnvsFromSlice(env)); err != nil {
		a.Error = err.Error()
		return
	}
	a.Words, err = shell.NewLex(rune(r.Escape[0])).ProcessWords(r.Word, shell.EnvsFromSlice(env))
	if err != nil {
		a.Error = err.Error()
	}
	return
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		var a answer
		switch r.Kind {
		case "split":
			a = split(r.Data)
		case "expand":
			a = expand(r)
		case "ignore":
			a = ignored(r)
		case "copy":
			a = copied(r)
		case "resolve":
			a = resolve(r)
		default:
			fmt.Fprintln(os.Stderr, "unknown kind", r.Kind)
			os.Exit(2)
		}
		if err := out.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}
