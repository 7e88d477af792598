//! Logs read in pieces beside the same logs read whole.

use std::path::Path;
use std::sync::Arc;

use adproof_batch::{BatchError, Cut, Options, Progress, cut, digest, read, read_piece};
use adproof_feeds::Limits;
use adproof_model::Reject;
use adproof_signal::Tally;

use super::{grain, log, tally};

/// What a log comes to: its tally, its rows that were not taken, and its lines.
type Found = (Vec<u8>, Vec<Reject>, u64);

fn whole(path: &Path) -> Found {
    let (progress, mut rejects) = (Arc::<Progress>::default(), Vec::new());
    let mut tell = |_: &Path, reject: &Reject| rejects.push(reject.clone());
    let paths = [path.to_path_buf()];
    let mut traffic = read(&paths, &grain(), &Options::default(), &progress, &mut tell).unwrap();
    let lines = traffic.logs[0].counts.lines;
    (tally(&mut traffic), rejects, lines)
}

/// The same from pieces; nothing where they do not fit together.
fn pieced(path: &Path, cut: &Cut, options: &Options) -> Option<Found> {
    let (mut all, mut rejects, mut lines) = (Tally::empty(), Vec::new(), 0);
    let mut before = None;
    for piece in &cut.pieces {
        let mut found = Vec::new();
        let mut tell = |_: &Path, reject: &Reject| found.push(reject.clone());
        let (mut traffic, span) =
            read_piece(path, &cut.stamp, piece, &grain(), options, &mut tell).unwrap();
        if !span.exact || before.is_some_and(|before| before != span.from) {
            return None;
        }
        before = Some(span.to);
        all = all.merge(Tally::from_bytes(&tally(&mut traffic)).unwrap());
        rejects.extend(found.into_iter().map(|one| Reject { row: one.row + lines, ..one }));
        lines += traffic.logs[0].counts.lines;
    }
    Some((all.to_bytes(), rejects, lines))
}

#[test]
fn wherever_a_log_is_cut_its_pieces_are_the_log_or_say_that_they_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let plain = log(600).0;
    let quoted = plain.replace(",d3\n", ",\"d\n3\"\n").replace(",d5\n", ",\"d,\"\"5\"\n");
    let lines: Vec<String> = plain
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [time, ip, asn, device] = cells[..] else { panic!("{line}") };
            format!("{{\"ts\":\"{time}\",\"ip\":\"{ip}\",\"asn\":{asn},\"device\":\"{device}\"}}\n")
        })
        .collect();
    let lines = lines.concat();
    // No newline at the end, blank lines, and one that Windows wrote.
    let blank = plain.trim_end().replace("d1\n", "d1\r\n\n\n");
    for (name, text) in
        [("a.csv", &plain), ("q.csv", &quoted), ("l.jsonl", &lines), ("b.csv", &blank)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let expected = whole(&path);
        assert!(expected.1.len() > 3, "{name}");
        let (mut fit, mut torn) = (0, 0);
        for piece_bytes in (40..400).step_by(29).chain([1_000, 5_000, 9_999]) {
            let cut = cut(&path, piece_bytes, &Limits::default()).unwrap().unwrap();
            assert!(cut.pieces.len() > 1);
            for block_bytes in [64, 1 << 18] {
                let options = Options { threads: 2, block_bytes, ..Options::default() };
                match pieced(&path, &cut, &options) {
                    Some(found) => {
                        fit += 1;
                        assert!(found == expected, "{name}, pieces of {piece_bytes}");
                    }
                    None => torn += 1,
                }
            }
        }
        assert!(fit > 0, "{name}: {torn}");
        assert_eq!(torn > 0, name == "q.csv", "{name}: {fit} fit, {torn} do not");
    }
}

#[test]
fn a_row_that_is_too_long_makes_no_piece_that_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.csv");
    let limits = Limits { line_bytes: 300, ..Limits::default() };
    let mut text = log(400).0;
    // A quote that nothing closes: how much is given up depends on where blocks end.
    text.insert(text.find("d4").unwrap(), '"');
    std::fs::write(&path, text).unwrap();
    let cut = cut(&path, 4_000, &limits).unwrap().unwrap();
    let options = Options { limits, ..Options::default() };
    assert_eq!(pieced(&path, &cut, &options), None);
}

#[test]
fn what_is_packed_or_short_is_not_cut_and_a_log_that_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = log(500).0;
    std::fs::write(at("log.csv.zst"), zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    std::fs::write(at("log.csv"), &text).unwrap();
    let limits = Limits::default();
    assert_eq!(cut(&at("log.csv.zst"), 100, &limits).unwrap(), None);
    assert_eq!(cut(&at("log.csv"), text.len() as u64, &limits).unwrap(), None);
    let found = cut(&at("log.csv"), 1_000, &limits).unwrap().unwrap();
    digest(&at("log.csv"), &found.stamp).unwrap();
    std::fs::write(at("log.csv"), text + "2026-01-01 10:00:00,3fff::1,1,d\n").unwrap();
    let (options, piece) = (Options::default(), &found.pieces[1]);
    let read = read_piece(&at("log.csv"), &found.stamp, piece, &grain(), &options, &mut |_, _| {});
    assert!(matches!(read, Err(BatchError::Changed { .. })));
    let hashed = digest(&at("log.csv"), &found.stamp);
    assert!(matches!(hashed, Err(BatchError::Changed { .. })));
}

#[cfg(feature = "parquet")]
#[test]
fn pieces_of_a_table_are_row_groups_and_count_their_rows_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    super::parquet::write_log(&path, &log(3_000).0, 190);
    let expected = whole(&path);
    assert!(expected.1.len() > 20);
    for piece_bytes in [1, 3_000, 9_000] {
        let cut = cut(&path, piece_bytes, &Limits::default()).unwrap().unwrap();
        assert!(cut.pieces.len() > 1 && cut.pieces.len() <= 16);
        let found = pieced(&path, &cut, &Options::default());
        assert!(found.as_ref() == Some(&expected), "pieces of {piece_bytes}");
    }
}
