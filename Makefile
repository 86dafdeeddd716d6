# make test: everything a change must pass. make lint: style. make bench: speed, against targets and peers.
GO ?= go
RACE = ./internal/... ./connector/... ./flow ./state ./window .

.PHONY: build test race lint bench soak

build:
	CGO_ENABLED=0 $(GO) build -o aquifer ./cmd/aquifer

test: lint
	$(GO) test ./...
	$(GO) test -race -short $(RACE)

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
