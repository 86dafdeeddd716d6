package azure

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// answers plays what matters to a server, and returns how it answered.
func answers(t *testing.T, container string, through http.RoundTripper) map[string]string {
	t.Helper()
	ctx, all := t.Context(), map[string]string{}
	p := &protocol{remote.Connect(through), container}
	note := func(step string, err error) { all[step] = codeOf(err) }
	first, err := p.Put(ctx, "x", "", "token", []byte("1"))
	note("a put", err)
	_, err = p.Put(ctx, "x", "", "token", []byte("1"))
	note("a put of what is there", err)
	_, err = p.Put(ctx, "x", `"0x1"`, "token", nil)
	note("a put of another version", err)
	_, err = p.Put(ctx, "x", first, "token", nil)
	note("a put of an empty object", err)
	_, err = p.Put(ctx, "none", first, "token", nil)
	note("a put of a version of what is not there", err)
	_, err = p.Get(ctx, "x", remote.Part{Off: 0, Len: 1, Version: first})
	note("a read of what was replaced", err)
	_, err = p.Head(ctx, "none")
	note("a look at what is not there", err)
	note("a delete of what is not there", p.Delete(ctx, "none"))
	twoUploads(ctx, p, note)
	h, err := p.Head(ctx, "big")
	note("a look at what was completed", err)
	all["its token"] = h.Token
	note("an upload over what is there", complete(ctx, p, "x", "c"))
	return all
}

// twoUploads are two writers of one name, each of whose blocks vanish when the other one completes.
func twoUploads(ctx context.Context, p *protocol, note func(string, error)) {
	a, _ := p.Begin(ctx, "big", "a")
	b, _ := p.Begin(ctx, "big", "b")
	note("a block", a.Part(ctx, 1, []byte("a")))
	note("a block of another writer", b.Part(ctx, 1, []byte("b")))
	note("a completion", a.Complete(ctx, 1))
	note("a completion again", a.Complete(ctx, 1))
	note("a completion of another writer", b.Complete(ctx, 1))
	c, _ := p.Begin(ctx, "never", "c")
	note("a completion without blocks", c.Complete(ctx, 1))
}

func complete(ctx context.Context, p *protocol, key, token string) error {
	u, err := p.Begin(ctx, key, token)
	if err == nil {
		err = u.Part(ctx, 1, []byte("1"))
	}
	if err == nil {
		err = u.Complete(ctx, 1)
	}
	return err
}

func codeOf(err error) string {
	if refused, ok := errors.AsType[*remote.Refused](err); ok {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

func TestTheServerOfTheTestsAnswersAsAzureDoes(t *testing.T) {
	for step, want := range map[string]string{
		"a put":                    "done",
		"a put of what is there":   "BlobAlreadyExists",
		"a put of another version": "ConditionNotMet", "a put of an empty object": "done",
		"a put of a version of what is not there": "ConditionNotMet", "a read of what was replaced": "ConditionNotMet",
		"a look at what is not there": "BlobNotFound", "a delete of what is not there": "BlobNotFound",
		"a block": "done", "a block of another writer": "done", "a completion": "done",
		"a completion again": "BlobAlreadyExists", "a completion of another writer": "BlobAlreadyExists",
		"a completion without blocks": "InvalidBlockList", "a look at what was completed": "done", "its token": "a",
		"an upload over what is there": "BlobAlreadyExists",
	} {
		if got := answers(t, "http://fake/container", newFake())[step]; got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}
}
