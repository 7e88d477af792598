//! The one definition of the command line: help, manual page and completions come from it.

use clap::{Args, Parser, Subcommand};

use crate::out::Format;
use crate::verb;

/// Turn weak ad-fraud signals into evidence that two companies can settle a bill with.
///
/// Reads IPv6 indicator feeds, scores how they recur, validates VAST tags, joins both with what
/// was requested, bid, played and billed, lets a policy decide, and writes each decision as a
/// signed record that the other party checks without us.
///
/// Exit codes: 0 nothing wrong, 1 findings, 2 the tool could not do its work.
#[derive(Debug, Parser)]
#[command(name = "adproof", version, max_term_width = 80, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb takes.
#[derive(Debug, Args)]
#[command(next_display_order = 900)]
pub(crate) struct GlobalArgs {
    /// The format of the output.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) output_format: Option<Format>,

    /// No notes and no progress on standard error.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What adproof does.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    // Verbs are listed in the order in which a newcomer meets them.
    /// Runs the whole way on shipped data, and tells it.
    Demo(verb::demo::DemoArgs),
    /// Scores how the blocks that feeds list recur.
    Score(verb::score::ScoreArgs),
    /// Shows what changed between two issues of a feed.
    Diff(verb::diff::DiffArgs),
    /// Judges VAST tags: what is wrong, where, and what to change.
    Lint(verb::lint::LintArgs),
    /// Follows a tag's wrapper chain, hop by hop.
    Inspect(verb::inspect::InspectArgs),
    /// Lets a policy decide about impressions, and records what it decided.
    Decide(verb::decide::DecideArgs),
    /// Decides as events arrive: from a pipe, a file that grows, HTTP or NATS JetStream.
    Stream(Box<verb::stream::StreamArgs>),
    /// Checks, tests and explains policies.
    Policy(verb::policy::PolicyArgs),
    /// Makes recorded decisions again and compares them byte for byte.
    Rerun(verb::rerun::RerunArgs),
    /// Lists the rules of the linter, or explains one.
    Rules(verb::rules::RulesArgs),
    /// Lists who takes which tags, or shows what one requires and who says so.
    Profiles(verb::profiles::ProfilesArgs),
    /// Verifies, shows and proves the records of a ledger.
    Ledger(verb::ledger::LedgerArgs),
    /// Packs records for the other side of a dispute, and checks such packs.
    Bundle(verb::bundle::BundleArgs),
    /// Makes and exports the keys of a log.
    Keys(verb::keys::KeysArgs),
    /// Answers a query over CSV, JSONL and Parquet files.
    Sql(verb::sql::SqlArgs),
    /// Shares the work of `sql` and `score` among many machines.
    Cluster(verb::cluster::ClusterArgs),
    /// Serves the endpoint and the page.
    Serve(verb::serve::ServeArgs),
    /// Prints shell completions.
    Completions(verb::completions::CompletionsArgs),
    /// Prints the manual page.
    Man(verb::completions::ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::Cli;

    /// As many columns as every terminal has.
    const COLUMNS: usize = 80;

    fn wide(text: &str) -> Option<&str> {
        text.lines().find(|line| line.chars().count() > COLUMNS)
    }

    fn walk(verb: &mut Command, path: &str, seen: &mut usize, told: &mut Vec<String>) {
        *seen += 1;
        for help in [verb.render_long_help(), verb.render_help()] {
            let help = help.to_string();
            told.extend(wide(&help).map(|line| format!("{path}: {line}")));
        }
        // What is written by hand fits as it stands: breaking it anew would leave ragged lines.
        let own = [verb.get_after_help(), verb.get_after_long_help(), verb.get_before_help()];
        for text in own.into_iter().flatten().map(ToString::to_string) {
            told.extend(wide(&text).map(|line| format!("{path}, by hand: {line}")));
        }
        for verb in verb.get_subcommands_mut() {
            let path = format!("{path} {}", verb.get_name());
            walk(verb, &path, seen, told);
        }
    }

    #[test]
    fn every_help_text_fits_eighty_columns() {
        let (mut seen, mut told) = (0, Vec::new());
        let mut all = Cli::command();
        all.build();
        walk(&mut all, "adproof", &mut seen, &mut told);
        assert!(seen > 40, "{seen} verbs");
        assert!(told.is_empty(), "wider than {COLUMNS} columns:\n{}", told.join("\n"));
    }
}
