//! The one place that writes canonical bytes, and the strict reader of the same form.
//!
//! A [`Writer`] emits the keys of an object in the order in which its caller names them; callers
//! name them in sorted order, so the bytes are RFC 8785 by construction. A [`Reader`] accepts
//! exactly those bytes: no space, no other order, no unknown or repeated key, no float, no other
//! escape. It has no recursion of its own, so the depth of a document is that of the types.

use crate::commit::Value;
use crate::fault::{EncodeError, ParseError, ParseFault};
use crate::hash::{Hash, push_hex};

/// The largest integer that survives every JSON reader: 2⁵³ − 1.
pub const MAX_INT: i64 = (1 << 53) - 1;

/// Appends canonical JSON to a buffer. The first value that has no canonical form is remembered
/// and reported at the end, so that writers of types stay plain.
pub(crate) struct Writer {
    out: Vec<u8>,
    error: Option<EncodeError>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { out: Vec::with_capacity(2048), error: None }
    }

    /// Writes into a buffer that was used before.
    pub(crate) fn over(mut out: Vec<u8>) -> Self {
        out.clear();
        Self { out, error: None }
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.error {
            None => Ok(self.out),
            Some(error) => Err(error),
        }
    }

    /// Writes `{`, the fields, `}`.
    pub(crate) fn object(&mut self, fields: impl FnOnce(&mut Fields<'_>)) {
        self.out.push(b'{');
        fields(&mut Fields { writer: self, last: None });
        self.out.push(b'}');
    }

    /// Writes `[`, the items with commas between, `]`.
    pub(crate) fn array<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.out.push(b'[');
        for (index, value) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            item(self, value);
        }
        self.out.push(b']');
    }

    /// Writes an array of two texts and one value. The first is of characters without escapes.
    pub(crate) fn triple(&mut self, first: &[u8], second: &str, third: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(b"[\"");
        self.out.extend_from_slice(first);
        self.out.extend_from_slice(b"\",");
        self.text(second);
        self.out.push(b',');
        third(self);
        self.out.push(b']');
    }

    pub(crate) fn int(&mut self, name: &'static str, value: i64) {
        if !(-MAX_INT..=MAX_INT).contains(&value) {
            self.fail(EncodeError::IntegerTooLarge { field: name });
            return;
        }
        self.unsigned(value.unsigned_abs(), value < 0);
    }

    fn unsigned(&mut self, mut value: u64, negative: bool) {
        if negative {
            self.out.push(b'-');
        }
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            // A remainder of ten fits a byte.
            #[allow(clippy::cast_possible_truncation)]
            let digit = b'0' + (value % 10) as u8;
            digits[at] = digit;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        // Without a branch a byte, so that many are looked at at once. Hardly any text has one.
        let escapes = |byte: &u8| u8::from(matches!(byte, 0..=31 | b'"' | b'\\'));
        match bytes.iter().fold(0, |found, byte| found | escapes(byte)) {
            0 => self.out.extend_from_slice(bytes),
            _ => self.escaped(bytes),
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, bytes: &[u8]) {
        let mut clean = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                8 => b"\\b",
                9 => b"\\t",
                10 => b"\\n",
                12 => b"\\f",
                13 => b"\\r",
                0..=31 => b"\\u00",
                _ => continue,
            };
            self.out.extend_from_slice(&bytes[clean..index]);
            self.out.extend_from_slice(escape);
            if escape.len() == 4 {
                push_hex(&mut self.out, &[byte]);
            }
            clean = index + 1;
        }
        self.out.extend_from_slice(&bytes[clean..]);
    }

    pub(crate) fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

/// The fields of one object, in sorted order.
pub(crate) struct Fields<'w> {
    writer: &'w mut Writer,
    last: Option<&'static str>,
}

