//! Dead letters: lines that were not taken, with the reason and every byte.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::wal::{Wal, WalError, WalLimits};

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number; the first is 0.
    pub number: u64,
    /// The batch of the stream's log that it came in.
    pub batch: u64,
    /// When it arrived, in microseconds since 1970.
    pub arrived_us: i64,
    /// Where in its batch: the line, from 1.
    pub line: u64,
    /// The field that is wrong; `line` for the whole.
    pub column: String,
    /// Why it was not taken.
    pub reason: String,
    /// The line as it came, without its newline.
    pub bytes: Vec<u8>,
    /// Whether it was put back into the stream.
    pub replayed: bool,
}

/// What is written in front of the bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Label {
    Letter { number: u64, batch: u64, line: u64, column: String, reason: String },
    Replayed { replayed: Vec<u64> },
}

/// A letter that is to be kept.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The line, from 1, in its batch.
    pub line: u64,
    /// The field.
    pub column: String,
    /// Why.
    pub reason: String,
    /// The line as it came.
    pub bytes: Vec<u8>,
}

/// The dead letters of a stream.
#[derive(Debug)]
pub struct DeadLetters {
    wal: Wal,
    next: u64,
    /// The last batch that any was kept of.
    last_batch: Option<u64>,
}

impl DeadLetters {
    /// Opens the letters in a folder, or makes it.
    ///
    /// # Errors
    /// The folder cannot be used, or what lies there is damaged.
    pub fn open(folder: &Path, limits: WalLimits) -> Result<Self, WalError> {
        let wal = Wal::open(folder, 0, limits)?;
        let (mut next, mut last_batch) = (0, None);
        wal.each(0, |kept| {
            for (label, _) in kept.items {
                if let Ok(Label::Letter { number, batch, .. }) = serde_json::from_str(&label) {
                    next = number.saturating_add(1);
                    last_batch = Some(batch);
                }
            }
            Ok::<_, WalError>(())
        })?;
        Ok(Self { wal, next, last_batch })
    }

    /// Keeps the letters of a batch. A batch whose letters were kept before is passed over, so
    /// that working on it again after a stop keeps nothing twice.
    ///
    /// # Errors
    /// They could not be made durable.
    pub fn keep(
        &mut self,
        batch: u64,
        arrived_us: i64,
        letters: &[NewLetter],
    ) -> Result<(), WalError> {
        if letters.is_empty() || self.last_batch.is_some_and(|last| last >= batch) {
            return Ok(());
        }
        let mut items = Vec::with_capacity(letters.len());
        for letter in letters {
            let label = Label::Letter {
                number: self.next,
                batch,
                line: letter.line,
                column: letter.column.clone(),
                reason: letter.reason.clone(),
            };
            self.next = self.next.saturating_add(1);
            items.push((serde_json::to_string(&label).unwrap_or_default(), &*letter.bytes));
        }
        self.wal.append(arrived_us, items.iter().map(|(label, bytes)| (&**label, *bytes)))?;
        self.last_batch = Some(batch);
        Ok(())
    }

    /// How many there are, replayed ones included.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.next
    }

    /// All of them, in the order of their numbers.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn list(&self) -> Result<Vec<DeadLetter>, WalError> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        self.wal.each(0, |kept| {
            for (label, bytes) in kept.items {
                match serde_json::from_str(&label) {
                    Ok(Label::Letter { number, batch, line, column, reason }) => {
                        letters.push(DeadLetter {
                            number,
                            batch,
                            arrived_us: kept.arrived_us,
                            line,
                            column,
                            reason,
                            bytes,
                            replayed: false,
                        });
                    }
                    Ok(Label::Replayed { replayed }) => {
                        for letter in &mut letters {
                            letter.replayed |= replayed.binary_search(&letter.number).is_ok();
                        }
                    }
                    Err(_) => {}
                }
            }
            Ok::<_, WalError>(())
        })?;
        Ok(letters)
    }

    /// Notes that letters were put back.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn replayed(&mut self, arrived_us: i64, mut numbers: Vec<u64>) -> Result<(), WalError> {
        numbers.sort_unstable();
        let label = serde_json::to_string(&Label::Replayed { replayed: numbers });
        let label = label.unwrap_or_default();
        self.wal.append(arrived_us, [(&*label, b"".as_slice())].into_iter()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(line: u64, bytes: &[u8]) -> NewLetter {
        NewLetter {
            line,
            column: "ip".into(),
            reason: "not an \"address\"".into(),
            bytes: bytes.into(),
        }
    }

    #[test]
    fn letters_keep_every_byte_and_a_batch_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let open = || DeadLetters::open(folder.path(), WalLimits::default()).unwrap();
        let mut dead = open();
        dead.keep(3, 11, &[letter(1, b"\xff\x00"), letter(9, b"")]).unwrap();
        dead.keep(4, 12, &[]).unwrap();
        drop(dead);
        let mut dead = open();
        dead.keep(3, 11, &[letter(1, b"\xff\x00"), letter(9, b"")]).unwrap();
        dead.keep(5, 13, &[letter(2, b"x")]).unwrap();
        dead.replayed(14, vec![2, 0]).unwrap();
        drop(dead);
        let dead = open();
        assert_eq!(dead.count(), 3);
        let letters = dead.list().unwrap();
        let told: Vec<_> = letters
            .iter()
            .map(|l| (l.number, l.batch, l.line, l.arrived_us, &*l.bytes, l.replayed))
            .collect();
        assert_eq!(
            told,
            [
                (0, 3, 1, 11, b"\xff\x00".as_slice(), true),
                (1, 3, 9, 11, b"", false),
                (2, 5, 2, 13, b"x", true),
            ]
        );
        assert_eq!(letters[0].reason, "not an \"address\"");
    }
}
