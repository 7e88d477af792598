//! `adproof.baseline/1`: findings that a team knows of and does not want to hear about again.
//!
//! A finding is known by its file, its rule, its element and the text that it is about. Lines and
//! columns have no part in it, so that a tag may be laid out anew.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lint::{DocumentV1, FindingV1};

const SCHEMA: &str = "adproof.baseline/1";

/// The JSON Schema of `adproof.baseline/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(BaselineV1)
}

/// Findings that are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineV1 {
    /// Always `adproof.baseline/1`.
    #[schemars(extend("const" = "adproof.baseline/1"))]
    pub schema: String,
    /// The findings, sorted, none twice.
    pub findings: Vec<KnownV1>,
}

/// One finding that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownV1 {
    /// The document, from the folder of the baseline where it lies below it, with `/`.
    pub path: String,
    /// The rule's id.
    pub rule: String,
    /// The element: `/VAST/Ad[1]/InLine[1]`.
    pub element: String,
    /// The finding's fingerprint, over rule, element and the text that it is about.
    pub fingerprint: String,
    /// How often it is there.
    #[schemars(range(min = 1))]
    pub count: u32,
}

/// A text is no baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is no JSON, or has other fields. Likely it was edited by hand or merged with conflicts.
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        line: usize,
    },
    /// It is of another version, which is named. Likely a newer adproof wrote it.
    Version(String),
}

impl std::fmt::Display for BaselineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax { message, .. } => write!(f, "the baseline cannot be read: {message}"),
            Self::Version(found) => {
                write!(f, "the baseline is of the kind `{found}`, and `{SCHEMA}` is read")
            }
        }
    }
}

impl std::error::Error for BaselineError {}

impl BaselineV1 {
    /// Reads a baseline.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let syntax = |error: &serde_json::Error| BaselineError::Syntax {
            message: error.to_string(),
            line: error.line(),
        };
        let head: Head = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        if head.schema != SCHEMA {
            return Err(BaselineError::Version(head.schema.chars().take(60).collect()));
        }
        serde_json::from_str(text).map_err(|error| syntax(&error))
    }
}

/// Collects findings for a baseline.
#[derive(Clone, Debug, Default)]
pub struct Recorder(BTreeMap<KnownV1, u32>);

impl Recorder {
    /// Records the findings of a document under a path.
    pub fn add(&mut self, path: &str, document: &DocumentV1) {
        for finding in &document.findings {
            let known = KnownV1 {
                path: path.to_owned(),
                rule: finding.rule.to_owned(),
                element: finding.path.clone(),
                fingerprint: finding.fingerprint.clone(),
                count: 0,
            };
            *self.0.entry(known).or_default() += 1;
        }
    }

    /// The baseline.
    #[must_use]
    pub fn finish(self) -> BaselineV1 {
        let findings = self.0.into_iter().map(|(known, count)| KnownV1 { count, ..known });
        BaselineV1 { schema: SCHEMA.to_owned(), findings: findings.collect() }
    }
}

/// A baseline to look findings up in.
#[derive(Clone, Debug, Default)]
pub struct Known {
    by_path: BTreeMap<String, Vec<KnownV1>>,
}

impl From<BaselineV1> for Known {
    fn from(baseline: BaselineV1) -> Self {
        let mut by_path: BTreeMap<String, Vec<KnownV1>> = BTreeMap::new();
        for known in baseline.findings {
            by_path.entry(known.path.clone()).or_default().push(known);
        }
        Self { by_path }
    }
}

