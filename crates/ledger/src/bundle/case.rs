use crate::canon::{Reader, Writer};
use crate::fault::{EncodeError, ParseError, ParseFault};

/// What the sender says of a bundle. Nobody has signed it: it names the dispute and the reader,
/// and explains why evidence cannot be shown; no check rests on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The name of the dispute, as both sides use it.
    pub case: String,
    /// Records whose evidence can no longer be opened, and the records that say so.
    pub erased: Vec<Erased>,
    /// Who the bundle was made for. A copy that turns up elsewhere came from there.
    pub recipient: Option<String>,
}

/// A record whose evidence was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The place of the `erase` record.
    pub by: u64,
    /// The place of the record.
    pub record: u64,
}

impl Case {
    /// Canonical JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.object(|fields| {
            fields.text("case", &self.case);
            fields.key("erased").array(&self.erased, |writer, one| {
                writer.object(|fields| {
                    fields.count("by", one.by);
                    fields.count("record", one.record);
                });
            });
            fields.optional_text("for", self.recipient.as_deref());
            fields.int("v", 1_i64);
        });
        writer.finish()
    }

    /// Reads exactly what [`Case::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let (case, version) = reader.object(|fields| {
            let case = fields.text("case")?;
            let erased = fields.key("erased")?.array(|reader| {
                reader.object(|fields| {
                    Ok(Erased { by: fields.number("by")?, record: fields.number("record")? })
                })
            })?;
            let recipient = fields.optional_text("for")?;
            Ok((Self { case, erased, recipient }, fields.int("v")?))
        })?;
        reader.end()?;
        if version != 1 {
            return Err(ParseError { at: 0, fault: ParseFault::Version(version) });
        }
        Ok(case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_print_and_parse_back() {
        let erased = vec![Erased { by: 9, record: 7 }];
        for recipient in [None, Some("Counsel of \"B\"".to_owned())] {
            let case = Case { case: "2026/117".to_owned(), erased: erased.clone(), recipient };
            let bytes = case.to_bytes().unwrap();
            assert_eq!(Case::parse(&bytes).as_ref(), Ok(&case));
            let newer = String::from_utf8(bytes).unwrap().replace("\"v\":1", "\"v\":2");
            assert!(Case::parse(newer.as_bytes()).is_err());
        }
    }
}
