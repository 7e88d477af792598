use adproof_model::{Axis, Citation, Digest, Severity};

use crate::Version;
use crate::generated::pages::WORDS;
use crate::generated::rules::{DIGEST, Id, RULES};

/// A rule, as its file in `rules/vast/` states it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Kebab case; says the fault.
    pub id: &'static str,
    /// The kind of fault.
    pub axis: Axis,
    /// How bad it is.
    pub severity: Severity,
    pub(crate) versions: u8,
    /// Whether `fix` can mend it.
    pub fix: FixKind,
    /// Whether it speaks unless it is asked not to. What only some buyers want is off.
    pub default_on: bool,
}

/// What people read of a rule. It is kept apart, so that a program that only judges does not carry
/// it.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) citation: Citation,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) page: &'static str,
}

/// Whether and how a rule's fault can be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixKind {
    /// Only a person can.
    None,
    /// By edits that keep the meaning of the tag for every player.
    Safe,
    /// By edits that may change what some player does.
    Unsafe,
}

impl FixKind {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        }
    }
}

impl Rule {
    /// The versions in which the rule speaks, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = Version> + use<> {
        let set = self.versions;
        Version::ALL.into_iter().filter(move |version| set & version.bit() != 0)
    }

    fn words(&self) -> &'static Words {
        static NONE: Words = Words {
            title: "",
            citation: Citation { document: "", section: "" },
            aliases: &[],
            page: "",
        };
        let place = RULES.binary_search_by(|rule| rule.id.cmp(self.id)).ok();
        place.and_then(|place| WORDS.get(place)).unwrap_or(&NONE)
    }

    /// The fault in a few words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.words().title
    }

    /// Where the rule comes from.
    #[must_use]
    pub fn citation(&self) -> Citation {
        self.words().citation
    }

    /// Ids of the same check elsewhere, such as `vastlint:VAST-2.0-url-empty`.
    #[must_use]
    pub fn aliases(&self) -> &'static [&'static str] {
        self.words().aliases
    }

    /// What the fault costs, in money or in playback: the page up to its first heading.
    #[must_use]
    pub fn why(&self) -> &'static str {
        let page = self.page();
        page.split_once("\n## ").map_or(page, |(why, _)| why).trim_ascii()
    }

    /// The rule's page in Markdown: why it matters, a bad and a good example.
    #[must_use]
    pub fn page(&self) -> &'static str {
        self.words().page
    }
}

/// All rules, sorted by id.
#[must_use]
pub fn rules() -> &'static [Rule] {
    &RULES
}

/// One rule.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    let place = RULES.binary_search_by(|rule| rule.id.cmp(id)).ok()?;
    RULES.get(place)
}

/// SHA-256 over all rule files and the structure table. Records pin it.
#[must_use]
pub const fn ruleset_digest() -> Digest {
    Digest::new(DIGEST)
}

impl Id {
    pub(crate) fn rule(self) -> &'static Rule {
        // The enum and the table are generated from the same list.
        static NONE: Rule = Rule {
            id: "",
            axis: Axis::Spec,
            severity: Severity::Info,
            versions: 0,
            fix: FixKind::None,
            default_on: false,
        };
        RULES.get(self.index()).unwrap_or(&NONE)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}
