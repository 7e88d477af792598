//! `rules/vast/structure.tsv`: elements, attributes and events by version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};

use super::{HEADER, camel, screaming};

/// Bits of the hash table that interns names.
const TABLE_BITS: u32 = 12;

pub(super) struct Structure {
    /// The versions, one a column.
    pub(super) versions: Vec<String>,
    types: Vec<Type>,
    events: Vec<(String, Vec<Occurs>)>,
}

struct Type {
    name: String,
    content: String,
    children: Vec<Row>,
    attributes: Vec<Row>,
    /// By version, groups of children in the order of the schema; empty where it has none.
    order: Vec<Vec<Vec<String>>>,
}

/// A child or an attribute of a type.
struct Row {
    name: String,
    /// The type of a child, the kind of an attribute.
    kind: String,
    occurs: Vec<Occurs>,
    rules: RowRules,
}

/// Rules that a row reports instead of the general ones.
#[derive(Default)]
struct RowRules {
    missing: Option<String>,
    value: Option<String>,
    twice: Option<String>,
    outdated: Option<String>,
}

impl RowRules {
    /// `ID` or `missing:ID`, `value:ID`, `twice:ID`, `outdated:ID`, separated by commas.
    fn parse(text: &str) -> Result<Self> {
        let mut rules = Self::default();
        for part in text.split(',') {
            let (when, id) = part.split_once(':').unwrap_or(("missing", part));
            let slot = match when {
                "missing" => &mut rules.missing,
                "value" => &mut rules.value,
                "twice" => &mut rules.twice,
                "outdated" => &mut rules.outdated,
                _ => bail!("`{when}` is none of missing, value, twice, outdated"),
            };
            ensure!(slot.replace(id.to_owned()).is_none(), "`{when}` is there twice");
        }
        Ok(rules)
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        [&self.missing, &self.value, &self.twice, &self.outdated]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Occurs {
    allowed: bool,
    required: bool,
    single: bool,
}

impl Occurs {
    fn parse(text: &str) -> Result<Self> {
        let (allowed, required, single) = match text {
            "-" => (false, false, false),
            "?" => (true, false, true),
            "1" => (true, true, true),
            "*" => (true, false, false),
            "+" => (true, true, false),
            _ => bail!("`{text}` is none of - ? 1 * +"),
        };
        Ok(Self { allowed, required, single })
    }
}

impl Structure {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut table = Self { versions: Vec::new(), types: Vec::new(), events: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            table.line(line).with_context(|| format!("structure.tsv, line {}", number + 1))?;
        }
        table.validate()?;
        Ok(table)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["versions", versions @ ..] => {
                self.versions = versions.iter().map(|&version| version.to_owned()).collect();
            }
            ["type", name, content] => self.types.push(Type {
                name: (*name).to_owned(),
                content: (*content).to_owned(),
                children: Vec::new(),
                attributes: Vec::new(),
                order: vec![Vec::new(); self.versions.len()],
            }),
            ["child", name, kind, rest @ ..] => {
                let kind = if *kind == "=" { name } else { kind };
                let row = self.row(name, kind, rest)?;
                self.types.last_mut().context("a child without a type")?.children.push(row);
            }
            ["attr", name, kind, rest @ ..] => {
                let row = self.row(name, kind, rest)?;
                self.types.last_mut().context("an attribute without a type")?.attributes.push(row);
            }
            ["order", versions, names] => {
                let (from, to) = versions.split_once('-').unwrap_or((versions, versions));
                let column = |name: &str| {
                    self.versions
                        .iter()
                        .position(|version| version == name)
                        .with_context(|| format!("`{name}` is no version"))
                };
                let columns = column(from)?..=column(to)?;
                let groups: Vec<Vec<String>> = names
                    .split(',')
                    .map(|group| group.split('|').map(str::to_owned).collect())
                    .collect();
                let kind = self.types.last_mut().context("an order without a type")?;
                for slot in kind.order.get_mut(columns).context("versions in the wrong order")? {
                    ensure!(slot.is_empty(), "a version has two orders");
                    slot.clone_from(&groups);
                }
            }
            ["event", name, rest @ ..] => {
                let row = self.row(name, "event", rest)?;
                self.events.push((row.name, row.occurs));
            }
            _ => bail!("unknown row `{line}`"),
        }
        Ok(())
    }

