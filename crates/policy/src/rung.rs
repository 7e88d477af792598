use std::fmt;

/// How far an action goes. Ordered from nothing to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Nothing.
    #[default]
    None,
    /// Keep watching.
    Observe,
    /// Measure more closely.
    Measure,
    /// A person looks at it.
    Review,
    /// Fewer impressions from the target.
    Throttle,
    /// No impressions from the target until the decision expires.
    Block,
}

impl Rung {
    /// The rungs of the ladder, from the lowest.
    pub const LADDER: [Self; 5] =
        [Self::Observe, Self::Measure, Self::Review, Self::Throttle, Self::Block];

    /// The name used in policies, records and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Observe => "observe",
            Self::Measure => "measure",
            Self::Review => "review",
            Self::Throttle => "throttle",
            Self::Block => "block",
        }
    }

    /// Whether traffic is treated differently: such actions expire and are held out by lot.
    #[must_use]
    pub fn acts_on_traffic(self) -> bool {
        self >= Self::Throttle
    }

    /// The rung of that name; `none` is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = std::iter::once(Self::None).chain(Self::LADDER);
        all.into_iter().find(|rung| rung.as_str() == name)
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
