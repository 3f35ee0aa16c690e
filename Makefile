# The commands of this repository. `make` alone lists them; the work is in local/ and npm's scripts.
.DEFAULT_GOAL := help
comma := ,

.PHONY: help install up down clean distclean status demo replay verify test stack chaos sim typecheck lint format unit images test-kubernetes

run := node --import tsx
quiet := --no-audit --no-fund --no-update-notifier --loglevel=error

help: ## list the commands and settings
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@if [ -d node_modules/tsx ]; then $(run) local/help.ts; else echo "  After \`make install\`, \`make help\` lists the settings too."; fi

install: node_modules/.package-lock.json ## install the npm packages, when the lock file has changed

# A fresh clone gets exactly the lock file; a later change of it is applied without removing what runs.
node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo "npm was not found: install Node 20.19 or later."; exit 1; }
	@if [ -f $@ ]; then npm install --no-save $(quiet); else npm ci $(quiet); fi
	@touch $@

up: install ## start the local stack: Postgres, Kafka, registry, Connect, Cassandra
	@$(run) local/up.ts

down: install ## stop it; data stays
	@$(run) local/down.ts

clean: install ## stop it and remove its data
	@$(run) local/clean.ts

distclean: install ## stop it and remove data and downloads
	@$(run) local/clean.ts --all

status: install ## show each server: state, process, port, memory, log
	@$(run) local/status.ts

demo: install ## stream conversations through everything and show the read models
	@$(run) local/demo.ts

test: install ## type check, lint, unit tests, simulation, the stack tests on their own stack, then the chart's
	@$(run) local/test.ts

stack: install ## the stack tests alone; FILES="name …" runs some of them
	@$(run) local/test.ts --stack $(FILES)

chaos: install ## faults for a long time on the test stack; FILES="name …", KILLS=10 of each kind, SEED=n for the same ones again
	@CHAOS_SEED="$(SEED)" CHAOS_KILLS="$(KILLS)" $(run) local/test.ts --chaos $(FILES)

sim: install ## simulated histories with faults; RUNS=100000 for so many, SEED=n for one again
	@$(run) test/simulation/main.ts $(if $(SEED),--seed $(SEED),--runs $(or $(RUNS),2000))

test-kubernetes: install ## the chart on a real node that it starts and ends (Linux, root); CLUSTER=current on yours, VALUES=file
	@$(run) test/kubernetes/main.ts --cluster "$(or $(CLUSTER),own)" $(if $(VALUES),--values "$(VALUES)")

replay: install ## build read models anew from the event store, beside the live ones; PROJECTION=a,b some of them, ARGS="--dry-run …"
	@PROJECTION="$(PROJECTION)" $(run) local/replay.ts $(ARGS)

verify: install ## compare read models with Postgres; PROJECTION=a,b some of them, ARGS="--sample 1% --repair …"
	@$(run) local/verify.ts $(subst $(comma), ,$(PROJECTION)) $(ARGS)

typecheck: install ## check the types
	@npm run --silent typecheck

lint: install ## check style and imports
	@npm run --silent lint

format: install ## apply the style
	@npm run --silent format

unit: install ## the tests that need no server
	@npm run --silent test

images: ## build the container images with docker: Turnstream, and Connect with the converter of the local stack
	@docker build --file docker/Dockerfile --tag turnstream:$$(node -p "require('./package.json').version") .
	@docker build --file docker/connect.Dockerfile --tag turnstream-connect:$$(node -p "require('./package.json').version") .
