package aquifer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// everyKind keeps a V for each key in each kind of state. A positive number puts the V that it stands for everywhere; a
// negative one tells what is there, as JSON: "number kind value".
type everyKind[V any] struct {
	value state.Value[V]
	list  state.List[V]
	many  state.Map[string, V]
	sum   state.Reducing[V]
	agg   state.Aggregating[V, V, V]
}

func (e *everyKind[V]) Open(s *state.Scope) (err error) {
	takes := func(into, v *V) { *into = *v }
	if e.value, err = state.NewValue[V](s, "value"); err != nil {
		return err
	}
	if e.list, err = state.NewList[V](s, "list"); err != nil {
		return err
	}
	if e.many, err = state.NewMap[string, V](s, "map"); err != nil {
		return err
	}
	if e.sum, err = state.NewReducing(s, "reducing", takes); err != nil {
		return err
	}
	e.agg, err = state.NewAggregating(s, "aggregating", flow.Aggregator[V, V, V]{
		Add: takes, Merge: takes, Result: func(v *V) V { return *v },
	})
	return err
}

func (e *everyKind[V]) Process(ctx *Context, in *int64, out Collector[string]) error {
	if *in > 0 {
		return e.put(ctx, standsFor[V](*in))
	}
	tell := func(kind string, v V) {
		text, err := json.Marshal(v)
		out.Emit(fmt.Sprint(-*in, " ", kind, " ", string(text), err))
	}
	v, _, err := e.value.Get(ctx)
	if err != nil {
		return err
	}
	tell("value", v)
	rows, err := e.list.All(ctx)
	if err != nil {
		return err
	}
	for v := range rows {
		tell("list", v)
	}
	if v, _, err = e.many.Get(ctx, "entry"); err != nil {
		return err
	}
	tell("map", v)
	if v, _, err = e.sum.Get(ctx); err != nil {
		return err
	}
	tell("reducing", v)
	v, _, err = e.agg.Get(ctx)
	tell("aggregating", v)
	return err
}

func (e *everyKind[V]) put(ctx *Context, v V) error {
	for _, put := range []func() error{
		func() error { return e.value.Set(ctx, v) }, func() error { return e.list.Append(ctx, v) },
		func() error { return e.many.Set(ctx, "entry", v) }, func() error { return e.sum.Add(ctx, v) },
		func() error { return e.agg.Add(ctx, v) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}

// stateKinds are those that everyKind tells of, sorted.
var stateKinds = []string{"aggregating", "list", "map", "reducing", "value"}

// standsFor is the V of a number.
func standsFor[V any](n int64) (v V) {
	fill(rand.New(rand.NewPCG(uint64(n), 0)), reflect.ValueOf(&v).Elem())
	return v
}

// fill sets a value of any type that the tests use from random numbers.
func fill(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(rng.Uint32())))
	case reflect.Float64:
		v.SetFloat(rng.Float64())
	case reflect.String:
		v.SetString(fmt.Sprint("text ", rng.IntN(1000)))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(rng.Uint32()), 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	case reflect.Pointer:
		if rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rng, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3), 3))
		fillAll(rng, v)
	case reflect.Array:
		fillAll(rng, v)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rng.IntN(3) {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(rng, key)
			fill(rng, elem)
			v.SetMapIndex(key, elem)
		}
	case reflect.Uint8:
		v.SetUint(uint64(rng.IntN(256)))
	default:
		panic(v.Kind())
	}
}

func fillAll(rng *rand.Rand, v reflect.Value) {
	for i := range v.Len() {
		fill(rng, v.Index(i))
	}
}

// reads is the model: what a type reads of a value of an older one, or false if that must be refused.
func reads(old reflect.Value, as reflect.Type) (v reflect.Value, ok bool) {
	v = reflect.New(as).Elem()
	return v, old.Kind() == as.Kind() && readsInto(old, v)
}

