// go-tuf as a program: refreshes, looks up and downloads, and prints what came of it.
//
//	client --metadata URL --artifacts URL --root FILE --cache DIR [--plain-names] PATH...
//
// The report (one JSON object on stdout) is the one that all client programs here print; see
// clients.ts. The cache keeps the newest root: a returning client starts from that one.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

type report struct {
	Returning bool             `json:"returning"`
	Versions  map[string]int64 `json:"versions"`
	Targets   map[string]fate  `json:"targets"`
	Error     string           `json:"error,omitempty"`
}

type fate struct {
	State  string `json:"state"`
	Sha256 string `json:"sha256,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type options struct {
	metadata, artifacts, root, cache string
	plainNames                       bool
	paths                            []string
}

func main() {
	var o options
	flag.StringVar(&o.metadata, "metadata", "", "base URL of the metadata")
	flag.StringVar(&o.artifacts, "artifacts", "", "base URL of the artifacts")
	flag.StringVar(&o.root, "root", "", "file of the trusted root")
	flag.StringVar(&o.cache, "cache", "", "folder that the client keeps")
	flag.BoolVar(&o.plainNames, "plain-names", false, "artifacts lie under their own names, without the hash")
	flag.Parse()
	o.paths = flag.Args()
	if err := json.NewEncoder(os.Stdout).Encode(run(o)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options) report {
	metadataDir := filepath.Join(o.cache, "metadata")
	downloads := filepath.Join(o.cache, "downloads")
	r := report{Versions: map[string]int64{}, Targets: map[string]fate{}}
	root, err := os.ReadFile(filepath.Join(metadataDir, "root.json"))
	r.Returning = err == nil
	if err != nil {
		root, err = os.ReadFile(o.root)
	}
	if err != nil {
		return r.failed(err)
	}
	cfg, err := config.New(o.metadata, root)
	if err != nil {
		return r.failed(err)
	}
	cfg.LocalMetadataDir = metadataDir
	cfg.LocalTargetsDir = downloads
	cfg.RemoteTargetsURL = o.artifacts
	cfg.PrefixTargetsWithHash = !o.plainNames
	client, err := updater.New(cfg)
	if err != nil {
		return r.failed(err)
	}
	if err := client.Refresh(); err != nil {
		return r.failed(err)
	}
	trusted := client.GetTrustedMetadataSet()
	r.Versions["root"] = trusted.Root.Signed.Version
	r.Versions["timestamp"] = trusted.Timestamp.Signed.Version
	r.Versions["snapshot"] = trusted.Snapshot.Signed.Version
	r.Versions["targets"] = trusted.Targets["targets"].Signed.Version
	for _, path := range o.paths {
		r.Targets[path] = fetch(client, path)
	}
	return r
}

func fetch(client *updater.Updater, path string) fate {
	target, err := client.GetTargetInfo(path)
	if err != nil {
		// go-tuf has no type of its own for "no role lists it".
		if isNotFound(err, path) {
			return fate{State: "not-found"}
		}
		return fate{State: "refused", Reason: err.Error()}
	}
	_, content, err := client.DownloadTarget(target, "", "")
	if err != nil {
		return fate{State: "refused", Reason: err.Error()}
	}
	sum := sha256.Sum256(content)
	return fate{State: "downloaded", Sha256: hex.EncodeToString(sum[:])}
}

func isNotFound(err error, path string) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasSuffix(err.Error(), fmt.Sprintf("target %s not found", path)) {
			return true
		}
	}
	return false
}

func (r report) failed(err error) report {
	r.Error = err.Error()
	return r
}
