use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A half-open range of bytes of the input as it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte; never before `start`.
    pub end: u32,
}

impl Span {
    /// A span; an end before its start is moved to the start.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// The bytes it names, or none when it reaches outside of `input`.
    #[must_use]
    pub fn slice(self, input: &[u8]) -> Option<&[u8]> {
        input.get(usize::try_from(self.start).ok()?..usize::try_from(self.end).ok()?)
    }
}

/// What kind of fault a finding is. The axes are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// The text or the schema of a specification is violated.
    Spec,
    /// Legal, but known players fail.
    Interop,
    /// A buyer's or a platform's wish.
    Policy,
    /// Security or invalid traffic.
    Risk,
    /// A bound of ours was reached.
    Limit,
}

impl Axis {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Interop => "interop",
            Self::Policy => "policy",
            Self::Risk => "risk",
            Self::Limit => "limit",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad a finding is. Errors sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It will not work, or it breaks a MUST.
    Error,
    /// It will not work everywhere.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// The severity of this name, as [`Severity::as_str`] writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Info].into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Citation {
    /// The document, such as `VAST 4.2`.
    pub document: &'static str,
    /// The section, such as `§3.19.1`.
    pub section: &'static str,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.document, self.section)
    }
}

/// One replacement of bytes of the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// The new bytes, as text in UTF-8.
    pub text: Cow<'static, str>,
}

/// A way to mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: &'static str,
    /// Its edits, sorted, never overlapping.
    pub edits: Vec<Edit>,
    /// Whether it keeps the meaning of the tag for every player.
    pub safe: bool,
}

/// One fault in one document. A finding is a value, not an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The bytes that it is about.
    pub span: Span,
    /// The rule's id, kebab case.
    pub rule: &'static str,
    /// The kind of fault.
    pub axis: Axis,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong here, one sentence.
    pub message: Cow<'static, str>,
    /// The element's path with positions: `/VAST/Ad[1]/InLine[1]`.
    pub path: Arc<str>,
    /// How to mend it, where that is known.
    pub fix: Option<Fix>,
}
