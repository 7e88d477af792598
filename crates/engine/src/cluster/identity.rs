//! Who is who on a cluster: everyone must be of one version and have the same functions.

use std::fmt;
use std::sync::Arc;

use ballista_core::extension::EndpointOverrideFn;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::registry::MemoryFunctionRegistry;

use crate::{EngineError, function};

/// What a process says of itself with every call, as `user-agent`:
/// `adproof/0.1.0 (ipv6_prefix,ipv6_text,…)`.
///
/// Functions travel by their name. Where a worker lacked one, or computed another thing by the same
/// name, a job would fail without saying why, or give other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    version: String,
    functions: Vec<String>,
}

impl Identity {
    /// This process.
    pub(super) fn here() -> Result<Self, EngineError> {
        let mut registry = MemoryFunctionRegistry::new();
        function::register(&mut registry)?;
        let names = registry.udfs().into_iter().chain(registry.udafs()).chain(registry.udwfs());
        let mut functions: Vec<String> = names.collect();
        functions.sort_unstable();
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), functions })
    }

    /// What a caller said of itself, if it is one of ours.
    pub(super) fn read(user_agent: &str) -> Option<Self> {
        let rest = user_agent.strip_prefix("adproof/")?;
        let (version, rest) = rest.split_once(" (")?;
        let (functions, _) = rest.split_once(')')?;
        let functions = functions.split(',').map(str::to_owned).collect();
        Some(Self { version: version.to_owned(), functions })
    }

    /// Why a caller may not take part, in words for the caller.
    pub(super) fn refusal(&self, caller: Option<&Self>) -> Option<String> {
        let Some(caller) = caller else {
            return Some(format!(
                "only adproof {} may take part; the caller is no adproof",
                self.version
            ));
        };
        if caller.version != self.version {
            return Some(format!(
                "the coordinator is adproof {} and the caller is adproof {}",
                self.version, caller.version
            ));
        }
        let lacks = |left: &Self, right: &Self| -> Vec<String> {
            let missing = right.functions.iter().filter(|name| !left.functions.contains(name));
            missing.cloned().collect()
        };
        let (here, there) = (lacks(self, caller), lacks(caller, self));
        let mut words = Vec::new();
        for (who, missing) in [("coordinator", here), ("caller", there)] {
            if !missing.is_empty() {
                words.push(format!("the {who} lacks {}", missing.join(", ")));
            }
        }
        (!words.is_empty()).then(|| format!("their functions differ: {}", words.join("; ")))
    }

    /// Makes every call over a connection say who calls.
    pub(super) fn signing(self) -> EndpointOverrideFn {
        Arc::new(move |endpoint| Ok(endpoint.user_agent(self.to_string())?))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "adproof/{} ({})", self.version, self.functions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_says_the_other_reads() {
        let here = Identity::here().unwrap();
        assert!(here.functions.iter().any(|name| name == "tally"));
        // The transport adds its own name.
        let said = format!("{here} tonic/0.14.9");
        assert_eq!(Identity::read(&said).as_ref(), Some(&here));
        assert_eq!(here.refusal(Some(&here)), None);
        for other in ["", "tonic/0.14.9", "adproof/", "adproof/0.1.0", "adproof/0.1.0 (tally"] {
            assert_eq!(Identity::read(other), None, "{other}");
        }
    }

    #[test]
    fn another_version_or_other_functions_are_refused_by_name() {
        let of = |version: &str, functions: &[&str]| Identity {
            version: version.to_owned(),
            functions: functions.iter().map(|&name| name.to_owned()).collect(),
        };
        let here = of("1.0.0", &["ipv6_text", "tally"]);
        let says = |caller: Identity| here.refusal(Some(&caller)).unwrap();
        assert!(says(of("1.0.1", &["ipv6_text", "tally"])).contains("adproof 1.0.1"));
        assert!(says(of("1.0.0", &["tally"])).contains("the caller lacks ipv6_text"));
        let both = says(of("1.0.0", &["asn", "tally"]));
        assert!(both.contains("the coordinator lacks asn; the caller lacks ipv6_text"), "{both}");
        assert!(here.refusal(None).unwrap().contains("no adproof"));
    }
}
