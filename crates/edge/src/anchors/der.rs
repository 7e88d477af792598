//! The little of DER that a time stamp token needs: definite lengths in their shortest form, tags of
//! one byte, nothing left over where nothing may be.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A constructed, context-specific tag.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One value: its tag, its content, and both with the length between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'b> {
    pub(super) tag: u8,
    pub(super) content: &'b [u8],
    pub(super) whole: &'b [u8],
}

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The one value that `bytes` are.
    pub(super) fn one(bytes: &'b [u8], tag: u8) -> Option<Self> {
        let mut reader = Self(bytes);
        let value = reader.take(tag)?;
        reader.end()?;
        Some(Self(value.content))
    }

    pub(super) fn next(&mut self) -> Option<Value<'b>> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        // Tags of several bytes, and lengths without an end, are not DER of ours.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, behind) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let mut length = 0_usize;
                for digit in digits {
                    length = length.checked_mul(256)?.checked_add(usize::from(*digit))?;
                }
                // The shortest form: not a short length, and no leading zero.
                if length < 0x80 || digits.first() == Some(&0) {
                    return None;
                }
                (length, behind)
            }
            _ => return None,
        };
        let (content, behind) = behind.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len().checked_sub(behind.len())?)?;
        self.0 = behind;
        Some(Value { tag, content, whole })
    }

    /// The next value, which has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Value<'b>> {
        self.next().filter(|value| value.tag == tag)
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Value<'b>> {
        if self.0.first() == Some(&tag) { self.next() } else { None }
    }

    /// The content of the next value, which has this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(|value| Self(value.content))
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'b [u8] {
        self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

/// Appends a value.
pub(super) fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let digits = digits.get(zeros..).unwrap_or_default();
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
        out.extend_from_slice(digits);
    }
    out.extend_from_slice(content);
}

/// A value of parts.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, tag, &parts.concat());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = value(OCTET_STRING, &[&vec![7; length]]);
            let read = Reader::new(&bytes).take(OCTET_STRING).unwrap();
            assert_eq!((read.content.len(), read.whole), (length, bytes.as_slice()));
            for cut in [0, 1, bytes.len() - 1] {
                assert_eq!(Reader::new(&bytes[..cut]).next(), None);
            }
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        for bytes in [
            &[0x04, 0x80, 0x00, 0x00][..], // No definite length.
            &[0x04, 0x81, 0x01, 0x00],     // A short length in the long form.
            &[0x04, 0x82, 0x00, 0x80],     // A leading zero.
            &[0x1f, 0x01, 0x00],           // A tag of several bytes.
            &[0x04, 0x85, 1, 1, 1, 1, 1],
            &[0x04, 0xff],
        ] {
            assert_eq!(Reader::new(bytes).next(), None, "{bytes:?}");
        }
        assert!(Reader::one(&[0x04, 0x00, 0x00], OCTET_STRING).is_none());
    }
}
