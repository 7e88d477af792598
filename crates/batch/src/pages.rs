//! Row groups in the plainest form, read page by page: columns without nulls whose values lie as
//! they are or in a dictionary.
//!
//! Values are read where they were unpacked, and those of a dictionary once. What is in another
//! form, and what has to be judged, is left to the reader of Arrow's columns, from the row on where
//! it was met; so nothing here decides that something is wrong.

mod codes;
mod value;

use std::sync::Arc;

use adproof_feeds::TrafficColumn;
use adproof_signal::{Device, Row};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use self::codes::Codes;
use self::value::{Kind, Value};

/// The columns of a row group.
pub(crate) struct Pages {
    days: Column<i32>,
    addresses: Column<u128>,
    devices: Option<Column<Device>>,
    asns: Option<Column<u32>>,
    impressions: Option<Column<u32>>,
    revenue: Option<Column<i64>>,
}

impl Pages {
    /// Nothing where a column is not for this reader.
    pub(crate) fn open<R: ChunkReader + 'static>(
        file: &Arc<R>,
        metadata: &ArrowReaderMetadata,
        group: usize,
        columns: &[TrafficColumn],
        places: &[usize],
    ) -> Option<Self> {
        let (mut days, mut addresses) = (None, None);
        let (mut devices, mut asns, mut impressions, mut revenue) = (None, None, None, None);
        for (column, place) in columns.iter().zip(places) {
            let field = metadata.schema().fields().get(*place)?;
            let leaf = Leaf::find(file, metadata, group, *place)?;
            let kind = Kind::of(*column, field.data_type(), leaf.physical)?;
            match column {
                TrafficColumn::Time => days = Some(leaf.column(kind)?),
                TrafficColumn::Address => addresses = Some(leaf.column(kind)?),
                TrafficColumn::Device => devices = Some(leaf.column(kind)?),
                TrafficColumn::Asn => asns = Some(leaf.column(kind)?),
                TrafficColumn::Impressions => impressions = Some(leaf.column(kind)?),
                TrafficColumn::Revenue => revenue = Some(leaf.column(kind)?),
                _ => return None,
            }
        }
        let (days, addresses) = (days?, addresses?);
        Some(Self { days, addresses, devices, asns, impressions, revenue })
    }

    /// Gives the next rows, all of them or none; whether it did.
    pub(crate) fn give(&mut self, rows: usize, mut add: impl FnMut(&Row)) -> bool {
        if !self.fill(rows).is_some_and(|filled| filled) {
            return false;
        }
        let places = self.days.values.iter().zip(&self.addresses.values);
        for (row, (day, address)) in places.enumerate() {
            add(&Row {
                address: *address,
                day: *day,
                device: at(self.devices.as_ref(), row).unwrap_or(Device::NONE),
                asn: at(self.asns.as_ref(), row).unwrap_or(0),
                impressions: at(self.impressions.as_ref(), row).unwrap_or(1),
                flagged: false,
                revenue_micros: at(self.revenue.as_ref(), row).unwrap_or(0),
            });
        }
        true
    }

    fn fill(&mut self, rows: usize) -> Option<bool> {
        fn one<T: Value>(column: Option<&mut Column<T>>, rows: usize) -> Option<bool> {
            column.map_or(Some(true), |column| column.fill(rows).ok())
        }
        Some(
            one(Some(&mut self.days), rows)?
                && one(Some(&mut self.addresses), rows)?
                && one(self.devices.as_mut(), rows)?
                && one(self.asns.as_mut(), rows)?
                && one(self.impressions.as_mut(), rows)?
                && one(self.revenue.as_mut(), rows)?,
        )
    }
}

fn at<T: Copy>(column: Option<&Column<T>>, row: usize) -> Option<T> {
    column.and_then(|column| column.values.get(row)).copied()
}

/// A column that is found and not yet read.
struct Leaf {
    reader: Box<dyn PageReader>,
    physical: parquet::basic::Type,
    width: usize,
    optional: bool,
}

