//! Encodings by name. What tags are written in is built in; everything else that an XML declaration
//! may name comes with the feature `encodings`, whose tables are larger than the linter.

use crate::text::Text as _;
#[cfg(feature = "encodings")]
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// An encoding that documents are read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// Latin-1 as the web reads it.
    Windows1252,
    #[cfg(feature = "encodings")]
    Other(&'static Encoding),
}

/// Names of what is built in, as the WHATWG Encoding Standard lists them.
const LABELS: [(&str, Charset); 21] = [
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    ("unicode-1-1-utf-8", Charset::Utf8),
    ("utf-16", Charset::Utf16Le),
    ("utf-16le", Charset::Utf16Le),
    ("utf-16be", Charset::Utf16Be),
    ("ucs-2", Charset::Utf16Le),
    ("unicode", Charset::Utf16Le),
    ("iso-10646-ucs-2", Charset::Utf16Le),
    ("csunicode", Charset::Utf16Le),
    ("iso-8859-1", Charset::Windows1252),
    ("iso8859-1", Charset::Windows1252),
    ("iso_8859-1", Charset::Windows1252),
    ("latin1", Charset::Windows1252),
    ("l1", Charset::Windows1252),
    ("windows-1252", Charset::Windows1252),
    ("cp1252", Charset::Windows1252),
    ("x-cp1252", Charset::Windows1252),
    ("ascii", Charset::Windows1252),
    ("us-ascii", Charset::Windows1252),
    ("ibm819", Charset::Windows1252),
];

/// The characters of 0x80 to 0x9f in windows-1252 (WHATWG Encoding Standard, index windows-1252).
const WINDOWS_1252_HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// The character of a byte in windows-1252.
pub(crate) fn windows_1252(byte: u8) -> char {
    let high = usize::from(byte).checked_sub(0x80).and_then(|at| WINDOWS_1252_HIGH.get(at));
    high.copied().unwrap_or(char::from(byte))
}

impl Charset {
    /// The encoding of a label, as an XML declaration gives it.
    pub(crate) fn for_label(label: &str) -> Option<Self> {
        let label = label.trimmed();
        let known = LABELS.iter().find(|(known, _)| known.is_like(label));
        if let Some((_, charset)) = known {
            return Some(*charset);
        }
        #[cfg(feature = "encodings")]
        {
            let other = Encoding::for_label_no_replacement(label.as_bytes())?;
            let known = [
                (UTF_8, Self::Utf8),
                (UTF_16LE, Self::Utf16Le),
                (UTF_16BE, Self::Utf16Be),
                (WINDOWS_1252, Self::Windows1252),
            ];
            let known = known.into_iter().find(|(encoding, _)| *encoding == other);
            Some(known.map_or(Self::Other(other), |(_, charset)| charset))
        }
        #[cfg(not(feature = "encodings"))]
        None
    }

    /// The name by the WHATWG Encoding Standard.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "windows-1252",
            #[cfg(feature = "encodings")]
            Self::Other(encoding) => encoding.name(),
        }
    }

    /// The bytes of a text; none when the encoding lacks a character.
    pub(crate) fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Windows1252 => text.chars().map(windows_1252_byte).collect(),
            #[cfg(feature = "encodings")]
            Self::Other(encoding) => {
                let (bytes, _, replaced) = encoding.encode(text);
                (!replaced).then(|| bytes.into_owned())
            }
        }
    }
}

fn windows_1252_byte(c: char) -> Option<u8> {
    let high = WINDOWS_1252_HIGH.iter().position(|high| *high == c);
    match high {
        Some(at) => u8::try_from(at + 0x80).ok(),
        None => u8::try_from(u32::from(c)).ok().filter(|byte| !(0x80..0xa0).contains(byte)),
    }
}

#[cfg(all(test, feature = "encodings"))]
mod tests {
    use super::*;

    #[test]
    fn latin1_is_what_the_web_reads() {
        for byte in 0..=u8::MAX {
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(std::slice::from_ref(&byte));
            let own = windows_1252(byte).to_string();
            assert_eq!(own, text, "{byte:02x}");
            assert_eq!(Charset::Windows1252.encode(&own), Some(vec![byte]));
        }
        assert_eq!(Charset::Windows1252.encode("\u{2014}ä"), Some(vec![0x97, 0xe4]));
        assert_eq!(Charset::Windows1252.encode("語"), None);
    }

    #[test]
    fn labels_mean_what_the_web_says() {
        for (label, charset) in LABELS {
            let other = Encoding::for_label(label.as_bytes());
            assert_eq!(other.map(Encoding::name), Some(charset.name()), "{label}");
        }
        assert_eq!(Charset::for_label(" Shift_JIS ").map(Charset::name), Some("Shift_JIS"));
        assert_eq!(Charset::for_label("klingon"), None);
    }
}
