// Loads compose projects as Docker Compose does and prints what it saw, one JSON object a line.
//
// Requests come on standard input, one JSON object a line. It runs compose-go, so its answers are the
// specification; nothing here decides anything.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

type request struct {
	Kind   string            `json:"kind"`   // project, template, dotenv
	Folder string            `json:"folder"` // project: the project directory
	Files  []string          `json:"files"`  // project: empty for those that `up` finds
	Text   string            `json:"text"`   // template, dotenv
	Env    map[string]string `json:"env"`    // template, dotenv
}

type answer struct {
	Error    string              `json:"error,omitempty"`
	Text     string              `json:"text"`
	Unset    []string            `json:"unset"`
	Env      map[string]string   `json:"env,omitempty"`
	Services map[string]*service `json:"services,omitempty"`
}

type service struct {
	Image       string            `json:"image"`
	Context     string            `json:"context"`
	Dockerfile  string            `json:"dockerfile"`
	Inline      string            `json:"inline"`
	Target      string            `json:"target"`
	Args        map[string]string `json:"args"`
	Contexts    map[string]string `json:"contexts"`
	Command     []string          `json:"command"`
	Entrypoint  []string          `json:"entrypoint"`
	Environment map[string]string `json:"environment"`
	Ports       []string          `json:"ports"`
	Expose      []string          `json:"expose"`
	Volumes     []string          `json:"volumes"`
	Tmpfs       []string          `json:"tmpfs"`
	DependsOn   []string          `json:"depends_on"`
	Networks    []string          `json:"networks"`
	CapAdd      []string          `json:"cap_add"`
	Devices     []string          `json:"devices"`
	SecurityOpt []string          `json:"security_opt"`
	Secrets     []string          `json:"secrets"`
	Configs     []string          `json:"configs"`
	Healthcheck []string          `json:"healthcheck"`
	Profiles    []string          `json:"profiles"`
	Privileged  bool              `json:"privileged"`
	NetworkMode string            `json:"network_mode"`
	User        string            `json:"user"`
	WorkingDir  string            `json:"working_dir"`
	GPU         bool              `json:"gpu"`
}

// warnings keeps the variables that compose says are not set.
type warnings struct{ unset []string }

func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }
func (w *warnings) Fire(entry *logrus.Entry) error {
	if _, rest, ok := strings.Cut(entry.Message, "The \""); ok {
		if name, _, ok := strings.Cut(rest, "\" variable is not set"); ok {
			w.unset = append(w.unset, name)
		}
	}
	return nil
}

func main() {
	logrus.SetOutput(io.Discard)
	hook := &warnings{}
	logrus.AddHook(hook)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<26)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		hook.unset = nil
		given := reply(asked)
		given.Unset = hook.unset
		if err := output.Encode(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func reply(asked request) (given answer) {
	defer func() {
		if trouble := recover(); trouble != nil {
			given = answer{Error: fmt.Sprint("panic: ", trouble)}
		}
	}()
	lookup := func(name string) (string, bool) { value, ok := asked.Env[name]; return value, ok }
	switch asked.Kind {
	case "template":
		text, err := template.Substitute(asked.Text, lookup)
		return answer{Text: text, Error: message(err)}
	case "dotenv":
		env, err := dotenv.ParseWithLookup(strings.NewReader(asked.Text), lookup)
		return answer{Env: env, Error: message(err)}
	default:
		return project(asked)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func project(asked request) answer {
	options, err := cli.NewProjectOptions(asked.Files,
		cli.WithWorkingDirectory(asked.Folder),
		cli.WithEnvFiles(),
		cli.WithDotEnv,
		cli.WithConfigFileEnv,
		cli.WithDefaultConfigPath,
		cli.WithProfiles([]string{"*"}),
		// As Docker Compose: what a service names and nobody declares is its own check, not ours.
		cli.WithLoadOptions(func(o *loader.Options) { o.SkipConsistencyCheck = true }),
	)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found, err := options.LoadProject(context.Background())
	if err != nil {
		return answer{Error: err.Error()}
	}
	services := map[string]*service{}
	for name, one := range found.Services {
		services[name] = facts(one)
	}
	return answer{Services: services}
}

func values(mapping types.MappingWithEquals) map[string]string {
	known := map[string]string{}
	for name, value := range mapping {
		if value != nil {
			known[name] = *value
		}
	}
	return known
}

func facts(one types.ServiceConfig) *service {
	said := &service{
		Image: one.Image, Command: one.Command, Entrypoint: one.Entrypoint,
		Environment: values(one.Environment), Expose: one.Expose, Tmpfs: one.Tmpfs,
		CapAdd: one.CapAdd, SecurityOpt: one.SecurityOpt, Profiles: one.Profiles,
		Privileged: one.Privileged, NetworkMode: one.NetworkMode, User: one.User, WorkingDir: one.WorkingDir,
		GPU: len(one.Gpus) > 0 || strings.Contains(one.Runtime, "nvidia"),
	}
	if one.Build != nil {
		said.Context, said.Dockerfile = one.Build.Context, one.Build.Dockerfile
		said.Inline, said.Target = one.Build.DockerfileInline, one.Build.Target
		said.Args, said.Contexts = values(one.Build.Args), one.Build.AdditionalContexts
	}
	for _, port := range one.Ports {
		said.Ports = append(said.Ports, fmt.Sprintf("%d/%s", port.Target, port.Protocol))
	}
	for _, volume := range one.Volumes {
		said.Volumes = append(said.Volumes,
			fmt.Sprintf("%s %s %s %t", volume.Type, volume.Source, volume.Target, volume.ReadOnly))
	}
	for name := range one.DependsOn {
		said.DependsOn = append(said.DependsOn, name)
	}
	sort.Strings(said.DependsOn)
	for name := range one.Networks {
		if name != "default" {
			said.Networks = append(said.Networks, name)
		}
	}
	sort.Strings(said.Networks)
	for _, device := range one.Devices {
		said.Devices = append(said.Devices, device.Source+":"+device.Target)
	}
	for _, secret := range one.Secrets {
		said.Secrets = append(said.Secrets, secret.Source+" "+secret.Target)
	}
	for _, config := range one.Configs {
		said.Configs = append(said.Configs, config.Source+" "+config.Target)
	}
	if one.HealthCheck != nil {
		said.Healthcheck = one.HealthCheck.Test
		if one.HealthCheck.Disable {
			said.Healthcheck = []string{"NONE"}
		}
	}
	if one.Deploy != nil && one.Deploy.Resources.Reservations != nil {
		for _, device := range one.Deploy.Resources.Reservations.Devices {
			for _, capability := range device.Capabilities {
				said.GPU = said.GPU || capability == "gpu"
			}
			said.GPU = said.GPU || device.Driver == "nvidia"
		}
	}
	return said
}
