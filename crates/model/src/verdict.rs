use crate::Digest;

/// What a document is by its root element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// Video Ad Serving Template.
    Vast,
    /// Video Multiple Ad Playlist.
    Vmap,
    /// Digital Audio Ad Serving Template.
    Daast,
    /// None of them.
    Unknown,
}

impl DocumentKind {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vast => "VAST",
            Self::Vmap => "VMAP",
            Self::Daast => "DAAST",
            Self::Unknown => "unknown",
        }
    }
}

/// How a document fared as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentOutcome {
    /// No finding.
    Clean,
    /// Findings, but it is a document.
    Findings,
    /// Not well-formed, or not of this kind.
    Malformed,
    /// Not read, because reading it would be dangerous or beyond a bound.
    Refused,
}

impl DocumentOutcome {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
        }
    }
}

/// What the rest of the product needs to know about a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagVerdict {
    /// Digest of the document's bytes.
    pub document: Digest,
    /// Digest of the rule set that judged it.
    pub ruleset: Digest,
    /// The kind.
    pub kind: DocumentKind,
    /// The outcome.
    pub outcome: DocumentOutcome,
    /// Findings of severity error.
    pub errors: u32,
    /// Findings of severity warning.
    pub warnings: u32,
    /// Findings on the risk axis, of any severity.
    pub risks: u32,
    /// Rules that reported errors, sorted and without repeats.
    pub error_rules: Vec<&'static str>,
}

impl TagVerdict {
    /// Whether a player can be expected to play it: it is a document and has no error.
    #[must_use]
    pub fn playable(&self) -> bool {
        self.errors == 0
            && matches!(self.outcome, DocumentOutcome::Clean | DocumentOutcome::Findings)
    }
}
