//! C2SP tlog-proof files: one record's place in the tree and the checkpoint over it, in one text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hash::Hash;
use crate::note::{MAX_NOTE_BYTES, UnverifiedNote};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof is at most as high as a tree of 2⁶⁴ leaves.
const MAX_HASHES: usize = 64;

/// A record's place in the tree, before anybody has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// The record's place.
    pub index: u64,
    /// From the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

/// The bytes are not a tlog-proof. Likely cause: another kind of file, or a file that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAProof;

impl fmt::Display for NotAProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a tlog-proof file")
    }
}

impl std::error::Error for NotAProof {}

impl TlogProof {
    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nindex {}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&BASE64.encode(hash.as_bytes()));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a file. An `extra` line is passed over: nobody has signed it.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAProof> {
        Self::read(bytes).ok_or(NotAProof)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > 2 * MAX_NOTE_BYTES {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut line = lines.next()?;
        if let Some(extra) = line.strip_prefix("extra ") {
            BASE64.decode(extra).ok()?;
            line = lines.next()?;
        }
        let digits = line.strip_prefix("index ")?;
        let index: u64 = digits.parse().ok()?;
        if index.to_string() != digits {
            return None;
        }
        let hashes: Vec<Hash> = lines
            .take(MAX_HASHES + 1)
            .map(|line| Some(Hash::new(BASE64.decode(line).ok()?.try_into().ok()?)))
            .collect::<Option<_>>()?;
        // What follows is a checkpoint, whoever may have signed it.
        let is_checkpoint = UnverifiedNote::parse(checkpoint.as_bytes())
            .is_ok_and(|note| note.claimed_size().is_some());
        (hashes.len() <= MAX_HASHES && is_checkpoint).then(|| Self {
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn proof(hashes: usize) -> TlogProof {
        TlogProof {
            index: 7,
            hashes: vec![Hash::of(b"sibling"); hashes],
            checkpoint: format!("log.example\n9\n{ROOT}\n\n\u{2014} log.example AAAAAAA=\n"),
        }
    }

    #[test]
    fn proofs_print_and_parse_back() {
        for hashes in [0, 1, MAX_HASHES] {
            let text = proof(hashes).to_text();
            assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof(hashes)));
        }
        let text = proof(MAX_HASHES + 1).to_text();
        assert_eq!(TlogProof::parse(text.as_bytes()), Err(NotAProof));
    }

    #[test]
    fn an_extra_line_is_passed_over() {
        let text = proof(2).to_text().replace("@v1\n", "@v1\nextra YWJj\n");
        assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof(2)));
        let text = text.replace("YWJj", "!");
        assert_eq!(TlogProof::parse(text.as_bytes()), Err(NotAProof));
    }
}
