//! OpenTimestamps receipts: read within bounds, and verified against a block header that the
//! verifier brings.
//!
//! A receipt is a tree of operations that lead from a file's hash to attestations. The one that
//! proves a time by itself is Bitcoin's: its message is the Merkle root in the header of a block.
//! Operations of weak or foreign hashes (SHA-1, RIPEMD-160, Keccak) are read and not followed: what
//! lies behind them proves nothing here.
//!
//! The format: <https://github.com/opentimestamps/python-opentimestamps>, `core/timestamp.py`,
//! `core/op.py` and `core/notary.py`.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::hash::Hash;

/// What a receipt begins with, and its version.
const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01";

const SHA256: u8 = 0x08;
const APPEND: u8 = 0xf0;
const PREPEND: u8 = 0xf1;
const REVERSE: u8 = 0xf2;
const HEXLIFY: u8 = 0xf3;
/// SHA-1, RIPEMD-160 and Keccak-256.
const NOT_FOLLOWED: [u8; 3] = [0x02, 0x03, 0x67];

const ATTESTATION: u8 = 0x00;
const FORK: u8 = 0xff;
const BITCOIN: [u8; 8] = [0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
const PENDING: [u8; 8] = [0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e];

/// The longest message and the longest argument of an operation; the format has the same bound.
const MAX_MESSAGE_BYTES: usize = 4096;
/// The longest content of an attestation; the format has the same bound.
const MAX_ATTESTATION_BYTES: usize = 8192;

/// Bounds of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtsLimits {
    /// The longest receipt in bytes.
    pub bytes: usize,
    /// The most operations.
    pub operations: usize,
    /// The most branches that are open at once.
    pub branches: usize,
    /// The most attestations.
    pub attestations: usize,
}

impl Default for OtsLimits {
    fn default() -> Self {
        Self { bytes: 64 << 10, operations: 2048, branches: 64, attestations: 64 }
    }
}

/// Why bytes are not a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtsError {
    /// Not a receipt of version 1 over a SHA-256, cut, changed, or with something behind its end.
    NotAReceipt,
    /// Beyond a bound. Likely cause: it was made to exhaust whoever reads it.
    TooMuch(&'static str),
    /// The receipt is over something else.
    OtherDigest,
    /// It has no attestation of this block. Likely cause: it is still pending, or the header is of
    /// another block.
    NoAttestation {
        /// The height of the block.
        height: u32,
    },
    /// The block's Merkle root is not what the receipt leads to.
    OtherBlock,
    /// The header's hash is above its own target: it is not a header of a block.
    NoWork,
}

impl fmt::Display for OtsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAReceipt => f.write_str("it is not an OpenTimestamps receipt"),
            Self::TooMuch(what) => write!(f, "it has more {what} than are read"),
            Self::OtherDigest => f.write_str("it is over something else"),
            Self::NoAttestation { height } => {
                write!(f, "it has no attestation of the block {height}")
            }
            Self::OtherBlock => f.write_str("the Merkle root of the block is not what it leads to"),
            Self::NoWork => f.write_str("no work was done for the block header"),
        }
    }
}

impl std::error::Error for OtsError {}

/// What a receipt says at the end of one of its branches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attestation {
    /// The message is the Merkle root of a Bitcoin block.
    Bitcoin {
        /// The block's height.
        height: u32,
        /// The message, as the header has it; none where the way to it was not followed.
        root: Option<[u8; 32]>,
    },
    /// A calendar has promised to put it into a block.
    Pending {
        /// The calendar's address, as the receipt has it.
        calendar: String,
    },
    /// Of a kind that this crate does not know.
    Other,
}

/// A receipt that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of what was stamped.
    pub digest: Hash,
    /// What its branches end in.
    pub attestations: Vec<Attestation>,
}

