use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adproof_model::{Event, Execution, LegDetail, Reject, Timestamp};
use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanBuilder, Int64Builder, StringBuilder, StructArray,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::events::{Judge, event_schema, texts};

/// Its name in a plan.
pub(crate) const EVENT_ROW: &str = "event_row";

/// What stands between the names in the first argument.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// The fields that a row which is no event has instead.
pub(crate) const REJECT_FIELDS: [&str; 3] =
    ["rejected_column", "rejected_value", "rejected_reason"];

/// `event_row(names, column …) -> Struct`: a row of an event log, judged as the log reader of
/// `adproof-feeds` judges it. The tables `events` and `rejects` are made with it.
#[derive(Debug)]
pub(crate) struct EventRow {
    signature: Signature,
    rejected: Arc<AtomicBool>,
}

impl EventRow {
    /// The function, and a flag that is set when it sees a row that is no event.
    pub(crate) fn watched() -> (Self, Arc<AtomicBool>) {
        let rejected = Arc::new(AtomicBool::new(false));
        // Volatile, so that no optimizer copies it into every column that is taken out of it.
        let signature = Signature::variadic_any(Volatility::Volatile);
        (Self { signature, rejected: Arc::clone(&rejected) }, rejected)
    }
}

impl Default for EventRow {
    fn default() -> Self {
        Self::watched().0
    }
}

impl PartialEq for EventRow {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for EventRow {}

impl Hash for EventRow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        EVENT_ROW.hash(state);
    }
}

impl ScalarUDFImpl for EventRow {
    fn name(&self) -> &'static str {
        EVENT_ROW
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(names))), columns @ ..] =
            args.args.as_slice()
        else {
            return exec_err!("{EVENT_ROW} takes the names of the columns, and the columns");
        };
        let names: Vec<&str> = names.split(SEPARATOR).collect();
        let rows = Judge::of(&names).map_err(|fault| exec_datafusion_err!("{fault}"))?;
        let columns: Result<Vec<ArrayRef>> =
            columns.iter().map(|column| column.to_array(args.number_rows)).collect();
        let columns = texts(&columns?)?;
        let mut built = Built::default();
        for row in 0..args.number_rows {
            let judged = rows.read(columns.iter().map(|column| column.text(row)));
            if matches!(judged, Some(Err(_))) {
                self.rejected.store(true, Ordering::Relaxed);
            }
            built.push(judged.as_ref());
        }
        Ok(ColumnarValue::Array(Arc::new(built.finish()?)))
    }
}

/// `event_field(row, name)`: a field of what [`EventRow`] gives. The function of SQL for fields would
/// be moved to the scan, and the row be judged anew for each of its columns.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventField {
    signature: Signature,
}

/// Its name in a plan.
pub(crate) const EVENT_FIELD: &str = "event_field";

impl Default for EventField {
    fn default() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for EventField {
    fn name(&self) -> &'static str {
        EVENT_FIELD
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        exec_err!("{EVENT_FIELD} has the type of the field")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let name = match args.scalar_arguments {
            [_, Some(ScalarValue::Utf8(Some(name)))] => name.as_str(),
            _ => "",
        };
        let fields = fields();
        let field = fields.find(name).map(|(_, field)| Arc::clone(field));
        field.ok_or_else(|| exec_datafusion_err!("an event has no field `{name}`"))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [row, ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] = args.args.as_slice()
        else {
            return exec_err!("{EVENT_FIELD} takes a row and a name");
        };
        let row = row.to_array(args.number_rows)?;
        let field = row.as_struct_opt().and_then(|row| row.column_by_name(name));
        let field = field.ok_or_else(|| exec_datafusion_err!("an event has no field `{name}`"))?;
        Ok(ColumnarValue::Array(Arc::clone(field)))
    }
}

fn fields() -> Fields {
    let schema = event_schema();
    let of_event = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let of_reject = REJECT_FIELDS.map(|name| Field::new(name, DataType::Utf8, true));
    of_event.chain(of_reject).collect()
}

/// One builder a field.
enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

enum Value<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    Bool(bool),
}

struct Built {
    fields: Fields,
    builders: Vec<Builder>,
}

