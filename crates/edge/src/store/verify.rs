use std::thread;

use adproof_ledger::frame::{Frame, FrameFault, Frames, split_segment};
use adproof_ledger::verify::{Examined, Fault, KeySet, Limits, Verifier};
use adproof_ledger::{Report, TrustedKeys, VerifiedCheckpoint};

use super::disk::Disk as _;
use super::reader::{LedgerReader, read_segment, segments};
use super::sign::threads;
use super::{StoreError, segment_path};

/// Frames that are examined before their order is judged: some tens of milliseconds of work.
const WINDOW: usize = 2048;

/// How far a verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that were examined.
    pub records: u64,
    /// Bytes of segments that they lie in.
    pub bytes: u64,
    /// Bytes of all segments.
    pub bytes_total: u64,
}

impl LedgerReader {
    /// Verifies everything in the ledger against keys that the caller brings.
    pub fn verify(
        &self,
        trusted: &TrustedKeys,
        held: &[VerifiedCheckpoint],
        limits: Limits,
    ) -> Result<Report, StoreError> {
        let mut verifier = Verifier::new(trusted, limits);
        for checkpoint in held {
            verifier = verifier.held(checkpoint.clone());
        }
        self.verify_with(verifier)
    }

    /// The same with a verifier that the caller has told what else to compare with.
    pub fn verify_with(&self, verifier: Verifier<'_>) -> Result<Report, StoreError> {
        self.verify_watched(verifier, |_| {})
    }

    /// The same with word of how far it is. All cores take part.
    pub fn verify_watched(
        &self,
        mut verifier: Verifier<'_>,
        progress: impl FnMut(&Progress),
    ) -> Result<Report, StoreError> {
        self.verify_segments(&mut verifier, threads(), progress)?;
        verifier.tiles(|tile| self.disk.read(&tile.to_string()).ok().flatten());
        Ok(verifier.finish(self.checkpoint()))
    }

    fn verify_segments(
        &self,
        verifier: &mut Verifier<'_>,
        threads: usize,
        mut progress: impl FnMut(&Progress),
    ) -> Result<(), StoreError> {
        let firsts = segments(&self.disk)?;
        let root = self.disk.root();
        let sizes = firsts.iter().filter_map(|first| {
            std::fs::metadata(root.join(segment_path(*first))).ok().map(|meta| meta.len())
        });
        let mut done = Progress { bytes_total: sizes.sum(), ..Progress::default() };
        for first in firsts {
            let path = segment_path(first);
            let bytes = read_segment(&self.disk, &path)?;
            let Some((seq, frames)) = split_segment(&bytes) else {
                verifier.problem(Some(verifier.next_seq()), Fault::Segment(path));
                continue;
            };
            if seq != first || first != verifier.next_seq() {
                verifier.problem(Some(verifier.next_seq()), Fault::Segment(path));
            }
            let (before, mut frames) = (done.bytes, Frames::new(frames));
            loop {
                let window: Vec<_> = frames.by_ref().take(WINDOW).collect();
                if window.is_empty() {
                    break;
                }
                verify_window(verifier, &window, threads);
                done.records = verifier.size();
                done.bytes = before + u64::try_from(frames.offset()).unwrap_or(u64::MAX);
                progress(&done);
            }
            done.bytes = before + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
        progress(&done);
        Ok(())
    }
}

type Framed<'f> = Result<Frame<'f>, FrameFault>;

/// Examines frames side by side and takes them in order. What a frame's neighbours change (a key
/// that one of them adds) is judged when it is taken.
fn verify_window(verifier: &mut Verifier<'_>, window: &[Framed<'_>], threads: usize) {
    fn examine<'f>(frames: &'f [Framed<'f>], keys: &KeySet) -> Vec<Examined<'f>> {
        frames.iter().map(|frame| Examined::new(frame, keys)).collect()
    }
    let keys = verifier.keys().clone();
    let share = window.len().div_ceil(threads.max(1)).max(1);
    let (mine, others) = window.split_at(share);
    thread::scope(|scope| {
        let keys = &keys;
        let others: Vec<_> = others
            .chunks(share)
            .map(|share| (share, scope.spawn(move || examine(share, keys))))
            .collect();
        for one in examine(mine, keys) {
            verifier.take(one);
        }
        for (share, other) in others {
            // A thread that could not do it leaves it to this one.
            for one in other.join().unwrap_or_else(|_| examine(share, keys)) {
                verifier.take(one);
            }
        }
    });
}
