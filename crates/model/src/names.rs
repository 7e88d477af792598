//! The two names of an impression as one key.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// A transaction and an impression id in one piece: the length of the first (`u32`, big-endian),
/// then both. A map of these is asked with borrowed bytes, so that nothing is copied to look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImpressionKey(Box<[u8]>);

const HEAD: usize = 4;

impl ImpressionKey {
    /// The key of two names.
    #[must_use]
    pub fn new(transaction: &str, impression: &str) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + transaction.len() + impression.len());
        Self::write(&mut bytes, transaction, impression);
        Self(bytes.into())
    }

    /// Puts the bytes of a key into a buffer that is used again.
    pub fn write(buffer: &mut Vec<u8>, transaction: &str, impression: &str) {
        buffer.clear();
        // Names of 4 GiB do not fit into an event.
        let length = u32::try_from(transaction.len()).unwrap_or(u32::MAX);
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(transaction.as_bytes());
        buffer.extend_from_slice(impression.as_bytes());
    }

    /// The key that [`ImpressionKey::write`] wrote.
    #[must_use]
    pub fn from_written(buffer: &[u8]) -> Self {
        Self(buffer.into())
    }

    /// Transaction and impression.
    #[must_use]
    pub fn names(&self) -> (&str, &str) {
        let (length, names) = self.0.split_first_chunk::<HEAD>().unwrap_or((&[0; HEAD], &[]));
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (transaction, impression) = names.split_at_checked(length).unwrap_or((names, &[]));
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        (text(transaction), text(impression))
    }
}

impl Borrow<[u8]> for ImpressionKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Ord for ImpressionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl PartialOrd for ImpressionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_key_gives_its_names_back_and_orders_as_they_do() {
        let names = [("", ""), ("", "b"), ("a", ""), ("a", "b"), ("ab", ""), ("ä\0", "\u{1}")];
        for (index, one) in names.iter().enumerate() {
            let key = ImpressionKey::new(one.0, one.1);
            assert_eq!(key.names(), *one);
            for other in names.iter().skip(index + 1) {
                assert_eq!(key.cmp(&ImpressionKey::new(other.0, other.1)), one.cmp(other));
                assert_ne!(key, ImpressionKey::new(other.0, other.1));
            }
        }
    }

    #[test]
    fn a_map_of_keys_is_asked_with_borrowed_bytes() {
        let map = HashMap::from([(ImpressionKey::new("a", "b"), 7)]);
        let mut buffer = Vec::new();
        ImpressionKey::write(&mut buffer, "a", "b");
        assert_eq!(map.get(&*buffer), Some(&7));
        assert_eq!(ImpressionKey::from_written(&buffer), ImpressionKey::new("a", "b"));
    }
}
