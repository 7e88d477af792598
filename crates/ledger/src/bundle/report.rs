use super::{
    AckState, BundleAnchor, BundleRecord, BundleWitnesses, Files, Outside, PolicyOf, Stamp, inline,
    own_case, own_keys, verify_with,
};
use crate::ack::Ack;
use crate::canon::Writer;
use crate::change::Role;
use crate::cosign::Cosigned;
use crate::fault::EncodeError;
use crate::key::{KeyId, NamedKey};
use crate::policy::{Policy, PolicyLimits};
use crate::trust::TrustedKeys;

/// What the page shows: the check of the files that lie in it as canonical JSON. `keys` are vkeys
/// that the reader brings; without them the bundle's own are used, and the document says so.
/// `policy` is a C2SP tlog-policy of the reader's, which the bundle must then meet; without it the
/// bundle's own says who witnesses, by the sender's word.
///
/// ```text
/// {"anchors": [{"size", "stamps": [{"file", "not_after_us" | null, "state": "stands" |
///               "not_known" | "fails", "text"}], "witnessed"}],
///  "case": {"case", "for"} | null, "checkpoint": {"root", "size"} | null,
///  "keys": [{"id", "name", "role"}], "log",
///  "policy": {"by": "reader" | "sender", "log_known", "met", "met_at": size | null, "witnesses":
///             [{"name", "state": "cosigned" | "missing" | "bad" | "other_algorithm",
///               "time_s": seconds | null}]} | null,
///  "problems": [{"message", "record": seq | null}],
///  "records": [{"ack": {…} | null, "entry": the signed text, "erased_by": seq | null,
///               "inner_ack": {"state"} | null, "leaf", "linked",
///               "revealed": [{"leg", "name", "value"}], "seq", "signed_by"}],
///  "trust": "given" | "own" | "none"}
/// ```
pub fn page_report(
    text: &str,
    keys: Option<&str>,
    policy: Option<&str>,
) -> Result<String, EncodeError> {
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
    let policy = policy.map(|text| Policy::parse(text.as_bytes(), &PolicyLimits::default()));
    match policy.transpose() {
        Ok(policy) => write(&files, &trusted, trust, policy.as_ref()),
        Err(error) => failed(&format!("the policy that you gave: {error}")),
    }
}

fn failed(message: &str) -> Result<String, EncodeError> {
    let mut writer = Writer::new();
    writer.object(|fields| {
        fields.key("anchors").array::<()>(&[], |_, ()| ());
        fields.null("case");
        fields.null("checkpoint");
        fields.key("keys").array::<()>(&[], |_, ()| ());
        fields.text("log", "");
        fields.null("policy");
        let problems = [(None, message.to_owned())];
        fields.key("problems").array(&problems, problem);
        fields.key("records").array::<()>(&[], |_, ()| ());
        fields.text("trust", "none");
    });
    finish(writer)
}

fn write(
    files: &Files,
    trusted: &TrustedKeys,
    trust: &str,
    policy: Option<&Policy>,
) -> Result<String, EncodeError> {
    let outside = Outside { policy, believe_sender: trust == "own", ..Outside::default() };
    let report = verify_with(files, trusted, &outside);
    let mut writer = Writer::new();
    writer.object(|fields| {
        fields.key("anchors").array(&report.anchors, anchor);
        match own_case(files) {
            Some(case) => fields.key("case").object(|fields| {
                fields.text("case", &case.case);
                fields.optional_text("for", case.recipient.as_deref());
            }),
            None => fields.null("case"),
        }
        match &report.checkpoint {
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
        match &report.witnesses {
            Some(witnesses) => policy_of(fields.key("policy"), witnesses),
            None => fields.null("policy"),
        }
        let problems: Vec<(Option<u64>, String)> =
            report.problems.iter().map(|(record, fault)| (*record, fault.to_string())).collect();
        fields.key("problems").array(&problems, problem);
        fields.key("records").array(&report.records, record);
        fields.text("trust", trust);
    });
    finish(writer)
}

fn anchor(writer: &mut Writer, one: &BundleAnchor) {
    writer.object(|fields| {
        fields.count("size", one.checkpoint.size());
        fields.key("stamps").array(&one.stamps, |writer, (file, stamp)| {
            let (state, text, at) = match stamp {
                Stamp::Stands { not_after_us, by } => ("stands", by, Some(*not_after_us)),
                Stamp::NotKnown(why) => ("not_known", why, None),
                Stamp::Fails(why) => ("fails", why, None),
            };
            writer.object(|fields| {
                fields.text("file", file);
                fields.optional_int("not_after_us", at);
                fields.text("state", state);
                fields.text("text", text);
            });
        });
        fields.bool("witnessed", one.witnessed);
    });
}

fn policy_of(writer: &mut Writer, witnesses: &BundleWitnesses) {
    let report = &witnesses.report;
    writer.object(|fields| {
        fields.text(
            "by",
            match witnesses.policy_of {
                PolicyOf::Reader => "reader",
                PolicyOf::Sender => "sender",
            },
        );
        fields.bool("log_known", report.log_known);
        fields.bool("met", report.is_met());
        match witnesses.met_at {
            Some(size) => fields.count("met_at", size),
            None => fields.null("met_at"),
        }
        fields.key("witnesses").array(&report.witnesses, |writer, (name, said)| {
            let (state, time_s) = match said {
                Cosigned::At { time_s } => ("cosigned", i64::try_from(*time_s).ok()),
                Cosigned::Missing => ("missing", None),
                Cosigned::Bad => ("bad", None),
                Cosigned::OtherAlgorithm(_) => ("other_algorithm", None),
            };
            writer.object(|fields| {
                fields.text("name", name);
                fields.text("state", state);
                // Beyond 2⁵³ it is no time, and no number of this format either.
                fields.optional_int("time_s", time_s.filter(|time| *time <= crate::MAX_INT));
            });
        });
    });
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
        AckState::Revoked(_) => "revoked_key",
    }
}

fn finish(writer: Writer) -> Result<String, EncodeError> {
    let bytes = writer.finish()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
