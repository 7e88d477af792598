//! `adproof.rules/1`: the rules and their pages.

use adproof_vast::Rule;
use schemars::JsonSchema;
use serde::Serialize;

/// The JSON Schema of `adproof.rules/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RulesV1)
}

/// The JSON Schema of the list of rules with their pages, which `adproof rules` prints.
#[must_use]
pub fn list_schema() -> schemars::Schema {
    schemars::schema_for!(Vec<RuleV1>)
}

/// The rules of the linter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RulesV1 {
    /// Always `adproof.rules/1`.
    #[schemars(extend("const" = "adproof.rules/1"))]
    pub schema: &'static str,
    /// The digest of the rule set: `sha256:` and 64 hex digits.
    pub ruleset: String,
    /// The rules, sorted by id.
    pub rules: Vec<RuleV1>,
}

/// One rule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RuleV1 {
    /// Kebab case; says the fault.
    pub id: &'static str,
    /// The fault in a few words.
    pub title: &'static str,
    /// What kind of fault it is.
    #[schemars(extend("enum" = ["spec", "interop", "policy", "risk", "limit"]))]
    pub axis: &'static str,
    /// How bad it is.
    #[schemars(extend("enum" = ["error", "warning", "info"]))]
    pub severity: &'static str,
    /// The versions of VAST in which the rule speaks.
    pub versions: Vec<&'static str>,
    /// Where the rule comes from.
    pub citation: String,
    /// Ids of the same check elsewhere.
    pub aliases: Vec<&'static str>,
    /// What the fault costs, in money or in playback.
    pub why: &'static str,
    /// How it can be mended: `safe` with `--fix`, `unsafe` with `--fix --unsafe-fixes`.
    #[schemars(extend("enum" = ["none", "safe", "unsafe"]))]
    pub fix: &'static str,
    /// Whether it speaks without being asked to.
    pub default_on: bool,
    /// The examples of the page. Left out of `adproof.rules/1` where all rules are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examples: Option<ExamplesV1>,
    /// The whole page in Markdown: why it matters, a bad and a good example. Left out as the
    /// examples are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'static str>,
}

/// Pieces of tags that show a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExamplesV1 {
    /// Has the fault.
    pub bad: &'static str,
    /// Has it not.
    pub good: &'static str,
    /// The bad one after its fix; none where the rule has no fix.
    pub fixed: Option<&'static str>,
}

impl RulesV1 {
    /// All rules, without their pages.
    #[must_use]
    pub fn all() -> Self {
        Self::of(adproof_vast::rules().iter().map(RuleV1::from).collect())
    }

    /// One rule with its page, or none when no rule has this id.
    #[must_use]
    pub fn one(id: &str) -> Option<Self> {
        let rule = adproof_vast::rule(id)?;
        Some(Self::of(vec![RuleV1::with_page(rule)]))
    }

    fn of(rules: Vec<RuleV1>) -> Self {
        Self {
            schema: "adproof.rules/1",
            ruleset: format!("sha256:{}", adproof_vast::ruleset_digest()),
            rules,
        }
    }
}

impl RuleV1 {
    /// A rule with its page and its examples.
    #[must_use]
    pub fn with_page(rule: &Rule) -> Self {
        let page = rule.page();
        let examples = ExamplesV1 {
            bad: example(page, "## Bad").unwrap_or_default(),
            good: example(page, "## Good").unwrap_or_default(),
            fixed: example(page, "## Fixed"),
        };
        Self { examples: Some(examples), page: Some(page), ..Self::from(rule) }
    }
}

/// The first block of code below a heading.
fn example<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let mut sections = page.split("\n## ");
    let name = heading.trim_start_matches("## ");
    let section = sections.find_map(|section| section.strip_prefix(name)?.strip_prefix('\n'))?;
    let (_, code) = section.split_once("```")?;
    let (_, code) = code.split_once('\n')?;
    let (code, _) = code.split_once("\n```")?;
    Some(code)
}

impl From<&Rule> for RuleV1 {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            title: rule.title(),
            axis: rule.axis.as_str(),
            severity: rule.severity.as_str(),
            versions: rule.versions().map(adproof_vast::Version::as_str).collect(),
            citation: rule.citation().to_string(),
            aliases: rule.aliases().to_vec(),
            why: rule.why(),
            fix: rule.fix.as_str(),
            default_on: rule.default_on,
            examples: None,
            page: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_examples() {
        for rule in adproof_vast::rules() {
            let rule = RuleV1::with_page(rule);
            let examples = rule.examples.unwrap();
            let page = rule.page.unwrap();
            for (heading, code) in [
                ("Bad", Some(examples.bad)),
                ("Good", Some(examples.good)),
                ("Fixed", examples.fixed),
            ] {
                let Some(code) = code else {
                    assert_eq!((heading, rule.fix), ("Fixed", "none"), "{}", rule.id);
                    continue;
                };
                // An empty body is what that rule is about.
                let nothing = rule.id == "document-empty" && heading == "Bad";
                assert_eq!(code.is_empty(), nothing, "{} {heading}", rule.id);
                let shown = page.contains(&format!("\n{code}\n```"));
                assert!(shown || nothing, "{} {heading}", rule.id);
            }
        }
    }
}