impl Fields<'_> {
    /// How many bytes there are so far.
    pub(crate) fn end(&self) -> usize {
        self.writer.out.len()
    }

    /// Fields as they were written before, in their order; `name` is that of the last one.
    pub(crate) fn written(&mut self, name: &'static str, fields: &[u8]) {
        if self.last.is_some() {
            self.writer.out.push(b',');
        }
        self.last = Some(name);
        self.writer.out.extend_from_slice(fields);
    }

    pub(crate) fn key(&mut self, name: &'static str) -> &mut Writer {
        debug_assert!(
            self.last.is_none_or(|last| last < name),
            "keys are declared in sorted order: {name}"
        );
        if self.last.is_some() {
            self.writer.out.push(b',');
        }
        self.last = Some(name);
        // Keys are names of this crate: they need no escape.
        self.writer.out.push(b'"');
        self.writer.out.extend_from_slice(name.as_bytes());
        self.writer.out.extend_from_slice(b"\":");
        self.writer
    }

    pub(crate) fn int(&mut self, name: &'static str, value: impl Into<i64>) {
        self.key(name).int(name, value.into());
    }

    pub(crate) fn count(&mut self, name: &'static str, value: u64) {
        // What does not fit becomes a value that `int` refuses.
        self.key(name).int(name, i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(crate) fn optional_int(&mut self, name: &'static str, value: Option<i64>) {
        match value {
            Some(value) => self.int(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn bool(&mut self, name: &'static str, value: bool) {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.key(name).out.extend_from_slice(text);
    }

    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        self.key(name).text(value);
    }

    pub(crate) fn optional_text(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn hash(&mut self, name: &'static str, value: &Hash) {
        self.hex(name, value.as_bytes());
    }

    pub(crate) fn optional_hash(&mut self, name: &'static str, value: Option<&Hash>) {
        match value {
            Some(value) => self.hash(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn hex(&mut self, name: &'static str, value: &[u8]) {
        let out = &mut self.key(name).out;
        out.push(b'"');
        push_hex(out, value);
        out.push(b'"');
    }

    /// A 64-bit id as decimal digits in a string.
    pub(crate) fn id(&mut self, name: &'static str, value: u64) {
        let writer = self.key(name);
        writer.out.push(b'"');
        writer.unsigned(value, false);
        writer.out.push(b'"');
    }

    pub(crate) fn null(&mut self, name: &'static str) {
        self.key(name).out.extend_from_slice(b"null");
    }
}

/// Reads canonical JSON from bytes that a stranger sent.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn end(&self) -> Parsed<()> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.fault(ParseFault::TrailingBytes))
        }
    }

    /// The place of the next byte.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn fault(&self, fault: ParseFault) -> ParseError {
        ParseError { at: self.at, fault }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, literal: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    fn expect(&mut self, literal: &'static str) -> Parsed<()> {
        if self.eat(literal.as_bytes()) {
            Ok(())
        } else {
            Err(self.fault(ParseFault::Expected(literal)))
        }
    }

    /// Reads `{`, lets `fields` read the fields, and demands `}`.
    pub(crate) fn object<T>(
        &mut self,
        fields: impl FnOnce(&mut ObjectReader<'_, 'b>) -> Parsed<T>,
    ) -> Parsed<T> {
        self.expect("{")?;
        let mut object = ObjectReader { reader: self, last: None };
        let value = fields(&mut object)?;
        object.end()?;
        Ok(value)
    }

    pub(crate) fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect("[")?;
        let mut items = Vec::new();
        if self.eat(b"]") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b"]") {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    pub(crate) fn int(&mut self) -> Parsed<i64> {
        let start = self.at;
        let negative = self.eat(b"-");
        let value = self.digits()?;
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.fault(ParseFault::Float));
        }
        let value = i64::try_from(value).ok().filter(|value| *value <= MAX_INT);
        match value {
            Some(0) if negative => Err(ParseError {
                at: start,
                fault: ParseFault::Expected("an integer in its shortest form"),
            }),
            Some(value) => Ok(if negative { -value } else { value }),
            None => Err(ParseError { at: start, fault: ParseFault::IntegerTooLarge }),
        }
    }

    fn digits(&mut self) -> Parsed<u64> {
        let start = self.at;
        let mut value = Some(0_u64);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .and_then(|value| value.checked_mul(10))
                .and_then(|value| value.checked_add(u64::from(digit - b'0')));
            self.at += 1;
        }
        let length = self.at - start;
        let leading_zero = length > 1 && self.bytes.get(start) == Some(&b'0');
        if length == 0 || leading_zero {
            self.at = start;
            return Err(self.fault(ParseFault::Expected("an integer in its shortest form")));
        }
        value.ok_or(ParseError { at: start, fault: ParseFault::IntegerTooLarge })
    }

    pub(crate) fn bool(&mut self) -> Parsed<bool> {
        if self.eat(b"true") { Ok(true) } else { self.expect("false").map(|()| false) }
    }

    pub(crate) fn null(&mut self) -> bool {
        self.eat(b"null")
    }

    pub(crate) fn text(&mut self) -> Parsed<String> {
        self.expect("\"")?;
        let mut text = Vec::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(byte) if byte >= 32 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            text.extend_from_slice(self.bytes.get(start..self.at).unwrap_or_default());
            if self.eat(b"\"") {
                break;
            }
            let escaped = self.escape()?;
            text.push(escaped);
        }
        String::from_utf8(text).map_err(|_| self.fault(ParseFault::NotUtf8))
    }

    /// One escape, in the only form that RFC 8785 gives the character.
    fn escape(&mut self) -> Parsed<u8> {
        const SHORT: [(&[u8], u8); 7] = [
            (b"\\\"", b'"'),
            (b"\\\\", b'\\'),
            (b"\\b", 8),
            (b"\\t", 9),
            (b"\\n", 10),
            (b"\\f", 12),
            (b"\\r", 13),
        ];
        for (form, byte) in SHORT {
            if self.eat(form) {
                return Ok(byte);
            }
        }
        let form = self.bytes.get(self.at..self.at + 6);
        for byte in (0..32).filter(|byte| !matches!(byte, 8 | 9 | 10 | 12 | 13)) {
            let mut canonical = b"\\u00".to_vec();
            push_hex(&mut canonical, &[byte]);
            if form == Some(canonical.as_slice()) {
                self.at += 6;
                return Ok(byte);
            }
        }
        Err(self.fault(ParseFault::Expected("a character in its canonical form")))
    }

    pub(crate) fn text_or_int(&mut self) -> Parsed<Value> {
        if self.peek() == Some(b'"') {
            self.text().map(Value::Text)
        } else {
            self.int().map(Value::Int)
        }
    }

    pub(crate) fn hash(&mut self) -> Parsed<Hash> {
        let at = self.at;
        let text = self.text()?;
        Hash::from_hex(&text)
            .ok_or(ParseError { at, fault: ParseFault::Expected("64 lower-case hex digits") })
    }

    /// One of the fixed names of an enum.
    pub(crate) fn name<T: Copy>(&mut self, names: &[(&'static str, T)]) -> Parsed<T> {
        let at = self.at;
        let text = self.text()?;
        let found = names.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, value)| *value)
            .ok_or(ParseError { at, fault: ParseFault::UnknownName(shorten(&text)) })
    }
}

