//! `adproof bundle`: what one gives to the other side of a dispute.

mod make;
mod outside;
mod private;
mod verify;

use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// Arguments of `adproof bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    #[command(subcommand)]
    verb: BundleVerb,
}

#[derive(Debug, Subcommand)]
enum BundleVerb {
    /// Packs records with signatures, proofs, checkpoint and public keys into one page and one zip.
    Make(make::MakeArgs),
    /// Checks a bundle, page or zip, with nothing but the keys that you trust.
    Verify(verify::VerifyArgs),
}

pub(crate) fn run(args: &BundleArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        BundleVerb::Make(args) => make::run(args, out),
        BundleVerb::Verify(args) => verify::run(args, out),
    }
}
