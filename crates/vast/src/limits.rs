/// Bounds on what is read and on what is said. Each has a `limit` finding or a count of what was
/// left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a document; a longer one is refused unread.
    pub bytes: u32,
    /// Elements inside each other; what lies deeper is skipped.
    pub depth: u32,
    /// Elements of a document; what follows is skipped.
    pub elements: u32,
    /// Attributes of a document; what follows is skipped.
    pub attributes: u32,
    /// Namespace declarations in force at one place; what follows is not resolved.
    pub namespaces: u32,
    /// Findings of one rule in one document; what follows is counted.
    pub findings_per_rule: u32,
    /// Findings of one document; what follows is counted.
    pub findings: u32,
    /// Characters of the document that a message quotes.
    pub excerpt: u32,
    /// Comments in one document that ask for silence; what follows is not heeded.
    pub directives: u32,
    /// Edits of one fix; a finding that needs more is reported without its fix.
    pub edits: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            depth: 64,
            elements: 200_000,
            attributes: 400_000,
            namespaces: 64,
            findings_per_rule: 100,
            findings: 800,
            excerpt: 60,
            directives: 64,
            edits: 8,
        }
    }
}
