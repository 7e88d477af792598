//! Drives the chain's resolver over a source of documents: the network, files, a capture.

mod map;

use std::collections::VecDeque;
use std::io;

use adproof_vast::chain::{Chain, Fetch, FetchFault, Need, Options, Resolver, Start};

pub use map::{Map, MapError, Mapped};

use crate::fetch::{Fetched, Fetcher};

/// Where documents come from.
pub trait Source {
    /// The document that is needed, or why it cannot be had. An error means that the source
    /// itself is of no use here.
    fn fetch(&mut self, need: &Fetch)
    -> impl Future<Output = Result<Fetched, InspectError>> + Send;
}

/// The chain cannot be walked with this source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A capture does not hold what the chain needs: it is of another version of the program, or
    /// was edited.
    #[error("the capture does not hold {0}")]
    NotCaptured(Box<str>),
}

/// A chain, with the documents as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The chain.
    pub chain: Chain,
    /// What was fetched for it, in order: what a capture holds.
    pub documents: Vec<Fetched>,
}

/// Walks a chain to its end.
///
/// # Errors
/// Only those of the source. What is wrong with the chain is part of it.
pub async fn run<S: Source>(
    mut resolver: Resolver,
    source: &mut S,
) -> Result<Inspection, InspectError> {
    let mut documents = Vec::new();
    while let Need::Fetch(need) = resolver.step() {
        let fetched = source.fetch(&need).await?;
        resolver.supply(fetched.response());
        documents.push(fetched);
    }
    Ok(Inspection { chain: resolver.finish(), documents })
}

/// Walks the chain of a tag that is at hand over mapped folders, without network and without a
/// runtime around it.
///
/// # Errors
/// When the operating system gives no runtime.
pub fn offline(tag: Vec<u8>, maps: Vec<Map>, options: Options) -> io::Result<Inspection> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let resolver = Resolver::new(Start::Document(tag), options);
    let mut source = Mapped::new(maps, NoNetwork);
    runtime.block_on(run(resolver, &mut source)).map_err(io::Error::other)
}

impl Source for Fetcher {
    async fn fetch(&mut self, need: &Fetch) -> Result<Fetched, InspectError> {
        Ok(Self::fetch(self, need).await)
    }
}

/// Documents of a capture, each given once, in order.
#[derive(Clone, Debug)]
pub struct Replay(VecDeque<Fetched>);

impl Replay {
    /// Replays these documents.
    #[must_use]
    pub fn new(documents: Vec<Fetched>) -> Self {
        Self(documents.into())
    }
}

impl Source for Replay {
    async fn fetch(&mut self, need: &Fetch) -> Result<Fetched, InspectError> {
        match self.0.pop_front() {
            Some(fetched) if fetched.asked == need.url => Ok(fetched),
            _ => Err(InspectError::NotCaptured(need.url.clone())),
        }
    }
}

/// A source that goes nowhere, for chains that must be resolved from files alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetwork;

impl Source for NoNetwork {
    async fn fetch(&mut self, need: &Fetch) -> Result<Fetched, InspectError> {
        Ok(Fetched {
            asked: need.url.clone(),
            exchanges: Vec::new(),
            body: Err(FetchFault::Refused("the network is not used".into())),
        })
    }
}