impl Receipt {
    /// Reads a receipt.
    pub fn parse(bytes: &[u8], limits: &OtsLimits) -> Result<Self, OtsError> {
        if bytes.len() > limits.bytes {
            return Err(OtsError::TooMuch("bytes"));
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(OtsError::NotAReceipt)?;
        let mut reader = Reader(rest);
        if reader.byte()? != SHA256 {
            return Err(OtsError::NotAReceipt);
        }
        let digest: [u8; 32] = reader.take(32)?.try_into().map_err(|_| OtsError::NotAReceipt)?;
        let attestations = walk(&mut reader, digest.to_vec(), limits)?;
        if reader.0.is_empty() {
            Ok(Self { digest: Hash::new(digest), attestations })
        } else {
            Err(OtsError::NotAReceipt)
        }
    }

    /// Checks that `stamped` was there when the block of this height was made, whose header the
    /// verifier has from somebody who follows the chain. That the header belongs to the chain is
    /// that somebody's word; [`BlockHeader::hash`] is what to compare.
    pub fn verify(
        &self,
        stamped: &[u8],
        height: u32,
        header: &BlockHeader,
    ) -> Result<(), OtsError> {
        if Hash::of(stamped) != self.digest {
            return Err(OtsError::OtherDigest);
        }
        let mut found = Err(OtsError::NoAttestation { height });
        for attestation in &self.attestations {
            match attestation {
                Attestation::Bitcoin { height: at, root: Some(root) } if *at == height => {
                    if *root == header.merkle_root {
                        return Ok(());
                    }
                    found = Err(OtsError::OtherBlock);
                }
                _ => {}
            }
        }
        found
    }
}

/// Follows every branch. The format is recursive; this is not, so that no receipt exhausts a stack.
fn walk(
    reader: &mut Reader<'_>,
    start: Vec<u8>,
    limits: &OtsLimits,
) -> Result<Vec<Attestation>, OtsError> {
    let mut attestations = Vec::new();
    let mut open: Vec<Option<Vec<u8>>> = Vec::new();
    let mut message = Some(start);
    let mut operations = 0;
    loop {
        let mut tag = reader.byte()?;
        if tag == FORK {
            if open.len() == limits.branches {
                return Err(OtsError::TooMuch("branches"));
            }
            open.push(message.clone());
            tag = reader.byte()?;
        }
        if tag == ATTESTATION {
            if attestations.len() == limits.attestations {
                return Err(OtsError::TooMuch("attestations"));
            }
            attestations.push(attestation(reader, message.as_deref())?);
            match open.pop() {
                Some(waiting) => message = waiting,
                None => return Ok(attestations),
            }
            continue;
        }
        if operations == limits.operations {
            return Err(OtsError::TooMuch("operations"));
        }
        operations += 1;
        message = operate(reader, tag, message)?;
    }
}

/// The message behind an operation; none where it is not known.
fn operate(
    reader: &mut Reader<'_>,
    tag: u8,
    message: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, OtsError> {
    let result = match tag {
        SHA256 => message.map(|message| Hash::of(&message).as_bytes().to_vec()),
        APPEND | PREPEND => {
            let argument = reader.bytes(MAX_MESSAGE_BYTES)?;
            if argument.is_empty() {
                return Err(OtsError::NotAReceipt);
            }
            message.map(|message| match tag {
                APPEND => [message.as_slice(), argument].concat(),
                _ => [argument, message.as_slice()].concat(),
            })
        }
        REVERSE => message.map(|message| message.into_iter().rev().collect()),
        HEXLIFY => message.map(|message| {
            let mut hex = Vec::with_capacity(message.len() * 2);
            crate::hash::push_hex(&mut hex, &message);
            hex
        }),
        tag if NOT_FOLLOWED.contains(&tag) => None,
        _ => return Err(OtsError::NotAReceipt),
    };
    match result {
        Some(message) if message.len() > MAX_MESSAGE_BYTES => Err(OtsError::NotAReceipt),
        result => Ok(result),
    }
}

fn attestation(reader: &mut Reader<'_>, message: Option<&[u8]>) -> Result<Attestation, OtsError> {
    let tag: [u8; 8] = reader.take(8)?.try_into().map_err(|_| OtsError::NotAReceipt)?;
    let mut content = Reader(reader.bytes(MAX_ATTESTATION_BYTES)?);
    let attestation = match tag {
        BITCOIN => {
            let height = u32::try_from(content.number()?).map_err(|_| OtsError::NotAReceipt)?;
            Attestation::Bitcoin { height, root: message.and_then(|root| root.try_into().ok()) }
        }
        PENDING => {
            let calendar = content.bytes(1000)?;
            let calendar = std::str::from_utf8(calendar).map_err(|_| OtsError::NotAReceipt)?;
            Attestation::Pending { calendar: calendar.to_owned() }
        }
        _ => return Ok(Attestation::Other),
    };
    if content.0.is_empty() { Ok(attestation) } else { Err(OtsError::NotAReceipt) }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], OtsError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(OtsError::NotAReceipt)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, OtsError> {
        let (byte, rest) = self.0.split_first().ok_or(OtsError::NotAReceipt)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// Seven bits a byte, lowest first.
    fn number(&mut self) -> Result<u64, OtsError> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(OtsError::NotAReceipt)
    }

    fn bytes(&mut self, most: usize) -> Result<&'b [u8], OtsError> {
        let length = usize::try_from(self.number()?).map_err(|_| OtsError::NotAReceipt)?;
        if length > most { Err(OtsError::NotAReceipt) } else { self.take(length) }
    }
}

