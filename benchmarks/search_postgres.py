"""Measure the queries of `benchmarks.search` on PostgreSQL: the server's time for all SQL queries of a search.

python -m benchmarks.search_postgres postgresql://… [--artifacts 100000] [--source FOLDER/registry.db]

The database must be empty, or filled by an earlier run; fewer artifacts than now are kept. A million take five minutes if the server
can use 4 GB for an index. Times come from EXPLAIN ANALYZE, because a client's wall-clock time includes its own; on a busy machine they
still include the time of other processes. If the server runs on this machine, the processor time of its process is measured, too, of
queries without EXPLAIN. The peer counts and ranks every match of a common word.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.search import BATCH, COUNTS, QUERIES, TARGET_MS, rows_of
from hub.registry import Registry
from hub.registry.database.postgres import PostgresDatabase

REPETITIONS = 5
PEER = (
    "SELECT id FROM artifacts WHERE search @@ CAST(:asked AS tsquery) ORDER BY ranking, downloads DESC, key LIMIT 20",
    "SELECT kind, count(*) FROM artifacts WHERE search @@ CAST(:asked AS tsquery) GROUP BY 1",
)


_SECONDARY = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = ANY(%s) "
    "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
)
"""Indexes that are dropped before the tables are filled and created again afterwards, which takes a fraction of the time."""


def fill(url: str, artifacts: int, source: Path | None) -> None:
    """Create the tables and copy the synthetic registry into them, unless this was done before.

    `source`: a registry of `benchmarks.search` with at least as many artifacts, which is faster to read than to make again.
    """
    Registry.open(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        done = next(iter(connection.execute("SELECT coalesce(max(id), 0) FROM artifacts")))[0]
        if done >= artifacts:
            return
        connection.execute("SET maintenance_work_mem = '4GB'")
        indexes = connection.execute(_SECONDARY, [list(rows_of(range(1, 2)))]).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        started = time.perf_counter()
        for first in range(done + 1, artifacts + 1, BATCH):
            ids = range(first, min(first + BATCH, artifacts + 1))
            for table, rows in (_stored(source, ids) if source else rows_of(ids)).items():
                columns = ", ".join(rows[0])
                with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(list(row.values()))
            print(f"{ids[-1]} artifacts, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        for name, definition in indexes:
            connection.execute(definition.encode())
            print(f"{name}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        for statement in COUNTS:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")


def _stored(source: Path, ids: range) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the artifacts with these numbers from a registry in SQLite, by table."""
    samples = rows_of(range(10, 11))
    with closing(sqlite3.connect(source)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [
                {name: bool(row[name]) if isinstance(sample, bool) else row[name] for name, sample in rows[0].items()}
                for row in connection.execute(
                    f"SELECT * FROM {table} WHERE {'id' if table == 'artifacts' else 'artifact_id'} BETWEEN ? AND ?",
                    [ids[0], ids[-1]],
                )
            ]
            for table, rows in samples.items()
        }


class Explained(PostgresDatabase):
    """A database that also adds up the times that the server reports."""

    took_ms = 0.0

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """Return the rows of a query, which is run twice, or the plan of one."""
        asked = {
            "SELECT": f"EXPLAIN (ANALYZE, TIMING OFF) {sql}",
            "EXPLAI": sql.replace("EXPLAIN", "EXPLAIN (SUMMARY)", 1),
        }
        if sql[:6] in asked:
            plan = [row[0] for row in super().rows(asked[sql[:6]], values)]
            self.took_ms += sum(
                float(line.split(": ")[1][:-3]) for line in plan if line.endswith(" ms") and "Time" in line
            )
        return super().rows(sql, values)


def took_ms(database: Explained, call: Callable[[], object]) -> float:
    """Return the server's time to plan and run all queries of a search in milliseconds, the minimum of five."""
    times = []
    for _ in range(REPETITIONS):
        database.took_ms = 0.0
        call()
        times.append(database.took_ms)
    return round(min(times), 2)


def processor_ms(database: PostgresDatabase, call: Callable[[], object]) -> float | None:
    """Return the processor time of the server's process for a search in milliseconds, the median of five; None for another machine."""
    scheduled = Path(f"/proc/{database.rows('SELECT pg_backend_pid()')[0][0]}/schedstat")
    if not scheduled.exists():
        return None
    times = []
    for _ in range(REPETITIONS):
        before = int(scheduled.read_text().split()[0])
        call()
        times.append((int(scheduled.read_text().split()[0]) - before) / 1e6)
    return round(statistics.median(times), 2)


def ask_peer(database: PostgresDatabase) -> None:
    """Count and rank every match of a common word."""
    for question in PEER:
        database.rows(question, {"asked": "'prompts':*"})


def main() -> None:
    """Fill the database, run every query and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("url")
    reader.add_argument("--artifacts", type=int, default=100_000)
    reader.add_argument(
        "--source", type=Path, help="registry.db of benchmarks.search, to copy instead of making the artifacts again"
    )
    options = reader.parse_args()
    fill(options.url, options.artifacts, options.source)
    explained, plain = Explained(options.url), PostgresDatabase(options.url)
    calls = {
        name: [partial(Registry(database, "local").find, query) for database in (explained, plain)]
        for name, query in QUERIES.items()
    }
    took = {name: took_ms(explained, call) for name, (call, _) in calls.items()}
    processor = {name: processor_ms(plain, call) for name, (_, call) in calls.items()}
    report = {
        "claim": "a search takes PostgreSQL at most 20 ms",
        "artifacts": options.artifacts,
        "took_ms": took,
        "above_20_ms": sorted((name for name, each in took.items() if each > TARGET_MS), key=lambda each: -took[each]),
        "processor_ms": processor,
        "above_20_processor_ms": [name for name, each in processor.items() if (each or 0.0) > TARGET_MS],
        "peer_is": "every match of a common word ranked and counted",
        "peer_ms": took_ms(explained, partial(ask_peer, explained)),
        "peer_processor_ms": processor_ms(plain, partial(ask_peer, plain)),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    explained.close()
    plain.close()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