impl Leaf {
    fn find<R: ChunkReader + 'static>(
        file: &Arc<R>,
        metadata: &ArrowReaderMetadata,
        group: usize,
        place: usize,
    ) -> Option<Self> {
        let (schema, metadata) = (metadata.parquet_schema(), metadata.metadata());
        let mut leaves =
            (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == place);
        let (leaf, None) = (leaves.next()?, leaves.next()) else { return None };
        let chunk = metadata.row_groups().get(group)?.columns().get(leaf)?;
        let about = chunk.column_descr();
        if about.max_rep_level() != 0 || about.max_def_level() > 1 {
            return None;
        }
        let rows = usize::try_from(metadata.row_groups().get(group)?.num_rows()).ok()?;
        let reader = SerializedPageReader::new(Arc::clone(file), chunk, rows, None).ok()?;
        let width = usize::try_from(about.type_length()).unwrap_or(0);
        let (physical, optional) = (about.physical_type(), about.max_def_level() == 1);
        Some(Self { reader: Box::new(reader), physical, width, optional })
    }

    fn column<T: Value>(self, kind: Kind) -> Option<Column<T>> {
        use parquet::basic::Type;
        let width = match self.physical {
            Type::INT32 => Some(4),
            Type::INT64 => Some(8),
            Type::FIXED_LEN_BYTE_ARRAY if self.width > 0 => Some(self.width),
            Type::BYTE_ARRAY => None,
            _ => return None,
        };
        let (page, codes, dictionary) = (None, None, Vec::new());
        let (optional, reader, values) = (self.optional, self.reader, Vec::new());
        Some(Column {
            reader,
            kind,
            width,
            optional,
            dictionary,
            page,
            at: 0,
            left: 0,
            codes,
            values,
        })
    }
}

/// One column, and where in it we are.
struct Column<T> {
    reader: Box<dyn PageReader>,
    kind: Kind,
    /// Bytes of a value; none where each says how many.
    width: Option<usize>,
    optional: bool,
    /// Values that some row may have. Those that have to be judged are none.
    dictionary: Vec<Option<T>>,
    page: Option<Page>,
    /// Where the next value lies in the page.
    at: usize,
    /// Values that are left in the page.
    left: usize,
    /// Of a page that refers to the dictionary.
    codes: Option<Codes>,
    values: Vec<T>,
}

impl<T: Value> Column<T> {
    /// Reads so many values; false where this reader has to give up.
    fn fill(&mut self, rows: usize) -> Result<bool> {
        self.values.clear();
        while self.values.len() < rows {
            if self.left == 0 {
                if !self.open()? {
                    return Ok(false);
                }
                continue;
            }
            let some = self.left.min(rows - self.values.len());
            if self.take(some).is_none() {
                return Ok(false);
            }
            self.left -= some;
        }
        Ok(true)
    }

    /// Opens the next page of values.
    fn open(&mut self) -> Result<bool> {
        let Some(page) = self.reader.get_next_page()? else { return Ok(false) };
        let start = match &page {
            Page::DictionaryPage { buf, num_values, encoding, .. } => {
                let plain = matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY)
                    && self.dictionary.is_empty();
                return Ok(plain && self.read_dictionary(buf, *num_values).is_some());
            }
            Page::DataPage { buf, num_values, def_level_encoding, .. } if self.optional => {
                let whole = *def_level_encoding == Encoding::RLE;
                codes::after_ones(buf, *num_values).filter(|_| whole)
            }
            Page::DataPage { .. } => Some(0),
            Page::DataPageV2 { num_nulls: 0, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len);
                levels.and_then(|levels| usize::try_from(levels).ok())
            }
            Page::DataPageV2 { .. } => None,
        };
        let Some(start) = start else { return Ok(false) };
        (self.at, self.codes) = (start, None);
        match page.encoding() {
            Encoding::PLAIN => {}
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                let Some(codes) = Codes::new(page.buffer(), start) else { return Ok(false) };
                self.codes = Some(codes);
            }
            _ => return Ok(false),
        }
        self.left = usize::try_from(page.num_values()).unwrap_or(0);
        self.page = Some(page);
        Ok(true)
    }

    fn read_dictionary(&mut self, bytes: &[u8], count: u32) -> Option<()> {
        let mut at = 0;
        for _ in 0..count {
            let raw = next(bytes, &mut at, self.width)?;
            self.dictionary.push(T::read(self.kind, raw));
        }
        Some(())
    }

    /// Takes values from the page.
    fn take(&mut self, some: usize) -> Option<()> {
        let bytes = self.page.as_ref()?.buffer();
        if let Some(codes) = &mut self.codes {
            for _ in 0..some {
                let code = usize::try_from(codes.next(bytes)?).ok()?;
                self.values.push((*self.dictionary.get(code)?)?);
            }
            return Some(());
        }
        let (kind, width) = (self.kind, self.width);
        for _ in 0..some {
            self.values.push(T::read(kind, next(bytes, &mut self.at, width)?)?);
        }
        Some(())
    }
}