    fn row(&self, name: &str, kind: &str, rest: &[&str]) -> Result<Row> {
        let (occurs, rule) =
            rest.split_at_checked(self.versions.len()).context("fewer columns than versions")?;
        let occurs = occurs.iter().map(|text| Occurs::parse(text)).collect::<Result<_>>()?;
        let rules = match rule {
            [] => RowRules::default(),
            [rules] => RowRules::parse(rules)?,
            _ => bail!("more columns than versions and a rule"),
        };
        Ok(Row { name: name.to_owned(), kind: kind.to_owned(), occurs, rules })
    }

    fn validate(&self) -> Result<()> {
        ensure!((1..=8).contains(&self.versions.len()), "one to eight versions");
        let mut names = BTreeSet::new();
        for kind in &self.types {
            ensure!(names.insert(kind.name.as_str()), "the type `{}` is there twice", kind.name);
            ensure!(
                kind.children.len() <= 32 && kind.attributes.len() <= 32,
                "`{}` has more than 32 children or attributes",
                kind.name
            );
        }
        for kind in &self.types {
            for name in kind.order.iter().flatten().flatten() {
                ensure!(
                    kind.children.iter().any(|row| row.name == *name),
                    "the order of `{}` names `{name}`, which is no child of it",
                    kind.name
                );
            }
        }
        for row in self.types.iter().flat_map(|kind| &kind.children) {
            ensure!(names.contains(row.kind.as_str()), "`{}` is no type", row.kind);
        }
        Ok(())
    }

    /// The rules that rows name.
    pub(super) fn rule_ids(&self) -> impl Iterator<Item = &str> {
        let rows = self.types.iter().flat_map(|kind| kind.children.iter().chain(&kind.attributes));
        rows.flat_map(|row| row.rules.ids())
    }

