# What a developer runs. CI runs `make test`, which begins with `make check`.
GO ?= go
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: build test check bench bench-terraform bench-ovn bench-libvirt race fuzz docs install-provider release-check lab-up lab-down acceptance

build: ## one pure Go program, ./cairn
	CGO_ENABLED=0 $(GO) build -trimpath -o cairn ./cmd/cairn

test: check ## everything that must hold, on a machine with Go alone
	$(GO) test ./...

check: ## how the code must look; the arrows of the house are kept by the tests of package house
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt on: $$unformatted"; exit 1; fi
	$(GO) mod verify
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) test ./house

race: ## the tests under the race detector; needs a C compiler
	$(GO) test -race ./...

bench: ## the figures of README.md, on this machine, against terraform and tofu where they are
	$(GO) run ./bench

bench-terraform: ## what the provider costs under terraform, beside one with nothing behind its schemas
	$(GO) run ./terraform-provider/bench

bench-ovn: ## the OVN driver on a real ovsdb-server, beside the bare library
	$(GO) test -run '^$$' -bench . -benchtime 3x ./providers/ovn

bench-libvirt: ## the libvirt driver on a host of the lab, beside the bare library; needs Linux and root
	$(GO) run ./lab/cairn-lab with $(GO) test -run '^$$' -bench BenchmarkDefine -benchtime 1x -timeout 30m ./providers/libvirt
	$(GO) run ./lab/cairn-lab with $(GO) test -run '^$$' -bench FirstPing -benchtime 3x ./lab/acceptance

fuzz: ## what reads foreign text, 30 seconds each
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 30s ./resources/address
	$(GO) test -run '^$$' -fuzz FuzzProbe -fuzztime 30s -fuzzminimizetime 1x ./resources/diskimage
	$(GO) test -run '^$$' -fuzz FuzzWriteRaw -fuzztime 30s -fuzzminimizetime 1x ./resources/diskimage
	$(GO) test -run '^$$' -fuzz FuzzLoad -fuzztime 30s ./lang
	$(GO) test -run '^$$' -fuzz FuzzTerraform -fuzztime 30s -fuzzminimizetime 1x ./lang/convert
	$(GO) test -run '^$$' -fuzz FuzzOpenStack -fuzztime 30s -fuzzminimizetime 1x ./lang/convert
	$(GO) test -run '^$$' -fuzz FuzzRead -fuzztime 30s -fuzzminimizetime 1x ./lang/tfstate
	$(GO) test -run '^$$' -fuzz FuzzPackets -fuzztime 30s -fuzzminimizetime 1x ./providers/libvirt
	$(GO) test -run '^$$' -fuzz FuzzPixmap -fuzztime 30s ./providers/libvirt

docs: ## the manual of the Terraform provider, from declarations and examples
	$(GO) run ./terraform-provider/docgen

install-provider: ## the Terraform provider, where terraform init and tofu init find it without a registry
	$(GO) run ./terraform-provider/install $(if $(VERSION),-version $(VERSION))

release-check: ## whether .goreleaser.yml fits the tree
	$(GO) test -run TestRelease ./terraform-provider/install
	@if command -v goreleaser >/dev/null; then goreleaser check; else echo "goreleaser is not on PATH: it was not asked about .goreleaser.yml itself"; fi

lab-up: ## OVN and three hosts with libvirt on this machine, to try the real thing; needs Linux and root
	$(GO) run ./lab/cairn-lab up

lab-down: ## the lab's end, without a trace
	$(GO) run ./lab/cairn-lab down

acceptance: ## the stories of lab/acceptance on the lab that is up, else on one for their time
	$(GO) run ./lab/cairn-lab with $(GO) test -count=1 -v -timeout 40m -run TestStories ./lab/acceptance