impl Known {
    /// The paths of the documents with known findings.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    /// How many findings are known of a path.
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        self.by_path.get(path).into_iter().flatten().map(|known| u64::from(known.count)).sum()
    }

    /// Moves the known findings of a document aside. Says how many known ones it has no more.
    pub fn hide(&self, path: &str, document: &mut DocumentV1) -> u64 {
        let Some(known) = self.by_path.get(path) else {
            return 0;
        };
        // A fingerprint is also over the rule and the element.
        let mut left: BTreeMap<&str, u32> = BTreeMap::new();
        for known in known {
            let left = left.entry(known.fingerprint.as_str()).or_default();
            *left = left.saturating_add(known.count);
        }
        let mut is_known = |finding: &FindingV1| {
            let left = left.get_mut(finding.fingerprint.as_str());
            let found = left.filter(|left| **left > 0);
            found.map(|left| *left -= 1).is_some()
        };
        let (hidden, shown) = std::mem::take(&mut document.findings)
            .into_iter()
            .partition(|finding| is_known(finding));
        (document.hidden, document.findings) = (hidden, shown);
        document.baselined = u32::try_from(document.hidden.len()).unwrap_or(u32::MAX);
        left.values().map(|left| u64::from(*left)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::tests::document;

    const TAG: &str = "<VAST version=\"4.2\"><Nope/><Nope/><Ad id=\"1\"><Other/></Ad></VAST>";

    fn baseline(path: &str, tag: &str) -> BaselineV1 {
        let mut recorder = Recorder::default();
        recorder.add(path, &document(path, tag));
        recorder.finish()
    }

    fn hidden(known: &Known, path: &str, tag: &str) -> (usize, usize, u64) {
        let mut document = document(path, tag);
        let stale = known.hide(path, &mut document);
        (document.hidden.len(), document.findings.len(), stale)
    }

    #[test]
    fn what_is_known_is_hidden_wherever_it_moved() {
        let all = document("a.xml", TAG).findings.len();
        let known = Known::from(baseline("a.xml", TAG));
        assert_eq!(hidden(&known, "a.xml", TAG), (all, 0, 0));
        assert_eq!(hidden(&known, "a.xml", &TAG.replace('<', "\n\n <")), (all, 0, 0));
        assert_eq!(hidden(&known, "b.xml", TAG), (0, all, 0));
        assert_eq!(known.count("a.xml"), u64::try_from(all).unwrap());
    }

    #[test]
    fn one_more_of_the_same_is_news_and_one_less_is_stale() {
        let known = Known::from(baseline("a.xml", TAG));
        let (_, shown, stale) = hidden(&known, "a.xml", &TAG.replacen("<Ad", "<New/><Ad", 1));
        assert_eq!((shown, stale), (1, 0));
        let (_, shown, stale) = hidden(&known, "a.xml", &TAG.replacen("<Nope/>", "", 1));
        assert_eq!((shown, stale), (0, 1));
    }

    #[test]
    fn it_is_the_same_text_whatever_the_order() {
        let documents = [document("b.xml", TAG), document("a.xml", TAG), document("a/c.xml", TAG)];
        let text = |order: &[usize]| {
            let mut recorder = Recorder::default();
            for at in order {
                recorder.add(&documents[*at].path, &documents[*at]);
            }
            crate::text(&recorder.finish()).unwrap()
        };
        let once = text(&[0, 1, 2]);
        assert_eq!(once, text(&[2, 1, 0]));
        let read = BaselineV1::read(&once).unwrap();
        assert_eq!(crate::text(&read).unwrap(), once);
        assert!(!once.contains("\"line\""));
    }

    #[test]
    fn what_is_no_baseline_is_named() {
        let line = |text: &str| match BaselineV1::read(text) {
            Err(BaselineError::Syntax { line, .. }) => Some(line),
            _ => None,
        };
        assert_eq!(line(""), Some(1));
        assert_eq!(line("{\n<<<<<<< ours"), Some(2));
        assert_eq!(
            line("{\"schema\": \"adproof.baseline/1\",\n \"findings\": [{\"path\": 1}]}"),
            Some(2)
        );
        assert_eq!(
            line("{\"schema\": \"adproof.baseline/1\", \"findings\": [], \"more\": 1}"),
            Some(1)
        );
        let newer = BaselineV1::read("{\"schema\": \"adproof.baseline/2\", \"known\": {}}");
        assert_eq!(newer, Err(BaselineError::Version("adproof.baseline/2".to_owned())));
    }
}
