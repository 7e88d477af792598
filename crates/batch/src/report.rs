//! What blocks come to, put together in the order of the logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adproof_feeds::Counts;
use adproof_model::{Digest, Reject};

use crate::source::Block;

/// A log that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its path.
    pub path: PathBuf,
    /// Digest of the file's bytes, as they lie on disk; none where it was not asked for.
    pub sha256: Option<Digest>,
    /// What was in it.
    pub counts: Counts,
    /// The first rows that were not taken, bounded. Their row is the line in the log.
    pub rejected: Vec<Reject>,
}

/// Who is told of every row that was not taken, in the order of the logs.
pub type RejectTo<'a> = &'a mut (dyn FnMut(&Path, &Reject) + Send);

pub(crate) struct Report<'a> {
    pub(crate) logs: Vec<Log>,
    tell: RejectTo<'a>,
    kept: usize,
    /// The block that is next in order.
    next: u64,
    /// Blocks that were read before their turn.
    early: BTreeMap<u64, (Block, Counts, Vec<Reject>)>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(paths: &[PathBuf], kept: usize, tell: RejectTo<'a>) -> Self {
        let log = |path: &PathBuf| Log {
            path: path.clone(),
            sha256: None,
            counts: Counts::default(),
            rejected: Vec::new(),
        };
        let logs = paths.iter().map(log).collect();
        Self { logs, tell, kept, next: 0, early: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, block: Block, counts: Counts, rejects: Vec<Reject>) {
        self.early.insert(block.number, (block, counts, rejects));
        while let Some((block, counts, rejects)) = self.early.remove(&self.next) {
            self.next += 1;
            let Some(log) = self.logs.get_mut(block.log) else { continue };
            let before = log.counts.lines + block.lines_before;
            for mut reject in rejects {
                reject.row += before;
                (self.tell)(&log.path, &reject);
                if log.rejected.len() < self.kept {
                    log.rejected.push(reject);
                }
            }
            log.counts.lines = before + counts.lines;
            log.counts.rows += counts.rows;
            log.counts.rejected += counts.rejected;
        }
    }
}
