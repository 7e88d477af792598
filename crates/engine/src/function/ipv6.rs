use std::sync::{Arc, LazyLock};

use adproof_model::{Prefix, scope};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};

use super::address::{Addresses, INTERCHANGE, coerce};

pub(super) const SECTION: DocSection =
    DocSection { include: true, label: "Address Functions", description: None };

/// `ipv6_prefix(address, length) -> FixedSizeBinary(16)`: the block of `length` bits that holds
/// the address, in network order.
///
/// Text is read as feeds and logs write it. Null where there is no IPv6 address, and for a prefix
/// that is wider than `length`, because it lies in no single block.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Prefix {
    signature: Signature,
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Ipv6Prefix {
    fn name(&self) -> &'static str {
        "ipv6_prefix"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [address, _] = take_function_args(self.name(), arg_types)?;
        Ok(vec![coerce(self.name(), address)?, DataType::Int64])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(INTERCHANGE)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&args, |arrays, rows| {
            let [address, len] = take_function_args(self.name(), arrays)?;
            let addresses = Addresses::of(address)?;
            let lens = len.as_primitive::<Int64Type>();
            let mut blocks = FixedSizeBinaryBuilder::with_capacity(rows, 16);
            for row in 0..rows {
                let block = if lens.is_null(row) {
                    None
                } else {
                    let len = bits(lens.value(row))?;
                    addresses
                        .at(row)
                        .filter(|prefix| prefix.bit_len() >= len)
                        .map(|prefix| prefix.widen(len))
                };
                match block {
                    Some(block) => blocks.append_value(block.bits().to_be_bytes())?,
                    None => blocks.append_null(),
                }
            }
            Ok(Arc::new(blocks.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                SECTION,
                "The block of that many bits which holds the address: 16 bytes in network order. \
                 Null where there is no IPv6 address.",
                "ipv6_prefix(address, length)",
            )
            .with_argument("address", "Text in any form that feeds use, or 16 bytes.")
            .with_argument("length", "Bits, 0 to 128.")
            .with_related_udf("ipv6_text")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn bits(len: i64) -> Result<u8> {
    match u8::try_from(len) {
        Ok(len) if len <= 128 => Ok(len),
        _ => exec_err!("ipv6_prefix takes a length from 0 to 128, not {len}"),
    }
}

/// A function of one address. All take text in any form that feeds use, or 16 bytes, and give null
/// where there is no IPv6 address.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AddressFunction {
    gives: Gives,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Gives {
    Bytes,
    Scope,
    Text,
}

impl AddressFunction {
    /// `ipv6_parse(address) -> FixedSizeBinary(16)`: the address in network order; null for a
    /// prefix of several addresses.
    #[must_use]
    pub fn parse() -> Self {
        Self::of(Gives::Bytes)
    }

    /// `ipv6_scope(address) -> Utf8`: what the registries set the address apart for, as
    /// [`scope::Scope`] names it. Of a prefix, its first address counts.
    #[must_use]
    pub fn scope() -> Self {
        Self::of(Gives::Scope)
    }

    /// `ipv6_text(address) -> Utf8`: the address in the form of RFC 5952, without a length.
    #[must_use]
    pub fn text() -> Self {
        Self::of(Gives::Text)
    }

    fn of(gives: Gives) -> Self {
        Self { gives, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for AddressFunction {
    fn name(&self) -> &'static str {
        match self.gives {
            Gives::Bytes => "ipv6_parse",
            Gives::Scope => "ipv6_scope",
            Gives::Text => "ipv6_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [address] = take_function_args(self.name(), arg_types)?;
        Ok(vec![coerce(self.name(), address)?])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(if self.gives == Gives::Bytes { INTERCHANGE } else { DataType::Utf8 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&args, |arrays, rows| {
            let [address] = take_function_args(self.name(), arrays)?;
            let addresses = Addresses::of(address)?;
            let prefixes = (0..rows).map(|row| addresses.at(row));
            if self.gives == Gives::Bytes {
                let mut bytes = FixedSizeBinaryBuilder::with_capacity(rows, 16);
                for prefix in prefixes {
                    match prefix.filter(|prefix| prefix.bit_len() == 128) {
                        Some(prefix) => bytes.append_value(prefix.bits().to_be_bytes())?,
                        None => bytes.append_null(),
                    }
                }
                return Ok(Arc::new(bytes.finish()));
            }
            let mut texts = StringBuilder::with_capacity(rows, rows.saturating_mul(24));
            for prefix in prefixes {
                match prefix.map(Prefix::first) {
                    None => texts.append_null(),
                    Some(address) if self.gives == Gives::Scope => {
                        texts.append_value(scope::of_v6(address).0.as_str());
                    }
                    Some(address) => texts.append_value(address.to_string()),
                }
            }
            Ok(Arc::new(texts.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static PARSE: LazyLock<Documentation> = LazyLock::new(|| {
            of_address(
                "The address as 16 bytes in network order. Null where there is no single IPv6 \
                 address.",
                "ipv6_parse(address)",
            )
        });
        static SCOPE: LazyLock<Documentation> = LazyLock::new(|| {
            of_address(
                "What the registries set the address apart for: global, unspecified, loopback, \
                 link-local, private, documentation, multicast or reserved.",
                "ipv6_scope(address)",
            )
        });
        static TEXT: LazyLock<Documentation> = LazyLock::new(|| {
            of_address(
                "The address in the form of RFC 5952. Null where there is no IPv6 address.",
                "ipv6_text(address)",
            )
        });
        Some(match self.gives {
            Gives::Bytes => &PARSE,
            Gives::Scope => &SCOPE,
            Gives::Text => &TEXT,
        })
    }
}

fn of_address(described: &str, syntax: &str) -> Documentation {
    Documentation::builder(SECTION, described, syntax)
        .with_argument("address", "16 bytes, or text in any form that feeds use.")
        .build()
}

/// Runs a function over arrays, and gives a scalar when all arguments were scalars.
pub(super) fn over_rows(
    args: &ScalarFunctionArgs,
    function: impl FnOnce(&[ArrayRef], usize) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if scalar { 1 } else { args.number_rows };
    let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
    let result = function(&arrays, rows)?;
    if scalar {
        ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar)
    } else {
        Ok(ColumnarValue::Array(result))
    }
}
