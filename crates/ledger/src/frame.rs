//! How records lie in a segment file.
//!
//! A segment is [`SEGMENT_MAGIC`], the place of its first record as 8 bytes, and frames. A frame
//! is the length of its payload (4 bytes), the CRC-32C of length and payload (4 bytes), and the
//! payload: the record's length (2 bytes), the record, the number of signatures (1 byte), and for
//! each signature 32 bytes of key id and 64 of Ed25519. All integers are big-endian.
//!
//! The CRC finds accidents, such as a torn write. It is no evidence: whoever edits a record can
//! compute it. The signatures are the evidence.

use std::fmt;

use crate::dsse::RecordSignature;
use crate::key::KeyId;
use crate::record::MAX_RECORD_BYTES;

/// The first bytes of a segment.
pub const SEGMENT_MAGIC: &[u8; 19] = b"adproof segment v1\n";

/// The bytes in front of the first frame.
pub const SEGMENT_HEADER_BYTES: usize = SEGMENT_MAGIC.len() + 8;

/// The most signatures of one record.
pub const MAX_SIGNATURES: usize = 16;

const HEAD_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 96;
const MAX_PAYLOAD: usize = 2 + MAX_RECORD_BYTES + 1 + MAX_SIGNATURES * SIGNATURE_BYTES;

/// The header of the segment whose first record is `first_seq`.
#[must_use]
pub fn segment_header(first_seq: u64) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    let (magic, seq) = header.split_at_mut(SEGMENT_MAGIC.len());
    magic.copy_from_slice(SEGMENT_MAGIC);
    seq.copy_from_slice(&first_seq.to_be_bytes());
    header
}

/// Reads a segment's header: the place of its first record, and the frames.
#[must_use]
pub fn split_segment(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let rest = bytes.strip_prefix(SEGMENT_MAGIC)?;
    let (seq, frames) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*seq), frames))
}

/// A record's bytes and its signatures, as a frame holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'b> {
    /// The record's canonical bytes.
    pub entry: &'b [u8],
    /// The signatures; the writer's is the first.
    pub signatures: Vec<RecordSignature>,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameFault {
    /// The bytes end within the frame. Likely cause: the power failed while it was written, or
    /// the file was cut.
    Torn,
    /// The length is beyond that of any frame. Likely cause: the length was damaged; where the
    /// next frame begins is not known.
    Length,
    /// The checksum does not fit. Likely cause: damage on the disk, or an edit by hand.
    Checksum {
        /// Where the next frame begins, if the length is right.
        next: usize,
    },
    /// The parts do not fill the payload.
    Shape {
        /// Where the next frame begins.
        next: usize,
    },
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torn => "the file ends in the middle of it",
            Self::Length => "the length of its frame is damaged",
            Self::Checksum { .. } => "its checksum does not fit",
            Self::Shape { .. } => "its frame has the wrong shape",
        })
    }
}

/// Appends a frame. Signatures beyond [`MAX_SIGNATURES`] and a record that is too long are the
/// caller's mistake; nothing is appended then.
#[must_use]
pub fn push_frame(out: &mut Vec<u8>, entry: &[u8], signatures: &[RecordSignature]) -> bool {
    let (Ok(entry_len), Ok(count)) = (u16::try_from(entry.len()), u8::try_from(signatures.len()))
    else {
        return false;
    };
    let payload = 2 + entry.len() + 1 + signatures.len() * SIGNATURE_BYTES;
    let Ok(length) = u32::try_from(payload) else {
        return false;
    };
    if signatures.len() > MAX_SIGNATURES {
        return false;
    }
    let start = out.len();
    out.reserve(HEAD_BYTES + payload);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&entry_len.to_be_bytes());
    out.extend_from_slice(entry);
    out.push(count);
    for signature in signatures {
        out.extend_from_slice(signature.kid.as_bytes());
        out.extend_from_slice(&signature.signature);
    }
    let checksum = checksum(length, &out[start + HEAD_BYTES..]);
    out[start + 4..start + HEAD_BYTES].copy_from_slice(&checksum.to_be_bytes());
    true
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_be_bytes()), payload)
}