/// The value at a place, and the place after it.
#[inline]
fn next<'a>(bytes: &'a [u8], at: &mut usize, width: Option<usize>) -> Option<&'a [u8]> {
    let rest = bytes.get(*at..)?;
    let (head, width) = match width {
        Some(width) => (0, width),
        None => (4, usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?),
    };
    let value = rest.get(head..)?.get(..width)?;
    *at += head + width;
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use arrow_array::{
        ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array,
        UInt64Array,
    };
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ArrowReaderOptions;
    use parquet::basic::Compression;
    use parquet::file::properties::{WriterProperties, WriterVersion};

    use super::*;

    const ROWS: u32 = 5_000;
    const NAMES: [&str; 6] = ["ts", "ip", "device", "asn", "imps", "revenue_micros"];
    const COLUMNS: [TrafficColumn; 6] = [
        TrafficColumn::Time,
        TrafficColumn::Address,
        TrafficColumn::Device,
        TrafficColumn::Asn,
        TrafficColumn::Impressions,
        TrafficColumn::Revenue,
    ];

    fn row(at: u32) -> Row {
        Row {
            address: 0x3fff << 112 | u128::from(at % 900) << 64 | 5,
            day: i32::try_from(20_454 + at % 30).unwrap(),
            device: Device::of((at % 700 * 1_999_993).to_string().as_bytes()),
            asn: at % 7,
            impressions: at % 3,
            flagged: false,
            revenue_micros: i64::from(at % 5) - 2,
        }
    }

    fn columns() -> Vec<ArrayRef> {
        let all = 0..ROWS;
        let millis = |at| i64::from(row(at).day) * 86_400_000 + i64::from(at) * 17_000;
        let ip = |at| Ipv6Addr::from_bits(row(at).address).to_string();
        vec![
            Arc::new(TimestampMillisecondArray::from_iter_values(all.clone().map(millis))),
            Arc::new(StringArray::from_iter_values(all.clone().map(ip))),
            Arc::new(UInt64Array::from_iter_values(
                all.clone().map(|at| u64::from(at % 700) * 1_999_993),
            )),
            Arc::new(UInt32Array::from_iter_values(all.clone().map(|at| at % 7))),
            Arc::new(UInt32Array::from_iter_values(all.clone().map(|at| at % 3))),
            Arc::new(Int64Array::from_iter_values(all.map(|at| i64::from(at % 5) - 2))),
        ]
    }

    /// The rows that are given of a file before the reader gives up.
    fn given(columns: &[ArrayRef], nullable: bool, properties: WriterProperties) -> Vec<Row> {
        let columns = NAMES.iter().zip(columns);
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, array)| (name, Arc::clone(array), nullable)),
        );
        let batch = batch.unwrap();
        let file = tempfile::tempfile().unwrap();
        let writer = file.try_clone().unwrap();
        let mut writer = ArrowWriter::try_new(writer, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).unwrap();
        let places: Vec<usize> = (0..NAMES.len()).collect();
        let mut rows = Vec::new();
        let mut pages = Pages::open(&Arc::new(file), &metadata, 0, &COLUMNS, &places).unwrap();
        while pages.give(100, |row| rows.push(*row)) {}
        rows
    }

    #[test]
    fn plain_pages_and_dictionaries_hold_the_rows_that_were_written() {
        let all: Vec<Row> = (0..ROWS).map(row).collect();
        for (dictionary, nullable) in [(true, true), (true, false), (false, true), (false, false)] {
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(dictionary)
                // Of some columns the dictionary is given up on the way.
                .set_dictionary_page_size_limit(6_000)
                .set_data_page_row_count_limit(777)
                .set_write_batch_size(111)
                .set_compression(Compression::SNAPPY);
            assert!(given(&columns(), nullable, properties.build()) == all);
        }
        // Of the newer version, the first of these two is written otherwise.
        let newer = WriterProperties::builder().set_writer_version(WriterVersion::PARQUET_2_0);
        assert!(given(&columns(), true, newer.clone().build()) == all);
        let delta = newer.set_dictionary_enabled(false);
        assert!(given(&columns(), true, delta.build()).is_empty());
    }

    #[test]
    fn the_first_row_that_has_to_be_judged_ends_it() {
        let mut columns = columns();
        let asns = (0..ROWS).map(|at| (at != 3_141).then_some(at % 7));
        columns[3] = Arc::new(asns.collect::<UInt32Array>());
        let small = || {
            let builder = WriterProperties::builder();
            builder.set_data_page_row_count_limit(500).set_write_batch_size(100).build()
        };
        assert_eq!(given(&columns, true, small()).len(), 3_000);
        columns[3] = Arc::new(UInt32Array::from_iter_values((0..ROWS).map(|at| at % 7)));
        let revenue = (0..ROWS).map(|at| if at == 2_718 { i64::MAX } else { 0 });
        columns[5] = Arc::new(Int64Array::from_iter_values(revenue));
        assert_eq!(given(&columns, true, small()).len(), 2_700);
    }
}
