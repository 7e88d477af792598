use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The steps that the store asks of a disk, small enough that a test can make each one fail, both
/// before and after it had its effect. Paths are relative and use `/`.
pub trait Disk {
    /// The whole content of a file, or none where there is no file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// The names in a folder, sorted; none where there is no folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Writes at the end of a file, which is made when it is missing.
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes a whole file and the folders above it.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Overwrites a part of a file that is there and stays as long as it is.
    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file.
    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()>;

    /// Returns when the file's content would survive a loss of power.
    fn sync(&mut self, path: &str) -> io::Result<()>;

    /// Moves a file over another in one step.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Puts a whole file into the place of another in one step, without a sync: a reader sees the
    /// old content or the new one, a loss of power may leave neither.
    fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let new = format!("{path}.new");
        self.write(&new, bytes)?;
        self.rename(&new, path)
    }

    /// The same for a file that is put often. What was in its place may stay beside it.
    fn put_again(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(path, bytes)
    }

    /// Returns when the names in a folder would survive a loss of power.
    fn sync_folder(&mut self, folder: &str) -> io::Result<()>;

    /// A name for the time since the system started, where the system has one: as long as it
    /// stays the same, what was written and not synced is still there.
    fn boot(&self) -> Option<String>;
}

/// Replaces a file so that a reader, and a restart, sees the old content or the new one.
pub(crate) fn replace(disk: &mut impl Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let new = format!("{path}.new");
    disk.write(&new, bytes)?;
    disk.sync(&new)?;
    disk.rename(&new, path)?;
    disk.sync_folder(path.rsplit_once('/').map_or("", |(folder, _)| folder))
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The files that were appended to and overwritten last stay open.
    appending: Option<(String, File)>,
    overwriting: Option<(String, File)>,
}

impl Folder {
    /// The folder at `root`. It is made when something is written.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), appending: None, overwriting: None }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn appending(&mut self, path: &str) -> io::Result<&mut File> {
        if self.appending.as_ref().is_none_or(|(open, _)| open != path) {
            let full = self.root.join(path);
            make_parent(&full)?;
            let file = OpenOptions::new().append(true).create(true).open(full)?;
            self.appending = Some((path.to_owned(), file));
        }
        match &mut self.appending {
            Some((_, file)) => Ok(file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

impl Disk for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.root.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.appending(path)?.write_all(bytes)
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let full = self.root.join(path);
        make_parent(&full)?;
        fs::write(full, bytes)
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.overwriting.as_ref().is_none_or(|(open, _)| open != path) {
            let file = OpenOptions::new().write(true).open(self.root.join(path))?;
            self.overwriting = Some((path.to_owned(), file));
        }
        let Some((_, file)) = &mut self.overwriting else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.root.join(path))?;
        file.set_len(length)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        let mut open = [&self.appending, &self.overwriting].into_iter().flatten();
        match open.find(|(open, _)| open == path) {
            Some((_, file)) => file.sync_data(),
            None => File::open(self.root.join(path))?.sync_all(),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        // An open file would go on under its old name.
        self.overwriting.take_if(|(open, _)| open == to);
        fs::rename(self.root.join(from), self.root.join(to))
    }

    // Two files that change places: to make a file and to drop one for each batch costs a file
    // system more than the batch's tiles do. Whoever has opened the file in time reads it as it was
    // until the batch after next, and then one that is signed and kept, too.
    #[cfg(target_os = "linux")]
    fn put_again(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;

        let (full, new) = (self.root.join(path), self.root.join(format!("{path}.new")));
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&new)?;
        file.write_all(bytes)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        match renameat_with(CWD, &new, CWD, &full, RenameFlags::EXCHANGE) {
            // There was none yet, or the file system cannot do it.
            Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::rename(new, full)
            }
            done => Ok(done?),
        }
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        File::open(self.root.join(folder))?.sync_all()
    }

    fn boot(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }
}
