package record

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/internal/base"
)

type userID int64

type inner struct {
	name string
	n    uint32
}

type everyKey struct {
	Flag  bool
	I8    int8
	I16   int16
	I32   int32
	I64   int64
	I     int
	U8    uint8
	U16   uint16
	U32   uint32
	U64   uint64
	U     uint
	Name  string
	Raw   [3]byte
	Pair  [2]int16
	Names [2]string
	//lint:ignore U1000 codecs reach the field by reflection
	inner
	ID userID
	_  int32
	//lint:ignore U1000 codecs reach the field by reflection
	in struct{ a, b string }
}

type signedBytes [5]int8

func keyCodec[K comparable](t *testing.T) *KeyCodec[K] {
	t.Helper()
	c, err := NewKeyCodec[K]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forEveryKeyType runs a property on key types that together use every form and every short cut.
func forEveryKeyType(t *testing.T, property keyProperty) {
	forKeyType[int64](t, property)
	forKeyType[uint64](t, property)
	forKeyType[int](t, property)
	forKeyType[userID](t, property)
	forKeyType[int8](t, property)
	forKeyType[uint32](t, property)
	forKeyType[bool](t, property)
	forKeyType[string](t, property)
	forKeyType[struct{ s string }](t, property)
	forKeyType[pairKey](t, property)
	forKeyType[mixedKey](t, property)
	forKeyType[[16]byte](t, property)
	forKeyType[[17]uint64](t, property)
	forKeyType[signedBytes](t, property)
	forKeyType[struct{ a, b int32 }](t, property)
	forKeyType[struct{}](t, property)
	forKeyType[[4]struct{}](t, property)
	forKeyType[everyKey](t, property)
}

// keyProperty is checked with two drawn keys. Generic functions cannot be passed on, so keys are seen
// through reflection and the codec as functions on it.
type keyProperty func(t *rapid.T, c anyKeyCodec, a, b reflect.Value)

type anyKeyCodec struct {
	encode func(key reflect.Value) []byte
	decode func(src []byte) (key reflect.Value, rest []byte, err error)
	hash   func(keys ...reflect.Value) []uint64
}

func forKeyType[K comparable](t *testing.T, property keyProperty) {
	c := keyCodec[K](t)
	of := func(v reflect.Value) *K { k := v.Interface().(K); return &k }
	codec := anyKeyCodec{
		encode: func(v reflect.Value) []byte { return c.Append(nil, of(v)) },
		decode: func(src []byte) (reflect.Value, []byte, error) {
			k, rest, err := c.Decode(src)
			return reflect.ValueOf(k), rest, err
		},
		hash: func(vs ...reflect.Value) []uint64 {
			var keys []K
			for _, v := range vs {
				keys = append(keys, *of(v))
			}
			hashes := make([]uint64, len(keys))
			c.Hash(keys, hashes)
			return hashes
		},
	}
	t.Run(reflect.TypeFor[K]().String(), func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			property(t, codec, reflect.ValueOf(drawn[K](t)), reflect.ValueOf(drawn[K](t)))
		})
	})
}

func TestEncodedKeysAreOrderedLikeTheKeys(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, b reflect.Value) {
		if got, want := bytes.Compare(c.encode(a), c.encode(b)), compare(a, b); got != want {
			t.Fatalf("%#v against %#v: encodings compare %d, keys %d", a, b, got, want)
		}
	})
}

func TestKeysAreDecodedFromTheBeginningOfBytes(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, b reflect.Value) {
		tail := c.encode(b)
		got, rest, err := c.decode(append(c.encode(a), tail...))
		if err != nil || compare(got, a) != 0 || !bytes.Equal(rest, tail) {
			t.Fatalf("%#v and a tail of %x decode to %#v and %x, error %v", a, tail, got, rest, err)
		}
	})
}

func TestNoEncodedKeyIsTheBeginningOfAnother(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, b reflect.Value) {
		if compare(a, b) != 0 && bytes.HasPrefix(c.encode(a), c.encode(b)) {
			t.Fatalf("%x of %#v begins with %x of %#v", c.encode(a), a, c.encode(b), b)
		}
	})
}

func TestHashIsThatOfTheEncodedKey(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, b reflect.Value) {
		want := []uint64{base.Hash(c.encode(a)), base.Hash(c.encode(b)), base.Hash(c.encode(a))}
		if got := c.hash(a, b, a); !slices.Equal(got, want) {
			t.Fatalf("%#v, %#v: hashes %x, of the encodings %x", a, b, got, want)
		}
	})
}

