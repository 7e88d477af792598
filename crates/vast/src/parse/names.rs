//! Names and namespaces: which type an element has.

use adproof_model::DocumentKind;

use super::{Binding, Parser, excerpt, offset};
use crate::document::{Element, ElementId, FOREIGN, UNKNOWN};
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::structure::{Content, NameId, TypeId, extension};
use crate::text::Text as _;

/// What is said of a document that is XML with another root.
pub(crate) const OTHER_ROOTS: [Id; 5] = [
    Id::RootNotVast,
    Id::Vast1InsteadOfVast,
    Id::VastNotAtRoot,
    Id::StorageErrorInsteadOfVast,
    Id::PlaylistInsteadOfVast,
];

/// The namespace of VAST 4.
pub(crate) const VAST_NAMESPACE: &str = "http://www.iab.com/VAST";
/// The namespace of VMAP.
pub(crate) const VMAP_NAMESPACE: &str = "http://www.iab.net/videosuite/vmap";

/// The namespace of instructions to include files.
const XINCLUDE: &str = "http://www.w3.org/2001/XInclude";

/// Prefixes that are said to be undeclared; a document has few.
const MANY: usize = 16;

impl<'t> Parser<'t> {
    /// Prefixes of a tag and of its attributes that no declaration in force names.
    pub(super) fn prefixes(&mut self, id: ElementId, element: &Element) {
        let start = element.start.saturating_add(1);
        let range = (start, start.saturating_add(u32::from(element.name_len)));
        if let Some((prefix, _)) = self.slice(range.0, range.1).cut(b':') {
            self.declared(id, prefix, range);
        }
        let mut at = element.first_attr as usize;
        while let Some(attribute) = self.attributes.get(at) {
            at += 1;
            if attribute.name != NameId::UNKNOWN {
                continue;
            }
            let end = attribute.name_start.saturating_add(u32::from(attribute.name_len));
            let range = (attribute.name_start, end);
            let written = self.slice(range.0, range.1);
            if let Some((prefix, _)) = written.cut(b':').filter(|(p, _)| *p != "xmlns") {
                self.declared(id, prefix, range);
            }
        }
    }

    /// Says once of a prefix that it is not declared.
    fn declared(&mut self, id: ElementId, prefix: &'t str, range: (u32, u32)) {
        let known = prefix == "xml"
            || self.bindings.iter().any(|b| self.slice(b.prefix.0, b.prefix.1) == prefix)
            || self.said.contains(&Id::LimitNamespaces);
        if known || self.undeclared.len() >= MANY || !self.undeclared.is_new((0, prefix.as_bytes()))
        {
            return;
        }
        let prefix = excerpt(prefix, self.limits.excerpt);
        let message = format_args!("the prefix `{prefix}` stands for no namespace here");
        self.problem(Id::PrefixUndeclared, id, range.0, range.1, message);
    }
}

