//! Text, looked at where it was decoded. The reader asks for views of all text: dictionaries and
//! offsets are resolved by then, and nothing is copied.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, BinaryViewArray, StringViewArray};
use arrow_schema::DataType;

pub(super) enum Texts<'a> {
    View(&'a StringViewArray),
    BytesView(&'a BinaryViewArray),
}

/// Whether a type is text. Bytes are: old writers do not say which of them are text.
pub(crate) const fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::Binary | DataType::BinaryView)
}

impl<'a> Texts<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        let text = array.as_string_view_opt().map(Self::View);
        text.or_else(|| array.as_binary_view_opt().map(Self::BytesView))
    }

    /// A row's text; nothing where it is null.
    #[inline]
    pub(super) fn at(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::View(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::BytesView(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}