/// Reads the frame at the beginning of `bytes` and says how many bytes it takes. None at the end.
pub fn read_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameFault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(FrameFault::Torn)?;
    let length = u32::from_be_bytes(*length);
    let size = usize::try_from(length)
        .ok()
        .filter(|size| *size <= MAX_PAYLOAD)
        .ok_or(FrameFault::Length)?;
    let (stored, rest) = rest.split_first_chunk::<4>().ok_or(FrameFault::Torn)?;
    let payload = rest.get(..size).ok_or(FrameFault::Torn)?;
    let next = HEAD_BYTES + size;
    if u32::from_be_bytes(*stored) != checksum(length, payload) {
        return Err(FrameFault::Checksum { next });
    }
    let frame = read_payload(payload).ok_or(FrameFault::Shape { next })?;
    Ok(Some((frame, next)))
}

fn read_payload(payload: &[u8]) -> Option<Frame<'_>> {
    let (length, rest) = payload.split_first_chunk::<2>()?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (count, rest) = rest.split_first()?;
    let (chunks, remainder) = rest.as_chunks::<SIGNATURE_BYTES>();
    let count = usize::from(*count);
    if count > MAX_SIGNATURES || chunks.len() != count || !remainder.is_empty() {
        return None;
    }
    let signatures = chunks.iter().filter_map(|chunk| {
        let (kid, signature) = chunk.split_first_chunk::<32>()?;
        Some(RecordSignature { kid: KeyId::new(*kid), signature: *signature.first_chunk::<64>()? })
    });
    Some(Frame { entry, signatures: signatures.collect() })
}

/// The frames of a segment, one after the other. Damage is an item of its own; where the length
/// is damaged, nothing follows it.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Frames<'b> {
    /// Frames from the bytes behind a segment's header.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next frame begins, from the end of the header.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Result<Frame<'b>, FrameFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        match read_frame(rest) {
            Ok(None) => None,
            Ok(Some((frame, next))) => {
                self.at += next;
                Some(Ok(frame))
            }
            Err(fault) => {
                self.at += match fault {
                    FrameFault::Checksum { next } | FrameFault::Shape { next } => next,
                    FrameFault::Torn | FrameFault::Length => rest.len(),
                };
                Some(Err(fault))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> RecordSignature {
        RecordSignature { kid: KeyId::new([3; 32]), signature: [4; 64] }
    }

    #[test]
    fn frames_are_read_back() {
        let mut bytes = Vec::new();
        assert!(push_frame(&mut bytes, b"one", &[signature()]));
        assert!(push_frame(&mut bytes, b"", &[]));
        let frames: Vec<_> = Frames::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(frames[0].entry, b"one");
        assert_eq!(frames[0].signatures, [signature()]);
        assert_eq!(frames[1].entry, b"");
        assert_eq!(frames.len(), 2);
    }

    #[test]
    fn the_longest_record_fits_and_a_longer_one_does_not() {
        let mut bytes = Vec::new();
        let longest = vec![b'x'; MAX_RECORD_BYTES];
        let signatures = vec![signature(); MAX_SIGNATURES];
        assert!(push_frame(&mut bytes, &longest, &signatures));
        assert!(Frames::new(&bytes).next().unwrap().is_ok());
        let longer = vec![b'x'; MAX_RECORD_BYTES + 1];
        assert!(!push_frame(&mut bytes, &longer, &[]));
        assert!(!push_frame(&mut bytes, b"", &[signature(); MAX_SIGNATURES + 1]));
    }

    #[test]
    fn every_cut_is_torn_and_every_flip_is_seen() {
        let mut bytes = Vec::new();
        assert!(push_frame(&mut bytes, b"record", &[signature()]));
        for cut in 1..bytes.len() {
            assert_eq!(read_frame(&bytes[..cut]), Err(FrameFault::Torn), "{cut}");
        }
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[index] ^= 1 << bit;
                assert!(read_frame(&flipped).is_err(), "{index}");
            }
        }
    }
}
