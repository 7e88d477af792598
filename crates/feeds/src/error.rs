use std::fmt;

/// A reader could not do its work on a file: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {fault}; {}", fault.remedy())]
pub struct FeedError {
    name: Box<str>,
    fault: FeedFault,
}

impl FeedError {
    pub(crate) fn new(name: &str, fault: FeedFault) -> Self {
        Self { name: name.into(), fault }
    }

    /// The file, as it was named to the reader.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong.
    #[must_use]
    pub const fn fault(&self) -> &FeedFault {
        &self.fault
    }

    /// Where in the file, where that is known.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        self.fault.place()
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        self.fault.remedy()
    }
}

/// A sheet (or a file without sheets) in which no address column was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The sheet's name; none for files without sheets.
    pub sheet: Option<Box<str>>,
    /// Rows that were searched for a header, blank ones included.
    pub rows: u64,
    /// The row that looks most like a header, if any.
    pub row: Option<u64>,
    /// The cells of that row that are not blank, bounded.
    pub columns: Vec<Box<str>>,
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet \"{sheet}\": ")?;
        }
        match self.rows {
            0 => return f.write_str("no rows"),
            1 => f.write_str("row 1 searched")?,
            rows => write!(f, "rows 1 to {rows} searched")?,
        }
        match self.row {
            Some(row) => write!(f, ", columns seen in row {row}: {}", self.columns.join(" | ")),
            None => f.write_str(", nothing in them"),
        }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedFault {
    /// No byte, or nothing but spaces.
    #[error("the file is empty")]
    Empty,
    /// A bound of [`crate::Limits`] was reached.
    #[error("the file has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The file inflates to far more than it is.
    #[error("the workbook inflates to more than {limit} bytes from {bytes}: a decompression bomb")]
    Bomb {
        /// The file's size.
        bytes: u64,
        /// The bound that was reached.
        limit: u64,
    },
    /// The content is of another kind.
    #[error("the content is {what}")]
    OtherKind {
        /// What it is.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The workbook is damaged.
    #[error("the workbook cannot be read: {detail}")]
    Workbook {
        /// What the reader ran into.
        detail: Box<str>,
    },
    /// The JSON is damaged.
    #[error("the JSON cannot be read: {detail}")]
    Json {
        /// What the reader ran into.
        detail: Box<str>,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
    },
    /// No row names an address column.
    #[error("no address column found ({})", join(.searched))]
    NoAddressColumn {
        /// What was searched.
        searched: Vec<Searched>,
    },
    /// The first row already holds an address, and nothing names the columns.
    #[error("the columns have no names")]
    NoHeader {
        /// The first row that holds an address.
        row: u64,
    },
    /// A column that must be there is not.
    #[error("no column {column} (columns seen: {})", .seen.join(" | "))]
    NoColumn {
        /// The column.
        column: &'static str,
        /// The columns that are there.
        seen: Vec<Box<str>>,
    },
    /// Neither the name nor the content dates the issue.
    #[error("nothing says which issue of the feed this is")]
    NoIssue,
    /// A range that ends before it starts, or overlapping claims that cannot be told apart.
    #[error(
        "the table holds no range that can be read ({rejected} rows rejected, the first: {first})"
    )]
    NoRanges {
        /// Rows rejected.
        rejected: u64,
        /// The first reject's reason.
        first: Box<str>,
    },
}

impl FeedFault {
    pub(crate) const EVENT_LOG: Self = Self::OtherKind {
        what: "an event log",
        remedy: "give it as the event log (`--events`); its addresses are nobody's indicators",
    };

    fn place(&self) -> Option<String> {
        match self {
            Self::Json { line, column, .. } => Some(format!("line {line}, column {column}")),
            Self::NoHeader { row } => Some(format!("row {row}")),
            Self::NoAddressColumn { searched } => Some(join(searched)),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Empty => "export it again and check the download".into(),
            Self::Limit { .. } => {
                "split the file, or raise the bound if you trust its source".into()
            }
            Self::Bomb { .. } => {
                "do not open it; ask its sender for the feed as CSV".into()
            }
            Self::OtherKind { remedy, .. } => (*remedy).into(),
            Self::Workbook { .. } => "fetch it again in case it was cut off, or open it in the \
                                      spreadsheet program and save it again as .xlsx or CSV"
                .into(),
            Self::Json { .. } => "check whether the file was cut off, and fetch it again".into(),
            Self::NoAddressColumn { .. } => {
                "name one column \"IPv6 address\", \"IP\", \"Indicator\" or the like".into()
            }
            Self::NoHeader { .. } => {
                "add a first row that names the columns, such as IP,fraudType,probability,provider; \
                 a plain list of addresses, one a line, needs none"
                    .into()
            }
            Self::NoColumn { column, .. } => format!("name one column \"{column}\""),
            Self::NoIssue => {
                "put the date into the file name, such as feed-2026-05.csv, feed-2026-W22.csv or \
                 feed-2026-05-31.csv, or state the issue explicitly"
                    .into()
            }
            Self::NoRanges { .. } => {
                "an ASN table has the columns asn, name and start, end (or prefix)".into()
            }
        }
    }
}

fn join(searched: &[Searched]) -> String {
    let all: Vec<String> = searched.iter().map(Searched::to_string).collect();
    all.join("; ")
}
