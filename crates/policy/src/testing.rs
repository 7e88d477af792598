//! Policies carry their own tests.

use crate::decide::{Outcome, Reason, decide_facts};
use crate::facts::Facts;
use crate::policy::Policy;
use crate::rung::Rung;

/// A test that a policy's authors hold it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTest {
    /// What it shows.
    pub name: Box<str>,
    /// The line of the policy file that it stands on, from 1.
    pub line: usize,
    /// What is known.
    pub given: Facts,
    /// How far the policy must go.
    pub expect: Rung,
    /// The gate that must stop it there, as `rung.gate`.
    pub because: Option<Box<str>>,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// How far the policy went.
    pub action: Rung,
    /// The gates that were shut, in the order in which they were tried.
    pub shut: Vec<Reason>,
    /// Whether the rung is the expected one.
    pub action_as_expected: bool,
    /// Whether the expected gate is among those that were shut.
    pub because_as_expected: bool,
}

impl TestOutcome {
    /// Whether the test passed.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.action_as_expected && self.because_as_expected
    }
}

impl PolicyTest {
    /// Runs it.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> TestOutcome {
        let (action, mut shut) = decide_facts(policy, &self.given);
        shut.retain(|reason| reason.outcome != Outcome::Passed);
        let because = self.because.as_deref();
        TestOutcome {
            action,
            action_as_expected: action == self.expect,
            because_as_expected: because
                .is_none_or(|gate| shut.iter().any(|reason| reason.id() == gate)),
            shut,
        }
    }
}
