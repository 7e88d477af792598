use std::fmt;

use crate::generated::structure::VERSIONS;

/// A version of VAST whose structure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// VAST 2.0 and 2.0.1.
    V2_0,
    /// VAST 3.0.
    V3_0,
    /// VAST 4.0.
    V4_0,
    /// VAST 4.1.
    V4_1,
    /// VAST 4.2.
    V4_2,
    /// VAST 4.3.
    V4_3,
    /// VAST 4.4, a draft: its findings are at most warnings.
    V4_4,
}

impl Version {
    /// All versions, oldest first: the columns of the structure table.
    pub const ALL: [Self; VERSIONS.len()] =
        [Self::V2_0, Self::V3_0, Self::V4_0, Self::V4_1, Self::V4_2, Self::V4_3, Self::V4_4];

    /// The number as it stands in `VAST@version`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
            Self::V4_3 => "4.3",
            Self::V4_4 => "4.4",
        }
    }

    /// The version that a `version` attribute names.
    #[must_use]
    pub fn declared(text: &str) -> Option<Self> {
        match text {
            "2.0" | "2.0.1" => Some(Self::V2_0),
            "3.0" => Some(Self::V3_0),
            "4.0" => Some(Self::V4_0),
            "4.1" => Some(Self::V4_1),
            "4.2" => Some(Self::V4_2),
            "4.3" => Some(Self::V4_3),
            "4.4" => Some(Self::V4_4),
            _ => None,
        }
    }

    /// Whether it is not published yet: its text may change, so nothing is an error.
    #[must_use]
    pub const fn is_draft(self) -> bool {
        matches!(self, Self::V4_4)
    }

    /// Its column in the structure table.
    pub(crate) const fn column(self) -> usize {
        self as usize
    }

    /// Its bit in a set of versions.
    pub(crate) const fn bit(self) -> u8 {
        1 << (self as u8)
    }

    /// The oldest version in a set.
    pub(crate) fn oldest(set: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|version| set & version.bit() != 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_the_columns_of_the_structure_table() {
        let names: Vec<&str> = Version::ALL.iter().map(|version| version.as_str()).collect();
        assert_eq!(names, VERSIONS);
    }
}
