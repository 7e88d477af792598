use adproof_model::Severity;

use crate::Limits;
use crate::generated::rules::{Id, RULES};

/// What to judge by.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bounds on reading and reporting.
    pub limits: Limits,
    /// Findings less severe than this are not reported.
    pub at_least: Severity,
    /// `fix` also applies fixes that may change what some player does.
    pub unsafe_fixes: bool,
    /// Comments in the document may silence rules. Only for documents of one's own: a stranger
    /// would silence what accuses them.
    pub suppressions: bool,
    enabled: Vec<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            at_least: Severity::Info,
            unsafe_fixes: false,
            suppressions: false,
            enabled: RULES.iter().map(|rule| rule.default_on).collect(),
        }
    }
}

/// A selector names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no rule is named `{0}`, and it is neither an axis nor the beginning of a rule's name with `*`"
)]
pub struct UnknownRule(pub String);

impl Options {
    /// Only these rules speak. A selector is a rule's id, an axis, or the beginning of an id with `*`.
    pub fn select<S: AsRef<str>>(&mut self, selectors: &[S]) -> Result<(), UnknownRule> {
        let mut enabled = vec![false; RULES.len()];
        for selector in selectors {
            apply(&mut enabled, selector.as_ref(), true)?;
        }
        self.enabled = enabled;
        Ok(())
    }

    /// These rules speak, too: some are off until they are asked for.
    pub fn enable<S: AsRef<str>>(&mut self, selectors: &[S]) -> Result<(), UnknownRule> {
        for selector in selectors {
            apply(&mut self.enabled, selector.as_ref(), true)?;
        }
        Ok(())
    }

    /// These rules are silent.
    pub fn ignore<S: AsRef<str>>(&mut self, selectors: &[S]) -> Result<(), UnknownRule> {
        for selector in selectors {
            apply(&mut self.enabled, selector.as_ref(), false)?;
        }
        Ok(())
    }

    pub(crate) fn enabled(&self, id: Id) -> bool {
        self.enabled.get(id.index()).copied().unwrap_or(false)
    }
}

/// Sets what a selector names.
pub(crate) fn apply(enabled: &mut [bool], selector: &str, value: bool) -> Result<(), UnknownRule> {
    let mut found = false;
    for (rule, enabled) in RULES.iter().zip(enabled) {
        let begins = selector.strip_suffix('*').is_some_and(|start| rule.id.starts_with(start));
        if begins || rule.id == selector || rule.axis.as_str() == selector {
            *enabled = value;
            found = true;
        }
    }
    if found { Ok(()) } else { Err(UnknownRule(selector.to_owned())) }
}
