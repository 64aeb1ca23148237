package main

import (
	"context"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Every base image is one that sets nothing.
type bareImages struct{}

func (bareImages) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	const config = `{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":["x"]}}`
	return ref, digest.FromString(ref), []byte(config), nil
}

type imageFacts struct {
	Env         []string `json:"env"`
	WorkingDir  string   `json:"workdir"`
	User        string   `json:"user"`
	Entrypoint  []string `json:"entrypoint"`
	Cmd         []string `json:"cmd"`
	Ports       []string `json:"ports"`
	Volumes     []string `json:"volumes"`
	Healthcheck []string `json:"healthcheck"`
	Shell       []string `json:"shell"`
}

// The configuration of the image that a build would make.
func resolve(r request) (a answer) {
	opt := dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: r.Env, Target: r.Target},
		TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		MetaResolver:   bareImages{},
	}
	result, err := dockerfile2llb.Dockerfile2LLB(context.Background(), r.Data, opt)
	if err != nil {
		a.Error = err.Error()
		return
	}
	config := result.Image.Config
	facts := imageFacts{
		Env: config.Env, WorkingDir: config.WorkingDir, User: config.User,
		Entrypoint: config.Entrypoint, Cmd: config.Cmd, Shell: config.Shell,
	}
	for port := range config.ExposedPorts {
		facts.Ports = append(facts.Ports, port)
	}
	for volume := range config.Volumes {
		facts.Volumes = append(facts.Volumes, volume)
	}
	if config.Healthcheck != nil {
		facts.Healthcheck = config.Healthcheck.Test
	}
	a.Image = &facts
	return
}
