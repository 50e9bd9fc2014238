# Each target sets up what it needs. Required is a Python of at least 3.11, or a package manager that can install one.
.PHONY: chain-chaos test-demos test-houses test-adapters test-rooms demo siege scenarios screenshots bench torture great-day starts disk-faults simulate x-oracle leaders corruptions offer-crashes mutations contract contract-calls contract-gas test lint format run clean requirements lock marathon

PYTHON := .venv/bin/python

demo: .venv/run  ## plays a compressed marathon with a simulated X; ARGS="--once --days 2 --day-seconds 20"
	$(PYTHON) supervisor.py demo $(ARGS)

scenarios: .venv/run  ## plays every scenario and checks its expectations; reports and logs in build/scenarios/
	$(PYTHON) supervisor.py scenario scenarios/*.toml --report build/scenarios $(ARGS)

run: .venv/run  ## runs the supervisor with config.toml
	$(PYTHON) supervisor.py run $(ARGS)

# Tests that run the whole system mostly wait, so they run beside the other tests.
DEMOS := tests/system/demo
HOUSES := tests/system tests/commands
test: lint node_modules browser  ## lints and runs all tests, or those of ARGS="tests/auction -k fold"
ifdef ARGS
	$(PYTHON) -m pytest $(ARGS)
else
	$(MAKE) --keep-going --jobs=4 test-demos test-houses test-adapters test-rooms
endif
test-demos:
	$(PYTHON) -m pytest --quiet $(DEMOS)
test-houses:
	$(PYTHON) -m pytest --quiet $(HOUSES) $(addprefix --ignore=,$(DEMOS))
test-adapters:
	$(PYTHON) -m pytest --quiet tests/adapters
test-rooms:
	$(PYTHON) -m pytest --quiet $(addprefix --ignore=,$(HOUSES) tests/adapters)

lint: .venv/dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m mypy

format: .venv/dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

screenshots: .venv/dev browser  ## takes pictures of the stage page in every phase of a demo day; build/screenshots/
	$(PYTHON) -m tests.system.demo.screenshots

# QUICK=1 takes tiny sizes: it only shows that each benchmark works.
bench: .venv/run peers  ## measures speed and memory, beside BullMQ and taskiq; ARGS="--only burst --runs 3", QUICK=1
	$(PYTHON) -m benchmarks.idle $(if $(QUICK),--runs 1)
	$(PYTHON) -m benchmarks.crash $(if $(QUICK),--crashes 5)
	$(PYTHON) -m benchmarks.bids --with build/idle.json --with build/crash.json $(if $(QUICK),--quick) $(ARGS)

torture: .venv/run  ## kills the supervisor and its server under load at random moments; RUNS=5 ARGS="--seed 7"
	$(PYTHON) -m benchmarks.torture --runs $(or $(RUNS),50) $(ARGS)

siege: .venv/dev node_modules  ## attacks a demo day from outside and breaks X, store and chain node in turn; MINUTES=10
	$(PYTHON) -m tests.system.siege --minutes $(or $(MINUTES),10) $(ARGS)

offer-crashes: .venv/dev node_modules  ## crashes the transaction sender at each point of an offer; TIMES=20
	$(PYTHON) -m tests.actors.settlement.crashes --times $(or $(TIMES),20) $(ARGS)

faults: .venv/dev  ## plays every fault of a store under bids; writes a table of docs/operating.md. ARGS="--only disk"
	$(PYTHON) -m tests.system.faults $(ARGS)

stalls: .venv/dev  ## stops process, server or X of a demo for 1 to 63 s at random moments; RUNS=12 ARGS="--seed 7"
	$(PYTHON) -m tests.system.faults.stalls --runs $(or $(RUNS),20) $(ARGS)

starts: .venv/run  ## starts the process under load; each start must be ready within 10 s; RUNS=100 ARGS="--busy 4"
	$(PYTHON) -m benchmarks.starts --runs $(or $(RUNS),1000) $(ARGS)

disk-faults: .venv/dev  ## kills the process, or fills its disk, at each operation on its files; RUNS=100 ARGS="--seed 7"
	$(PYTHON) -m tests.system.disk.faults --runs $(or $(RUNS),1000) $(ARGS)

marathon: .venv/run  ## plays many days and checks that threads, descriptors and memory stay flat; DAYS=400
	$(PYTHON) -m benchmarks.marathon --days $(or $(DAYS),400) $(ARGS)

great-day: .venv/run  ## plays a day with very many replies, kills the process twice during the close; REPLIES=10000
	$(PYTHON) -m benchmarks.great_day --replies $(or $(REPLIES),150000) $(ARGS)

SEEDS ?= 200
simulate: .venv/dev  ## simulates the whole system in virtual time, with faults, once for each seed; SEEDS=2000
	$(PYTHON) -m tests.system.simulation --seeds $(SEEDS)

x-oracle: .venv/dev  ## plays days with seeded faults of X and checks the results; RUNS=200 ARGS="--seed 7"
	$(PYTHON) -m tests.system.x_oracle.oracle_runs --runs $(or $(RUNS),200) $(ARGS)

leaders: .venv/dev  ## plays demo days and checks that host and feed never name a wrong leader; SEEDS=50
	$(PYTHON) -m tests.system.demo.who_leads --seeds $(or $(SEEDS),50) $(ARGS)

chain-chaos: .venv/dev node_modules  ## reorganises a chain under the watcher, behind nodes that lie; RUNS=10
	$(PYTHON) -m tests.system.chain_chaos --seeds $(or $(RUNS),10) $(ARGS)

corruptions: .venv/dev  ## damages a data directory at random and starts on it; RUNS=1000 ARGS="--seed 7"
	$(PYTHON) -m tests.system.corruption --runs $(or $(RUNS),1000) $(ARGS)

mutations: .venv/dev  ## removes each remedy of supervision, runs the tests; writes a table of docs/supervision.md
	$(PYTHON) -m tests.supervision.mutations

contract: .venv/dev  ## compiles the sale contract and writes its artifact; ARGS="--check" only compares
	$(PYTHON) -m contracts.build $(ARGS)

contract-calls: .venv/dev node_modules  ## plays random calls on the sale contract beside a model; CALLS=300 ARGS="--seed 7"
	$(PYTHON) -m tests.contracts.random_calls --calls $(or $(CALLS),10000) $(ARGS)

contract-gas: .venv/dev node_modules  ## measures the sale contract; writes the gas table of docs/contract.md
	$(PYTHON) -m tests.contracts.gas

requirements: .venv/dev  ## lists each requirement with the number of its tests
	$(PYTHON) -m tests.requirements_table

lock: .venv/dev  ## resolves and pins the dependencies again
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
