package pattern_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/pattern"
)

// Login is a row of the input.
type Login struct {
	User   string `csv:"user"`
	Second int64  `csv:"second"`
	OK     bool   `csv:"ok"`
}

// The third row is behind the one before it.
const logins = `user,second,ok
ann,1,false
ann,4,false
ann,3,false
bob,5,false
ann,9,true
bob,50,true
`

func failed(l *Login) bool    { return !l.OK }
func succeeded(l *Login) bool { return l.OK }

// Three logins that fail, and then one that does not, in half a minute.
func Example() {
	dir, err := os.MkdirTemp("", "logins")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "logins.csv"), []byte(logins), 0o644); err != nil {
		fmt.Println(err)
		return
	}

	guessed := pattern.Begin[Login]("failed").Where(failed).TimesOrMore(3).Greedy().
		FollowedBy("succeeded").Where(succeeded).
		Within(30 * time.Second).AfterMatch(pattern.SkipPastLastEvent())

	job, gaveUp := aquifer.NewJob("logins"), aquifer.NewSide[pattern.Match[Login]]("gave up")
	input := aquifer.From(job, "logins", file.CSV[Login](filepath.Join(dir, "*.csv")),
		aquifer.EventTime(func(l *Login) int64 { return l.Second * 1000 }, 5*time.Second))
	byUser := aquifer.KeyBy(input, func(l *Login) string { return l.User })
	alerts := aquifer.Detect(byUser, "guessed", guessed, func(m *pattern.Match[Login]) string {
		tries := m.Rows("failed")
		return fmt.Sprintf("%s: %d tries from second %d on", tries[0].User, len(tries), tries[0].Second)
	}, aquifer.TimedOutTo(gaveUp))
	others := aquifer.Map(gaveUp.Stream(), func(m *pattern.Match[Login]) string {
		return fmt.Sprintf("%s: gave up", m.First("failed").User)
	})
	text := func(dst []byte, s *string) []byte { return append(dst, *s...) }
	aquifer.To(aquifer.Union(alerts, others), "out", print.To(os.Stdout, text))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// ann: 3 tries from second 1 on
	// bob: gave up
}

// A condition may compare a row with those that the match has taken.
func ExamplePattern_WhereIterative() {
	rising := pattern.Begin[int64]("price").OneOrMore().Consecutive().
		WhereIterative(func(price *int64, before *pattern.Match[int64]) bool {
			last := before.Last("price")
			return last == nil || *price > *last
		})
	fmt.Println(rising, rising.Validate())
	// Output:
	// begin price 1 or more times consecutive <nil>
}
