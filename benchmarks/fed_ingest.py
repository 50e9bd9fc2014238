"""`ingest_process` under measurement: the same, fed from a file. `python -m benchmarks.fed_ingest SOCKET`."""

import sys
import threading
from pathlib import Path

import ingest_process
from benchmarks.feeding import FedStream, obey

if __name__ == "__main__":
    ingest_process.PostStream = FedStream  # type: ignore[assignment, attr-defined]  # the one place where it is made
    threading.Thread(target=obey, args=(Path(sys.argv[1]),), name="x-stream", daemon=True).start()
    sys.exit(ingest_process.main())
