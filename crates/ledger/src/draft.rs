//! A decision before it has a place in a log: everything but log, seq, prev, kid and time.

use crate::canon::{Fields, ObjectReader, Reader, Writer};
use crate::fault::{EncodeError, ParseError};
use crate::hash::Hash;

/// A decision before it has a place: what a second run has to reproduce byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The six legs of evidence: state and commitment.
    pub legs: Legs,
    /// How many of the applicable legs have evidence.
    pub completeness: Completeness,
    /// What was decided and why.
    pub dec: Decision,
    /// What a second run needs to be given.
    pub repro: Repro,
}

impl Draft {
    /// The canonical bytes of this part of a record.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        self.written().map(|written| written.bytes)
    }

    /// Writes this part of a record ahead of its place, on whichever thread has made it.
    pub fn written(&self) -> Result<WrittenDraft, EncodeError> {
        let mut writer = Writer::new();
        let (mut legs, mut repro) = (0, 0);
        writer.object(|fields| {
            self.write_head(fields);
            legs = fields.end();
            self.write_legs(fields);
            repro = fields.end();
            self.write_repro(fields);
        });
        Ok(WrittenDraft { bytes: writer.finish()?, legs, repro })
    }

    // The three parts stand at different places among the sorted keys of a record.
    pub(crate) fn write_head(&self, fields: &mut Fields<'_>) {
        self.completeness.write(fields.key("completeness"));
        self.dec.write(fields.key("dec"));
    }

    pub(crate) fn write_legs(&self, fields: &mut Fields<'_>) {
        self.legs.write(fields.key("legs"));
    }

    pub(crate) fn write_repro(&self, fields: &mut Fields<'_>) {
        self.repro.write(fields.key("repro"));
    }
}

/// A draft as its canonical bytes, which a record takes over as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenDraft {
    bytes: Vec<u8>,
    /// Where the commas in front of the legs and of what a second run needs stand.
    legs: usize,
    repro: usize,
}

impl WrittenDraft {
    /// The bytes of [`Draft::to_bytes`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    // The parts without the braces around all of them and the commas between.
    pub(crate) fn head(&self) -> &[u8] {
        self.bytes.get(1..self.legs).unwrap_or_default()
    }

    pub(crate) fn legs(&self) -> &[u8] {
        self.bytes.get(self.legs + 1..self.repro).unwrap_or_default()
    }

    pub(crate) fn repro(&self) -> &[u8] {
        self.bytes.get(self.repro + 1..self.bytes.len().saturating_sub(1)).unwrap_or_default()
    }
}

/// The state of one leg of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegState {
    /// Evidence arrived in time.
    Present,
    /// No evidence.
    Absent,
    /// Evidence arrived after the window had closed.
    Late,
    /// The holder refused to give it.
    Refused,
    /// The holder gave it with its content withheld.
    Redacted,
    /// Its key has been destroyed.
    Erased,
    /// This impression has no such leg.
    NotApplicable,
}

impl LegState {
    const NAMES: [(&'static str, Self); 7] = [
        ("present", Self::Present),
        ("absent", Self::Absent),
        ("late", Self::Late),
        ("refused", Self::Refused),
        ("redacted", Self::Redacted),
        ("erased", Self::Erased),
        ("not_applicable", Self::NotApplicable),
    ];

    /// The name in a record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// One leg: its state, and the root of the salted disclosures that it commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The state.
    pub state: LegState,
    /// The root, made by [`crate::commit`]. A leg without evidence commits to decoys alone.
    pub root: Hash,
}

impl Leg {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.hash("root", &self.root);
            fields.text("state", self.state.as_str());
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self { root: fields.hash("root")?, state: fields.name("state", &LegState::NAMES)? })
        })
    }
}

/// The six legs of evidence, in the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Legs {
    /// What was requested.
    pub request: Leg,
    /// Who asked, as the network saw it.
    pub network: Leg,
    /// The creative that won.
    pub creative: Leg,
    /// The final VAST, or the stitched instruction.
    pub vast: Leg,
    /// What the player reported.
    pub execution: Leg,
    /// What was billed.
    pub billing: Leg,
}

impl Legs {
    /// The names of the legs, in the order of the fields.
    pub const NAMES: [&'static str; 6] =
        ["request", "network", "creative", "vast", "execution", "billing"];

    /// The legs with their names, in the order of the fields.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Leg); 6] {
        let [request, network, creative, vast, execution, billing] = Self::NAMES;
        [
            (request, self.request),
            (network, self.network),
            (creative, self.creative),
            (vast, self.vast),
            (execution, self.execution),
            (billing, self.billing),
        ]
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            self.billing.write(fields.key("billing"));
            self.creative.write(fields.key("creative"));
            self.execution.write(fields.key("execution"));
            self.network.write(fields.key("network"));
            self.request.write(fields.key("request"));
            self.vast.write(fields.key("vast"));
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            let billing = Leg::read(fields.key("billing")?)?;
            let creative = Leg::read(fields.key("creative")?)?;
            let execution = Leg::read(fields.key("execution")?)?;
            let network = Leg::read(fields.key("network")?)?;
            let request = Leg::read(fields.key("request")?)?;
            let vast = Leg::read(fields.key("vast")?)?;
            Ok(Self { request, network, creative, vast, execution, billing })
        })
    }
}

