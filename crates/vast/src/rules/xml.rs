//! What the parser met: XML, encoding and bounds.

use crate::document::Document;
use crate::sink::Sink;

/// Reports the problems of the parser.
pub(crate) fn problems(doc: &Document<'_>, sink: &mut Sink<'_>) {
    for problem in &doc.problems {
        let range = (problem.start, problem.end);
        sink.report(problem.rule, problem.element, range, format_args!("{}", problem.message));
    }
    for (rule, count) in &doc.dropped {
        sink.drop(*rule, *count);
    }
}
