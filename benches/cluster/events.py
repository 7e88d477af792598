"""Writes deterministic events (ts, ip, asn, device) as Parquet and CSV: a month of a network whose
blocks are as popular as a power law makes them.

usage: events.py ROWS OUT      writes OUT.parquet and OUT.csv; needs numpy, pyarrow, duckdb

400 announced /32s of 150 systems, 20,000 /48s and a pool of 1.5 M /64s, four devices a /64. Seven
of ten interface ids are temporary, the others follow from the device.
"""

import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

rows, out = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(20260101)
u64 = np.uint64


def pick(exponent, scale, count, among):
    return (rng.pareto(exponent, count) * scale).astype(np.int64) % among


def below(block, bits):
    return (block << u64(bits)) | rng.integers(0, 1 << bits, len(block)).astype(u64)


n32, n48, n64 = 400, 20_000, 1_500_000
p32 = below((0x2400 + rng.integers(0, 0x800, n32)).astype(u64), 16)
systems = rng.integers(0, 150, n32).astype(np.uint32) * 97 + 7000
of48 = pick(1.1, 10, n48, n32)
p48 = below(p32[of48], 16)
of64 = pick(1.05, 300, n64, n48)
p64 = below(p48[of64], 16)
event = pick(0.9, 20_000, rows, n64).astype(np.int32)
device = event.astype(u64) * u64(4) + rng.integers(0, 4, rows).astype(u64)
lasting = rng.random(rows) < 0.3
host = np.where(lasting, device * u64(0x9E3779B97F4A7C15), rng.integers(1, 2**63, rows).astype(u64))
del lasting
time = np.int64(1_767_225_600) + rng.integers(0, 30 * 86_400, rows)
system = systems[of48[of64]]
digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def text(network, host):
    full = np.full((len(network), 39), ord(":"), dtype=np.uint8)
    for group in range(8):
        half = network if group < 4 else host
        value = (half >> u64(48 - 16 * (group % 4))).astype(np.uint16)
        for digit in range(4):
            full[:, 5 * group + digit] = digits[(value >> (12 - 4 * digit)) & 15]
    ends = np.arange(len(network) + 1, dtype=np.int32) * 39
    return pa.StringArray.from_buffers(len(network), pa.py_buffer(ends), pa.py_buffer(full))


writer = None
for start in range(0, rows, 2_000_000):
    part = slice(start, start + 2_000_000)
    table = pa.table(
        {
            "ts": pa.array(time[part]).cast(pa.timestamp("s")),
            "ip": text(p64[event[part]], host[part]),
            "asn": pa.array(system[event[part]]),
            "device": pa.array(device[part]),
        }
    )
    writer = writer or pq.ParquetWriter(out + ".parquet", table.schema, compression="zstd")
    writer.write_table(table, row_group_size=500_000)
writer.close()
copy = f"copy (from read_parquet('{out}.parquet')) to '{out}.csv' (header true)"
duckdb.connect(config={"memory_limit": "2GB"}).execute(copy)
