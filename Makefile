# make demo    the main job on real input: a node, two hospitals, whole patients, one sharing, its proof
# make test    everything, with scaled counts      make soak   the full counts
# make check   lint, types, fast tests             make bench  what it costs; make bench-consent; make bench-network; make bench-supply
# make portal  builds the pages for people, with Node; a node serves them
# make engine  builds the pinned CometBFT, with Go; a consortium's members agree through it
.PHONY: demo test soak check bench bench-consent bench-network bench-supply engine portal clean
SHELL := bash
BIN := .venv/bin

demo:
	@tools/environment.sh
	@tools/portal.sh --may-skip
	@$(BIN)/python demo/story.py

test:
	@tools/environment.sh test,dev
	@tools/second_python.sh
	@tools/portal.sh --may-skip
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

soak:
	@tools/environment.sh test,dev
	@YILIAN_SCALE=100 $(BIN)/python -m pytest -q -n 2 --dist loadgroup --timeout 0 tests/crash tests/fuzz tests/laws tests/http tests/unit tests/consensus tests/network
	@$(BIN)/python -m bench.restart
	@$(BIN)/python -m bench.transactions --entries 10000 10000000

check:
	@tools/environment.sh test,dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/python tools/generate.py --check
	@$(BIN)/python tools/openapi.py --check
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not slow"

bench:
	@tools/environment.sh test,dev
	@$(BIN)/python -m bench.transactions
	@$(BIN)/python -m bench.records
	@$(BIN)/python -m bench.proofs
	@$(BIN)/python -m bench.http
	@$(BIN)/python -m bench.vault
	@$(BIN)/python -m bench.tree

bench-consent:
	@tools/environment.sh test,dev
	@$(BIN)/python -m bench.consent
	@$(BIN)/python -m bench.notice

bench-network:
	@tools/environment.sh test,dev
	@tools/engine.sh
	@$(BIN)/python -m bench.network

bench-supply:
	@tools/environment.sh test,dev
	@$(BIN)/python -m bench.epcis
	@$(BIN)/python -m bench.epcis_store
	@$(BIN)/python -m bench.verification
	@$(BIN)/python -m bench.recall
	@$(BIN)/python -m bench.titles
	@$(BIN)/python -m bench.posts
	@$(BIN)/python -m bench.anchoring

engine:
	@tools/engine.sh

portal:
	@tools/environment.sh
	@tools/portal.sh

clean:
	rm -rf .venv .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf portal/node_modules src/yilian/portal/dist .portal-*.log
