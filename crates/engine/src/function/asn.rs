use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use adproof_feeds::{AsnEntry, AsnTable, Limits};
use adproof_model::Digest;
use datafusion::arrow::array::{Array, Int64Builder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::address::{Addresses, coerce};
use super::ipv6::{SECTION, over_rows};
use super::time::{self, Times};

/// `asn(address, day) -> Int64`: the autonomous system that announces the address on the day, by
/// the narrowest range of an [`AsnTable`]. The day may be left out where no range is dated.
///
/// Null where no range holds the address. A prefix has a number where one range of that number
/// holds both of its ends.
#[derive(Debug)]
pub struct AsnOfAddress {
    signature: Signature,
    table: Option<Source>,
}

/// A table by what it is. Another process reads it when it needs it.
#[derive(Debug)]
struct Source {
    digest: Digest,
    is_dated: bool,
    /// Where it lies, if it is a file.
    path: Option<PathBuf>,
    read: OnceLock<Arc<AsnTable>>,
}

impl AsnOfAddress {
    /// The function over a table.
    #[must_use]
    pub fn new(table: Arc<AsnTable>) -> Self {
        Self::of(Source {
            digest: table.digest(),
            is_dated: table.is_dated(),
            path: None,
            read: OnceLock::from(table),
        })
    }

    /// The same over a table that other processes find under this path.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        if let Some(table) = &mut self.table {
            table.path = Some(path.to_owned());
        }
        self
    }

    fn of(table: Source) -> Self {
        Self { table: Some(table), ..Self::default() }
    }
}

#[cfg(feature = "cluster")]
impl AsnOfAddress {
    /// The function with the name of its table, for another process; nothing without a table.
    pub(crate) fn to_bytes(&self) -> Result<Option<Vec<u8>>> {
        let Some(table) = &self.table else { return Ok(None) };
        let path = table.path.as_deref().and_then(Path::to_str);
        let Some(path) = path else {
            return exec_err!(
                "asn: the table of autonomous systems must be a file that all machines can open"
            );
        };
        let dated = if table.is_dated { "dated" } else { "undated" };
        Ok(Some(format!("{} {dated} {path}", table.digest).into_bytes()))
    }

    /// The function that [`AsnOfAddress::to_bytes`] wrote down.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let read = || {
            let mut words = std::str::from_utf8(bytes).ok()?.splitn(3, ' ');
            let (digest, dated, path) = (words.next()?, words.next()?, words.next()?);
            Some(Source {
                digest: digest.parse().ok()?,
                is_dated: dated == "dated",
                path: Some(path.into()),
                read: OnceLock::new(),
            })
        };
        let source = read();
        source.map(Self::of).ok_or_else(|| exec_datafusion_err!("asn: no table is named"))
    }
}

impl Source {
    /// The table; read when it is asked for the first time.
    fn table(&self) -> Result<&AsnTable> {
        if let Some(table) = self.read.get() {
            return Ok(table);
        }
        let table = self.load()?;
        Ok(self.read.get_or_init(|| table))
    }

    fn load(&self) -> Result<Arc<AsnTable>> {
        /// The last one that was read here: every task of a query names the same.
        static LAST: Mutex<Option<Arc<AsnTable>>> = Mutex::new(None);

        let path = self.path.as_deref().unwrap_or(Path::new(""));
        let shown = path.display();
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = last.as_ref().filter(|table| table.digest() == self.digest) {
            return Ok(Arc::clone(table));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| exec_datafusion_err!("asn: {shown} cannot be read: {error}"))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let table = AsnTable::read(&name, &bytes, &Limits::default())
            .map_err(|error| exec_datafusion_err!("asn: {shown}: {error}"))?;
        if table.digest() != self.digest {
            return exec_err!(
                "asn: {shown} is another file here than where the query was asked: its SHA-256 is \
                 {}, not {}",
                table.digest(),
                self.digest
            );
        }
        let table = Arc::new(table);
        *last = Some(Arc::clone(&table));
        Ok(table)
    }
}

impl Default for AsnOfAddress {
    /// The function without a table: it says how to name one.
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), table: None }
    }
}

impl PartialEq for AsnOfAddress {
    fn eq(&self, other: &Self) -> bool {
        let digest = |one: &Self| one.table.as_ref().map(|table| table.digest);
        digest(self) == digest(other)
    }
}

impl Eq for AsnOfAddress {}

