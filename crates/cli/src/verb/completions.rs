//! `adproof completions` and `adproof man`: generated from the one definition of the arguments.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::out::{Exit, Out};

/// Arguments of `adproof completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, out: &mut Out) -> anyhow::Result<Exit> {
    clap_complete::generate(args.shell, &mut Cli::command(), "adproof", out);
    Ok(Exit::Clean)
}

pub(crate) fn man(out: &mut Out) -> anyhow::Result<Exit> {
    clap_mangen::Man::new(Cli::command()).render(out)?;
    Ok(Exit::Clean)
}
