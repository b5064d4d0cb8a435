"""Makes system calls of the real binary fail, one at a time, by strace's fault injection: a command
that could not do its work says so, and what was acknowledged is there, whole and once.

    python tests/scripts/faults.py target/release/daybit        (FAULTS=n: so many; all: at every call)
"""
import collections, json, os, pathlib, random, re, resource, shutil, signal, subprocess, sys, tempfile

POINTS = os.environ.get("FAULTS", "60")
ERRORS = {
    "openat": ["EIO", "EMFILE", "ENOSPC"], "write": ["EIO", "ENOSPC"], "pwrite64": ["EIO", "ENOSPC"],
    "fsync": ["EIO"], "fdatasync": ["EIO", "ENOSPC"], "rename": ["EIO", "ENOSPC"], "renameat2": ["EIO"],
    "mmap": ["ENOMEM"], "ftruncate": ["EIO"], "mkdir": ["ENOSPC"], "unlink": ["EIO"], "flock": ["ENOLCK"],
    "getdents64": ["EIO"], "read": ["EIO"], "pread64": ["EIO"], "statx": ["EIO"], "sync_file_range": ["EIO"],
}
ROWS = 20

def skip(why):
    print("skipped: " + why)
    sys.exit(0)

if not shutil.which("strace"):
    skip("strace is not installed")
daybit = str(pathlib.Path(sys.argv[1]).resolve())
environment = {**os.environ, "RUST_BACKTRACE": "0"}

def run(folder, arguments, before=(), **more):
    command = [*before, daybit, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env=environment, **more)

def batch(folder, number):
    rows = [f"user {number}-{n},a,2024-03-0{1 + n % 5}T00:00:{n:02}Z,{n}" for n in range(ROWS)]
    name = f"batch-{number}.csv"
    (folder / name).write_text("user,activity,time,price\n" + "\n".join(rows) + "\n")
    return name

def stored(folder):
    """Batches that are in the database; none of them in part or twice."""
    verified = run(folder, ["verify", "db"])
    assert verified.returncode == 0, f"verify: {verified.stdout}{verified.stderr}"
    users = run(folder, ["export", "db", "users"])
    assert users.returncode == 0, users.stderr
    names = re.findall(r"user (\d+)-\d+", users.stdout)
    query = {"report": "value", "measure": "events", "by": "all"}
    events = run(folder, ["query", "db", json.dumps(query)])
    assert events.returncode == 0, events.stderr
    told = sum(sum(series["value"]) for series in json.loads(events.stdout)["series"]) if names else 0
    counts = collections.Counter(names)
    # A user's id may outlast a batch that was not acknowledged: events tell what is there.
    whole = [int(number) for number, count in counts.items() if count == ROWS]
    assert len(whole) == len(counts), f"batches in part: {counts}"
    assert told % ROWS == 0 and told <= ROWS * len(whole), f"{told} events of batches {whole}"
    return told // ROWS

def is_there(folder):
    return run(folder, ["info", "db"]).returncode == 0