impl Hash for AsnOfAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.table.as_ref().map(|table| *table.digest.as_bytes()).hash(state);
    }
}

impl ScalarUDFImpl for AsnOfAddress {
    fn name(&self) -> &'static str {
        "asn"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [address] => Ok(vec![coerce(self.name(), address)?]),
            [address, day] => {
                Ok(vec![coerce(self.name(), address)?, time::coerce(self.name(), day)?])
            }
            _ => plan_err!("asn takes an address and a day, not {} arguments", arg_types.len()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match &self.table {
            None => plan_err!(
                "asn needs a table of autonomous systems: name one with --asn (CSV with asn, name \
                 and start, end or prefix)"
            ),
            Some(table) if arg_types.len() < 2 && table.is_dated => {
                plan_err!("asn takes a day: ranges of the table hold on some days only")
            }
            Some(_) => Ok(DataType::Int64),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(table) = &self.table else {
            return exec_err!("asn has no table of autonomous systems here");
        };
        let table = table.table()?;
        over_rows(&args, |arrays, rows| {
            let (address, day) = match arrays {
                [address] => (address, None),
                [address, day] => (address, Some(Times::of("asn", day)?)),
                _ => return exec_err!("asn takes an address and a day"),
            };
            let addresses = Addresses::of(address)?;
            let mut found = Int64Builder::with_capacity(rows);
            for row in 0..rows {
                let day = match &day {
                    None => Some(None),
                    Some(days) => days.day(row)?.map(Some),
                };
                let at = |bits: u128| -> Option<&AsnEntry> {
                    match day? {
                        None => table.lookup(bits),
                        Some(day) => table.lookup_on(bits, day),
                    }
                };
                let asn = addresses.at(row).and_then(|prefix| {
                    let first = at(prefix.bits())?.asn;
                    let whole = prefix.bit_len() == 128
                        || at(prefix.last_bits()).is_some_and(|last| last.asn == first);
                    whole.then_some(i64::from(first))
                });
                found.append_option(asn);
            }
            Ok(Arc::new(found.finish()) as Arc<dyn Array>)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
            Documentation::builder(
                SECTION,
                "The autonomous system that announces the address on the day, by the narrowest \
                 range of the table that --asn names.",
                "asn(address, day)",
            )
            .with_argument("address", "Text in any form that feeds use, or 16 bytes.")
            .with_argument(
                "day",
                "A date, a timestamp, text of either, or the number of a UTC day; may be left out \
                 where no range of the table is dated.",
            )
            .build()
        });
        Some(&DOCUMENTATION)
    }
}

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use super::*;

    #[test]
    fn another_machine_reads_the_same_table_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("asn table.csv");
        std::fs::write(&path, "asn,prefix\n1,3fff:10::/32\n").unwrap();
        let read = |path: &Path| {
            let bytes = std::fs::read(path).unwrap();
            Arc::new(AsnTable::read("asn.csv", &bytes, &Limits::default()).unwrap())
        };
        let here = AsnOfAddress::new(read(&path));
        let nowhere = here.to_bytes().unwrap_err().to_string();
        assert!(nowhere.contains("must be a file"), "{nowhere}");
        let here = here.at(&path);
        let bytes = here.to_bytes().unwrap().unwrap();
        let there = AsnOfAddress::from_bytes(&bytes).unwrap();
        assert_eq!(here, there);
        let table = there.table.as_ref().unwrap();
        assert_eq!(table.table().unwrap().lookup(0x3fff_0010 << 96).unwrap().asn, 1);

        std::fs::write(&path, "asn,prefix\n2,3fff:10::/32\n").unwrap();
        // Another table was asked for since.
        let other = AsnOfAddress::new(read(&path)).at(&path);
        let other = AsnOfAddress::from_bytes(&other.to_bytes().unwrap().unwrap()).unwrap();
        other.table.as_ref().unwrap().table().unwrap();
        let there = AsnOfAddress::from_bytes(&bytes).unwrap();
        let error = there.table.as_ref().unwrap().table().unwrap_err().to_string();
        assert!(error.contains("another file here") && error.contains("asn table.csv"), "{error}");
        std::fs::remove_file(&path).unwrap();
        let there = AsnOfAddress::from_bytes(&bytes).unwrap();
        let error = there.table.as_ref().unwrap().table().unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
        for wrong in [&b"nonsense"[..], b"", b"00 dated /x", b"\xff"] {
            assert!(AsnOfAddress::from_bytes(wrong).is_err());
        }
    }
}