/// How many of the applicable legs have evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completeness {
    /// Legs that are present.
    pub have: u8,
    /// Applicable legs that are not.
    pub miss: u8,
    /// The share of the first in parts per million, rounded down.
    pub ppm: u32,
}

impl Completeness {
    fn write(self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.int("have", self.have);
            fields.int("miss", self.miss);
            fields.int("ppm", self.ppm);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                have: fields.number("have")?,
                miss: fields.number("miss")?,
                ppm: fields.number("ppm")?,
            })
        })
    }
}

/// What a policy chose, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing.
    None,
    /// Keep watching.
    Observe,
    /// Measure more closely.
    Measure,
    /// A person looks at it.
    Review,
    /// Fewer impressions from the target.
    Throttle,
    /// No impressions from the target until the decision expires.
    Block,
}

impl Action {
    /// The names with their values.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("none", Self::None),
        ("observe", Self::Observe),
        ("measure", Self::Measure),
        ("review", Self::Review),
        ("throttle", Self::Throttle),
        ("block", Self::Block),
    ];

    /// The name in a record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// What was decided and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The action.
    pub action: Action,
    /// Who else the action hits, one entry a block that was weighed.
    pub collateral: Vec<Collateral>,
    /// When the action ends, µs since 1970-01-01T00:00:00Z.
    pub expires_us: Option<i64>,
    /// Whether the action was held back on purpose, so that its effect can be measured.
    pub held_out: bool,
    /// One entry a gate of the policy, in the policy's order.
    pub reasons: Vec<Reason>,
    /// What scoring said about the blocks that hold the address, narrowest first.
    pub scores: Vec<Score>,
    /// A keyed hash of transaction and impression: one impression is one subject, and nobody
    /// without the evidence key can tell whose it is.
    pub subject: Hash,
    /// The judgement of the tag that was served.
    pub tag: Option<Tag>,
    /// The block that the action is about, as text.
    pub target: Option<String>,
}

impl Decision {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("action", self.action.as_str());
            fields.key("collateral").array(&self.collateral, |w, item| item.write(w));
            fields.optional_int("expires_us", self.expires_us);
            fields.bool("held_out", self.held_out);
            fields.key("reasons").array(&self.reasons, |w, item| item.write(w));
            fields.key("scores").array(&self.scores, |w, item| item.write(w));
            fields.hash("subject", &self.subject);
            match &self.tag {
                Some(tag) => tag.write(fields.key("tag")),
                None => fields.null("tag"),
            }
            fields.optional_text("target", self.target.as_deref());
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                action: fields.name("action", &Action::NAMES)?,
                collateral: fields.key("collateral")?.array(Collateral::read)?,
                expires_us: fields.optional_int("expires_us")?,
                held_out: fields.bool("held_out")?,
                reasons: fields.key("reasons")?.array(Reason::read)?,
                scores: fields.key("scores")?.array(Score::read)?,
                subject: fields.hash("subject")?,
                tag: Tag::read_optional(fields)?,
                target: fields.optional_text("target")?,
            })
        })
    }
}

/// What one gate of the policy said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The gate's id.
    pub gate: String,
    /// The numbers that it compared, in its order. The unit is part of the name: `…_ppm`.
    pub numbers: Vec<Number>,
    /// The id of its outcome.
    pub outcome: String,
}

impl Reason {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("gate", &self.gate);
            fields.key("numbers").array(&self.numbers, |w, item| item.write(w));
            fields.text("outcome", &self.outcome);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                gate: fields.text("gate")?,
                numbers: fields.key("numbers")?.array(Number::read)?,
                outcome: fields.text("outcome")?,
            })
        })
    }
}

/// A named integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// What it is, with its unit.
    pub name: String,
    /// The value, |n| ≤ 2⁵³ − 1.
    pub value: i64,
}

impl Number {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("name", &self.name);
            fields.int("value", self.value);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| Ok(Self { name: fields.text("name")?, value: fields.int("value")? }))
    }
}

/// What scoring said about one block and one family of invalid traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The highest recurrence that the history could have reached.
    pub attainable_ppm: u32,
    /// The block, as text. Never narrower than a /64: a record names no single address.
    pub block: String,
    /// Whether it is ranked: `ranked` or `insufficient`.
    pub class: String,
    /// The narrower block that explains every mark of this one.
    pub explained_by: Option<String>,
    /// The family of invalid traffic.
    pub family: String,
    /// The 95 % quantile of the posterior.
    pub high_ppm: u32,
    /// Distinct indicators in the block.
    pub indicators: u32,
    /// Issues in the window.
    pub issues: u32,
    /// Issues that mark the block.
    pub issues_seen: u32,
    /// The posterior mean.
    pub mean_ppm: u32,
    /// The 5 % quantile of the posterior.
    pub recurrence_ppm: u32,
}