    pub(super) fn to_rust(&self) -> Result<String> {
        let names = self.names();
        let ids: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(i, &name)| (name, i)).collect();
        let mut out = String::from(HEADER);
        out.push_str(
            "use crate::generated::rules::Id;\nuse crate::structure::{AttrRow, ChildRow, Content, Event, Kind, Masks, NameId, Type, TypeId};\n\n",
        );
        writeln!(
            out,
            "/// The columns of the structure table.\npub(crate) const VERSIONS: [&str; {}] = {:?};\n",
            self.versions.len(),
            self.versions
        )?;
        Self::write_names(&mut out, &names)?;
        self.write_types(&mut out, &ids)?;
        writeln!(
            out,
            "\n/// Values of Tracking@event in a creative.\npub(crate) static EVENTS: [Event; {}] = [",
            self.events.len()
        )?;
        for (name, occurs) in &self.events {
            writeln!(
                out,
                "Event {{ name: {name:?}, versions: {} }},",
                bits(occurs, |o| o.allowed)
            )?;
        }
        out.push_str("];\n\n");
        let events: Vec<&str> = self.events.iter().map(|(name, _)| name.as_str()).collect();
        write_slots(&mut out, "EVENT", &events, 8)?;
        Ok(out)
    }

    /// Every name of an element or an attribute, sorted; the first is that of no name.
    fn names(&self) -> Vec<&str> {
        let rows = self.types.iter().flat_map(|kind| kind.children.iter().chain(&kind.attributes));
        let roots =
            self.types.iter().map(|kind| kind.name.as_str()).filter(|name| !name.contains('/'));
        let all: BTreeSet<&str> = rows.map(|row| row.name.as_str()).chain(roots).collect();
        std::iter::once("").chain(all).collect()
    }

    fn write_names(out: &mut String, names: &[&str]) -> Result<()> {
        ensure!(names.len() <= 256, "more names than a byte can number");
        writeln!(
            out,
            "/// Names of elements and attributes; a [`NameId`] is a place in it.\npub(crate) static NAMES: [&str; {}] = {names:?};\n",
            names.len()
        )?;
        write_slots(out, "NAME", names, TABLE_BITS)?;
        out.push_str("/// Names as constants.\n#[allow(dead_code, reason = \"the table is complete; checks use what they need\")]\npub(crate) mod name {\nuse super::NameId;\n");
        let mut taken = BTreeMap::new();
        for (id, name) in names.iter().enumerate().skip(1) {
            writeln!(
                out,
                "pub(crate) const {}: NameId = NameId({id});",
                screaming(name, &mut taken)?
            )?;
        }
        out.push_str("}\n\n");
        Ok(())
    }

    fn write_types(&self, out: &mut String, ids: &BTreeMap<&str, usize>) -> Result<()> {
        let type_ids: BTreeMap<&str, usize> =
            self.types.iter().enumerate().map(|(i, kind)| (kind.name.as_str(), i + 1)).collect();
        out.push_str("/// Types as constants.\n#[allow(dead_code, reason = \"the table is complete; checks use what they need\")]\npub(crate) mod ty {\nuse super::TypeId;\n");
        let mut taken = BTreeMap::new();
        for (name, id) in &type_ids {
            writeln!(
                out,
                "pub(crate) const {}: TypeId = TypeId({id});",
                screaming(name, &mut taken)?
            )?;
        }
        writeln!(
            out,
            "}}\n\n/// Element types; a [`TypeId`] is a place in it, and the first one judges nothing.\npub(crate) static TYPES: [Type; {}] = [Type::OPEN,",
            self.types.len() + 1
        )?;
        for kind in &self.types {
            writeln!(
                out,
                "Type {{ name: {:?}, element: {:?}, content: Content::{}, children: &[",
                kind.name,
                kind.name.rsplit('/').next().unwrap_or(&kind.name),
                camel(&kind.content)
            )?;
            for row in &kind.children {
                ensure!(row.rules.value.is_none(), "an element has no `value:`");
                let rule =
                    |given: &Option<String>, general| camel(given.as_deref().unwrap_or(general));
                writeln!(
                    out,
                    "ChildRow {{ name: NameId({}), ty: TypeId({}), versions: {}, missing: Id::{}, twice: Id::{}, outdated: Id::{} }},",
                    ids.get(row.name.as_str()).context("a name without a number")?,
                    type_ids.get(row.kind.as_str()).context("a type without a number")?,
                    hex(bits(&row.occurs, |o| o.allowed)),
                    rule(&row.rules.missing, "missing-element"),
                    rule(&row.rules.twice, "duplicate-element"),
                    rule(&row.rules.outdated, "element-not-in-version"),
                )?;
            }
            out.push_str("], attrs: &[");
            for row in &kind.attributes {
                ensure!(row.rules.twice.is_none(), "an attribute has no `twice:`");
                let rule =
                    |given: &Option<String>, general| camel(given.as_deref().unwrap_or(general));
                writeln!(
                    out,
                    "AttrRow {{ name: NameId({}), kind: {}, versions: {}, missing: Id::{}, value: Id::{}, outdated: Id::{} }},",
                    ids.get(row.name.as_str()).context("a name without a number")?,
                    attribute_kind(&row.kind),
                    hex(bits(&row.occurs, |o| o.allowed)),
                    rule(&row.rules.missing, "missing-attribute"),
                    rule(&row.rules.value, "attribute-value-invalid"),
                    rule(&row.rules.outdated, "attribute-not-in-version"),
                )?;
            }
            out.push_str("], masks: [");
            for column in 0..self.versions.len() {
                let mask = |rows: &[Row], of: fn(Occurs) -> bool| {
                    let set = rows
                        .iter()
                        .enumerate()
                        .filter(|(_, row)| row.occurs.get(column).copied().is_some_and(of));
                    set.fold(0_u32, |mask, (bit, _)| mask | 1 << bit)
                };
                writeln!(
                    out,
                    "Masks {{ child_allowed: {}, child_required: {}, child_single: {}, attr_allowed: {}, attr_required: {} }},",
                    hex(mask(&kind.children, |o| o.allowed)),
                    hex(mask(&kind.children, |o| o.required)),
                    hex(mask(&kind.children, |o| o.single)),
                    hex(mask(&kind.attributes, |o| o.allowed)),
                    hex(mask(&kind.attributes, |o| o.required)),
                )?;
            }
            out.push_str("], order: [");
            for groups in &kind.order {
                // The place of each child's row in the schema, from 1; 0 is none.
                let rank = |row: &Row| {
                    let place = groups.iter().position(|group| group.contains(&row.name));
                    place.map_or(0, |place| place + 1)
                };
                let ranks: Vec<usize> = if groups.is_empty() {
                    Vec::new()
                } else {
                    kind.children.iter().map(rank).collect()
                };
                write!(out, "&{ranks:?}, ")?;
            }
            out.push_str("] },\n");
        }
        out.push_str("];\n");
        Ok(())
    }
}

