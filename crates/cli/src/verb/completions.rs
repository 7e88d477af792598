//! `adproof completions` and `adproof man`: generated from the one definition of the arguments.

use std::io::Write as _;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::out::{Exit, Failure, Out};

/// Arguments of `adproof completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, out: &mut Out) -> anyhow::Result<Exit> {
    // The generator panics when its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "adproof", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Clean)
}

/// Arguments of `adproof man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// A verb with a page of its own; the whole tool where none is named.
    verb: Option<String>,
}

pub(crate) fn man(args: &ManArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let page = match &args.verb {
        None => command,
        Some(verb) => command.find_subcommand(verb).cloned().ok_or_else(|| {
            Failure::new(format!("there is no verb `{verb}`"))
                .todo("`adproof --help` lists the verbs")
        })?,
    };
    clap_mangen::Man::new(page).render(out)?;
    Ok(Exit::Clean)
}
