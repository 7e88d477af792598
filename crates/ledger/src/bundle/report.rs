use super::{AckState, BundleRecord, Files, inline, own_case, own_keys, verify};
use crate::ack::Ack;
use crate::canon::Writer;
use crate::change::Role;
use crate::fault::EncodeError;
use crate::key::{KeyId, NamedKey};
use crate::trust::TrustedKeys;

/// What the page shows: the check of the files that lie in it as canonical JSON. `keys` are vkeys
/// that the reader brings; without them the bundle's own are used, and the document says so.
///
/// ```text
/// {"case": {"case", "for"} | null, "checkpoint": {"root", "size"} | null,
///  "keys": [{"id", "name", "role"}], "log",
///  "problems": [{"message", "record": seq | null}],
///  "records": [{"ack": {…} | null, "entry": the signed text, "erased_by": seq | null,
///               "inner_ack": {"state"} | null, "leaf", "linked",
///               "revealed": [{"leg", "name", "value"}], "seq", "signed_by"}],
///  "trust": "given" | "own" | "none"}
/// ```
pub fn page_report(text: &str, keys: Option<&str>) -> Result<String, EncodeError> {
    let files = match inline::parse(text, &inline::Limits::default()) {
        Ok(files) => files,
        Err(error) => return failed(&error.to_string()),
    };
    let (trusted, trust) = match keys {
        Some(keys) => match TrustedKeys::parse(keys) {
            Ok(trusted) => (trusted, "given"),
            Err(error) => return failed(&format!("the keys that you gave: {error}")),
        },
        None => match own_keys(&files) {
            Some(trusted) => (trusted, "own"),
            None => return failed("the file log.pub is missing or holds no keys of a log"),
        },
    };
    write(&files, &trusted, trust)
}

fn failed(message: &str) -> Result<String, EncodeError> {
    let mut writer = Writer::new();
    writer.object(|fields| {
        fields.null("case");
        fields.null("checkpoint");
        fields.key("keys").array::<()>(&[], |_, ()| ());
        fields.text("log", "");
        let problems = [(None, message.to_owned())];
        fields.key("problems").array(&problems, problem);
        fields.key("records").array::<()>(&[], |_, ()| ());
        fields.text("trust", "none");
    });
    finish(writer)
}

fn write(files: &Files, trusted: &TrustedKeys, trust: &str) -> Result<String, EncodeError> {
    let report = verify(files, trusted);
    let mut writer = Writer::new();
    writer.object(|fields| {
        match own_case(files) {
            Some(case) => fields.key("case").object(|fields| {
                fields.text("case", &case.case);
                fields.optional_text("for", case.recipient.as_deref());
            }),
            None => fields.null("case"),
        }
        match report.records.first().map(|one| one.verified.checkpoint()) {
            Some(checkpoint) => fields.key("checkpoint").object(|fields| {
                fields.hash("root", &checkpoint.root());
                fields.count("size", checkpoint.size());
            }),
            None => fields.null("checkpoint"),
        }
        fields.key("keys").array(&named(trusted), |writer, (role, name, id)| {
            writer.object(|fields| {
                fields.hex("id", id.as_bytes());
                fields.text("name", name);
                fields.text("role", role.as_str());
            });
        });
        fields.text("log", trusted.log());
        let problems: Vec<(Option<u64>, String)> =
            report.problems.iter().map(|(record, fault)| (*record, fault.to_string())).collect();
        fields.key("problems").array(&problems, problem);
        fields.key("records").array(&report.records, record);
        fields.text("trust", trust);
    });
    finish(writer)
}

fn named(trusted: &TrustedKeys) -> Vec<(Role, String, KeyId)> {
    let log = trusted.log();
    let checkpoint = trusted.checkpoint_keys().iter();
    let of = |role: Role| {
        move |key: &crate::key::PublicKey| {
            let name = NamedKey::of_role(log, role, *key);
            (role, name.map_or_else(String::new, |key| key.name().to_owned()), key.id())
        }
    };
    checkpoint
        .map(|key| (Role::Checkpoint, key.name().to_owned(), key.key().id()))
        .chain(trusted.record_keys().iter().map(of(Role::Record)))
        .chain(trusted.root_keys().iter().map(of(Role::Root)))
        .chain(trusted.counterparty_keys().iter().map(of(Role::Counterparty)))
        .collect()
}

fn problem(writer: &mut Writer, (record, message): &(Option<u64>, String)) {
    writer.object(|fields| {
        fields.text("message", message);
        match record {
            Some(seq) => fields.count("record", *seq),
            None => fields.null("record"),
        }
    });
}

fn record(writer: &mut Writer, one: &BundleRecord) {
    let verified = &one.verified;
    writer.object(|fields| {
        match &one.ack {
            Some((ack, state)) => acknowledged(fields.key("ack"), ack, *state),
            None => fields.null("ack"),
        }
        // A record that was parsed is UTF-8.
        fields.text("entry", &String::from_utf8_lossy(&one.entry));
        match one.erased_by {
            Some(by) => fields.count("erased_by", by),
            None => fields.null("erased_by"),
        }
        fields.optional_text("inner_ack", one.inner_ack.map(state));
        fields.hash("leaf", &verified.leaf());
        fields.bool("linked", one.linked);
        fields.key("revealed").array(&one.revealed, |writer, (leg, disclosure)| {
            writer.object(|fields| {
                fields.text("leg", leg);
                fields.text("name", disclosure.name());
                fields.text("value", &disclosure.value().to_string());
            });
        });
        fields.count("seq", verified.record().seq);
        fields.hex("signed_by", verified.record().kid.as_bytes());
    });
}

fn acknowledged(writer: &mut Writer, ack: &Ack, holds: AckState) {
    writer.object(|fields| {
        fields.text("reason", &ack.statement.reason);
        fields.hex("signed_by", ack.kid.as_bytes());
        fields.text("stance", ack.statement.stance.as_str());
        fields.text("state", state(holds));
        fields.int("time_us", ack.statement.time_us);
    });
}

const fn state(state: AckState) -> &'static str {
    match state {
        AckState::Holds => "holds",
        AckState::UnknownKey(_) => "unknown_key",
    }
}

fn finish(writer: Writer) -> Result<String, EncodeError> {
    let bytes = writer.finish()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
