package nexmark

import "math"

// priceSteps is the number of pieces of the price curve.
const priceSteps = 4096

// prices are the corners of the price curve, in cents: 100 * 10^(6i/priceSteps), rounded to nearest.
var prices = func() (p [priceSteps + 1]int32) {
	for i := range p {
		p[i] = int32(math.Floor(100*math.Pow(10, 6*float64(i)/priceSteps) + 0.5))
	}
	return p
}()

// price makes a price in cents of a draw: its logarithm is uniform, but for the straight lines between corners.
func price(bits uint64) int64 {
	i := bits >> 52
	fraction := int64(bits >> 32 & 0xFFFFF)
	low, high := int64(prices[i]), int64(prices[i+1])
	return low + (high-low)*fraction>>20
}
