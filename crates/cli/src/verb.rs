//! One module a verb: its arguments and `run`.

pub(crate) mod bundle;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod lint;
pub(crate) mod policy;
pub(crate) mod profiles;
pub(crate) mod rerun;
pub(crate) mod rules;
pub(crate) mod score;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod stream;

use crate::args::Verb;
use crate::out::{Exit, Out};

pub(crate) fn run(verb: &Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Demo(args) => demo::run(args, out),
        Verb::Score(args) => score::run(args, out),
        Verb::Diff(args) => diff::run(args, out),
        Verb::Lint(args) => lint::run(args, out),
        Verb::Rules(args) => rules::run(args, out),
        Verb::Profiles(args) => profiles::run(args, out),
        Verb::Inspect(args) => inspect::run(args, out),
        Verb::Decide(args) => decide::run(args, out),
        Verb::Stream(args) => stream::run(args, out),
        Verb::Policy(args) => policy::run(args, out),
        Verb::Rerun(args) => rerun::run(args, out),
        Verb::Ledger(args) => ledger::run(args, out),
        Verb::Bundle(args) => bundle::run(args, out),
        Verb::Keys(args) => keys::run(args, out),
        Verb::Sql(args) => sql::run(args, out),
        Verb::Cluster(args) => cluster::run(args, out),
        Verb::Serve(args) => serve::run(args, out),
        Verb::Completions(args) => completions::run(args, out),
        Verb::Man(args) => completions::man(args, out),
    }
}
