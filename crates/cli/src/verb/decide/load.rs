//! What a run is given beside its events, read and pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adproof_edge::inputs::{InputStore, InputsError};
use adproof_feeds::{AsnTable, Limits, enrich, read_feed};
use adproof_model::{Digest, TagVerdict};
use adproof_pipeline::{Inputs, JoinLimits, Recorder, Windows, manifest_digest};
use adproof_policy::{Policy, PolicyError};
use adproof_signal::Params;
use clap::Args;

use crate::input::{self, Input};
use crate::out::Failure;
use crate::verb::score::{is_feed, unread};

/// What `decide`, `stream` and `rerun` are given beside events.
#[derive(Clone, Debug, Args)]
pub(crate) struct GivenArgs {
    /// Issues of feeds: files, folders or globs. May be given more than once.
    #[arg(long = "feed", required = true, value_name = "FEED")]
    pub(crate) feeds: Vec<PathBuf>,

    /// A table of autonomous systems (asn, name, start, end), for rows that name none.
    #[arg(long, value_name = "TABLE")]
    pub(crate) asn: Option<PathBuf>,

    /// The VAST tags that events name: files, folders (their .xml, .vast and .vmap) or globs.
    #[arg(long, value_name = "TAG")]
    pub(crate) tags: Vec<PathBuf>,

    /// The policy. It is named explicitly, always.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

/// What was read, and the digests that each record pins.
#[derive(Debug)]
pub(crate) struct Given {
    /// What the pipeline runs on.
    pub(crate) inputs: Inputs,
    /// Roles and digests.
    pub(crate) pinned: Vec<(&'static str, Digest)>,
}

/// The bytes that a run is given, before anybody has read them.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) policy: Input,
    pub(crate) feeds: Vec<Input>,
    pub(crate) asn: Option<Input>,
    pub(crate) tags: Vec<Input>,
}

impl Sources {
    /// Reads the files.
    pub(crate) fn read(args: &GivenArgs) -> anyhow::Result<Self> {
        let is_tag = |path: &Path| input::has_extension(path, &["xml", "vast", "vmap"]);
        Ok(Self {
            policy: input::one(&args.policy)?,
            feeds: input::expand(&args.feeds, is_feed)?,
            asn: args.asn.as_deref().map(input::one).transpose()?,
            tags: match args.tags.as_slice() {
                [] => Vec::new(),
                tags => input::expand(tags, is_tag)?,
            },
        })
    }

    /// Keeps them where `rerun` finds them.
    pub(crate) fn keep(&self, store: &InputStore) -> Result<(), InputsError> {
        store.put(&self.policy.bytes)?;
        store.put_files(named(&self.feeds))?;
        store.put_files(named(&self.tags))?;
        if let Some(asn) = &self.asn {
            store.put(&asn.bytes)?;
        }
        Ok(())
    }
}

/// Files by their names, without folders.
pub(crate) fn named(inputs: &[Input]) -> impl Iterator<Item = (&str, &[u8])> {
    inputs.iter().map(|input| (file_name(&input.name), input.bytes.as_slice()))
}

impl Given {
    /// Reads everything.
    pub(crate) fn read(args: &GivenArgs) -> anyhow::Result<Self> {
        Self::of(&Sources::read(args)?)
    }

    /// Reads what there is.
    pub(crate) fn of(sources: &Sources) -> anyhow::Result<Self> {
        let policy = read_policy(&sources.policy)?;
        let limits = Limits::default();
        let mut issues = Vec::with_capacity(sources.feeds.len());
        for feed in &sources.feeds {
            issues.push(read_feed(&feed.name, &feed.bytes, &limits).map_err(|e| unread(&e))?);
        }
        let mut pinned = vec![(
            "feeds",
            manifest_digest(issues.iter().map(|issue| (file_name(&issue.name), issue.sha256))),
        )];
        if let Some(table) = &sources.asn {
            let table = AsnTable::read(&table.name, &table.bytes, &limits)
                .map_err(|error| unread(&error))?;
            for issue in &mut issues {
                enrich(&mut issue.accepted, &table);
            }
            pinned.push(("asn", table.digest()));
        }
        let tags = judge_tags(&sources.tags)?;
        let documents = tags.iter().map(|(name, verdict)| (&**name, verdict.document));
        pinned.push(("tags", manifest_digest(documents)));
        let inputs = Inputs {
            policy,
            feeds: adproof_wire::score::tally_of(&issues),
            params: Params::default(),
            tags,
            windows: Windows::default(),
            limits: JoinLimits::default(),
        };
        Ok(Self { inputs, pinned })
    }

    /// What makes records of this run's decisions.
    pub(crate) fn recorder(&self, evidence: adproof_ledger::EvidenceKey) -> Recorder {
        let ruleset = adproof_vast::ruleset_digest();
        let Inputs { params, policy, .. } = &self.inputs;
        Recorder::new(evidence, &self.pinned, params, policy, ruleset)
    }
}

/// Verdicts by file name, which is how events name their tag. Every rule speaks: a verdict that
/// depends on somebody's lint settings could not be run again.
fn judge_tags(inputs: &[Input]) -> anyhow::Result<BTreeMap<Box<str>, TagVerdict>> {
    let mut tags = BTreeMap::new();
    let options = adproof_vast::Options::default();
    for tag in inputs {
        let verdict = adproof_vast::lint(&tag.bytes, &options).verdict;
        let name = file_name(&tag.name);
        if tags.insert(name.into(), verdict).is_some() {
            return Err(Failure::new(format!("two tags are named {name}"))
                .at(&tag.name)
                .todo("events name tags by file name: give each its own")
                .into());
        }
    }
    Ok(tags)
}

/// Reads one policy, with an error that says where.
pub(crate) fn read_policy(input: &Input) -> anyhow::Result<Policy> {
    let text = std::str::from_utf8(&input.bytes).map_err(|_| {
        Failure::new("the policy is not UTF-8 text")
            .at(&input.name)
            .todo("give a policy file in TOML; rules/policy/default.toml is one")
    })?;
    Policy::parse(text).map_err(|PolicyError { message, line, column }| {
        Failure::new(message)
            .at(format!("{}:{line}:{column}", input.name))
            .todo("mend the policy and run `adproof policy check`")
            .into()
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