/// A number in groups of four digits.
pub(super) fn hex(number: impl Into<u64>) -> String {
    let digits = format!("{:x}", number.into());
    let mut out = String::from("0x");
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(4) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

fn bits(occurs: &[Occurs], of: fn(Occurs) -> bool) -> u8 {
    let set = occurs.iter().enumerate().filter(|(_, o)| of(**o));
    set.fold(0, |mask, (bit, _)| mask | 1 << bit)
}

fn attribute_kind(kind: &str) -> String {
    if kind.contains('|') {
        let values: Vec<&str> = kind.split('|').collect();
        return format!("Kind::OneOf(&{values:?})");
    }
    let name = match kind {
        "anyURI" => "Uri".to_owned(),
        other => camel(other),
    };
    format!("Kind::{name}")
}

/// The table by which a hash finds the place of a name in its list.
fn write_slots(out: &mut String, prefix: &str, names: &[&str], bits: u32) -> Result<()> {
    let multiplier = perfect_multiplier(names, bits)?;
    let mut table = vec![0_usize; 1 << bits];
    for (place, name) in names.iter().enumerate() {
        if let Some(slot) = table.get_mut(slot(name.as_bytes(), multiplier, bits)) {
            *slot = place;
        }
    }
    writeln!(
        out,
        "/// Spreads all names over [`{prefix}_SLOTS`] without a collision.\npub(crate) const {prefix}_MULTIPLIER: u64 = {};\n",
        hex(multiplier)
    )?;
    writeln!(
        out,
        "/// The place of the name that a hash belongs to.\npub(crate) static {prefix}_SLOTS: [u8; {}] = {table:?};\n",
        table.len()
    )?;
    Ok(())
}

/// The ends and the length tell the names apart. The run time has the same function.
fn slot(name: &[u8], multiplier: u64, bits: u32) -> usize {
    let len = u64::try_from(name.len()).unwrap_or(0);
    let ends = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => name.iter().fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
    };
    let key = ends ^ len;
    usize::try_from(key.wrapping_mul(multiplier) >> (64 - bits)).unwrap_or(0)
}

fn perfect_multiplier(names: &[&str], bits: u32) -> Result<u64> {
    // SplitMix64 from a fixed start: the same names always give the same table.
    let mut state = 0_u64;
    for _ in 0..10_000_000 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let multiplier = (z ^ (z >> 31)) | 1;
        let mut seen = vec![false; 1 << bits];
        let free = |name: &&str| {
            let place = seen.get_mut(slot(name.as_bytes(), multiplier, bits));
            place.is_some_and(|taken| !std::mem::replace(taken, true))
        };
        if names.iter().all(free) {
            return Ok(multiplier);
        }
    }
    bail!("no multiplier tells all names apart; use more bytes of the name")
}