func readsInto(old, v reflect.Value) bool {
	if old.Kind() != v.Kind() || !readable(old.Type(), v.Type()) {
		return false
	}
	switch old.Kind() {
	case reflect.Struct:
		if old.Type() == v.Type() {
			v.Set(old)
			return true
		}
		for i := range old.NumField() {
			if f := v.FieldByName(old.Type().Field(i).Name); f.IsValid() {
				readsInto(old.Field(i), f)
			}
		}
	case reflect.Pointer:
		if !old.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			readsInto(old.Elem(), v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), old.Len(), old.Len()))
		fallthrough
	case reflect.Array:
		for i := range old.Len() {
			readsInto(old.Index(i), v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, k := range old.MapKeys() {
			elem := reflect.New(v.Type().Elem()).Elem()
			readsInto(old.MapIndex(k), elem)
			v.SetMapIndex(k.Convert(v.Type().Key()), elem)
		}
	default:
		v.Set(old.Convert(v.Type()))
	}
	return true
}

// readable is the rule about types: fields go by their names, everything else is as it was.
func readable(old, now reflect.Type) bool {
	if old == now {
		return true
	}
	if old.Kind() != now.Kind() || old == reflect.TypeFor[time.Time]() || now == reflect.TypeFor[time.Time]() {
		return false
	}
	switch old.Kind() {
	case reflect.Struct:
		for f := range old.Fields() {
			if n, ok := now.FieldByName(f.Name); ok && !readable(f.Type, n.Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return old.Len() == now.Len() && readable(old.Elem(), now.Elem())
	case reflect.Map:
		return old.Key().Kind() == now.Key().Kind() && readable(old.Elem(), now.Elem())
	case reflect.Slice: // of bytes is a kind of its own
		bytes := func(t reflect.Type) bool { return t.Elem().Kind() == reflect.Uint8 }
		return bytes(old) == bytes(now) && readable(old.Elem(), now.Elem())
	case reflect.Pointer:
		return readable(old.Elem(), now.Elem())
	}
	return true
}

// typed is a program with a state of each kind of some type.
type typed struct {
	typ      reflect.Type
	program  func(KeyedStream[int64, int64]) Stream[string]
	standing func(n int64) reflect.Value
}

func typedAs[V any]() typed {
	return typed{
		reflect.TypeFor[V](),
		func(numbers KeyedStream[int64, int64]) Stream[string] {
			return Process(numbers, "states", func() ProcessFunc[int64, string] { return &everyKind[V]{} })
		},
		func(n int64) reflect.Value { return reflect.ValueOf(standsFor[V](n)) },
	}
}

// written are the numbers whose values are kept by the first program, and looked at by the second.
var written = [][]int64{{1, 2, 3}, {-1, -2, -3}}

// kept is what a program has left behind at its first checkpoint.
type kept struct {
	objects *mem.Store
	sink    *collected[string]
}

// keeps runs a program until its first checkpoint.
func (w typed) keeps(t *testing.T) kept {
	t.Helper()
	k := kept{mem.New(), newCollected[string]()}
	if _, err := runRound(t, k.objects, k.sink, RunOptions{}, 0, written, w.program); err != nil {
		t.Fatal(err)
	}
	return k
}

// goesOn runs the program from the first checkpoint, of which another may go on, too.
func (r typed) goesOn(t *testing.T, k kept) ([]string, error) {
	t.Helper()
	return runRound(t, k.objects, k.sink, RunOptions{From: 1, Retain: 1000}, 1, written, r.program)
}

// modelled are the rows of r after w, or false if it must be refused.
func modelled(t *testing.T, w, r typed) (rows []string, ok bool) {
	t.Helper()
	if !readable(w.typ, r.typ) {
		return nil, false
	}
	for n := int64(1); n <= 3; n++ {
		v, ok := reads(w.standing(n), r.typ)
		text, err := json.Marshal(v.Interface())
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		for _, kind := range stateKinds {
			rows = append(rows, fmt.Sprint(n, " ", kind, " ", string(text), nil))
		}
	}
	slices.Sort(rows)
	return rows, true
}

// outcomes are those that a plan has for the states of a program.
func outcomes(t *testing.T, objects *mem.Store, r typed) string {
	t.Helper()
	job := NewJob("evolving")
	byNumber := KeyBy(From(job, "numbers", oneSplit(each[int64]()...)), func(n *int64) int64 { return *n })
	To(r.program(byNumber), "out", newCollected[string]())
	p, err := job.PlanRestore(t.Context(), RunOptions{objects: objects, From: 1})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, op := range p.Operators {
		for _, s := range op.States {
			if slices.Contains(stateKinds, s.Name) && !slices.Contains(all, string(s.Outcome)) {
				all = append(all, string(s.Outcome))
			}
		}
	}
	return strings.Join(all, " ")
}
