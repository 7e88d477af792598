//! A disk in memory whose every step can fail, and that can lose its power.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::store::disk::Disk;

pub(super) type Disks = (MemoryDisk, Option<MemoryDisk>);

/// What the next failing step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The step fails and nothing of it happens.
    Lost,
    /// The step fails and all of it has happened.
    Persisted,
}

/// What is left of that which was never synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// The process dies and the system lives: everything.
    Killed,
    /// The power fails: nothing.
    Lost,
    /// The power fails: everything.
    Kept,
    /// The power fails: a half of each write.
    Torn,
    /// The power fails: the names of files, and nothing of their content.
    Hollow,
}

impl Crash {
    pub(super) const ALL: [Self; 5] =
        [Self::Killed, Self::Lost, Self::Kept, Self::Torn, Self::Hollow];
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: usize,
    pub(super) fail_at: Option<(usize, Effect)>,
    pub(super) kind: Option<io::ErrorKind>,
    /// After the first failure the process is dead: no step has an effect any more.
    pub(super) dead: bool,
}

/// A disk in memory that keeps apart what is written and what is durable, for content and names.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk {
    pub(super) plan: Arc<Mutex<Plan>>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) durable_names: BTreeMap<String, usize>,
    pub(super) content: Vec<Vec<u8>>,
    pub(super) durable: Vec<Vec<u8>>,
    pub(super) boot: u32,
}

impl MemoryDisk {
    fn step(&mut self, effect: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let (failing, kind) = {
            let mut plan = self.plan.lock().unwrap();
            let kind = plan.kind.unwrap_or(io::ErrorKind::Other);
            if plan.dead {
                return Err(kind.into());
            }
            plan.steps += 1;
            let now = plan.steps;
            let failing = plan.fail_at.filter(|(at, _)| *at == now);
            plan.dead = failing.is_some();
            (failing, kind)
        };
        match failing {
            None => effect(self),
            Some((_, Effect::Lost)) => Err(kind.into()),
            Some((_, Effect::Persisted)) => effect(self).and(Err(kind.into())),
        }
    }

    pub(super) fn inode(&mut self, path: &str) -> usize {
        if let Some(inode) = self.names.get(path) {
            return *inode;
        }
        self.content.push(Vec::new());
        self.durable.push(Vec::new());
        let inode = self.content.len() - 1;
        self.names.insert(path.to_owned(), inode);
        inode
    }

    pub(super) fn crash(mut self, crash: Crash, plan: &Arc<Mutex<Plan>>) -> Self {
        self.plan = Arc::clone(plan);
        match crash {
            Crash::Lost => {
                self.names = self.durable_names.clone();
                self.content = self.durable.clone();
            }
            Crash::Killed | Crash::Kept => {}
            Crash::Hollow => self.content = self.durable.clone(),
            Crash::Torn => {
                for (content, durable) in self.content.iter_mut().zip(&self.durable) {
                    *content = torn(durable, content);
                }
            }
        }
        self.boot += u32::from(crash != Crash::Killed);
        if crash != Crash::Killed {
            self.durable_names = self.names.clone();
            self.durable = self.content.clone();
        }
        self
    }
}

/// A half of what was written since the sync.
fn torn(durable: &[u8], content: &[u8]) -> Vec<u8> {
    let differs = |index: &usize| durable.get(*index) != content.get(*index);
    let changed: Vec<usize> = (0..durable.len().min(content.len())).filter(differs).collect();
    match changed[..] {
        [first, .., last] => {
            let middle = usize::midpoint(first, last);
            [&content[..middle], &durable[middle..]].concat()
        }
        _ => content[..usize::midpoint(durable.len().min(content.len()), content.len())].to_vec(),
    }
}

impl Disk for MemoryDisk {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.names.get(path).map(|inode| self.content[*inode].clone()))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{folder}/");
        let names = self.names.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.map(str::to_owned).collect())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| {
            let inode = disk.inode(path);
            disk.content[inode].extend_from_slice(bytes);
            Ok(())
        })
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| {
            let inode = disk.inode(path);
            disk.content[inode] = bytes.to_vec();
            Ok(())
        })
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| {
            let inode = disk.inode(path);
            let at = usize::try_from(offset).unwrap();
            disk.content[inode][at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.step(|disk| {
            let inode = disk.inode(path);
            disk.content[inode].truncate(usize::try_from(length).unwrap());
            Ok(())
        })
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.step(|disk| {
            let inode = *disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
            disk.durable[inode] = disk.content[inode].clone();
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step(|disk| {
            let inode = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            disk.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        self.step(|disk| {
            let inside =
                |path: &str| path.rsplit_once('/').map_or("", |(parent, _)| parent) == folder;
            disk.durable_names.retain(|path, _| !inside(path));
            let names = disk.names.iter().filter(|(path, _)| inside(path));
            disk.durable_names.extend(names.map(|(path, inode)| (path.clone(), *inode)));
            Ok(())
        })
    }

    fn boot(&self) -> Option<String> {
        Some(format!("boot {}", self.boot))
    }
}

/// Disks that can be looked at after a writer that failed to open has gone.
pub(super) struct Shared(pub(super) Arc<Mutex<MemoryDisk>>, pub(super) Arc<Mutex<MemoryDisk>>);

impl Shared {
    pub(super) fn new((disk, second): Disks) -> Self {
        let second = second.unwrap_or_default();
        Self(Arc::new(Mutex::new(disk)), Arc::new(Mutex::new(second)))
    }

    pub(super) fn handles(&self) -> (Handle, Option<Handle>) {
        (Handle(Arc::clone(&self.0)), Some(Handle(Arc::clone(&self.1))))
    }

    pub(super) fn into_inner(self) -> Disks {
        (self.0.lock().unwrap().clone(), Some(self.1.lock().unwrap().clone()))
    }
}

#[derive(Clone)]
pub(super) struct Handle(Arc<Mutex<MemoryDisk>>);

impl Disk for Handle {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.lock().unwrap().read(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.lock().unwrap().list(folder)
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().append(path, bytes)
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write(path, bytes)
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write_at(path, offset, bytes)
    }

    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.0.lock().unwrap().truncate(path, length)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.0.lock().unwrap().sync(path)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.0.lock().unwrap().rename(from, to)
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        self.0.lock().unwrap().sync_folder(folder)
    }

    fn boot(&self) -> Option<String> {
        self.0.lock().unwrap().boot()
    }
}
