//! Logs of traffic on a coordinator and workers that are really served: each piece is read once,
//! whoever reads it.

use std::fmt::Write as _;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use adproof_batch::Options;
use adproof_signal::{Grain, Tally};

use super::{Coordinator, TrafficOptions, WorkerOptions, serve_coordinator, serve_worker, traffic};
use crate::EngineOptions;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Starts a coordinator and workers, which go on until the test ends.
fn cluster(folder: &Path, workers: usize) -> Coordinator {
    let (told, ready) = mpsc::channel();
    thread::spawn(move || serve_coordinator(ANY, |address| told.send(address).unwrap(), pending));
    let coordinator: Coordinator = format!("df://{}", ready.recv().unwrap()).parse().unwrap();
    for worker in 0..workers {
        let options = WorkerOptions {
            coordinator: coordinator.clone(),
            listen: ANY,
            reachable_as: None,
            work: folder.join(format!("work-{worker}")),
            memory_bytes: 64 << 20,
            threads: NonZeroUsize::MIN,
            job_data_seconds: 600,
        };
        let (told, ready) = mpsc::channel();
        thread::spawn(move || serve_worker(&options, |_| told.send(()).unwrap(), pending));
        ready.recv().unwrap();
    }
    coordinator
}

/// A log in which nearly every row is one that others repeat, so that a piece that is read twice
/// shows in how often.
fn log(folder: &Path) -> PathBuf {
    let mut text = "ts,ip,asn,device\n".to_owned();
    for row in 0..6_000_u32 {
        let (day, network, device) = (row % 28 + 1, row % 61, row % 97);
        writeln!(text, "2026-05-{day:02},3fff:1:{network:x}::1,64500,d{device}").unwrap();
    }
    let path = folder.join("log.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_piece_is_read_once_however_many_workers_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let (grain, logs) = (Grain::Network(Tally::empty().listed()), [log.clone()]);
    let mut here =
        adproof_batch::read(&logs, &grain, &Options::default(), &Arc::default(), &mut |_, _| {})
            .unwrap();
    let mut expected = Tally::empty();
    here.expose(&mut expected).unwrap();

    let coordinator = cluster(folder.path(), 2);
    let bytes = std::fs::metadata(&log).unwrap().len();
    for pieces in [1, 7] {
        let how = TrafficOptions {
            memory_bytes: 16 << 20,
            piece_bytes: NonZeroU64::new(bytes / pieces),
            all_rejects: true,
        };
        let options = EngineOptions::default();
        let there = traffic(&coordinator, &logs, &Tally::empty(), &how, &options).unwrap();
        assert_eq!(there.logs[0].counts, here.logs[0].counts, "{pieces} pieces");
        assert!(there.tally.to_bytes() == expected.to_bytes(), "{pieces} pieces");
    }
}
