//! Inputs from the store that `decide --store` fills, by the digests that records pin.

use std::collections::BTreeMap;
use std::path::Path;

use adproof_edge::inputs::{InputStore, InputsError, Limits};
use adproof_ledger::{Draft, Hash, Repro};

use crate::input::Input;
use crate::out::Failure;
use crate::verb::decide::Sources;

/// What some decisions were made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    /// The first of these records, for errors.
    seq: u64,
    policy: Hash,
    inputs: Vec<(String, Hash)>,
    logs: Hash,
}

type Wanted = Vec<(u64, Draft)>;

/// Decisions by what they were made from: one ledger may hold those of many runs.
pub(super) fn groups(folder: &Path, wanted: Wanted) -> anyhow::Result<Vec<(Group, Wanted)>> {
    let store = InputStore::new(folder, Limits::default());
    let mut logs: BTreeMap<Hash, Hash> = BTreeMap::new();
    let mut groups: Vec<(Group, Wanted)> = Vec::new();
    for (seq, draft) in wanted {
        let Repro { policy, inputs, model, .. } = &draft.repro;
        let logs = if let Some(found) = logs.get(model) {
            *found
        } else {
            let found = store.logs_of(model);
            let found = found.map_err(|error| failed(folder, seq, "model", &error))?;
            logs.insert(*model, found);
            found
        };
        let inputs = inputs.iter().map(|input| (input.role.clone(), input.sha256)).collect();
        let group = Group { seq, policy: *policy, inputs, logs };
        let same = |(other, _): &&mut (Group, Wanted)| {
            (other.policy, &other.inputs, other.logs) == (group.policy, &group.inputs, group.logs)
        };
        match groups.iter_mut().find(same) {
            Some((_, wanted)) => wanted.push((seq, draft)),
            None => groups.push((group, vec![(seq, draft)])),
        }
    }
    Ok(groups)
}

/// Fetches the inputs of a group.
pub(super) fn fetch(folder: &Path, group: &Group) -> anyhow::Result<(Sources, Vec<Input>)> {
    let store = InputStore::new(folder, Limits::default());
    let named = |(name, bytes): (String, Vec<u8>)| Input { name, bytes };
    let one = |role: &str, digest: &Hash| -> anyhow::Result<Input> {
        let bytes = store.input(digest);
        let bytes = bytes.map_err(|error| failed(folder, group.seq, role, &error))?;
        Ok(Input { name: format!("{role} of record {}", group.seq), bytes })
    };
    let many = |role: &str, digest: &Hash| -> anyhow::Result<Vec<Input>> {
        let files = store.files(digest);
        let files = files.map_err(|error| failed(folder, group.seq, role, &error))?;
        Ok(files.into_iter().map(named).collect())
    };
    let mut sources = Sources {
        policy: one("policy", &group.policy)?,
        feeds: Vec::new(),
        asn: None,
        tags: Vec::new(),
    };
    for (role, digest) in &group.inputs {
        match role.as_str() {
            "feeds" => sources.feeds = many(role, digest)?,
            "tags" => sources.tags = many(role, digest)?,
            "asn" => sources.asn = Some(one(role, digest)?),
            other => {
                return Err(Failure::new(format!(
                    "record {} pins an input of a kind that this \
                                                 version does not know: {other}",
                    group.seq
                ))
                .todo("use the version of adproof that decided")
                .into());
            }
        }
    }
    Ok((sources, many("events", &group.logs)?))
}

fn failed(folder: &Path, seq: u64, role: &str, error: &InputsError) -> Failure {
    let todo = match error {
        InputsError::Missing(_) => "give the folder that `decide --store` kept the inputs in",
        InputsError::Changed { .. } => "restore the file from a backup: the record pins another",
        _ => "check the folder and its rights",
    };
    Failure::new(format!("the {role} of record {seq}: {error}")).at(folder.display()).todo(todo)
}
