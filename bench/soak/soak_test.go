package soak

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/gateway"
)

var (
	size     = flag.Int64("bytes", 10_000_000, "size of the state")
	payload  = flag.Int64("payload", 1000, "size of the value of a key")
	memory   = flag.Int64("memory", 32_000_000, "bound on the memory of a process in bytes")
	passes   = flag.Int64("passes", 24, "times that a quarter of the keys is visited again")
	stride   = flag.Int64("stride", 3000, "rows between two checkpoints of a half of the source, at most; 0 for any")
	interval = flag.Duration("interval", 50*time.Millisecond, "time between checkpoints")
	kills    = flag.Int("kills", 3, "times that a process is killed")
	spread   = flag.Int("spread", 2, "checkpoints of a process before it is killed, at most")
	seed     = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the moments of killing")
	jsonFile = flag.String("json", "", "file for the report as a JSON object")
)

func options() Options {
	return Options{
		Bytes: *size, Payload: *payload, Memory: *memory, Passes: *passes, Stride: *stride, Interval: *interval, Kills: *kills, Spread: *spread,
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is the path of the ledger, built once.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(inTemporary(func(dir string) int {
		program = filepath.Join(dir, "ledger")
		build := exec.Command("go", "build", "-o", program, "./ledger")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as Aquifer itself is built
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}))
}

func inTemporary(f func(dir string) int) int {
	dir, err := os.MkdirTemp("", "aquifer-soak-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return f(dir)
}

// soaked is a program on a server of its own.
type soaked struct {
	Program
	bucket, cache, out string // directories
}

func newSoaked(t *testing.T, o Options) soaked {
	server, dir := gateway.Start(t), t.TempDir()
	out, cache := filepath.Join(dir, "out"), filepath.Join(dir, "cache")
	command := func() *exec.Cmd {
		c := exec.Command(program, o.Args(server.Place("soak"), cache)...)
		c.Env = append(os.Environ(), server.Env()...)
		c.Env = append(c.Env, "SOAK_PLAN="+o.Plan().Text(), "SOAK_OUT="+out)
		return c
	}
	bucket := server.Dir("soak")
	return soaked{
		Program{command, map[string]string{"bucket": bucket, "cache": cache}, t.Output()}, bucket, cache, out,
	}
}

// totals are those that the job has written, in the order of buckets.
func (s soaked) totals(t *testing.T) (all []Total) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.out, "*.ndjson"))
	must(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		for line := range bytes.Lines(text) {
			var total Total
			must(t, json.Unmarshal(line, &total))
			all = append(all, total)
		}
	}
	slices.SortFunc(all, func(a, b Total) int { return int(a.Bucket - b.Bucket) })
	return all
}

func TestStateOnAnObjectStoreIsRightThroughKills(t *testing.T) {
	t.Logf("seed %d", *seed)
	o := options()
	s := newSoaked(t, o)
	r, err := s.Run(t.Context(), o, rand.New(rand.NewPCG(*seed, 0)))
	r.Print(t.Output())
	must(t, err)
	if got, want := s.totals(t), o.Plan().Totals(); !slices.Equal(got, want) {
		t.Errorf("totals %v, want %v", got, want)
	}
	if r.Kills != o.Kills || r.PeakBytes == 0 || r.Disk["bucket"] < o.Bytes {
		t.Errorf("%+v", r)
	}
	if o.Memory >= 128<<20 && r.PeakBytes > o.Memory/5*6 {
		t.Errorf("a process took %.0f MB of memory, its bound is %.0f MB", mb(r.PeakBytes), mb(o.Memory))
	}
	if *jsonFile != "" {
		text, err := json.Marshal(r)
		must(t, err)
		must(t, os.WriteFile(*jsonFile, append(text, '\n'), 0o644))
	}
}

// damage flips a bit in the middle of each table that the newest manifest in the bucket names, and returns their names.
func damage(t *testing.T, bucket string) (names []string) {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(bucket, "checkpoints", "*.manifest"))
	must(t, err)
	manifest, err := os.ReadFile(slices.Max(manifests))
	must(t, err)
	tables, err := filepath.Glob(filepath.Join(bucket, "shards", "*", "*.table"))
	must(t, err)
	for _, path := range tables {
		if name := filepath.Base(path); bytes.Contains(manifest, []byte(name)) {
			data, err := os.ReadFile(path)
			must(t, err)
			data[len(data)/2] ^= 1
			must(t, os.WriteFile(path, data, 0o644))
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("none of %d tables is in the manifest", len(tables))
	}
	return names
}

func TestADamagedObjectEndsTheJobWithItsName(t *testing.T) {
	o := Options{
		Bytes: 2_000_000, Payload: 1000, Memory: 32_000_000, Passes: 20, Stride: 500,
		Interval: 20 * time.Millisecond, Spread: 1,
	}
	s := newSoaked(t, o)
	r := Report{Disk: map[string]int64{}}
	_, err := s.Once(t.Context(), &Kill{Checkpoints: 4}, &r)
	must(t, err)
	names := damage(t, s.bucket)
	must(t, os.RemoveAll(s.cache)) // which has them as they were
	_, err = s.Once(t.Context(), nil, &r)
	named := func(name string) bool { return strings.Contains(err.Error(), name+" is damaged") }
	if err == nil || !slices.ContainsFunc(names, named) {
		t.Errorf("objects %v were damaged, the job ended with: %v", names, err)
	}
}
