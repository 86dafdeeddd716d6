package nexmark

var (
	firstNames = [...]string{
		"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
	}
	lastNames = [...]string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
	cities    = [...]string{
		"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
		"Bend", "Redmond", "Seattle", "Kent", "Cheyenne",
	}
	states = [...]string{"AZ", "CA", "ID", "OR", "WA", "WY"}
)

// person fills in a person.
func (g *generator) person(m moment, p *Person) {
	r := newRNG(g.seed, m.id)
	p.ID = firstID + m.lastPerson
	p.Name = g.name(&r)
	p.Email = g.email(&r)
	p.CreditCard = g.creditCard(&r)
	p.City = one(&r, cities[:])
	p.State = one(&r, states[:])
	p.Time = m.time
	size := 8 + len(p.Name) + len(p.Email) + len(p.CreditCard) + len(p.City) + len(p.State)
	p.Extra = g.extra(&r, size, personSize)
}

// one draws one of all.
func one(r *rng, all []string) string { return all[r.below(int64(len(all)))] }

func (g *generator) name(r *rng) string {
	dst := append(g.arena.free()[:0], one(r, firstNames[:])...)
	dst = append(dst, ' ')
	return g.arena.take(len(append(dst, one(r, lastNames[:])...)))
}

func (g *generator) email(r *rng) string {
	dst := g.arena.free()
	n := 3 + int(r.below(4))
	r.letters(dst, n)
	n += copy(dst[n:], "@")
	host := 3 + int(r.below(2))
	r.letters(dst[n:], host)
	n += host
	return g.arena.take(n + copy(dst[n:], ".com"))
}

// creditCard draws four groups of four digits.
func (g *generator) creditCard(r *rng) string {
	dst := (*[19]byte)(g.arena.free())
	for i := 0; i < len(dst); i += 5 {
		if i > 0 {
			dst[i-1] = ' '
		}
		digits := r.below(10_000)
		for j := 3; j >= 0; j-- {
			dst[i+j] = byte('0' + digits%10)
			digits /= 10
		}
	}
	return g.arena.take(len(dst))
}
