//! Logs in Parquet beside the same logs in text.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_batch::{BatchError, Options, Progress, is_traffic, read};
use adproof_feeds::Limits;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int32Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sha2::{Digest as _, Sha256};

use super::{grain, log, run, tally};

/// Writes columns as a file of several row groups.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, group_rows: usize, packed: Compression) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_compression(packed)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Writes a log in text as a table with text in all columns.
pub(crate) fn write_log(path: &Path, text: &str, group_rows: usize) {
    let [times, addresses, asns, devices] = cells(text);
    let strings = |cells: Vec<&str>| Arc::new(StringArray::from(cells)) as ArrayRef;
    let columns = vec![
        ("ts", strings(times)),
        ("ip", strings(addresses)),
        ("asn", strings(asns)),
        ("device", strings(devices)),
    ];
    write(path, columns, group_rows, Compression::UNCOMPRESSED);
}

/// The cells of a log in text by column, without the header.
fn cells(text: &str) -> [Vec<&str>; 4] {
    let mut columns = [const { Vec::new() }; 4];
    for line in text.lines().skip(1) {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell);
        }
    }
    columns
}

/// Reads one file; its tally, and the numbers of the rows that were not taken.
fn read_one(path: &Path, options: &Options) -> (Vec<u8>, Vec<u64>) {
    assert!(is_traffic(path, &Limits::default()).unwrap());
    let (mut traffic, rejects) = run(&[path.to_path_buf()], options);
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    assert_eq!(traffic.logs[0].sha256.unwrap().as_bytes()[..], digest[..]);
    (tally(&mut traffic), rejects.into_iter().map(|(_, row)| row).collect())
}

#[test]
fn text_columns_give_the_bytes_and_the_rejects_of_the_log_in_text() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (text, expected, bad) = log(20_000);
    let [times, addresses, asns, devices] = cells(&text);
    let strings = |cells: &[&str]| Arc::new(StringArray::from(cells.to_vec())) as ArrayRef;
    let rows = times.len();
    let columns = || {
        let devices: DictionaryArray<Int32Type> = devices.iter().copied().collect();
        vec![
            ("nobody reads this", Arc::new(Float64Array::from(vec![0.5; rows])) as ArrayRef),
            ("ts", strings(&times)),
            ("ip", Arc::new(LargeStringArray::from(addresses.clone())) as ArrayRef),
            ("asn", strings(&asns)),
            ("device", Arc::new(devices) as ArrayRef),
        ]
    };
    write(&at("plain.parquet"), columns(), 3_000, Compression::UNCOMPRESSED);
    write(&at("snappy.parquet"), columns(), 100_000, Compression::SNAPPY);
    write(&at("zstd.parquet"), columns(), 700, Compression::ZSTD(ZstdLevel::default()));
    // A row of a table has no header before it.
    let bad: Vec<u64> = bad.iter().map(|line| line - 1).collect();
    for name in ["plain.parquet", "snappy.parquet", "zstd.parquet"] {
        for (threads, memory_bytes) in [(1, 1 << 30), (3, 1 << 30), (2, 1 << 14)] {
            let spill = folder.path().to_path_buf();
            let options = Options { threads, memory_bytes, spill, ..Options::default() };
            let (bytes, rejects) = read_one(&at(name), &options);
            assert!(bytes == expected.to_bytes(), "{name}, {threads} threads");
            assert_eq!(rejects, bad, "{name}, {threads} threads");
        }
    }
    // The reasons are those of the log in text, and files of both forms are one log.
    std::fs::write(at("log.csv"), &text).unwrap();
    let (both, _) = run(&[at("log.csv"), at("zstd.parquet")], &Options::default());
    let reasons = |log: usize| {
        let rejected = both.logs[log].rejected.iter();
        rejected.map(|one| (&one.column, &one.value, &one.reason)).collect::<Vec<_>>()
    };
    assert_eq!(reasons(0), reasons(1));
    assert_eq!(both.logs[0].counts.rows, both.logs[1].counts.rows);
}