impl Parser<'_> {
    /// Finds the element's type from its name, its parent and the namespaces in force.
    /// Says whether a name of the tag may have a prefix.
    pub(super) fn resolve(&mut self, element: &mut Element, tag: &[u8]) -> bool {
        let mut prefix = "";
        let local;
        element.name = NameId::intern_bytes(tag);
        // No known name has a prefix.
        let unknown = element.name == NameId::UNKNOWN;
        if unknown {
            let tag = std::str::from_utf8(tag).unwrap_or("");
            (prefix, local) = tag.cut(b':').unwrap_or(("", tag));
            element.name = NameId::intern(local);
        } else {
            local = element.name.as_str();
        }
        let Some(parent) = self.elements.get(element.parent.index()) else {
            self.take_for_ours(prefix);
            self.resolve_root(element, local);
            return unknown;
        };
        let parent_ty = parent.ty;
        let info = parent_ty.info();
        // Of open content only payloads that have a standard are known.
        let open = info.content == Content::Open;
        if open && info.children.is_empty() {
            return unknown;
        }
        let ours = self.foreign == 0 || self.is_ours(prefix);
        if !ours {
            element.flags |= if open { 0 } else { FOREIGN };
            return unknown;
        }
        let found = parent_ty.child(element.name).or_else(|| {
            if open {
                return None;
            }
            element.flags |= UNKNOWN;
            let mut rows = parent_ty.info().children.iter().zip(0_u8..);
            let row = rows.find(|(row, _)| row.name.as_str().is_like(local));
            row.map(|(row, index)| (index, row.ty))
        });
        if let Some((row, ty)) = found {
            element.row = row;
            element.ty = ty;
            if ty == ty::EXTENSION || ty == ty::CREATIVE_EXTENSION {
                element.ty = extension(ty, |name| {
                    let first = element.first_attr as usize;
                    let mut attributes = self.attributes.get(first..).unwrap_or_default().iter();
                    let found = attributes.find(|attribute| attribute.name == name)?;
                    Some(self.slice(found.value_start, found.value_end))
                });
            }
        }
        unknown
    }

    fn resolve_root(&mut self, element: &mut Element, local: &str) {
        if self.root_closed {
            return;
        }
        (self.kind, element.ty) = match local {
            "VAST" => (DocumentKind::Vast, ty::VAST),
            "VMAP" => (DocumentKind::Vmap, ty::VMAP),
            "DAAST" => (DocumentKind::Daast, ty::DAAST),
            _ => (DocumentKind::Unknown, TypeId::OPEN),
        };
        if self.kind != DocumentKind::Unknown {
            return;
        }
        let (start, end) = (element.start, element.open_end);
        let rest = self.text.get(end as usize..).unwrap_or("");
        if local.is_like("VAST") || local.is_like("VMAP") {
            let vast = local.is_like("VAST");
            (self.kind, element.ty) =
                if vast { (DocumentKind::Vast, ty::VAST) } else { (DocumentKind::Vmap, ty::VMAP) };
            let right = if vast { "VAST" } else { "VMAP" };
            let id = ElementId(offset(self.elements.len()));
            let message = format_args!("the root element <{local}> is spelled <{right}>");
            self.problem(Id::RootWrongCase, id, start, end, message);
            return;
        }
        if local == "VideoAdServingTemplate" {
            let message =
                format_args!("the document is VAST 1, which players do not read any more");
            self.fatal(Id::Vast1InsteadOfVast, start, end, message);
        } else if local == "MPD" || local == "SmoothStreamingMedia" {
            let message = format_args!("the document is a manifest of a stream");
            self.fatal(Id::PlaylistInsteadOfVast, start, end, message);
        } else if local == "Error" && rest.holds("<Code>") {
            let message = format_args!("the document is an error of a file store, not a tag");
            self.fatal(Id::StorageErrorInsteadOfVast, start, end, message);
        } else if !local.is_like("html") && (rest.holds("<VAST") || rest.holds(":VMAP")) {
            let name = excerpt(local, self.limits.excerpt);
            let message = format_args!("the root element is <{name}>, which holds VAST");
            self.fatal(Id::VastNotAtRoot, start, end, message);
        } else if local.is_like("html") {
            self.fatal(
                Id::HtmlInsteadOfVast,
                start,
                end,
                format_args!("this is an HTML page, not a VAST document"),
            );
        } else {
            let name = excerpt(local, self.limits.excerpt);
            self.fatal(
                Id::RootNotVast,
                start,
                end,
                format_args!("the root element is <{name}>; it must be <VAST>"),
            );
        }
    }

    /// Whether a prefix stands for a namespace whose elements are judged.
    fn is_ours(&self, prefix: &str) -> bool {
        let mut bindings = self.bindings.iter().rev();
        let found =
            bindings.find(|binding| self.slice(binding.prefix.0, binding.prefix.1) == prefix);
        found.is_none_or(|binding| binding.ours)
    }

    /// The prefix of the root is ours whatever namespace it stands for: a wrong one is said by a
    /// rule, and must not hide the rest.
    fn take_for_ours(&mut self, root: &str) {
        for binding in &mut self.bindings {
            let (start, end) = binding.prefix;
            let prefix = self.text.get(start as usize..end as usize);
            if !binding.ours && prefix == Some(root) {
                binding.ours = true;
                self.foreign = self.foreign.saturating_sub(1);
            }
        }
    }

    pub(super) fn unbind(&mut self) {
        let depth = self.stack.len();
        while self.bindings.last().is_some_and(|binding| binding.depth >= depth && depth > 0) {
            if self.bindings.pop().is_some_and(|binding| !binding.ours) {
                self.foreign -= 1;
            }
        }
    }

    /// Takes a namespace declaration into force.
    pub(super) fn bind(&mut self, name: (u32, u32), value_start: u32, value_end: u32) {
        let uri = self.slice(value_start, value_end);
        let written = self.slice(name.0, name.1);
        let prefix = match written.strip_prefix("xmlns:") {
            Some(prefix) => (name.1.saturating_sub(offset(prefix.len())), name.1),
            None => (name.1, name.1),
        };
        // The root's own namespace is judged by a rule; its elements are read in any case.
        if self.bindings.len() >= self.limits.namespaces as usize {
            let (limit, id) = (self.limits.namespaces, ElementId(offset(self.elements.len())));
            self.limit(Id::LimitNamespaces, id, name, "namespaces in force", limit);
            return;
        }
        let written = self.slice(prefix.0, prefix.1);
        let id = ElementId(offset(self.elements.len()));
        if written == "xmlns" || !written.is_empty() && uri.is_empty() {
            let message = format_args!("no prefix can be declared like this");
            self.problem(Id::NamespaceReserved, id, name.0, value_end, message);
        } else if uri == XINCLUDE {
            let message =
                format_args!("XInclude asks the reader to fetch other files into this one");
            self.problem(Id::Xinclude, id, name.0, value_end, message);
        }
        let depth = self.stack.len();
        let ours = depth == 0 && prefix.0 == prefix.1 || is_our_namespace(uri);
        self.foreign += u32::from(!ours);
        self.bindings.push(Binding { depth, prefix, ours });
    }
}

/// The namespaces whose elements are judged.
fn is_our_namespace(uri: &str) -> bool {
    let uri = uri.trimmed();
    uri.is_empty()
        || uri == VAST_NAMESPACE
        || uri == VMAP_NAMESPACE
        || uri.to_ascii_lowercase().holds("iab.com/vast")
}
