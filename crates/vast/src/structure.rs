//! The structure table: what may stand where, by version. The data is generated from
//! `rules/vast/structure.tsv`; nothing else in this crate knows a version's structure.

use crate::generated::rules::Id;
use crate::generated::structure::{
    EVENT_MULTIPLIER, EVENT_SLOTS, EVENTS, NAME_MULTIPLIER, NAME_SLOTS, NAMES, TYPES, VERSIONS,
    name, ty,
};
use crate::text::Text;

/// A known name of an element or an attribute. Zero is every other name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameId(pub(crate) u8);

/// An element type: a name where it stands. Zero is content that is not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeId(pub(crate) u8);

/// What stands in an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Elements,
    Text,
    Uri,
    Duration,
    Open,
}

/// The grammar of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Integer,
    Decimal,
    Boolean,
    Time,
    Uri,
    Currency,
    Event,
    OneOf(&'static [&'static str]),
}

/// One element type.
pub(crate) struct Type {
    #[allow(dead_code, reason = "tells the places of one element apart for who reads the table")]
    pub(crate) name: &'static str,
    pub(crate) element: &'static str,
    pub(crate) content: Content,
    pub(crate) children: &'static [ChildRow],
    pub(crate) attrs: &'static [AttrRow],
    pub(crate) masks: [Masks; VERSIONS.len()],
    /// By version, the places of the children's rows in the schema, from 1; 0 where it has none.
    pub(crate) order: [&'static [u8]; VERSIONS.len()],
}

impl Type {
    /// What is not judged.
    pub(crate) const OPEN: Self = Self {
        name: "",
        element: "",
        content: Content::Open,
        children: &[],
        attrs: &[],
        masks: [Masks::NONE; VERSIONS.len()],
        order: [&[]; VERSIONS.len()],
    };

    /// The name of the element, without what tells its place.
    pub(crate) fn element_name(&self) -> &'static str {
        self.element
    }
}

/// A child of a type. `versions` has a bit for each version that allows it.
pub(crate) struct ChildRow {
    pub(crate) name: NameId,
    pub(crate) ty: TypeId,
    pub(crate) versions: u8,
    pub(crate) missing: Id,
    pub(crate) twice: Id,
    pub(crate) outdated: Id,
}

/// An attribute of a type.
pub(crate) struct AttrRow {
    pub(crate) name: NameId,
    pub(crate) kind: Kind,
    pub(crate) versions: u8,
    pub(crate) missing: Id,
    pub(crate) value: Id,
    pub(crate) outdated: Id,
}

/// Rows of a type as bits, for one version.
#[derive(Clone, Copy)]
pub(crate) struct Masks {
    pub(crate) child_allowed: u32,
    pub(crate) child_required: u32,
    pub(crate) child_single: u32,
    pub(crate) attr_allowed: u32,
    pub(crate) attr_required: u32,
}

impl Masks {
    const NONE: Self = Self {
        child_allowed: 0,
        child_required: 0,
        child_single: 0,
        attr_allowed: 0,
        attr_required: 0,
    };
}

/// A value of Tracking@event.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) versions: u8,
}

/// No row.
pub(crate) const NO_ROW: u8 = u8::MAX;

impl NameId {
    /// Any name that the table does not hold.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// The number of a name: one hash and one comparison.
    pub(crate) fn intern(name: &str) -> Self {
        Self::intern_bytes(name.as_bytes())
    }

    /// The number of a name that is not known to be text.
    pub(crate) fn intern_bytes(bytes: &[u8]) -> Self {
        let id = place(bytes, NAME_MULTIPLIER, &NAME_SLOTS);
        match NAMES.get(usize::from(id)) {
            Some(known) if same(known.as_bytes(), bytes) => Self(id),
            _ => Self::UNKNOWN,
        }
    }

    /// The name, empty for an unknown one.
    pub(crate) fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

impl TypeId {
    /// Content that is not judged.
    pub(crate) const OPEN: Self = Self(0);

    pub(crate) fn info(self) -> &'static Type {
        static OPEN: Type = Type::OPEN;
        TYPES.get(usize::from(self.0)).unwrap_or(&OPEN)
    }

    /// The place of a child's row, and its type.
    pub(crate) fn child(self, name: NameId) -> Option<(u8, TypeId)> {
        let rows = self.info().children.iter();
        let found = rows.zip(0_u8..).find(|(row, _)| row.name == name);
        found.map(|(row, index)| (index, row.ty))
    }

    /// The place of an attribute's row.
    pub(crate) fn attr(self, name: NameId) -> Option<u8> {
        let rows = self.info().attrs.iter();
        rows.zip(0_u8..).find(|(row, _)| row.name == name).map(|(_, index)| index)
    }
}

