//! What the parser met: XML, encoding and bounds.

use crate::document::{Document, Problem};
use crate::generated::rules::Id;
use crate::rules::mend;
use crate::sink::{Sink, TextFix};

/// Reports the problems of the parser.
pub(crate) fn problems(doc: &Document<'_>, sink: &mut Sink<'_>) {
    for problem in &doc.problems {
        let range = (problem.start, problem.end);
        let message = format_args!("{}", problem.message);
        if problem.rule == Id::BareAmpersand {
            sink.report_fix(problem.rule, problem.element, range, message, |doc| {
                ampersand(doc, problem)
            });
        } else {
            sink.report(problem.rule, problem.element, range, message);
        }
    }
    for (rule, count) in &doc.dropped {
        sink.drop(*rule, *count);
    }
}

/// In an attribute it is escaped; text goes into CDATA as a whole.
fn ampersand(doc: &Document<'_>, problem: &Problem) -> Option<TextFix> {
    let element = doc.element(problem.element)?;
    if problem.start >= element.open_end {
        return mend::wrap_in_cdata(doc, problem.element);
    }
    let inside = |attribute: &&crate::document::Attribute| {
        (attribute.value_start..attribute.value_end).contains(&problem.start)
    };
    let attribute = doc.attributes_in(element).iter().find(inside)?;
    mend::escape_ampersands(doc, (attribute.value_start, attribute.value_end))
}