func TestDamagedKeysDecodeToAnErrorOrToTheKeyOfThoseBytes(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, _ reflect.Value) {
		src := damage(t, c.encode(a))
		got, rest, err := c.decode(src)
		if err != nil {
			if base.KindOf(err) != base.Corrupt {
				t.Fatalf("%x: error %v is not of kind Corrupt", src, err)
			}
			return
		}
		if again := append(c.encode(got), rest...); !bytes.Equal(again, src) {
			t.Fatalf("%x decodes to %#v, which is encoded as %x", src, got, again)
		}
	})
}

// damage cuts the bytes or changes one.
func damage(t *rapid.T, src []byte) []byte {
	src = slices.Clone(src)
	if at := rapid.IntRange(0, len(src)).Draw(t, "at"); rapid.Bool().Draw(t, "cut") || at == len(src) {
		src = src[:at]
	} else {
		src[at] = rapid.Byte().Draw(t, "byte")
	}
	return src
}

func FuzzDecodeKey(f *testing.F) {
	c, err := NewKeyCodec[everyKey]()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.Append(nil, &everyKey{Name: "a\x00b"}))
	f.Fuzz(func(t *testing.T, src []byte) {
		key, rest, err := c.Decode(src)
		if err == nil && !bytes.Equal(append(c.Append(nil, &key), rest...), src) {
			t.Fatalf("%x decodes to %+v and is encoded otherwise", src, key)
		}
	})
}

// Stored state is laid out by these bytes: a change breaks every checkpoint.
func TestEncodedKeysAreFrozen(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{encodedKey(t, int64(1000)), "80000000000003e8"},
		{encodedKey(t, -1), "7fffffffffffffff"},
		{encodedKey(t, uint16(258)), "0102"},
		{encodedKey(t, true), "01"},
		{encodedKey(t, "a\x00b"), "6100ff620001"},
		{encodedKey(t, mixedKey{7, "x"}), "00000007" + "780001"},
		{encodedKey(t, [2]int8{-128, 127}), "00ff"},
		{encodedKey(t, struct{}{}), ""},
	} {
		if c.got != c.want {
			t.Errorf("encoded as %s, want %s", c.got, c.want)
		}
	}
}

func encodedKey[K comparable](t *testing.T, key K) string {
	return hex.EncodeToString(keyCodec[K](t).Append(nil, &key))
}

func TestFieldsWithoutNameAreNoPartOfAKey(t *testing.T) {
	type key struct {
		A int32
		_ int32
		B int32
	}
	c := keyCodec[key](t)
	if n := len(c.Append(nil, &key{})); n != 8 {
		t.Errorf("%d bytes, want those of A and B", n)
	}
	const want = `{"kind":"struct","fields":[` +
		`{"name":"A","type":{"kind":"int32"}},{"name":"B","type":{"kind":"int32"}}]}`
	if c.Schema() != want {
		t.Errorf("schema %s, want %s", c.Schema(), want)
	}
}

func TestDecodedKeysShareNoMemoryWithTheBytes(t *testing.T) {
	c := keyCodec[mixedKey](t)
	src := c.Append(nil, &mixedKey{1, "name"})
	key, _, err := c.Decode(src)
	if err != nil {
		t.Fatal(err)
	}
	clear(src)
	if key.Name != "name" {
		t.Errorf("the key became %q when its encoding was overwritten", key.Name)
	}
}

func TestKeysAreHashedWithoutAllocation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	checkNoAllocs(t, func() int64 { return rng.Int64() })
	checkNoAllocs(t, func() pairKey { return pairKey{rng.Int64(), rng.Int64()} })
	checkNoAllocs(t, func() string { return fmt.Sprint(rng.Uint64()) })
	checkNoAllocs(t, func() mixedKey { return mixedKey{rng.Uint32(), fmt.Sprint(rng.Uint64())} })
}

func checkNoAllocs[K comparable](t *testing.T, key func() K) {
	c := keyCodec[K](t)
	keys, hashes, buf := make([]K, 64), make([]uint64, 64), make([]byte, 0, 64)
	for i := range keys {
		keys[i] = key()
	}
	allocs := testing.AllocsPerRun(10, func() {
		c.Hash(keys, hashes)
		local := keys[0]
		buf = c.Append(buf[:0], &local)
	})
	if allocs != 0 {
		t.Errorf("keys of type %T: %v allocations", keys[0], allocs)
	}
}

