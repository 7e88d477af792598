//! The `adproof` binary: arguments, renderers, exit codes. What it does lives in the libraries.

mod args;
mod bucket;
mod config;
mod disclosures;
mod engine;
mod input;
mod keyring;
mod out;
mod text;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::out::Out;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::from_args(&cli.global);
    match verb::run(&cli.verb, &mut out).and_then(|exit| out.finish().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(error) => out::report(&error),
    }
}
