package nexmark

import (
	"math/bits"
	"strconv"
	"strings"
	"sync"
)

// Half of the bids come from one of the hot channels, and the others from one of the cold ones.
const (
	hotPages  = 4
	coldPages = 10_000
)

// pageTable holds the channels and addresses on which bids are made. There are few, so they are made once. They
// lie in one text and are found by numbers: the table is small, and nothing for the garbage collector to follow.
type pageTable struct {
	text  string
	pages [hotPages + coldPages]page // the hot ones first
}

// page says where the channel begins in the text, and how long it and the url behind it are.
type page struct {
	at           uint32
	channel, url uint8
}

// pages returns the table.
var pages = sync.OnceValue(func() *pageTable {
	t := new(pageTable)
	var text strings.Builder
	add := func(i int, channel, url string) {
		t.pages[i] = page{uint32(text.Len()), uint8(len(channel)), uint8(len(url))}
		text.WriteString(channel)
		text.WriteString(url)
	}
	for i, channel := range [hotPages]string{"Google", "Facebook", "Baidu", "Apple"} {
		add(i, channel, baseURL(1<<41+uint64(i)))
	}
	for i := range coldPages {
		url := baseURL(1<<40 + uint64(i))
		if i%10 != 0 {
			url += "&channel_id=" + strconv.Itoa(int(channelID(uint32(i))))
		}
		add(hotPages+i, "channel-"+strconv.Itoa(i), url)
	}
	t.text = text.String()
	return t
})

// at returns the channel and the url of page i.
func (t *pageTable) at(i int64) (channel, url string) {
	p := t.pages[i]
	both := t.text[p.at:]
	channel, both = both[:p.channel], both[p.channel:]
	return channel, both[:p.url]
}

// channelID spreads the numbers of channels. Like every 32-bit absolute value it stays negative for -2^31.
func channelID(i uint32) int32 {
	id := int32(bits.Reverse32(i))
	return max(id, -id)
}

// baseURL is the address of page k without its channel.
func baseURL(k uint64) string {
	r := newRNG(0, k)
	url := []byte("https://www.nexmark.com/")
	for range 3 {
		var dir [perDraw]byte
		r.letters(dir[:], 5)
		url = append(append(url, dir[:5]...), '/')
	}
	return string(append(url, "item.htm?query=1"...))
}