/// The header of a Bitcoin block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// The Merkle root, as the header has it.
    pub merkle_root: [u8; 32],
    /// When the block was made, seconds since 1970. The chain allows it to be two hours off.
    pub time_s: u32,
    hash: [u8; 32],
}

impl BlockHeader {
    /// How far the time in a header may be off, s: what nodes of the chain accept.
    pub const ACCURACY_S: u32 = 2 * 60 * 60;

    /// Reads the 80 bytes of a header, and checks that they hash below their own target. Whether
    /// the target is that of the chain is not known here.
    pub fn parse(header: &[u8; 80]) -> Result<Self, OtsError> {
        let hash = *Hash::of(Hash::of(header).as_bytes()).as_bytes();
        let part = |range: std::ops::Range<usize>| header.get(range).unwrap_or_default();
        let word = |range| part(range).try_into().map(u32::from_le_bytes).unwrap_or_default();
        let mut number = hash;
        number.reverse();
        if target(word(72..76)).is_none_or(|target| number > target) {
            return Err(OtsError::NoWork);
        }
        let merkle_root = part(36..68).try_into().map_err(|_| OtsError::NoWork)?;
        Ok(Self { merkle_root, time_s: word(68..72), hash })
    }

    /// Reads a header as 160 hex digits.
    pub fn parse_hex(text: &str) -> Result<Self, OtsError> {
        let digits: Vec<u8> = text
            .bytes()
            .map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(OtsError::NoWork)?;
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        match <&[u8; 80]>::try_from(bytes.as_slice()) {
            Ok(header) if rest.is_empty() => Self::parse(header),
            _ => Err(OtsError::NoWork),
        }
    }

    /// The block's hash, as explorers print it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hash = self.hash;
        hash.reverse();
        Hash::new(hash)
    }
}

/// The target that the compact form stands for: three digits to the base 256 and how many digits
/// there are. None where it is negative, zero or too large.
fn target(bits: u32) -> Option<[u8; 32]> {
    let [digits, high, mid, low] = bits.to_be_bytes();
    let mut target = [0_u8; 32];
    if high > 0x7f || [high, mid, low] == [0; 3] {
        return None;
    }
    for (place, digit) in [high, mid, low].into_iter().enumerate() {
        // Digits behind the point are dropped; digits beyond the first byte do not fit.
        let Some(from_end) = usize::from(digits).checked_sub(place + 1) else { continue };
        match 31_usize.checked_sub(from_end).and_then(|index| target.get_mut(index)) {
            Some(byte) => *byte = digit,
            None if digit == 0 => {}
            None => return None,
        }
    }
    Some(target)
}
