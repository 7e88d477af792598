//! One module a verb: its arguments and `run`.

pub(crate) mod completions;
pub(crate) mod serve;

use crate::args::Verb;
use crate::out::{Exit, Out};

pub(crate) fn run(verb: &Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Serve(args) => serve::run(args, out),
        Verb::Completions(args) => completions::run(args, out),
        Verb::Man(args) => completions::man(args, out),
    }
}
