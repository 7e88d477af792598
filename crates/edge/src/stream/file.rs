//! Standard input, and files that may grow.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;

use super::lines::{LineCutter, count};
use super::{Arrival, End, Place, Places, Sink};

/// Reads standard input to its end.
pub(super) fn stdin(sink: Sink) -> io::Result<()> {
    spawn(sink, |sink| {
        let mut cutter = LineCutter::new(sink.limits.line_bytes);
        let chunk_bytes = sink.limits.chunk_bytes;
        match pump(&mut io::stdin().lock(), &mut cutter, chunk_bytes, &mut |_, lines| {
            sink.lines(Place::Passing, lines)
        })? {
            Some(_) => Ok(cutter.finish().is_none_or(|line| sink.lines(Place::Passing, line))),
            None => Ok(false),
        }
    })
}

/// Reads a file to its end, behind what was taken of it before.
pub(super) fn whole(path: &Path, places: &Places, sink: Sink) -> io::Result<()> {
    let mut reading = Reading::open(path, sink.limits.line_bytes)?;
    reading.skip(places)?;
    spawn(sink, move |sink| Ok(reading.rest(sink)? && reading.last_line(sink)))
}

/// Reads a file as it grows, is replaced and is cut, behind what was taken of it before. What is
/// left of a file that was replaced while nobody looked is read first, if it lies in its folder.
pub(super) fn follow(path: &Path, places: &Places, sink: Sink) -> io::Result<()> {
    let mut reading = Reading::open(path, sink.limits.line_bytes)?;
    let before = match places.file() {
        Some((device, inode, _)) if reading.id != (device, inode) => {
            former(path, (device, inode), sink.limits.line_bytes)?
        }
        _ => None,
    };
    reading.skip(places)?;
    let (path, places) = (path.to_owned(), places.clone());
    spawn(sink, move |sink| {
        if let Some(mut before) = before {
            before.skip(&places)?;
            if !(before.rest(sink)? && before.last_line(sink) && sink.tell(Arrival::Rotated)) {
                return Ok(false);
            }
        }
        grow(reading, &path, sink)
    })
}

/// Runs a source on its own thread, and says why it ends.
fn spawn(
    sink: Sink,
    work: impl FnOnce(&Sink) -> io::Result<bool> + Send + 'static,
) -> io::Result<()> {
    let builder = thread::Builder::new().name("source".to_owned());
    builder.spawn(move || match work(&sink) {
        Ok(true) => drop(sink.tell(Arrival::End(End::Eof))),
        // Nobody listens any more.
        Ok(false) => {}
        Err(error) => drop(sink.tell(Arrival::End(End::Failed(error)))),
    })?;
    Ok(())
}

fn grow(mut reading: Reading, path: &Path, sink: &Sink) -> io::Result<bool> {
    loop {
        if !reading.rest(sink)? {
            return Ok(false);
        }
        if sink.stop.is_set() {
            return Ok(false);
        }
        match std::fs::metadata(path) {
            // Between the two steps of a rotation there is no file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(now) if id(&now) != reading.id => {
                // What was written to the old file since the last look is not lost.
                if !(reading.rest(sink)? && reading.last_line(sink)) {
                    return Ok(false);
                }
                reading = Reading::open(path, sink.limits.line_bytes)?;
                if !sink.tell(Arrival::Rotated) {
                    return Ok(false);
                }
                continue;
            }
            Ok(now) if now.len() < reading.read => {
                if !reading.last_line(sink) {
                    return Ok(false);
                }
                reading.file.seek(SeekFrom::Start(0))?;
                reading.read = 0;
                if !sink.tell(Arrival::Truncated) {
                    return Ok(false);
                }
                continue;
            }
            Ok(_) => {}
        }
        thread::sleep(sink.limits.poll);
    }
}

/// A file that is read.
struct Reading {
    file: File,
    id: (u64, u64),
    /// Bytes that were read.
    read: u64,
    cutter: LineCutter,
}

impl Reading {
    fn open(path: &Path, line_bytes: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let cutter = LineCutter::new(line_bytes);
        Ok(Self { file, id: id(&metadata), read: 0, cutter })
    }

    /// Goes behind what was taken of this very file.
    fn skip(&mut self, places: &Places) -> io::Result<()> {
        if let Some((device, inode, offset)) = places.file()
            && self.id == (device, inode)
            && offset <= self.file.metadata()?.len()
        {
            self.read = self.file.seek(SeekFrom::Start(offset))?;
        }
        Ok(())
    }

    /// Hands over what there is; false when nobody listens any more.
    fn rest(&mut self, sink: &Sink) -> io::Result<bool> {
        let (device, inode) = self.id;
        let start = self.read;
        let passed = pump(
            &mut self.file,
            &mut self.cutter,
            sink.limits.chunk_bytes,
            &mut |whole, lines| {
                let offset = start.saturating_add(whole);
                sink.lines(Place::File { device, inode, offset }, lines)
            },
        )?;
        self.read = self.read.saturating_add(passed.unwrap_or(0));
        Ok(passed.is_some())
    }

    /// The end of a file: a last line without a newline counts as a line.
    fn last_line(&mut self, sink: &Sink) -> bool {
        let (device, inode) = self.id;
        let place = Place::File { device, inode, offset: self.read };
        self.cutter.finish().is_none_or(|line| sink.lines(place, line))
    }
}

/// Hands over whole lines, each with how many bytes were read up to their end. Gives the number of
/// bytes read, or none when nobody listens any more.
fn pump(
    input: &mut impl Read,
    cutter: &mut LineCutter,
    chunk_bytes: usize,
    hand: &mut dyn FnMut(u64, Vec<u8>) -> bool,
) -> io::Result<Option<u64>> {
    let mut passed = 0_u64;
    let mut chunk = vec![0; chunk_bytes.max(1)];
    loop {
        let read = match input.read(&mut chunk) {
            Ok(0) => return Ok(Some(passed)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        passed = passed.saturating_add(count(read));
        if let Some(lines) = cutter.push(chunk.get(..read).unwrap_or_default()) {
            let whole = passed.saturating_sub(cutter.held());
            if !hand(whole, lines) {
                return Ok(None);
            }
        }
    }
}

/// The file that was read before and has another name now.
fn former(path: &Path, wanted: (u64, u64), line_bytes: usize) -> io::Result<Option<Reading>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let path: PathBuf = entry?.path();
        if std::fs::metadata(&path).is_ok_and(|found| found.is_file() && id(&found) == wanted) {
            return Reading::open(&path, line_bytes).map(Some);
        }
    }
    Ok(None)
}

#[cfg(unix)]
fn id(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Where the system does not tell files apart, their birth does.
#[cfg(not(unix))]
fn id(metadata: &Metadata) -> (u64, u64) {
    let born = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    (0, born.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0)))
}
