//! `adproof cluster`: the processes of a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[cfg(not(feature = "cluster"))]
use crate::out::{Exit, Out};
use crate::text;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50050);
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Arguments of `adproof cluster`.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    process: Process,
}

#[derive(Debug, Subcommand)]
enum Process {
    /// Takes plans from `sql --cluster` and `score --cluster` and hands their parts to workers.
    Coordinator(CoordinatorArgs),
    /// Runs parts of plans, and keeps what they give until it is fetched.
    Worker(WorkerArgs),
}

/// Arguments of `adproof cluster coordinator`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line of the output is `coordinating on df://ADDRESS:PORT`. What is
known of jobs is held in memory: who waits for one asks again when the
coordinator was stopped.

There is no TLS and no login, and everyone who reaches the port can read what
the workers can read: keep it in a network of its own. Processes of another
version or with other functions are refused.

Examples:
  adproof cluster coordinator
  adproof cluster coordinator --listen 10.0.0.5:50050")]
struct CoordinatorArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
}

/// Arguments of `adproof cluster worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line of the output is `working on ADDRESS:PORT`. A worker opens inputs
under the paths that were named where the work was asked for: mount them
everywhere at the same place. SIGTERM lets it end what it has begun; kill -9
costs no more than doing its part again.

Examples:
  adproof cluster worker --coordinator df://127.0.0.1:50050 --threads 2
  adproof cluster worker --coordinator df://10.0.0.5:50050 \\
    --listen 10.0.0.6:50060 --work /scratch --memory 16GB")]
struct WorkerArgs {
    /// Whose work it does: df://HOST:PORT.
    #[arg(long, value_name = "URL")]
    coordinator: String,

    /// Where other workers and who asked fetch what it made; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ANY_PORT)]
    listen: SocketAddr,

    /// The host name or address by which others reach it, if that is another one.
    #[arg(long, value_name = "HOST")]
    reachable_as: Option<String>,

    /// The folder for what it makes [default: the system's temporary one]. It makes a folder in
    /// it and removes that when it stops.
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,

    /// Memory that the sorts, joins and groups of all its tasks may hold together.
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = text::size)]
    memory: u64,

    /// Tasks that run at once [default: the number of cores].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// What it made for a job is removed after so long, also when nobody said that the job is over.
    /// No job may take longer.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400,
          value_parser = clap::value_parser!(u64).range(10..=2_592_000))]
    job_data_ttl: u64,
}

#[cfg(not(feature = "cluster"))]
pub(crate) fn run(args: &ClusterArgs, _out: &mut Out) -> anyhow::Result<Exit> {
    let what = match args.process {
        Process::Coordinator(_) => "`adproof cluster coordinator`",
        Process::Worker(_) => "`adproof cluster worker`",
    };
    Err(crate::engine::without_cluster(what).into())
}

#[cfg(feature = "cluster")]
pub(crate) use with_cluster::run;

#[cfg(feature = "cluster")]
mod with_cluster {
    use std::io::Write as _;
    use std::net::SocketAddr;
    use std::num::NonZeroUsize;

    use adproof_engine::cluster::{self, WorkerOptions};

    use super::{ClusterArgs, CoordinatorArgs, Process, WorkerArgs};
    use crate::engine;
    use crate::out::{Exit, Format, Out};

    pub(crate) fn run(args: &ClusterArgs, out: &mut Out) -> anyhow::Result<Exit> {
        out.format(&[Format::Table])?;
        match &args.process {
            Process::Coordinator(args) => coordinator(args, out),
            Process::Worker(args) => worker(args, out),
        }
    }

    fn coordinator(args: &CoordinatorArgs, out: &mut Out) -> anyhow::Result<Exit> {
        let mut told = Ok(());
        cluster::serve_coordinator(
            args.listen,
            |address| told = tell(out, "coordinating on df://", address),
            adproof_server::stop_signal,
        )
        .map_err(engine::explain)?;
        told?;
        out.note("adproof: stopped");
        Ok(Exit::Clean)
    }

    fn worker(args: &WorkerArgs, out: &mut Out) -> anyhow::Result<Exit> {
        let options = WorkerOptions {
            coordinator: engine::coordinator(&args.coordinator, "--coordinator")?,
            listen: args.listen,
            reachable_as: args.reachable_as.clone(),
            work: args.work.clone().unwrap_or_else(std::env::temp_dir),
            memory_bytes: args.memory,
            threads: args.threads.unwrap_or_else(|| {
                std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
            }),
            job_data_seconds: args.job_data_ttl,
        };
        #[cfg(unix)]
        with_stack()?;
        let mut told = Ok(());
        cluster::serve_worker(
            &options,
            |address| told = tell(out, "working on ", address),
            adproof_server::stop_signal,
        )
        .map_err(engine::explain)?;
        told?;
        out.note("adproof: stopped");
        Ok(Exit::Clean)
    }

    fn tell(out: &mut Out, what: &str, address: SocketAddr) -> std::io::Result<()> {
        writeln!(out, "{what}{address}")?;
        out.flush()?;
        if !address.ip().is_loopback() {
            out.note(
                "adproof: everyone who reaches this address may use it; there is no TLS and no login",
            );
        }
        Ok(())
    }

    /// Threads that run tasks are not started by us, and have the stack that the environment
    /// names; so the process begins anew with it. Plans are walked by recursion.
    #[cfg(unix)]
    fn with_stack() -> anyhow::Result<()> {
        use std::os::unix::process::CommandExt as _;

        use anyhow::Context as _;

        const STACK: &str = "RUST_MIN_STACK";
        let set = std::env::var(STACK).ok().and_then(|text| text.parse::<usize>().ok());
        if set.is_some_and(|bytes| bytes >= cluster::STACK_BYTES) {
            return Ok(());
        }
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).env(STACK, cluster::STACK_BYTES.to_string());
        // Only comes back with an error.
        Err(command.exec()).context("the worker cannot be started again with a larger stack")
    }
}
