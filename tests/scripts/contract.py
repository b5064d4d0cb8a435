"""A public contract tester (schemathesis) reads /openapi.json and asks accordingly, and otherwise.

    python3 tests/scripts/contract.py target/debug/daybit

CONTRACT=n asks n times in place of 15 for each operation, SEED=n asks otherwise. Without schemathesis it says that it was skipped.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile

# What is left out: that all that the schema allows is accepted. No schema can say that `from` lies
# before `to`, or which fields of a report do not go together.
CHECKS = ["--exclude-checks", "positive_data_acceptance"]
# It runs elsewhere, and must still be found.
os.environ["PYTHONPATH"] = os.path.abspath(os.environ.get("PYTHONPATH", "."))
SEED = os.environ.get("SEED", "1")
EXAMPLES = os.environ.get("CONTRACT", "15")
RUN = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]


def ask(address, folder, more):
    """Runs the tester; its words are shown where it found something. What it keeps goes away."""
    command = RUN + [f"{address}/openapi.json", "--seed", SEED, "--max-examples", EXAMPLES] + CHECKS + more
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    if done.returncode != 0:
        print(done.stdout)
        sys.exit(f"the server does not keep its contract: {' '.join(more)}")
    return next((line for line in lines if line.endswith("generated") or "generated," in line), "")


def main():
    if importlib.util.find_spec("schemathesis") is None:
        print("skipped: schemathesis is not installed")
        return
    daybit = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        db = os.path.join(folder, "db")
        subprocess.run([daybit, "demo", db], check=True, stdout=subprocess.DEVNULL)
        command = [daybit, "serve", db, "--listen", "127.0.0.1:0", "--quiet"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = server.stdout.readline().split()[-1]
            others = ask(address, folder, ["--phases", "coverage,fuzzing", "--exclude-operation-id", "ask"])
            # The query's schema is large and names itself: every case of it would take too long.
            queries = ask(address, folder, ["--phases", "fuzzing", "--include-operation-id", "ask"])
            print(f"the contract is kept; queries: {queries}; others: {others}")
        finally:
            server.terminate()
            if server.wait(timeout=30) != 0:
                sys.exit(f"the server ended with {server.returncode}")


main()
