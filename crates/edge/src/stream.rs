//! Bytes that arrive: standard input, or a file that grows.
//!
//! A thread reads and hands chunks over through a bounded channel. When the other side is slow
//! the channel fills and the thread stops reading, so a pipe blocks its writer and a file waits:
//! memory does not grow. SIGINT and SIGTERM end the stream between two chunks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bounds of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one chunk.
    pub chunk_bytes: usize,
    /// Chunks that wait for the reader of the stream.
    pub chunks: usize,
    /// How often a file is asked whether it has grown.
    pub poll: Duration,
    /// How long a stream may stay silent before it ends; none waits for ever.
    pub idle: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chunk_bytes: 64 << 10, chunks: 16, poll: Duration::from_millis(200), idle: None }
    }
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Standard input, to its end.
    Stdin,
    /// A file, to its end.
    File(PathBuf),
    /// A file that grows; the stream goes on until it is stopped or idle.
    Follow(PathBuf),
}

/// What arrived.
#[derive(Debug)]
pub enum Arrival {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The followed file was replaced; what follows is of the new one.
    Rotated,
    /// The followed file was cut; it is read from its start again.
    Truncated,
    /// Nothing more comes.
    End(End),
}

/// Why nothing more comes.
#[derive(Debug)]
pub enum End {
    /// The input came to its end.
    Eof,
    /// Nothing arrived for as long as the limits allow.
    Idle,
    /// The process was asked to stop.
    Stopped,
    /// The input could not be read.
    Failed(io::Error),
}

/// Set by SIGINT or SIGTERM, or by whoever holds it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A stop that SIGINT and SIGTERM set. A second signal ends the process at once, as if nobody
    /// had listened.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let set = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                first_signal().await;
                set.set();
                first_signal().await;
                std::process::exit(130);
            });
        })?;
        Ok(stop)
    }

    /// Asks to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
async fn first_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => if result.is_err() {
            std::future::pending::<()>().await;
        },
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn first_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A stream of bytes.
#[derive(Debug)]
pub struct Stream {
    arrivals: Receiver<Arrival>,
    stop: Stop,
    limits: Limits,
    heard: Instant,
}

impl Stream {
    /// Starts to read. A file is opened at once, so that a wrong path is an error here.
    pub fn open(origin: &Origin, stop: Stop, limits: Limits) -> io::Result<Self> {
        let (send, arrivals) = sync_channel(limits.chunks.max(1));
        let source = match origin {
            Origin::Stdin => Source::Whole(Box::new(io::stdin())),
            Origin::File(path) => Source::Whole(Box::new(open(path)?)),
            Origin::Follow(path) => {
                Source::Follow { file: open(path)?, path: path.clone(), stop: stop.clone() }
            }
        };
        thread::Builder::new()
            .name("stream".to_owned())
            .spawn(move || source.run(&send, limits))?;
        Ok(Self { arrivals, stop, limits, heard: Instant::now() })
    }

