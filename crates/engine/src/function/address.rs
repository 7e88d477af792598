use adproof_feeds::address;
use adproof_model::Prefix;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, FixedSizeBinaryArray, StringViewArray,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, plan_err};

/// The type that addresses are exchanged in: 16 bytes in network order.
pub(crate) const INTERCHANGE: DataType = DataType::FixedSizeBinary(16);

/// The type that an argument of the type `given` is read in.
pub(super) fn coerce(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(DataType::Utf8View)
        }
        DataType::Dictionary(_, value) => coerce(function, value),
        DataType::FixedSizeBinary(16) => Ok(INTERCHANGE),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Ok(DataType::BinaryView),
        other => plan_err!("{function} takes an address as text or as 16 bytes, not as {other}"),
    }
}

/// A column of addresses in one of the types that [`coerce`] gives.
pub(super) enum Addresses<'a> {
    Text(&'a StringViewArray),
    Bytes(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl<'a> Addresses<'a> {
    pub(super) fn of(array: &'a ArrayRef) -> Result<Self> {
        if let Some(text) = array.as_string_view_opt() {
            return Ok(Self::Text(text));
        }
        if let Some(bytes) = array.as_binary_view_opt() {
            return Ok(Self::Bytes(bytes));
        }
        array
            .as_fixed_size_binary_opt()
            .map(Self::Fixed)
            .ok_or_else(|| exec_datafusion_err!("no column of addresses: {}", array.data_type()))
    }

    /// The address or prefix of a row; none for null and for what is no IPv6 address.
    pub(super) fn at(&self, row: usize) -> Option<Prefix> {
        match self {
            Self::Text(array) => array
                .is_valid(row)
                .then(|| address::parse(array.value(row)).ok())
                .flatten()
                .map(|parsed| parsed.prefix),
            Self::Bytes(array) => array.is_valid(row).then(|| of_bytes(array.value(row))).flatten(),
            Self::Fixed(array) => array.is_valid(row).then(|| of_bytes(array.value(row))).flatten(),
        }
    }
}

fn of_bytes(bytes: &[u8]) -> Option<Prefix> {
    let bits = u128::from_be_bytes(bytes.try_into().ok()?);
    Some(Prefix::containing(bits, 128))
}