func TestAnEmptyBatchOfKeysHasNoHashes(t *testing.T) {
	keyCodec[int64](t).Hash(nil, nil)
}

func TestTypesThatCannotBeKeysAreRefusedByField(t *testing.T) {
	type nested struct {
		ID    int64
		Inner struct{ Prices [2]float64 }
	}
	checkKeyRefused[float64](t, "the type itself", "float64", "NaN")
	checkKeyRefused[nested](t, "field Inner.Prices[]", "float64", "NaN")
	checkKeyRefused[[0]float32](t, "field []", "float32", "NaN")
	checkKeyRefused[*int](t, "the type itself", "*int", "use the value itself")
	checkKeyRefused[struct{ V any }](t, "field V", "interface {}", "not known beforehand")
	checkKeyRefused[chan int](t, "the type itself", "chan int", "only booleans")
	checkKeyRefused[struct{ P uintptr }](t, "field P", "uintptr", "only booleans")
	checkKeyRefused[struct{ At time.Time }](t, "field At", "time.Time", "UnixMilli")
	checkKeyRefused[[2000]int64](t, "more than 1024 parts")
}

func checkKeyRefused[K comparable](t *testing.T, says ...string) {
	t.Helper()
	_, err := NewKeyCodec[K]()
	checkRefused(t, err, append(says, reflect.TypeFor[K]().String()))
}

func checkRefused(t *testing.T, err error, says []string) {
	t.Helper()
	if err == nil || base.KindOf(err) != base.Config {
		t.Errorf("error %v, want one of kind Config that says %q", err, says)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

func TestStringsOfEveryLengthAreHashedAsEncoded(t *testing.T) {
	c := keyCodec[string](t)
	var keys []string
	for n := range 200 {
		plain := strings.Repeat("\x80\x01k\xff", n)[:n]
		keys = append(keys, plain)
		for zero := range n {
			keys = append(keys, plain[:zero]+"\x00"+plain[zero+1:])
		}
	}
	hashes := make([]uint64, len(keys))
	c.Hash(keys, hashes)
	for i := range keys {
		if want := base.Hash(c.Append(nil, &keys[i])); hashes[i] != want {
			t.Fatalf("%q has hash %x, its encoding %x", keys[i], hashes[i], want)
		}
	}
}

func TestHashesDoNotDependOnTheBatch(t *testing.T) {
	c := keyCodec[string](t)
	long := strings.Repeat("long", 50)
	words := []string{"", "a", "\x00", "a\x00b", "identifier", "identifier\x00", strings.Repeat("x", 32), long}
	for n := range 50 {
		keys, hashes := make([]string, n), make([]uint64, n)
		for i := range keys {
			keys[i] = words[(i*i+n)%len(words)]
		}
		c.Hash(keys, hashes)
		for i := range keys {
			var alone [1]uint64
			if c.Hash(keys[i:i+1], alone[:]); hashes[i] != alone[0] {
				t.Fatalf("key %d of %d, %q: hash %x, alone %x", i, n, keys[i], hashes[i], alone[0])
			}
		}
	}
}

func TestNamedTypesAreEncodedLikeTheirUnderlyingOnes(t *testing.T) {
	if a, b := encodedKey(t, userID(-5)), encodedKey(t, int64(-5)); a != b {
		t.Errorf("userID is encoded as %s, int64 as %s", a, b)
	}
	if a, b := keyCodec[userID](t).Schema(), keyCodec[int64](t).Schema(); a != b {
		t.Errorf("the schema of userID is %s, of int64 %s", a, b)
	}
}

// Table keys are a key followed by more: the order must be by key first, then by what follows.
func TestWhatFollowsAKeyDoesNotDisturbTheOrder(t *testing.T) {
	forEveryKeyType(t, func(t *rapid.T, c anyKeyCodec, a, b reflect.Value) {
		followed := func(v reflect.Value) []byte {
			return append(c.encode(v), rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "follows")...)
		}
		if want := compare(a, b); want != 0 && bytes.Compare(followed(a), followed(b)) != want {
			t.Fatalf("%#v and %#v compare %d, not so their encodings with more behind", a, b, want)
		}
	})
}