#[test]
fn typed_columns_are_read_as_they_lie() {
    const DAY: i64 = 86_400;
    let folder = tempfile::tempdir().unwrap();
    let rows = 5_000_i64;
    let seconds: Vec<i64> =
        (0..rows).map(|row| 1_767_225_600 + row % 40 * DAY + row * 7 % DAY).collect();
    let addresses: Vec<u128> = (0..rows)
        .map(|row| 0x3fff_u128 << 112 | u128::from(row.unsigned_abs() % 700) << 64 | 9)
        .collect();
    let devices: Vec<u64> =
        (0..rows.unsigned_abs()).map(|row| row % 97 * 191_919_191_919_191).collect();
    let asns: Vec<Option<u32>> =
        (0..rows).map(|row| u32::try_from(row % 5).ok().filter(|asn| *asn != 1)).collect();
    let mut text = "time,ip,device,asn\n".to_owned();
    for (((second, bits), device), asn) in seconds.iter().zip(&addresses).zip(&devices).zip(&asns) {
        let ip = std::net::Ipv6Addr::from_bits(*bits);
        let asn = asn.map_or(String::new(), |asn| asn.to_string());
        writeln!(text, "{second},{ip},{device},{asn}").unwrap();
    }
    let csv = folder.path().join("log.csv");
    std::fs::write(&csv, text).unwrap();
    let (expected, _) = read_one(&csv, &Options::default());

    let times: Vec<ArrayRef> = vec![
        Arc::new(TimestampMillisecondArray::from_iter_values(
            seconds.iter().map(|second| second * 1_000),
        )),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(
                seconds.iter().map(|second| second * 1_000_000),
            )
            .with_timezone("UTC"),
        ),
        Arc::new(TimestampNanosecondArray::from_iter_values(
            seconds.iter().map(|second| second * 1_000_000_000),
        )),
        Arc::new(Int64Array::from(seconds.clone())),
        Arc::new(Int64Array::from_iter_values(seconds.iter().map(|second| second * 1_000))),
        Arc::new(Int64Array::from_iter_values(seconds.iter().map(|second| second * 1_000_000))),
    ];
    let ips: Vec<ArrayRef> = vec![
        Arc::new(
            FixedSizeBinaryArray::try_from_iter(addresses.iter().map(|bits| bits.to_be_bytes()))
                .unwrap(),
        ),
        Arc::new(BinaryArray::from_iter_values(
            addresses.iter().map(|bits| std::net::Ipv6Addr::from_bits(*bits).to_string()),
        )),
    ];
    let ids: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(devices.clone())),
        Arc::new(StringArray::from_iter_values(devices.iter().map(u64::to_string))),
    ];
    let systems: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from(asns.clone())),
        Arc::new(asns.iter().map(|asn| asn.map(u32::cast_signed)).collect::<Int32Array>()),
    ];
    for (number, time) in times.iter().enumerate() {
        let (ip, device, asn) = (&ips[number % 2], &ids[number / 2 % 2], &systems[number / 3]);
        let path = folder.path().join("log.parquet");
        let columns = [("time", time), ("address", ip), ("device", device), ("asn", asn)];
        let columns = columns.map(|(name, array)| (name, Arc::clone(array))).to_vec();
        write(&path, columns, 1_111, Compression::SNAPPY);
        let (bytes, rejects) = read_one(&path, &Options { threads: 2, ..Options::default() });
        assert!(bytes == expected, "times of {}", time.data_type());
        assert!(rejects.is_empty());
    }
}

#[test]
fn what_a_table_cannot_say_is_rejected_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    let times = TimestampMillisecondArray::from(vec![Some(0), None, Some(i64::MAX), Some(1)]);
    let ips = StringArray::from(vec![Some("3fff::1"), Some("3fff::2"), Some("3fff::3"), None]);
    let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let devices = FixedSizeBinaryArray::try_from_iter(std::iter::repeat_n(uuid, 4)).unwrap();
    let columns = |ips: ArrayRef| {
        vec![
            ("ts", Arc::new(times.clone()) as ArrayRef),
            ("ip", ips),
            ("ifa", Arc::new(devices.clone()) as ArrayRef),
        ]
    };
    write(&path, columns(Arc::new(ips)), 100, Compression::UNCOMPRESSED);
    let (mut traffic, rejects) = run(std::slice::from_ref(&path), &Options::default());
    assert_eq!(rejects, [2, 3, 4].map(|row| (path.clone(), row)));
    let rejected: Vec<(&str, &str)> =
        traffic.logs[0].rejected.iter().map(|one| (&*one.column, &*one.reason)).collect();
    assert_eq!(
        rejected,
        [
            ("ts", "missing"),
            ("ts", "not a time: RFC 3339 such as 2026-05-31T08:15:30Z, or seconds since 1970"),
            ("ip", "missing")
        ]
    );
    // An id of sixteen bytes is the UUID that a log in text holds.
    let csv = folder.path().join("log.csv");
    let text = "ts,ip,ifa\n1970-01-01,3fff::1,00112233-4455-6677-8899-aabbccddeeff\n";
    std::fs::write(&csv, text).unwrap();
    assert!(tally(&mut traffic) == read_one(&csv, &Options::default()).0);

    let failure = |path: &PathBuf| {
        let paths = std::slice::from_ref(path);
        let progress = Arc::<Progress>::default();
        read(paths, &grain(), &Options::default(), &progress, &mut |_, _| {}).unwrap_err()
    };
    let floats = Arc::new(Float64Array::from(vec![0.5; 4]));
    write(&path, columns(floats), 100, Compression::UNCOMPRESSED);
    let error = failure(&path);
    assert!(matches!(&error, BatchError::ColumnType { column, .. } if column == "ip"), "{error}");
    let legs = Arc::new(StringArray::from(vec!["win"; 4]));
    write(&path, vec![("leg", legs)], 100, Compression::UNCOMPRESSED);
    assert!(!is_traffic(&path, &Limits::default()).unwrap());
    assert!(matches!(failure(&path), BatchError::Legs { .. }));
    let mut whole = std::fs::read(&path).unwrap();
    whole.truncate(whole.len() - 1);
    std::fs::write(&path, whole).unwrap();
    assert!(matches!(failure(&path), BatchError::Unreadable { .. }));
}
