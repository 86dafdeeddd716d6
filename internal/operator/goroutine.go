package operator

// goroutine identifies the goroutine that state may be used on. As long as a goroutine has not ended no other is the
// same; it is compared, and never looked into.
type goroutine uintptr

// here is the goroutine that calls.
func here() goroutine { return goroutine(current()) }

// same reports whether it is the one that calls.
func (g goroutine) same() bool { return g == here() }
