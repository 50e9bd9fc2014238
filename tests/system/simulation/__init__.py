"""The deterministic simulation: the whole system in one thread, in virtual time, with everything that can go wrong.

The real actors, the real child table, the real adapters of the store and the real rules run here; only what lies
outside is a model: the server of the store, X, the clock, the threads. One number, the seed, decides everything: what
is bid, in which order things happen, and what fails. The same seed gives the same run.

    make simulate SEEDS=2000                        many runs, with a progress bar
    python -m tests.system.simulation --seed 65 --trace    one run again, told line by line
    python -m tests.system.simulation.planted              plants bugs and counts the seeds that it takes to notice them

Where to read on:

    run.py      one run: the marathon, its processes, what strikes them; begins and ends everything
    world.py    virtual time, the order of things, the trace
    house.py    the process: `process.Process` and its `ChildTable`, taken step by step
    wire.py     the store's client, and where every call of an actor is struck
    model.py    the store's server; `test_model.py` holds it equal to the real one
    x.py        X: ground truth, search, timeline, stream      crowd.py    who bids
    faults.py   what goes wrong, drawn from the seed
    watch.py    what must be true after every step and in the end
    planted.py  bugs that it has to find                       many.py     many runs in several processes

How it steps: `Actor.life()` is a generator of an actor's whole life. A call that takes its time runs the rest of the
world from inside (`World.pass_time`), so that others act between any two calls of an actor, its successor included.

What it does not simulate: HTTP, the viewers' hub, the chain watcher (idle here), real threads and sockets; they have
tests of their own.
"""
