# make test: everything a change must pass. make lint: style. make bench: speed, against targets and peers.
GO ?= go
RACE = ./internal/... ./connector/... ./flow ./state ./window ./table ./pattern ./aqtest .

.PHONY: build test race lint bench soak soak-state soak-spiky metamorphic counts expiry histories unaligned unaligned-processes crashes nexmark operators

build:
	CGO_ENABLED=0 $(GO) build -o aquifer ./cmd/aquifer

test: lint
	$(GO) test ./...
	$(GO) test -race -short -timeout 25m $(RACE)

race:
	$(GO) test -race $(RACE)

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || (echo "run gofmt -w on the files above"; exit 1)
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

bench:
	$(GO) run ./bench/speed $(BENCHFLAGS)

soak: build
	$(GO) test ./bench/kill -run TestKill -kills 100 -timeout 60m -v

# 20 GB of state in 1 GB of memory on an S3 server, killed 12 times. It needs some 100 GB in TMPDIR.
soak-state:
	$(GO) test ./bench/soak -run Kills -bytes 20000000000 -memory 1000000000 -passes 6 -stride 0 -interval 10s -kills 12 -spread 40 \
		-timeout 72h -v -args $(SOAKFLAGS)

# 32 subtasks whose load swings between 0.1 and 2 times what they can take.
soak-spiky:
	$(GO) test ./bench/spiky -run Swings -subtasks 32 -keys 2000000 -memory 256000000 -interval 1s -capacity 10s \
		-half 5s -waves 6 -s3 -timeout 2h -v -args $(SOAKFLAGS)

# Random histories of state until one goes wrong, or the time is over.
metamorphic:
	$(GO) test ./internal/lsm -run 'TestMetamorphic$$' -metamorphic.duration=10m -timeout 15m -v

# Random histories of records, events and timers in flight, of keyed state, and of checkpoints over many restarts.
histories:
	$(GO) test ./internal/async -run TestEveryHistory -async.seeds=50000 -v
	$(GO) test ./internal/keyed -keyed.histories=100 -timeout 60m
	$(GO) test ./internal/checkpoint -run TestNoHistory -checkpoint.histories=20000 -v

# Uploads, requests and tables of a state of 1 GB.
counts:
	$(GO) test ./internal/lsm -run TestCounts -counts.gigabyte -timeout 30m -v

# Each query of the benchmark with all data at all parallelisms, and in lives that end in their middle; and in little memory
# on an S3 server, killed three times.
nexmark:
	$(GO) test ./nexmark -nexmark.every -timeout 60m -v
	$(GO) test ./bench/kill -run TestKilledQueries -queries all -timeout 30m -v

# Random inputs of tables and windows, in lives of several parallelisms, against simple evaluations.
operators:
	$(GO) test ./table -table.seeds=40 -timeout 60m
	$(GO) test . -run 'Window|Over|CoGroup' -window.seeds=1000 -timeout 60m

# Ten million keys expire: what the tables take before and after two sweeps, and what these read.
expiry:
	$(GO) test ./internal/keyed -run TestTheSpaceOfMany -expiry.keys=10000000 -timeout 30m -v

# Random runs with rows in flight, in virtual time: each topology and rescaling, with failures of every kind.
unaligned:
	$(GO) test . -run TestRowsInFlightAreNeither -unaligned.seeds=20 -timeout 60m -v

# The same in real time, in four processes at once.
unaligned-processes:
	$(GO) test . -run TestRowsInFlightSurvive -unaligned.copies=4 -unaligned.trials=280 -timeout 60m -v

# A process dies at every request of a savepoint, of a stop with one, and of a restore with another parallelism.
crashes:
	$(GO) test . -run TestAJobThatDiesAtAnyRequestOfASavepoint -crash.step=1 -timeout 30m -v
