/// Bounds on what a reader takes from a stranger. Reaching one is an error or a reject that names
/// it, never a crash and never a silent cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one input as it lies on disk.
    pub bytes: u64,
    /// Bytes that all parts of a workbook may inflate to together, measured, not declared.
    pub inflated_bytes: u64,
    /// How many times larger than the file its parts may become. Small workbooks compress well,
    /// so it counts only above one mebibyte of inflated bytes.
    pub inflation_ratio: u64,
    /// Parts (zip entries) of a workbook.
    pub parts: usize,
    /// Shared strings that a workbook may declare: memory is set aside for them at once.
    pub shared_strings: u64,
    /// Sheets of a workbook.
    pub sheets: usize,
    /// Rows of one sheet or file, blank ones included.
    pub rows: u64,
    /// Columns of one row.
    pub columns: usize,
    /// Bytes of text in one cell; a longer cell in a column that is read rejects its row.
    pub cell_bytes: usize,
    /// Rows that are searched for a header.
    pub header_rows: u64,
    /// Merged regions of one sheet.
    pub merged_regions: usize,
    /// Bytes of one line of an event log.
    pub line_bytes: usize,
    /// Events of one log that is read as a whole.
    pub events: usize,
    /// The largest price or amount of one event, in micro-units, with either sign. One event is one
    /// impression; a log in which it costs more is damaged, and sums over it would mean nothing.
    pub money_micros: i64,
    /// Ranges of an ASN table.
    pub ranges: usize,
    /// Ranges of such a table that may lie over one another, summed over its segments.
    pub range_overlaps: usize,
    /// The widest prefix that a row may name, in bits. A wider one would put a good part of the
    /// Internet on a list.
    pub widest_prefix: u8,
    /// Rejects kept one by one; all are counted.
    pub rejects: usize,
    /// Bytes of a rejected value that are kept.
    pub reject_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            inflated_bytes: 256 << 20,
            inflation_ratio: 100,
            parts: 2_000,
            shared_strings: 4_000_000,
            sheets: 64,
            rows: 1_048_576,
            columns: 512,
            cell_bytes: 4_096,
            header_rows: 200,
            merged_regions: 10_000,
            line_bytes: 64 << 10,
            events: 4_000_000,
            money_micros: 1_000_000_000_000,
            ranges: 2_000_000,
            range_overlaps: 8_000_000,
            widest_prefix: 16,
            rejects: 200,
            reject_bytes: 80,
        }
    }
}
