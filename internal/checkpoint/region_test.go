package checkpoint

import "testing"

func TestARegionThatFailsIsRestartedAndNothingIsTakenMeanwhile(t *testing.T) {
	story(t,
		Tick{500}, "",
		Lost{1, "oops"}, "restart 1: oops",
		Tick{5000}, "",
		Lost{0, "too"}, "restart 0: too",
		Regained{6000, 1}, "",
		Regained{7000, 0}, "begin 5 periodic",
	)
}

func TestARegionThatFailsTakesTheCheckpointUnderWayWithIt(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Ack{5, 0}, "",
		Lost{0, "oops"}, "abort 5: oops, restart 0: oops",
		Ack{5, 1}, "", // late
		Regained{1500, 0}, "",
		Tick{2000}, "begin 6 periodic",
		Lost{0, "oops"}, "abort 6: oops, restart 0: oops", // which counts as no failure of a checkpoint
		Regained{2500, 0}, "",
		Tick{3000}, "begin 7 periodic",
		Lost{0, "oops"}, "abort 7: oops, restart 0: oops",
		Regained{3500, 0}, "",
		Tick{4000}, "begin 8 periodic",
	)
}

func TestARegionIsNotRestartedWhileItIsOpenWhatFrom(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic", Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Lost{1, "oops"}, "",
		Stored{5}, "restart 1: oops, commit 5, keep [4 5]",
		Committed{5}, "",
		Regained{2000, 1}, "begin 6 periodic", Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Lost{1, "oops"}, "",
		StoreFailed{6, "full"}, "abort 6: full, restart 1: oops",
	)
}

func TestTheEndIsForgottenWhenARegionMustReadAgain(t *testing.T) {
	story(t,
		Request{500, ReasonEnd, 0}, "begin 5 end",
		Lost{0, "oops"}, "abort 5: oops, restart 0: oops",
		Tick{3000}, "",
		Regained{3000, 0}, "begin 6 periodic", Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Request{3100, ReasonEnd, 0}, "",
		Stored{6}, "commit 6, begin 7 end, keep [4 6]",
	)
}

func TestAStopThatIsWantedWaitsForTheRegion(t *testing.T) {
	story(t,
		Request{500, ReasonStopSavepoint, 1}, "begin 5 stop-savepoint",
		Lost{0, "oops"}, "abort 5: oops, restart 0: oops",
		Request{600, ReasonManual, 2}, "answer #2: 0the tasks are about to end: no checkpoint follows their last",
		Tick{3000}, "",
		Regained{3000, 0}, "begin 6 stop-savepoint", Lost{1, "oops"}, "abort 6: oops, restart 1: oops",
		Regained{3001, 1}, "begin 7 stop-savepoint",
	)
	story(t,
		Tick{1000}, "begin 5 periodic", Lost{0, "oops"}, "abort 5: oops, restart 0: oops",
		Request{1100, ReasonStopSavepoint, 1}, "",
		Regained{1200, 0}, "begin 6 stop-savepoint", Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Stored{6}, "answer #1: 6, commit 6, keep [3 4]",
	)
}

func TestWhoAskedForACheckpointHearsThatARegionHasFailed(t *testing.T) {
	story(t,
		Request{500, ReasonManual, 1}, "begin 5 manual",
		Request{500, ReasonManual, 2}, "",
		Lost{0, "oops"}, "abort 5: oops, answer #1: 0oops, restart 0: oops",
		Regained{700, 0}, "begin 6 manual",
	)
}

func TestNoRegionIsRestartedAfterTheLastCheckpoint(t *testing.T) {
	story(t,
		Request{500, ReasonEnd, 0}, "begin 5 end", Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Lost{1, "oops"}, "",
		Stored{5}, "commit 5, keep [4 5]",
		Lost{0, "oops"}, "",
		Committed{5}, "finished end",
	)
}
