//! One module a verb: its arguments and `run`.

pub(crate) mod completions;

use crate::args::Verb;
use crate::out::{Exit, Out};

pub(crate) fn run(verb: &Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Completions(args) => completions::run(args, out),
        Verb::Man => completions::man(out),
    }
}
