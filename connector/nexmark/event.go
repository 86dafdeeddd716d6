package nexmark

import "strconv"

// Event is one event of the auction house: exactly one of Person, Auction and Bid is not nil. What they point
// to is immutable and shares its memory with other events of about the same number: who keeps an event for long
// copies the struct, and clones the strings.
type Event struct {
	// Time is the event time in milliseconds since 1970 UTC, equal to the Time of the one that is set.
	Time    int64
	Person  *Person
	Auction *Auction
	Bid     *Bid
}

// Person is somebody who registers, to sell or to bid.
type Person struct {
	ID         int64
	Name       string
	Email      string
	CreditCard string
	City       string
	State      string
	// Time is the event time in milliseconds since 1970 UTC.
	Time int64
	// Extra is ballast, to give events a realistic size.
	Extra string
}

// Auction is an item put up for sale. Prices are in cents.
type Auction struct {
	ID          int64
	ItemName    string
	Description string
	// InitialBid is the least bid, Reserve the price below which nothing is sold.
	InitialBid int64
	Reserve    int64
	// Time and Expires are in milliseconds since 1970 UTC: when the auction opens, and the last moment of it.
	Time    int64
	Expires int64
	// Seller is the ID of a person.
	Seller   int64
	Category int64
	// Extra is ballast, to give events a realistic size.
	Extra string
}

// Bid is an offer for an item.
type Bid struct {
	// Auction and Bidder are the IDs of an auction and a person.
	Auction int64
	Bidder  int64
	// Price is in cents.
	Price int64
	// Channel is where the bidder came from, and URL the page on which the bid was made.
	Channel string
	URL     string
	// Time is the event time in milliseconds since 1970 UTC.
	Time int64
	// Extra is ballast, to give events a realistic size.
	Extra string
}

// AppendText appends the canonical text of the event: a letter for its kind and its columns, joined by bars.
func (e *Event) AppendText(dst []byte) []byte {
	switch {
	case e.Bid != nil:
		return e.Bid.AppendText(dst)
	case e.Auction != nil:
		return e.Auction.AppendText(dst)
	case e.Person != nil:
		return e.Person.AppendText(dst)
	}
	return dst
}

// AppendText appends P|id|name|email|creditCard|city|state|time|extra.
func (p *Person) AppendText(dst []byte) []byte {
	dst = number(append(dst, 'P'), p.ID)
	dst = text(text(text(dst, p.Name), p.Email), p.CreditCard)
	dst = text(text(dst, p.City), p.State)
	return text(number(dst, p.Time), p.Extra)
}

// AppendText appends A|id|itemName|description|initialBid|reserve|time|expires|seller|category|extra.
func (a *Auction) AppendText(dst []byte) []byte {
	dst = number(append(dst, 'A'), a.ID)
	dst = text(text(dst, a.ItemName), a.Description)
	dst = number(number(dst, a.InitialBid), a.Reserve)
	dst = number(number(dst, a.Time), a.Expires)
	dst = number(number(dst, a.Seller), a.Category)
	return text(dst, a.Extra)
}

// AppendText appends B|auction|bidder|price|channel|url|time|extra.
func (b *Bid) AppendText(dst []byte) []byte {
	dst = number(number(append(dst, 'B'), b.Auction), b.Bidder)
	dst = number(dst, b.Price)
	dst = text(text(dst, b.Channel), b.URL)
	return text(number(dst, b.Time), b.Extra)
}

func number(dst []byte, v int64) []byte { return strconv.AppendInt(append(dst, '|'), v, 10) }

func text(dst []byte, s string) []byte { return append(append(dst, '|'), s...) }
