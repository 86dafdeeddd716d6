package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePeer prints what a peer would have measured: with RocksDB it reads 400,000 events a second, and with ForSt half as
// many. It writes its flags into a log beside it.
const fakePeer = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/log"
left=1000000
while [ $# -gt 0 ]; do
	case "$1" in
	--backend) backend="$2" ;;
	--pause-at) left="$2"; path='/chk-7' ;;
	--from) test "$2" = /chk-7 || exit 4 ;;
	--parallelism) wall="1$2" ;;
	esac
	shift
done
rate=400000
test "$backend" = rocksdb || rate=200000
echo "{\"events\":$left,\"wall_s\":$wall,\"events_per_s\":$rate,\"checkpoint_ms_p50\":90,\"state_bytes\":77,\"path\":\"$path\"}"
`

// withPeer are options with a fake peer.
func withPeer(t *testing.T, script string) Options {
	t.Helper()
	o := quick()
	o.Peer, o.PeerEvents, o.PeerWarmup, o.Only = t.TempDir(), []int64{20_000, 200_000}, 5, []string{Peer}
	must(t, os.WriteFile(filepath.Join(o.Peer, "run"), []byte(script), 0o755))
	return o
}

func TestBothEnginesTakeCheckpointsAndGoOn(t *testing.T) {
	o := withPeer(t, fakePeer)
	r, err := Run(t.Context(), o, t.Output())
	must(t, err)
	if len(r.Beside.Rows) != 6 {
		t.Fatalf("%+v", r.Beside)
	}
	for i, x := range r.Beside.Rows {
		want := []string{"rocksdb", "forst-remote", ownEngine}[i%3]
		if x.Engine != want || x.Events < o.PeerEvents[i/3]*8/10 || len(x.Back) != 3 ||
			min(x.EventsPerS, x.CheckpointS, float64(x.StateBytes)) <= 0 {
			t.Errorf("%+v", x)
		}
		for n, back := range x.Back {
			if back.From != 2 || back.To != []int{2, 1, 4}[n] || back.Seconds <= 0 {
				t.Errorf("%+v", back)
			}
			if all := o.PeerEvents[i/3] + afterwards; want == ownEngine && back.Left != all-x.Events {
				t.Errorf("it went on with %d events after %d of %d", back.Left, x.Events, all)
			}
		}
	}
	if own := r.Beside.Rows[5]; own.EventsPerS > 400_000 {
		t.Errorf("%.0f events came in a second", own.EventsPerS)
	}
	if len(r.Goals) != 4 || !strings.HasPrefix(r.Goals[1].What, "time to be back, 2 → 2") {
		t.Errorf("%+v", r.Goals)
	}
	log, err := os.ReadFile(filepath.Join(o.Peer, "log"))
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) != 16 || !strings.Contains(lines[0], "--events 1020000 --checkpoint-ms 20 --parallelism 2 --pause-at 20000 --warmup 5") {
		t.Errorf("%d runs of the peer: %s", len(lines), log)
	}
	var b strings.Builder
	r.Print(&b)
	for _, want := range []string{"2 → 1 s", "forst-remote", "q18; aquifer is given events", "2 → 4, by the peer's best"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
}

func TestAPeerThatDoesNotDoWhatItIsAskedForIsNamed(t *testing.T) {
	for want, script := range map[string]string{
		"out of luck":                  "echo out of luck >&2; exit 3",
		"it left no checkpoint":        `echo '{"events":20000}'`,
		"it went on with 7 of 1000000": `echo '{"events":7,"path":"x"}'`,
	} {
		_, err := Run(t.Context(), withPeer(t, "#!/bin/sh\n"+script+"\n"), t.Output())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rocksdb with 20000 events") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestAPeerIsNoPartOfAMeasurementWithoutOne(t *testing.T) {
	o := quick()
	if o.wants(Peer) || o.Check() != nil {
		t.Error("a peer is wanted that is not there")
	}
	o.Only = []string{Peer}
	if err := o.Check(); err == nil || !strings.Contains(err.Error(), `a program to run: "" has none`) {
		t.Error(err)
	}
	o = withPeer(t, fakePeer)
	o.PeerEvents = []int64{5, 3}
	if err := o.Check(); err == nil || !strings.Contains(err.Error(), "the fewest first") {
		t.Error(err)
	}
}