impl Default for Built {
    fn default() -> Self {
        let fields = fields();
        let builders = fields.iter().map(|field| match field.data_type() {
            DataType::Int64 => Builder::Int(Int64Builder::new()),
            DataType::Boolean => Builder::Bool(BooleanBuilder::new()),
            DataType::Timestamp(..) => {
                Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            _ => Builder::Text(StringBuilder::new()),
        });
        Self { builders: builders.collect(), fields }
    }
}

impl Built {
    /// A row; all of it is null where it is blank.
    fn push(&mut self, judged: Option<&std::result::Result<Event, Reject>>) {
        let event = judged.and_then(|judged| judged.as_ref().ok());
        let address = event.and_then(|event| event.ip).map(|ip| ip.to_string());
        for (field, builder) in self.fields.iter().zip(&mut self.builders) {
            let value = match judged {
                None => Value::Null,
                Some(Ok(_)) if field.name() == "ip" => {
                    address.as_deref().map_or(Value::Null, Value::Text)
                }
                Some(Ok(event)) => of_event(event, field.name()),
                Some(Err(reject)) => of_reject(reject, field.name()),
            };
            builder.append(&value);
        }
    }

    fn finish(self) -> Result<StructArray> {
        let arrays = self.builders.into_iter().map(|builder| -> ArrayRef {
            match builder {
                Builder::Text(mut builder) => Arc::new(builder.finish()),
                Builder::Int(mut builder) => Arc::new(builder.finish()),
                Builder::Bool(mut builder) => Arc::new(builder.finish()),
                Builder::Time(mut builder) => Arc::new(builder.finish()),
            }
        });
        Ok(StructArray::try_new(self.fields, arrays.collect(), None)?)
    }
}

impl Builder {
    fn append(&mut self, value: &Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Value::Int(number)) => builder.append_value(*number),
            (Self::Time(builder), Value::Int(micros)) => builder.append_value(*micros),
            (Self::Bool(builder), Value::Bool(truth)) => builder.append_value(*truth),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Time(builder), _) => builder.append_null(),
            (Self::Bool(builder), _) => builder.append_null(),
        }
    }
}

fn of_reject<'a>(reject: &'a Reject, field: &str) -> Value<'a> {
    match field {
        "rejected_column" => Value::Text(&reject.column),
        "rejected_value" => Value::Text(&reject.value),
        "rejected_reason" => Value::Text(&reject.reason),
        _ => Value::Null,
    }
}

fn of_event<'a>(event: &'a Event, field: &str) -> Value<'a> {
    let text = |text: &'a Option<Box<str>>| text.as_deref().map_or(Value::Null, Value::Text);
    let time = |time: Timestamp| Value::Int(time.micros());
    match field {
        "id" => Value::Text(&event.id),
        "leg" => Value::Text(event.leg().as_str()),
        "observer" => Value::Text(&event.observer),
        "time" => time(event.time),
        "received" => time(event.received),
        "transaction" => text(&event.transaction),
        "impression" => text(&event.impression),
        "ua" => text(&event.user_agent),
        "ifa" => text(&event.device),
        "bundle" => text(&event.bundle),
        field => of_detail(&event.detail, field),
    }
}

fn of_detail<'a>(detail: &'a LegDetail, field: &str) -> Value<'a> {
    match (detail, field) {
        (LegDetail::Withheld { redacted, .. }, "withheld") => {
            Value::Text(if *redacted { "redacted" } else { "refused" })
        }
        (LegDetail::Request { ssai }, "ssai") => Value::Int((*ssai).into()),
        (LegDetail::Network { asn, .. }, "asn") => {
            asn.map_or(Value::Null, |asn| Value::Int(asn.into()))
        }
        (LegDetail::Network { shared_egress, .. }, "shared_egress") => Value::Bool(*shared_egress),
        (LegDetail::Creative { creative, .. }, "creative") => Value::Text(creative),
        (LegDetail::Creative { price_micros, .. }, "price_micros") => Value::Int(*price_micros),
        (
            LegDetail::Creative { currency, .. } | LegDetail::Billing { currency, .. },
            "currency",
        ) => Value::Text(currency),
        (LegDetail::Vast { tag }, "tag") => Value::Text(tag),
        (LegDetail::Execution { outcome, .. }, "outcome") => Value::Text(match outcome {
            Execution::Started => "started",
            Execution::Completed => "completed",
            Execution::Failed(_) => "failed",
        }),
        (LegDetail::Execution { outcome: Execution::Failed(code), .. }, "error") => {
            Value::Int((*code).into())
        }
        (LegDetail::Execution { played_ms, .. }, "played_ms") => Value::Int((*played_ms).into()),
        (LegDetail::Billing { amount_micros, .. }, "amount_micros") => Value::Int(*amount_micros),
        _ => Value::Null,
    }
}
