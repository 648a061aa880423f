// Writes go-tuf.json with go-tuf v2.4.2 and go-securesystemslib v0.11.0 (module cache of Go 1.26):
// go mod init vec && go get github.com/theupdateframework/go-tuf/v2@v2.4.2 && go mod tidy && go run generate.go < inputs.json > go-tuf.json
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	var inputs []struct{ Name, JSON string }
	if err := json.NewDecoder(os.Stdin).Decode(&inputs); err != nil {
		panic(err)
	}
	out := map[string]any{"origin": "go-tuf v2.4.2, go-securesystemslib cjson, go1.26"}
	var canon []map[string]string
	for _, in := range inputs {
		var v any
		if err := json.Unmarshal([]byte(in.JSON), &v); err != nil {
			panic(err)
		}
		b, err := cjson.EncodeCanonical(v)
		if err != nil {
			panic(in.Name + err.Error())
		}
		canon = append(canon, map[string]string{"name": in.Name, "json": in.JSON, "canonicalHex": hex.EncodeToString(b)})
	}
	out["canonical"] = canon

	expires := time.Date(2035, 1, 2, 3, 4, 5, 0, time.UTC)
	_, edPriv, _ := ed25519.GenerateKey(rand.Reader)
	ecPriv := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	rsaPriv := must(rsa.GenerateKey(rand.Reader, 2048))
	edSigner := must(signature.LoadSigner(edPriv, crypto.Hash(0)))
	ecSigner := must(signature.LoadSigner(ecPriv, crypto.SHA256))
	rsaSigner := must(signature.LoadRSAPSSSigner(rsaPriv, crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}))
	root := metadata.Root(expires)
	keys := map[string]signature.Signer{"root": edSigner, "targets": ecSigner, "snapshot": rsaSigner, "timestamp": edSigner}
	privs := map[string]crypto.PublicKey{"root": edPriv.Public(), "targets": ecPriv.Public(), "snapshot": rsaPriv.Public(), "timestamp": edPriv.Public()}
	var keyids []map[string]any
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		key := must(metadata.KeyFromPublicKey(privs[role]))
		if err := root.Signed.AddKey(key, role); err != nil {
			panic(err)
		}
		id := must(key.ID())
		keyids = append(keyids, map[string]any{"key": key, "keyid": id})
	}
	out["keys"] = keyids
	targets := metadata.Targets(expires)
	tf := must(metadata.TargetFile().FromBytes("dir/file.txt", []byte("hello"), "sha256", "sha512"))
	targets.Signed.Targets["dir/file.txt"] = tf
	bins := &metadata.SuccinctRoles{KeyIDs: []string{keyids[1]["keyid"].(string)}, Threshold: 1, BitLength: 2, NamePrefix: "bins"}
	targets.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{keyids[1]["keyid"].(string): keyids[1]["key"].(*metadata.Key)}, SuccinctRoles: bins}
	snapshot := metadata.Snapshot(expires)
	files := map[string]string{}
	put := func(name string, b []byte, err error) {
		if err != nil {
			panic(err)
		}
		files[name] = string(b)
	}
	for _, name := range bins.GetRoles() {
		bin := metadata.Targets(expires)
		must(bin.Sign(keys["targets"]))
		b, err := bin.ToBytes(false)
		put("1."+name+".json", b, err)
		snapshot.Signed.Meta[name+".json"] = metadata.MetaFile(1)
	}
	must(root.Sign(keys["root"]))
	must(targets.Sign(keys["targets"]))
	must(snapshot.Sign(keys["snapshot"]))
	timestamp := metadata.Timestamp(expires)
	must(timestamp.Sign(keys["timestamp"]))
	b, err := root.ToBytes(true)
	put("1.root.json", b, err)
	b, err = targets.ToBytes(true)
	put("1.targets.json", b, err)
	b, err = snapshot.ToBytes(false)
	put("1.snapshot.json", b, err)
	b, err = timestamp.ToBytes(false)
	put("timestamp.json", b, err)
	out["files"] = files
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	_ = enc.Encode(out)
}
