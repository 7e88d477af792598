//! A file as a player sees it in the list.

use crate::document::{Document, Element, ElementId};
use crate::generated::structure::name;
use crate::rules::media::{Class, essence};
use crate::rules::time;
use crate::rules::times;
use crate::text::Text as _;

/// What a player knows of a file before it asks for it.
#[derive(Clone, Copy, Default)]
pub(super) struct Rendition<'d> {
    pub(super) file: Option<ElementId>,
    pub(super) id: &'d str,
    pub(super) kind: &'d str,
    pub(super) class: Class,
    pub(super) delivery: &'d str,
    pub(super) codec: &'d str,
    pub(super) api: &'d str,
    pub(super) width: u64,
    pub(super) height: u64,
    /// `bitrate`, `minBitrate` and `maxBitrate`.
    pub(super) rates: [&'d str; 3],
}

impl<'d> Rendition<'d> {
    pub(super) fn read(doc: &'d Document<'_>, file: ElementId, element: &Element) -> Self {
        let mut of = Self { file: Some(file), ..Self::default() };
        for attribute in doc.attributes_in(element) {
            let text = doc.slice(attribute.value_start, attribute.value_end).trimmed();
            match attribute.name {
                name::ID => of.id = text,
                name::TYPE => of.kind = text,
                name::DELIVERY => of.delivery = text,
                name::CODEC => of.codec = text,
                name::API_FRAMEWORK => of.api = text,
                name::WIDTH => of.width = time::number(text).unwrap_or(0),
                name::HEIGHT => of.height = time::number(text).unwrap_or(0),
                name::BITRATE => of.rates[0] = text,
                name::MIN_BITRATE => of.rates[1] = text,
                name::MAX_BITRATE => of.rates[2] = text,
                _ => {}
            }
        }
        of.class = Class::of(essence(of.kind));
        of
    }

    /// Whether a player cannot tell this file from the other.
    pub(super) fn like(&self, other: &Self) -> bool {
        self.width == other.width
            && self.height == other.height
            && self.rates == other.rates
            && self.delivery == other.delivery
            && self.codec == other.codec
            && self.api == other.api
            && self.kind.is_like(other.kind)
    }

    /// Whether the shapes differ by more than rounding does: a twentieth.
    pub(super) fn differs_in_shape(&self, other: &Self) -> bool {
        let cross = |a: &Self, b: &Self| times(a.width, b.height);
        let (one, two) = (cross(self, other), cross(other, self));
        let (less, more) = (one.min(two), one.max(two));
        less > 0 && more - less > less / 20
    }

    pub(super) fn pixels(&self) -> u64 {
        times(self.width, self.height)
    }
}
