use std::sync::{Arc, LazyLock};

use adproof_model::Prefix;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};

use super::address::{Addresses, INTERCHANGE, coerce};

const SECTION: DocSection =
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

/// `ipv6_text(address) -> Utf8`: the address in the form of RFC 5952, without a length.
///
/// Null where there is no IPv6 address.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Text {
    signature: Signature,
}

impl Default for Ipv6Text {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Ipv6Text {
    fn name(&self) -> &'static str {
        "ipv6_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [address] = take_function_args(self.name(), arg_types)?;
        Ok(vec![coerce(self.name(), address)?])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&args, |arrays, rows| {
            let [address] = take_function_args(self.name(), arrays)?;
            let addresses = Addresses::of(address)?;
            let mut texts = StringBuilder::with_capacity(rows, rows.saturating_mul(24));
            for row in 0..rows {
                texts.append_option(addresses.at(row).map(text));
            }
            Ok(Arc::new(texts.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                SECTION,
                "The address in the form of RFC 5952. Null where there is no IPv6 address.",
                "ipv6_text(address)",
            )
            .with_argument("address", "16 bytes, or text in any form that feeds use.")
            .with_related_udf("ipv6_prefix")
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

fn text(prefix: Prefix) -> String {
    prefix.first().to_string()
}

/// Runs a function over arrays, and gives a scalar when all arguments were scalars.
fn over_rows(
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