/// Where a name is, if it is in the list that the slots were made for.
#[inline]
fn place(name: &[u8], multiplier: u64, slots: &[u8]) -> u8 {
    let len = u64::try_from(name.len()).unwrap_or(0);
    let ends = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => name.iter().fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
    };
    // The number of slots is a power of two.
    let slot = (ends ^ len).wrapping_mul(multiplier) >> (64 - slots.len().trailing_zeros());
    usize::try_from(slot).ok().and_then(|slot| slots.get(slot)).copied().unwrap_or(0)
}

/// Whether two names are equal. They are short, so that calling a routine costs more than comparing
/// their first and last bytes.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match a.len() {
            8..=16 => {
                a.first_chunk::<8>() == b.first_chunk::<8>()
                    && a.last_chunk::<8>() == b.last_chunk::<8>()
            }
            4..=7 => {
                a.first_chunk::<4>() == b.first_chunk::<4>()
                    && a.last_chunk::<4>() == b.last_chunk::<4>()
            }
            0..=3 => a.iter().zip(b).all(|(a, b)| a == b),
            _ => a == b,
        }
}

/// The type of an `Extension` or a `CreativeExtension` whose attributes name a payload that has a
/// standard. Of all others the payload is not judged.
pub(crate) fn extension<'a>(ty: TypeId, attribute: impl Fn(NameId) -> Option<&'a str>) -> TypeId {
    let of_creative = ty == ty::CREATIVE_EXTENSION;
    if !of_creative && attribute(name::EXT).is_some_and(|ext| ext.trimmed().is_like("adcom")) {
        return ty::ADCOM_EXTENSION;
    }
    let Some(kind) = attribute(name::TYPE).map(Text::trimmed) else {
        return ty;
    };
    let found = STANDARD.iter().find(|(known, _)| known.is_like(kind));
    match found.map(|(_, found)| *found) {
        Some(ty::TL_QRCODE_CREATIVE_EXTENSION) if !of_creative => ty,
        Some(ty::CTV_AD_PORTFOLIO_EXTENSION | ty::ADCOM_EXTENSION) if of_creative => ty,
        Some(found) => found,
        None => ty,
    }
}

/// Values of `type` that a standard gives a payload (CTV Addendum 2024, CTV Ad Portfolio).
pub(crate) const STANDARD: [(&str, TypeId); 10] = [
    ("UniversalAdId", ty::UNIVERSAL_AD_ID_EXTENSION),
    ("Mezzanine", ty::MEZZANINE_EXTENSION),
    ("InteractiveCreativeFile", ty::INTERACTIVE_CREATIVE_FILE_EXTENSION),
    ("Icon", ty::ICON_EXTENSION),
    ("ctv_ad_portfolio", ty::CTV_AD_PORTFOLIO_EXTENSION),
    ("tl_qrcode", ty::TL_QRCODE_CREATIVE_EXTENSION),
    ("plcmt", ty::ADCOM_EXTENSION),
    ("pos", ty::ADCOM_EXTENSION),
    ("playbackmethod", ty::ADCOM_EXTENSION),
    ("attr", ty::ADCOM_EXTENSION),
];

/// The event of a name, if any version has it.
pub(crate) fn event(name: &str) -> Option<&'static Event> {
    let name = name.as_bytes();
    let event = EVENTS.get(usize::from(place(name, EVENT_MULTIPLIER, &EVENT_SLOTS)))?;
    same(event.name.as_bytes(), name).then_some(event)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_byte_by_byte() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        for len in 0..text.len() {
            let name = text.as_bytes().get(..len).unwrap();
            assert!(same(name, name));
            assert!(!same(name, text.as_bytes().get(..=len).unwrap()));
            for place in 0..len {
                let mut other = name.to_vec();
                *other.get_mut(place).unwrap() ^= 1;
                assert!(!same(name, &other), "{len} {place}");
            }
        }
    }

    #[test]
    fn every_event_has_its_place() {
        for known in &EVENTS {
            assert_eq!(event(known.name).map(|event| event.name), Some(known.name));
        }
        assert!(event("Start").is_none() && event("").is_none());
    }

    #[test]
    fn every_name_is_interned_to_itself() {
        for (id, name) in NAMES.iter().enumerate().skip(1) {
            assert_eq!(usize::from(NameId::intern(name).0), id, "{name}");
        }
        for name in ["", "x", "vast", "MediaFil", "MediaFile ", "Médiafile"] {
            assert_eq!(NameId::intern(name), NameId::UNKNOWN, "{name}");
        }
    }
}
