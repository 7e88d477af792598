//! Logs that are kept for a later run.

use std::path::PathBuf;
use std::sync::Arc;

use adproof_batch::{BatchError, Options, Progress, read};
use adproof_signal::{Grain, Tally};

use super::{grain, log, run, tally};

#[test]
fn logs_that_were_read_are_not_read_again_and_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let (text, expected, _) = log(6_000);
    let (header, body) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = body.lines().collect();
    // More logs than runs are merged at once.
    let parts = lines.chunks(100).enumerate().map(|(part, lines)| {
        let path = folder.path().join(format!("{part}.csv"));
        std::fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
        path
    });
    let paths: Vec<PathBuf> = parts.collect();
    let (plain, told) = run(&paths, &Options::default());
    let options = Options {
        threads: 2,
        memory_bytes: 1 << 14,
        resume: Some(kept.clone()),
        ..Options::default()
    };
    let resumed = |wanted: usize, paths: &[PathBuf]| {
        let (mut traffic, rejects) = run(paths, &options);
        assert_eq!(traffic.resumed(), wanted);
        assert!(traffic.spilled() < 60);
        assert_eq!(traffic.logs, plain.logs);
        assert_eq!(rejects, told);
        assert!(tally(&mut traffic) == expected.to_bytes());
    };
    resumed(0, &paths);
    resumed(60, &paths);
    // A file that the disk lost a part of is read again, and so is a log that was written anew.
    let run_file = std::fs::read_dir(&kept).unwrap().flatten().map(|file| file.path());
    let run_file =
        run_file.into_iter().find(|path| path.extension().is_some_and(|end| end == "run"));
    std::fs::write(run_file.unwrap(), b"").unwrap();
    resumed(59, &paths);
    let old = std::fs::File::options().write(true).open(&paths[7]).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    resumed(59, &paths);
    resumed(60, &paths);

    // What keeps other records of a row is kept apart.
    let progress = Arc::<Progress>::default();
    let mut whole =
        read(&paths[..1], &Grain::Address, &options, &progress, &mut |_, _| {}).unwrap();
    assert_eq!(whole.resumed(), 0);
    let mut addresses = Tally::empty();
    whole.expose(&mut addresses).unwrap();
    let lock = std::fs::File::open(kept.join("lock")).unwrap();
    lock.lock().unwrap();
    let busy = read(&paths, &grain(), &options, &progress, &mut |_, _| {}).unwrap_err();
    assert!(matches!(busy, BatchError::Busy { .. }), "{busy}");
    lock.unlock().unwrap();
    let file = Options { resume: Some(paths[0].clone()), ..Options::default() };
    let error = read(&paths, &grain(), &file, &progress, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, BatchError::Resume { .. }), "{error}");
}
