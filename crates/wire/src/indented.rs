//! JSON as `serde_json` indents it, beginning at some depth: pieces of one document that are made
//! apart.

use std::io;

use serde_json::ser::Formatter;

/// Indents by two spaces a level.
pub(crate) struct Indented {
    depth: usize,
    /// Whether the list or object that ends has something in it.
    filled: bool,
}

const SPACES: &[u8; 64] = &[b' '; 64];

impl Indented {
    /// For a value that stands in so many lists and objects.
    pub(crate) const fn at(depth: usize) -> Self {
        Self { depth, filled: false }
    }

    /// Begins a line.
    pub(crate) fn line<W: io::Write + ?Sized>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(b"\n")?;
        let mut columns = self.depth * 2;
        while columns > 0 {
            let now = columns.min(SPACES.len());
            out.write_all(SPACES.get(..now).unwrap_or_default())?;
            columns -= now;
        }
        Ok(())
    }

    fn begin<W: io::Write + ?Sized>(&mut self, out: &mut W, bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(&[bracket])
    }

    fn end<W: io::Write + ?Sized>(&mut self, out: &mut W, bracket: u8) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.filled {
            self.line(out)?;
        }
        out.write_all(&[bracket])
    }

    fn next<W: io::Write + ?Sized>(&self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }
}

impl Formatter for Indented {
    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b'[')
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b']')
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b'{')
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b'}')
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_looks_as_it_does_within_the_whole() {
        let deep = (0..40).fold(json!("end"), |inner, _| json!([inner]));
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!([{}, [], [[]], {"a": {}, "b": [1, "x\n\u{1b}"]}, -1.5, true]),
            json!({"list": [{"deep": {"er": [1, 2, {"est": []}]}}], "last": {}}),
            deep,
        ] {
            let mut out = Vec::new();
            let mut serializer = serde_json::Serializer::with_formatter(&mut out, Indented::at(2));
            value.serialize(&mut serializer).unwrap();
            let whole = serde_json::to_string_pretty(&[[&value]]).unwrap();
            let piece = String::from_utf8(out).unwrap();
            assert_eq!(format!("[\n  [\n    {piece}\n  ]\n]"), whole);
        }
    }
}