fn shorten(text: &str) -> Box<str> {
    text.chars().take(40).collect::<String>().into()
}

/// Reads the fields of one object, which the caller asks for in sorted order.
pub(crate) struct ObjectReader<'r, 'b> {
    reader: &'r mut Reader<'b>,
    last: Option<&'static str>,
}

impl<'b> ObjectReader<'_, 'b> {
    /// Moves to the value of `name`, if that is the next key.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<&mut Reader<'b>> {
        let start = self.reader.at;
        let found = (self.last.is_none() || self.reader.eat(b","))
            && self.reader.eat(b"\"")
            && self.reader.eat(name.as_bytes())
            && self.reader.eat(b"\":");
        if found {
            self.last = Some(name);
            Some(self.reader)
        } else {
            self.reader.at = start;
            None
        }
    }

    /// Moves to the value of `name`, which must be the next key.
    pub(crate) fn key(&mut self, name: &'static str) -> Parsed<&mut Reader<'b>> {
        if self.optional(name).is_some() { Ok(self.reader) } else { Err(self.diagnose(Some(name))) }
    }

    fn end(&mut self) -> Parsed<()> {
        if self.reader.eat(b"}") { Ok(()) } else { Err(self.diagnose(None)) }
    }

    /// What stands where `wanted` (or the end of the object) should.
    fn diagnose(&mut self, wanted: Option<&'static str>) -> ParseError {
        let at = self.reader.at;
        let error = |fault| ParseError { at, fault };
        if self.reader.peek() == Some(b'}') {
            return error(ParseFault::Missing(wanted.unwrap_or_default()));
        }
        if self.last.is_some() && !self.reader.eat(b",") {
            return error(ParseFault::Expected(", or }"));
        }
        let Ok(key) = self.reader.text() else {
            return error(ParseFault::Expected("a key"));
        };
        let key: &str = &key;
        if self.last == Some(key) {
            return error(ParseFault::Duplicate(shorten(key)));
        }
        if self.last.is_some_and(|last| key < last) {
            return error(ParseFault::OutOfOrder(shorten(key)));
        }
        match wanted {
            Some(wanted) if key > wanted => error(ParseFault::Missing(wanted)),
            Some(wanted) if key == wanted => error(ParseFault::Expected("a colon")),
            _ => error(ParseFault::Unknown(shorten(key))),
        }
    }

    pub(crate) fn int(&mut self, name: &'static str) -> Parsed<i64> {
        self.key(name)?.int()
    }

    /// An integer of a narrower type.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, name: &'static str) -> Parsed<T> {
        let reader = self.key(name)?;
        let at = reader.at;
        T::try_from(reader.int()?)
            .map_err(|_| ParseError { at, fault: ParseFault::OutOfRange(name) })
    }

    pub(crate) fn optional_int(&mut self, name: &'static str) -> Parsed<Option<i64>> {
        let reader = self.key(name)?;
        if reader.null() { Ok(None) } else { reader.int().map(Some) }
    }

    pub(crate) fn bool(&mut self, name: &'static str) -> Parsed<bool> {
        self.key(name)?.bool()
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Parsed<String> {
        self.key(name)?.text()
    }

    pub(crate) fn optional_text(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let reader = self.key(name)?;
        if reader.null() { Ok(None) } else { reader.text().map(Some) }
    }

    pub(crate) fn hash(&mut self, name: &'static str) -> Parsed<Hash> {
        self.key(name)?.hash()
    }

    pub(crate) fn optional_hash(&mut self, name: &'static str) -> Parsed<Option<Hash>> {
        let reader = self.key(name)?;
        if reader.null() { Ok(None) } else { reader.hash().map(Some) }
    }

    pub(crate) fn id(&mut self, name: &'static str) -> Parsed<u64> {
        let reader = self.key(name)?;
        reader.expect("\"")?;
        let value = reader.digits()?;
        reader.expect("\"")?;
        Ok(value)
    }

    pub(crate) fn name<T: Copy>(
        &mut self,
        name: &'static str,
        names: &[(&'static str, T)],
    ) -> Parsed<T> {
        self.key(name)?.name(names)
    }
}