    /// Waits for what comes next. After [`Arrival::End`] nothing does.
    pub fn wait(&mut self) -> Arrival {
        // A signal is answered within this time also while nothing arrives.
        const LOOK_UP: Duration = Duration::from_millis(50);
        loop {
            if self.stop.is_set() {
                return Arrival::End(End::Stopped);
            }
            match self.arrivals.recv_timeout(LOOK_UP) {
                Ok(arrival) => {
                    self.heard = Instant::now();
                    return arrival;
                }
                // The thread says why it ends before it ends.
                Err(RecvTimeoutError::Disconnected) => return Arrival::End(End::Eof),
                Err(RecvTimeoutError::Timeout) => {
                    if self.limits.idle.is_some_and(|idle| self.heard.elapsed() >= idle) {
                        return Arrival::End(End::Idle);
                    }
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(file)
}

enum Source {
    Whole(Box<dyn Read + Send>),
    Follow { file: File, path: PathBuf, stop: Stop },
}

impl Source {
    /// Reads until the end or until nobody listens any more.
    fn run(self, send: &SyncSender<Arrival>, limits: Limits) {
        let end = match self {
            Self::Whole(mut input) => match pump(&mut input, send, limits) {
                Ok(Some(_)) => End::Eof,
                Ok(None) => return,
                Err(error) => End::Failed(error),
            },
            Self::Follow { file, path, stop } => match follow(file, &path, &stop, send, limits) {
                Ok(()) => return,
                Err(error) => End::Failed(error),
            },
        };
        let _ = send.send(Arrival::End(end));
    }
}

/// Hands over what there is; the number of bytes, or none when nobody listens any more.
fn pump(
    input: &mut impl Read,
    send: &SyncSender<Arrival>,
    limits: Limits,
) -> io::Result<Option<u64>> {
    let mut passed = 0_u64;
    let mut chunk = vec![0; limits.chunk_bytes.max(1)];
    loop {
        let read = match input.read(&mut chunk) {
            Ok(0) => return Ok(Some(passed)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = chunk.get(..read).unwrap_or_default().to_vec();
        passed = passed.saturating_add(u64::try_from(read).unwrap_or(0));
        if send.send(Arrival::Bytes(bytes)).is_err() {
            return Ok(None);
        }
    }
}

fn follow(
    mut file: File,
    path: &Path,
    stop: &Stop,
    send: &SyncSender<Arrival>,
    limits: Limits,
) -> io::Result<()> {
    let mut position = 0_u64;
    loop {
        match pump(&mut file, send, limits)? {
            Some(passed) => position = position.saturating_add(passed),
            None => return Ok(()),
        }
        if stop.is_set() {
            return Ok(());
        }
        let notice = match std::fs::metadata(path) {
            // Between the two steps of a rotation there is no file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
            Ok(now) if !same_file(&file.metadata()?, &now) => {
                // What was written to the old file since the last look is not lost.
                if pump(&mut file, send, limits)?.is_none() {
                    return Ok(());
                }
                file = open(path)?;
                Some(Arrival::Rotated)
            }
            Ok(now) if now.len() < position => {
                file.seek(SeekFrom::Start(0))?;
                Some(Arrival::Truncated)
            }
            Ok(_) => None,
        };
        match notice {
            Some(notice) => {
                position = 0;
                if send.send(notice).is_err() {
                    return Ok(());
                }
            }
            None => thread::sleep(limits.poll),
        }
    }
}

#[cfg(unix)]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    a.created().ok() == b.created().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn quick() -> Limits {
        Limits {
            poll: Duration::from_millis(5),
            idle: Some(Duration::from_millis(300)),
            ..Limits::default()
        }
    }

    /// Everything until the end, with notices in brackets.
    fn told(mut stream: Stream, mut meanwhile: impl FnMut(&str)) -> String {
        let mut text = String::new();
        loop {
            match stream.wait() {
                Arrival::Bytes(bytes) => text.push_str(&String::from_utf8(bytes).unwrap()),
                Arrival::Rotated => text.push_str("[rotated]"),
                Arrival::Truncated => text.push_str("[truncated]"),
                Arrival::End(end) => return format!("{text}[{end:?}]"),
            }
            meanwhile(&text);
        }
    }

    #[test]
    fn a_file_is_read_to_its_end_in_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "0123456789").unwrap();
        let limits = Limits { chunk_bytes: 3, chunks: 1, ..quick() };
        let stream = Stream::open(&Origin::File(path), Stop::default(), limits).unwrap();
        let mut chunks = 0;
        assert_eq!(told(stream, |_| chunks += 1), "0123456789[Eof]");
        assert_eq!(chunks, 4);
    }

    #[test]
    fn a_followed_file_grows_and_is_replaced_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "one ").unwrap();
        let origin = Origin::Follow(path.clone());
        let stream = Stream::open(&origin, Stop::default(), quick()).unwrap();
        let text = told(stream, |text| {
            let append = |more: &str| {
                let file = std::fs::OpenOptions::new().append(true).open(&path);
                file.unwrap().write_all(more.as_bytes()).unwrap();
            };
            match text {
                "one " => append("two "),
                "one two " => {
                    std::fs::rename(&path, folder.path().join("log.1")).unwrap();
                    std::fs::write(&path, "three ").unwrap();
                }
                "one two [rotated]three " => std::fs::write(&path, "4 ").unwrap(),
                _ => {}
            }
        });
        assert_eq!(text, "one two [rotated]three [truncated]4 [Idle]");
    }

    #[test]
    fn whoever_stops_it_is_heard_while_nothing_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "one").unwrap();
        let stop = Stop::default();
        let limits = Limits { idle: None, ..quick() };
        let stream = Stream::open(&Origin::Follow(path), stop.clone(), limits).unwrap();
        assert_eq!(told(stream, |_| stop.set()), "one[Stopped]");
    }

    #[test]
    fn a_slow_reader_holds_the_source_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, vec![b'x'; 1_000]).unwrap();
        let limits = Limits { chunk_bytes: 1, chunks: 2, ..quick() };
        let mut stream = Stream::open(&Origin::File(path), Stop::default(), limits).unwrap();
        thread::sleep(Duration::from_millis(50));
        // Two chunks wait in the channel and one in the thread's hand; the rest is not read yet.
        assert!(matches!(stream.wait(), Arrival::Bytes(bytes) if bytes == b"x"));
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("none"), folder.path().to_owned()] {
            assert!(Stream::open(&Origin::File(path), Stop::default(), quick()).is_err());
        }
    }
}
