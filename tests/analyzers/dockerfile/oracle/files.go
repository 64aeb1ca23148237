package main

import (
	"bytes"
	"context"
	"fmt"
	gofs "io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	copyfs "github.com/tonistiigi/fsutil/copy"
)

// One source of a COPY, already expanded, with the destination joined to the working directory.
type copyLine struct {
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Excludes    []string `json:"excludes"`
	Includes    []string `json:"includes"`
}

func write(root string, paths []string) error {
	for _, p := range paths {
		full := filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(p), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The files that a build's context keeps.
func ignored(r request) (a answer) {
	root, err := os.MkdirTemp("", "oracle")
	if err != nil {
		a.Error = err.Error()
		return
	}
	defer os.RemoveAll(root)
	patterns, err := ignorefile.ReadAll(bytes.NewReader(r.Data))
	if err == nil {
		err = write(root, r.Paths)
	}
	if err != nil {
		a.Error = err.Error()
		return
	}
	err = fsutil.Walk(context.Background(), root, &fsutil.FilterOpt{ExcludePatterns: patterns},
		func(path string, info gofs.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				a.Paths = append(a.Paths, path)
			}
			return err
		})
	if err != nil {
		a.Error = err.Error()
	}
	return
}

// What solver/llbsolver/file.docopy does for a Dockerfile's COPY (it is not exported).
func copyOne(source, target string, c copyLine) error {
	matches, err := copyfs.ResolveWildcards(source, c.Source, true)
	if err != nil {
		return err
	}
	for _, m := range matches {
		err := copyfs.Copy(context.Background(), source, m, target, c.Destination, func(ci *copyfs.CopyInfo) {
			ci.IncludePatterns = c.Includes
			ci.ExcludePatterns = c.Excludes
			ci.CopyDirContents = true
			ci.FollowLinks = true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Copies lines of a Dockerfile and lists (guest path, context path) of the outcome.
func copied(r request) (a answer) {
	source, err := os.MkdirTemp("", "oracle")
	if err != nil {
		a.Error = err.Error()
		return
	}
	defer os.RemoveAll(source)
	target, err := os.MkdirTemp("", "oracle")
	if err != nil {
		a.Error = err.Error()
		return
	}
	defer os.RemoveAll(target)
	if err := write(source, r.Paths); err != nil {
		a.Error = err.Error()
		return
	}
	for _, c := range r.Copies {
		if err := copyOne(source, target, c); err != nil {
			a.Error = strings.NewReplacer(source, "", target, "").Replace(fmt.Sprint(err))
			break
		}
	}
	_ = filepath.WalkDir(target, func(path string, d gofs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			a.Files = append(a.Files, [2]string{strings.TrimPrefix(path, target), string(content)})
		}
		return err
	})
	sort.Slice(a.Files, func(i, j int) bool { return a.Files[i][0] < a.Files[j][0] })
	return
}
