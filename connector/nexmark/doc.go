// Package nexmark makes the events of the Nexmark benchmark: people register, put items up for auction and bid
// for them. It needs no input, so it is the quickest way to see a job run, and since every event is known
// exactly, the result of a job can be checked by its number of rows and one hash ([RowHash]).
//
//	events := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: 10_000_000}),
//		aquifer.EventTime(func(e *nexmark.Event) int64 { return e.Time }, nexmark.WatermarkDelay))
//
// Of 50 events one is a [Person], three are an [Auction] and 46 are a [Bid]. Half of the bids go to a few hot
// auctions and three quarters come from a few hot bidders; prices are spread evenly over six orders of magnitude.
// Jobs that want nothing but bids read [Bids].
//
//	number ─► id, time, kind ─► a random sequence of its own ─► fields ─► strings carved from an arena
//
// The mix, the skew and the sizes are those of the public Nexmark suite (Tucker, Tufte, Papadimos, Maier, 2002,
// as later made part of Apache Beam and Apache Flink).
//
// What always holds:
//
//   - An event is a pure function of [Config] and its number: the same on every machine, in every language, at
//     every parallelism, and after every restart. The test vectors in testdata say so.
//   - Part p of P has the numbers p, p+P, p+2P, … in this order; a position is the number that comes next. A
//     split knows the configuration that it was made for and is not continued with another.
//   - Every field of every event is made, also of those that [Bids] drops: what is measured is the work of the
//     whole benchmark.
//   - A string that was given out is never written again, so it may be kept; it keeps the 64 KiB around it too.
//   - No memory is allocated per event, but per some hundred of them.
package nexmark
