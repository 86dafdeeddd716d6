package nexmark

import (
	"bytes"
	"strconv"
	"strings"
	"unsafe"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
)

// columns appends integers separated by bars: the beginning of a canonical row.
func columns(dst []byte, values ...int64) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, '|')
		}
		dst = strconv.AppendInt(dst, v, 10)
	}
	return dst
}

// column appends a bar and a string.
func column(dst []byte, s string) []byte { return append(append(dst, '|'), s...) }

func q0(events aquifer.Stream[nexmark.Event], out *Output) {
	write(bids(events), out, func(dst []byte, b *nexmark.Bid) []byte {
		return column(columns(dst, b.Auction, b.Bidder, b.Price, b.Time), b.Extra)
	})
}

// euro is a bid whose price is in thousandths of a euro.
type euro struct {
	Auction, Bidder, Price, Time int64
	Extra                        string
}

// perDollar is the price of a dollar in thousandths of a euro.
const perDollar = 908

func q1(events aquifer.Stream[nexmark.Event], out *Output) {
	prices := aquifer.Map(bids(events), func(b *nexmark.Bid) euro {
		return euro{b.Auction, b.Bidder, b.Price * perDollar, b.Time, b.Extra}
	})
	write(prices, out, func(dst []byte, e *euro) []byte {
		return column(columns(dst, e.Auction, e.Bidder, e.Price, e.Time), e.Extra)
	})
}

func q2(events aquifer.Stream[nexmark.Event], out *Output) {
	some := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[[2]int64]) error {
		if e.Bid != nil && e.Bid.Auction%123 == 0 {
			out.Emit([2]int64{e.Bid.Auction, e.Bid.Price})
		}
		return nil
	})
	write(some, out, func(dst []byte, b *[2]int64) []byte { return columns(dst, b[:]...) })
}

// loggedBid is a row of q10.
type loggedBid struct {
	Auction, Bidder, Price, Time int64
	Extra                        string
}

func q10(events aquifer.Stream[nexmark.Event], out *Output) {
	rows := aquifer.Map(bids(events), func(b *nexmark.Bid) loggedBid {
		return loggedBid{b.Auction, b.Bidder, b.Price, b.Time, b.Extra}
	})
	partition := file.PartitionBy(func(b *loggedBid) string {
		path := append(appendDay([]byte("dt="), dayOf(b.Time)), "/hm="...)
		return string(appendMinute(path, minuteOf(b.Time)))
	})
	write(rows, out, func(dst []byte, b *loggedBid) []byte {
		dst = append(column(columns(dst, b.Auction, b.Bidder, b.Price, b.Time), b.Extra), '|')
		return appendMinute(append(appendDay(dst, dayOf(b.Time)), '|'), minuteOf(b.Time))
	}, partition)
}

// explainedBid is a row of q13.
type explainedBid struct {
	Auction, Bidder, Price, Time int64
	Value                        string
}

// sideRows is the size of the table that q13 looks up.
const sideRows = 10_000

// sideTable has a text for each number.
func sideTable() []string {
	table := make([]string, sideRows)
	for i := range table {
		table[i] = strconv.Itoa(i)
	}
	return table
}

func q13(events aquifer.Stream[nexmark.Event], out *Output) {
	table := sideTable()
	rows := aquifer.Map(bids(events), func(b *nexmark.Bid) explainedBid {
		return explainedBid{b.Auction, b.Bidder, b.Price, b.Time, table[b.Auction%sideRows]}
	})
	write(rows, out, func(dst []byte, b *explainedBid) []byte {
		return column(columns(dst, b.Auction, b.Bidder, b.Price, b.Time), b.Value)
	})
}

// timed is a bid with the time of day and the number of c's in its extra text.
type timed struct {
	Auction, Bidder, Price, Time int64
	Type, Extra                  string
	Count                        int64
}

func q14(events aquifer.Stream[nexmark.Event], out *Output) {
	rows := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[timed]) error {
		if e.Bid == nil {
			return nil
		}
		b := e.Bid
		if price := b.Price * perDollar; price > 1_000_000_000 && price < 50_000_000_000 {
			out.Emit(timed{b.Auction, b.Bidder, price, b.Time, timeOfDay(b.Time), b.Extra, count(b.Extra, 'c')})
		}
		return nil
	})
	write(rows, out, func(dst []byte, t *timed) []byte {
		dst = column(columns(dst, t.Auction, t.Bidder, t.Price), t.Type)
		dst = column(strconv.AppendInt(append(dst, '|'), t.Time, 10), t.Extra)
		return strconv.AppendInt(append(dst, '|'), t.Count, 10)
	})
}

func timeOfDay(ms int64) string {
	switch hour := ms / 3_600_000 % 24; {
	case hour >= 8 && hour <= 18:
		return "dayTime"
	case hour <= 6 || hour >= 20:
		return "nightTime"
	}
	return "otherTime"
}

// count is the number of times that c occurs. bytes.Count has a fast path for one byte, strings.Count
// does not reach it without making a string of the byte.
func count(s string, c byte) int64 {
	return int64(bytes.Count(unsafe.Slice(unsafe.StringData(s), len(s)), []byte{c}))
}

// channelBid is a bid with the id of its channel.
type channelBid struct {
	Auction, Bidder, Price int64
	Channel, ID            string
}

func q21(events aquifer.Stream[nexmark.Event], out *Output) {
	rows := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[channelBid]) error {
		if e.Bid == nil {
			return nil
		}
		if id, ok := channelID(e.Bid); ok {
			out.Emit(channelBid{e.Bid.Auction, e.Bid.Bidder, e.Bid.Price, e.Bid.Channel, id})
		}
		return nil
	})
	write(rows, out, func(dst []byte, c *channelBid) []byte {
		return column(column(columns(dst, c.Auction, c.Bidder, c.Price), c.Channel), c.ID)
	})
}

// channelID is the id of a well-known channel, or the one in the url.
func channelID(b *nexmark.Bid) (string, bool) {
	switch {
	case strings.EqualFold(b.Channel, "apple"):
		return "0", true
	case strings.EqualFold(b.Channel, "google"):
		return "1", true
	case strings.EqualFold(b.Channel, "facebook"):
		return "2", true
	case strings.EqualFold(b.Channel, "baidu"):
		return "3", true
	}
	_, id, ok := strings.Cut(b.URL, "channel_id=")
	if !ok {
		return "", false
	}
	id, _, _ = strings.Cut(id, "&")
	return id, true
}

// urlBid is a bid with the first three directories of its url.
type urlBid struct {
	Auction, Bidder, Price   int64
	Channel, One, Two, Three string
}

func q22(events aquifer.Stream[nexmark.Event], out *Output) {
	rows := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[urlBid]) error {
		if b := e.Bid; b != nil {
			one, two, three := directories(b.URL)
			out.Emit(urlBid{b.Auction, b.Bidder, b.Price, b.Channel, one, two, three})
		}
		return nil
	})
	write(rows, out, func(dst []byte, u *urlBid) []byte {
		dst = column(columns(dst, u.Auction, u.Bidder, u.Price), u.Channel)
		return column(column(column(dst, u.One), u.Two), u.Three)
	})
}

// directories are the parts of the url's path behind the host: https://host/one/two/three/…
func directories(url string) (one, two, three string) {
	_, url, _ = strings.Cut(url, "://")
	_, url, _ = strings.Cut(url, "/")
	one, url, _ = strings.Cut(url, "/")
	two, url, _ = strings.Cut(url, "/")
	three, _, _ = strings.Cut(url, "/")
	return one, two, three
}