impl Score {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.int("attainable_ppm", self.attainable_ppm);
            fields.text("block", &self.block);
            fields.text("class", &self.class);
            fields.optional_text("explained_by", self.explained_by.as_deref());
            fields.text("family", &self.family);
            fields.int("high_ppm", self.high_ppm);
            fields.int("indicators", self.indicators);
            fields.int("issues", self.issues);
            fields.int("issues_seen", self.issues_seen);
            fields.int("mean_ppm", self.mean_ppm);
            fields.int("recurrence_ppm", self.recurrence_ppm);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                attainable_ppm: fields.number("attainable_ppm")?,
                block: fields.text("block")?,
                class: fields.text("class")?,
                explained_by: fields.optional_text("explained_by")?,
                family: fields.text("family")?,
                high_ppm: fields.number("high_ppm")?,
                indicators: fields.number("indicators")?,
                issues: fields.number("issues")?,
                issues_seen: fields.number("issues_seen")?,
                mean_ppm: fields.number("mean_ppm")?,
                recurrence_ppm: fields.number("recurrence_ppm")?,
            })
        })
    }
}

/// Who else an action on a block would hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collateral {
    /// Where the figures come from: `log` or `no_evidence`.
    pub basis: String,
    /// The block, as text.
    pub block: String,
    /// Share of the log's impressions that carry a device id.
    pub coverage_ppm: u32,
    /// Distinct unflagged devices seen in the block.
    pub devices: u64,
    /// Upper bound of the share of all devices.
    pub devices_high_ppm: u32,
    /// Distinct devices in the whole log.
    pub devices_in_log: u64,
    /// Distinct unflagged /64s.
    pub households: u64,
    /// Impressions of unflagged devices.
    pub impressions: u64,
    /// Revenue of those impressions in micro-units.
    pub revenue_micros: i64,
}

impl Collateral {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("basis", &self.basis);
            fields.text("block", &self.block);
            fields.int("coverage_ppm", self.coverage_ppm);
            fields.count("devices", self.devices);
            fields.int("devices_high_ppm", self.devices_high_ppm);
            fields.count("devices_in_log", self.devices_in_log);
            fields.count("households", self.households);
            fields.count("impressions", self.impressions);
            fields.int("revenue_micros", self.revenue_micros);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                basis: fields.text("basis")?,
                block: fields.text("block")?,
                coverage_ppm: fields.number("coverage_ppm")?,
                devices: fields.number("devices")?,
                devices_high_ppm: fields.number("devices_high_ppm")?,
                devices_in_log: fields.number("devices_in_log")?,
                households: fields.number("households")?,
                impressions: fields.number("impressions")?,
                revenue_micros: fields.int("revenue_micros")?,
            })
        })
    }
}

/// The judgement of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// SHA-256 of the document.
    pub document: Hash,
    /// Findings of severity error.
    pub errors: u32,
    /// How it fared: `clean`, `findings`, `malformed` or `refused`.
    pub outcome: String,
    /// Findings on the risk axis.
    pub risks: u32,
}

impl Tag {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.hash("document", &self.document);
            fields.int("errors", self.errors);
            fields.text("outcome", &self.outcome);
            fields.int("risks", self.risks);
        });
    }

    fn read_optional(fields: &mut ObjectReader<'_, '_>) -> Result<Option<Self>, ParseError> {
        let reader = fields.key("tag")?;
        if reader.null() {
            return Ok(None);
        }
        reader.object(|fields| {
            Ok(Some(Self {
                document: fields.hash("document")?,
                errors: fields.number("errors")?,
                outcome: fields.text("outcome")?,
                risks: fields.number("risks")?,
            }))
        })
    }
}

/// What a second run needs to be given to come to the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repro {
    /// Digest that names the engine: the same for every build of one version.
    pub engine: Hash,
    /// Every input, in the run's order.
    pub inputs: Vec<Input>,
    /// Digest of the scoring model: what scoring was computed from.
    pub model: Hash,
    /// Digest of the scoring parameters.
    pub params: Hash,
    /// Digest of the policy.
    pub policy: Hash,
    /// Digest of the rule set that judged the tags.
    pub ruleset: Hash,
    /// The seed of everything that is drawn.
    pub seed: u64,
}

impl Repro {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.hash("engine", &self.engine);
            fields.key("inputs").array(&self.inputs, |w, item| item.write(w));
            fields.hash("model", &self.model);
            fields.hash("params", &self.params);
            fields.hash("policy", &self.policy);
            fields.hash("ruleset", &self.ruleset);
            fields.id("seed", self.seed);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                engine: fields.hash("engine")?,
                inputs: fields.key("inputs")?.array(Input::read)?,
                model: fields.hash("model")?,
                params: fields.hash("params")?,
                policy: fields.hash("policy")?,
                ruleset: fields.hash("ruleset")?,
                seed: fields.id("seed")?,
            })
        })
    }
}

/// One input of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What it was for: `feed`, `events`, `tag`, `asn` and so on. No path: paths tell of people.
    pub role: String,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
}

impl Input {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("role", &self.role);
            fields.hash("sha256", &self.sha256);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self { role: fields.text("role")?, sha256: fields.hash("sha256")? })
        })
    }
}
