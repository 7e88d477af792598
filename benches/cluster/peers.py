"""One peer's best way to cluster a log: rows are grouped by /64, system and device with a mask of
days first, then rolled up. Prints one line of JSON with time and CPU after its imports.

usage: peers.py duckdb|polars|chdb FILE THREADS
"""

import json
import resource
import sys
import time

tool, source, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
parquet = source.endswith("parquet")
shifts = {"/64": 0, "/48": 16, "/32": 32}
found = {}


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def duckdb_run():
    connection = duckdb.connect()
    connection.execute(f"set threads={threads}; set preserve_insertion_order=false")
    columns = "{'ts':'TIMESTAMP','ip':'VARCHAR','asn':'UINTEGER','device':'UBIGINT'}"
    table = f"read_parquet('{source}')" if parquet else f"read_csv('{source}',header=true,columns={columns})"
    network = "(('0x'||replace(left(ip,19),':',''))::ubigint)"
    mask = "bit_or(1::ubigint<<(datediff('day',date '2026-01-01',ts::date)))"
    connection.execute(
        f"create temp table t as select {network} hi,asn,device,count(*) c,{mask} m from {table} group by all"
    )
    for level, key in {**{level: f"hi>>{by}" for level, by in shifts.items()}, "asn": "asn"}.items():
        found[level] = connection.execute(
            "select count(*),sum(c),max(dd),sum(dv) from (select "
            f"{key} k,sum(c) c,bit_count(bit_or(m)) dd,count(distinct device) dv from t group by 1)"
        ).fetchall()[0]


def polars_run():
    schema = {"ts": pl.Datetime, "ip": pl.String, "asn": pl.UInt32, "device": pl.UInt64}
    rows = pl.scan_parquet(source) if parquet else pl.scan_csv(source, schema=schema, try_parse_dates=True)
    network = pl.col("ip").str.head(19).str.replace_all(":", "", literal=True)
    network = network.str.to_integer(base=16, dtype=pl.UInt64).alias("hi")
    day = (pl.col("ts").dt.date() - pl.date(2026, 1, 1)).dt.total_days().cast(pl.UInt32)
    mask = pl.lit(2, pl.UInt64).pow(pl.col("day")).cast(pl.UInt64).alias("m")
    table = (
        rows.select(day.alias("day"), "asn", "device", network)
        .with_columns(mask)
        .group_by("hi", "asn", "device")
        .agg(pl.len().alias("c"), pl.col("m").bitwise_or())
        .collect(engine="streaming")
        .lazy()
    )
    keys = {**{level: pl.col("hi") // (1 << by) for level, by in shifts.items()}, "asn": pl.col("asn")}
    days = pl.col("m").bitwise_or().bitwise_count_ones().alias("dd")
    for level, key in keys.items():
        grouped = table.group_by(key.alias("k")).agg(
            pl.col("c").sum(), days, pl.col("device").n_unique().alias("dv")
        )
        totals = grouped.select(pl.len().alias("n"), pl.col("c").sum(), pl.col("dd").max(), pl.col("dv").sum())
        found[level] = totals.collect(engine="streaming").row(0)


def chdb_run():
    session = Session()
    ask = lambda text: session.query(text, "CSV").bytes().decode().strip()
    session.query(f"set max_threads={threads}")
    ask("create database b engine=Atomic")
    network = "reinterpretAsUInt64(reverse(substring(reinterpretAsFixedString(toIPv6(ip)),1,8)))"
    mask = "groupBitOr(bitShiftLeft(toUInt64(1),toDate(ts)-toDate('2026-01-01')))"
    form = "Parquet" if parquet else "CSVWithNames"
    ask(
        f"create table b.t engine=Memory as select {network} hi,asn,device,count() c,{mask} m "
        f"from file('{source}','{form}') group by hi,asn,device"
    )
    keys = {**{level: f"bitShiftRight(hi,{by})" for level, by in shifts.items()}, "asn": "asn"}
    for level, key in keys.items():
        answer = ask(
            "select count(),sum(c),max(dd),sum(dv) from (select "
            f"{key} k,sum(c) c,bitCount(groupBitOr(m)) dd,uniqExact(device) dv from b.t group by k)"
        )
        found[level] = [int(number) for number in answer.split(",")]


if tool == "duckdb":
    import duckdb

    version = duckdb.__version__
elif tool == "polars":
    import polars as pl

    version = pl.__version__
else:
    import chdb
    from chdb.session import Session

    version = chdb.__version__

start, used = time.perf_counter(), cpu()
{"duckdb": duckdb_run, "polars": polars_run, "chdb": chdb_run}[tool]()
wall, used = time.perf_counter() - start, cpu() - used
print(json.dumps({"version": version, "wall": wall, "cpu": used, "res": {k: list(v) for k, v in found.items()}}))
