# Every target does its own set-up: a Python of at least 3.11 (or a package manager that has one) is all it needs.
.PHONY: test-demos test-houses test-parts demo siege scenarios screenshots bench torture great-day starts disk-faults simulate x-oracle leaders corruptions mutations test lint format run clean requirements lock marathon

PYTHON := .venv/bin/python

demo: .venv/run  ## a compressed marathon, everything simulated; ARGS="--once --days 2 --day-seconds 20"
	$(PYTHON) supervisor.py demo $(ARGS)

scenarios: .venv/run  ## plays every scenario; reports and logs in build/scenarios/
	$(PYTHON) supervisor.py scenario scenarios/*.toml --report build/scenarios $(ARGS)

run: .venv/run  ## the supervisor with config.toml
	$(PYTHON) supervisor.py run $(ARGS)

# What plays whole houses mostly waits: beside the rest of the tests it costs next to no time.
DEMOS := $(addprefix tests/system/,demo faults siege)
HOUSES := tests/system tests/commands
test: lint node_modules browser  ## everything that has to hold; ARGS="tests/auction -k fold"
ifdef ARGS
	$(PYTHON) -m pytest $(ARGS)
else
	$(MAKE) --keep-going --jobs=3 test-demos test-houses test-parts
endif
test-demos:
	$(PYTHON) -m pytest --quiet $(DEMOS)
test-houses:
	$(PYTHON) -m pytest --quiet $(HOUSES) $(addprefix --ignore=,$(DEMOS))
test-parts:
	$(PYTHON) -m pytest --quiet $(addprefix --ignore=,$(HOUSES))

lint: .venv/dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m mypy

format: .venv/dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

screenshots: .venv/dev browser  ## the stage page in every phase of a demo day; pictures in build/screenshots/
	$(PYTHON) -m tests.system.demo.screenshots

# QUICK=1 takes tiny sizes: it shows that everything can be measured, and measures nothing.
bench: .venv/run peers  ## what the process costs and how fast it is, and others beside it; ARGS="--only burst --runs 3", QUICK=1
	$(PYTHON) -m benchmarks.idle $(if $(QUICK),--runs 1)
	$(PYTHON) -m benchmarks.crash $(if $(QUICK),--crashes 5)
	$(PYTHON) -m benchmarks.bids --with build/idle.json --with build/crash.json $(if $(QUICK),--quick) $(ARGS)

torture: .venv/run  ## kill -9 of the supervisor and of its server under load, at random moments; RUNS=5 ARGS="--seed 7"
	$(PYTHON) -m benchmarks.torture --runs $(or $(RUNS),50) $(ARGS)

siege: .venv/dev node_modules  ## a demo day attacked by strangers and by its neighbours in turn; MINUTES=10
	$(PYTHON) -m tests.system.siege --minutes $(or $(MINUTES),10) $(ARGS)

faults: .venv/dev  ## every fault of a store, embedded and external, under bids; writes docs/operating.md. ARGS="--only disk"
	$(PYTHON) -m tests.system.faults $(ARGS)

stalls: .venv/dev  ## SIGSTOP of process, server and X for 1 to 63 s at random moments of a demo; RUNS=12 ARGS="--seed 7"
	$(PYTHON) -m tests.system.faults.stalls --runs $(or $(RUNS),20) $(ARGS)

starts: .venv/run  ## starts under load, each of which is to be open within 10 s; RUNS=100 ARGS="--busy 4"
	$(PYTHON) -m benchmarks.starts --runs $(or $(RUNS),1000) $(ARGS)

disk-faults: .venv/dev  ## kills and full disks at each operation on each file; RUNS=100 ARGS="--seed 7"
	$(PYTHON) -m tests.system.disk.faults --runs $(or $(RUNS),1000) $(ARGS)

marathon: .venv/run  ## compressed days, one after the other: threads, descriptors and memory stay flat; DAYS=400
	$(PYTHON) -m benchmarks.marathon --days $(or $(DAYS),400) $(ARGS)

great-day: .venv/run  ## a day on which very many reply, killed twice while it is closed, held against the truth; REPLIES=10000
	$(PYTHON) -m benchmarks.great_day --replies $(or $(REPLIES),150000) $(ARGS)

SEEDS ?= 200
simulate: .venv/dev  ## the whole system in virtual time, with faults, once for each seed; SEEDS=2000
	$(PYTHON) -m tests.system.simulation --seeds $(SEEDS)

x-oracle: .venv/dev  ## compressed days beside the simulated X with seeded faults, held against its truth; RUNS=200 ARGS="--seed 7"
	$(PYTHON) -m tests.system.x_oracle.oracle_runs --runs $(or $(RUNS),200) $(ARGS)

leaders: .venv/dev  ## demo days of many seeds: no line of the host and no frame names a leader who does not lead; SEEDS=50
	$(PYTHON) -m tests.system.demo.who_leads --seeds $(or $(SEEDS),50) $(ARGS)

corruptions: .venv/dev  ## a data directory corrupted at random, found by the real process; RUNS=1000 ARGS="--seed 7"
	$(PYTHON) -m tests.system.corruption --runs $(or $(RUNS),1000) $(ARGS)

mutations: .venv/dev  ## takes each remedy of supervision out and sees which test notices; writes docs/supervision.md
	$(PYTHON) -m tests.supervision.mutations

requirements: .venv/dev  ## which tests prove which requirement, and what is unproven
	$(PYTHON) -m tests.requirements_table

lock: .venv/dev  ## pins the dependencies anew
	$(PYTHON) -m pip install --quiet uv
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 pyproject.toml --output-file requirements.lock
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv node_modules build dist .mypy_cache .ruff_cache .hypothesis

.venv/run:
	@scripts/setup requirements.lock
.venv/dev:
	@scripts/setup requirements-dev.lock
node_modules:
	@scripts/setup-node
browser:
	@scripts/setup-browser
peers: .venv/run
	@benchmarks/peers/setup
.PHONY: .venv/run .venv/dev node_modules browser peers