class Command:
    """A command, the databases that it starts from, and what shows that it was done."""
    def __init__(self, name, arguments, prepared):
        self.name, self.arguments, self.prepared = name, arguments, prepared

    def place(self, root):
        folder = root / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.prepared, folder)
        return folder

    def calls(self, root):
        """Which of a thread's calls of a kind touch the database."""
        folder, log = self.place(root), root / "calls"
        traced = run(folder, self.arguments, ["strace", "-f", "-y", "-o", str(log)])
        assert traced.returncode == 0, traced.stderr
        seen, touching = collections.Counter(), set()
        for line in log.read_text(errors="replace").splitlines():
            called = re.match(r"(\d+) +(\w+)\(", line)
            if not called:
                continue
            seen[called.groups()] += 1
            if str(folder / "db") in line or '"db' in line:
                touching.add((called[2], seen[called.groups()]))
        return sorted((call, nth) for call, nth in touching if call in ERRORS)

    def try_with(self, root, what, before=(), mute=False, **more):
        folder = self.place(root)
        batches = stored(folder) if is_there(folder) else 0
        failed = run(folder, self.arguments, before, **more)
        complaint = f"{self.name} with {what}: {failed.returncode}: {failed.stderr}"
        # 127: the system's loader met the fault first.
        assert "panicked" not in failed.stderr and failed.returncode in (0, 1, 2, 3, 4, 5, 127), complaint
        assert failed.returncode == 0 or failed.stderr.strip() or mute, complaint + "no reason"
        try:
            self.look(folder, batches, failed.returncode == 0)
        except AssertionError as e:
            kept = pathlib.Path(tempfile.gettempdir()) / "daybit-fault"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(folder, kept)
            raise AssertionError(f"{complaint}\n{e}\nthe database is in {kept}") from e
        return failed.returncode != 0

    def look(self, folder, batches, was_done):
        """After the failure, and after the same command once more without one."""
        imports = self.name != "cohort"
        after = stored(folder) if is_there(folder) else 0
        assert after >= batches + (imports and was_done), f"{after} of {batches} batches, done: {was_done}"
        again = run(folder, self.arguments)
        assert again.returncode == 0, f"once more: {again.stderr}"
        assert stored(folder) == batches + imports, "once more, and not once"
        if not imports:
            saved = run(folder, ["cohort", "list", "db"])
            assert "regulars" in saved.stdout, saved.stdout + saved.stderr

def short_writes(limit):
    """Files end here: a write is done in part, the next one fails."""
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return {"preexec_fn": prepare}

with tempfile.TemporaryDirectory() as root:
    root = pathlib.Path(root)
    empty, some = root / "empty", root / "some"
    empty.mkdir()
    batch(empty, 1)
    shutil.copytree(empty, some)
    for number in (1, 2):
        assert run(some, ["import", "db", batch(some, number)]).returncode == 0
    third = batch(some, 3)
    traced = run(some, ["info", "db"], ["strace", "-f", "-o", str(root / "t"), "-e", "inject=fsync:error=EIO"])
    if traced.returncode != 0:
        skip("strace may not trace here: " + traced.stderr.strip()[-200:])
    commands = [
        Command("first import", ["import", "db", "batch-1.csv"], empty),
        Command("import", ["import", "db", third], some),
        Command("cohort", ["cohort", "save", "db", "regulars", '{"did": "a"}'], some),
    ]
    points = [(command, call, error, nth, lasting) for command in commands
              for call, nth in command.calls(root) for error in ERRORS[call] for lasting in ("", "+")]
    if POINTS != "all":
        by_call = collections.defaultdict(list)
        random.Random(int(os.environ.get("SEED", 1))).shuffle(points)
        for point in points:
            by_call[point[1]].append(point)
        # As many of each kind of call, so that rare ones are among them.
        wanted = int(POINTS)
        points = [of_call[n] for n in range(wanted) for of_call in by_call.values() if n < len(of_call)][:wanted]
    failed = 0
    for command, call, error, nth, lasting in points:
        inject = f"inject={call}:error={error}:when={nth}{lasting}"
        # Where all writes fail, so does that of the reason.
        mute = call == "write" and lasting == "+"
        traced = ["strace", "-f", "-qq", "-o", str(root / "log"), "-e", inject]
        failed += command.try_with(root, inject, traced, mute)
    limits = [0, 1, 40, 100, 300, 1_000, 3_000, 10_000]
    for command in commands:
        failed += sum(command.try_with(root, f"files of {limit} bytes", **short_writes(limit)) for limit in limits)
    kinds = sorted({call for _, call, _, _, _ in points})
    print(f"{len(points)} failing calls of {len(kinds)} kinds ({' '.join(kinds)}) and "
          f"{len(limits) * len(commands)} short writes: {failed} commands failed and said so, nothing was lost")
