//! XML as Crowd clients speak it: no namespaces, no DTD, small bodies.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

const DEPTH_MAX: usize = 32;
const ATTRIBUTES_MAX: usize = 1_000;

/// `<name>text</name>`
pub(super) fn element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    escape(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// ` name="text"`
pub(super) fn attribute(out: &mut String, name: &str, text: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape(out, text);
    out.push('"');
}

/// What XML 1.0 cannot hold is left out; line ends and tabs are written so that an attribute keeps
/// them.
fn escape(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, letter) in text.char_indices() {
        let written = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&apos;",
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push_str(written);
        plain = at + letter.len_utf8();
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}

/// An element that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// All text directly inside, without the blanks around it.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|it| it.name == name)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// Why a body is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("The body is not well-formed XML: {0}.")]
    Malformed(String),
    #[error("The body declares a document type, which is never read.")]
    DocumentType,
    #[error("The body names the entity {0:?}, which is not one of XML's own.")]
    Entity(String),
    #[error("The body is not in UTF-8.")]
    Encoding,
    #[error(
        "The body is nested deeper than {DEPTH_MAX} elements or has more than {ATTRIBUTES_MAX} attributes."
    )]
    TooMuch,
}

/// Reads a document. Nothing outside of it is ever looked at, and nothing in it is expanded.
pub(super) fn read(text: &str) -> Result<Element, Unreadable> {
    let mut reader = Reader::from_str(text);
    // The document itself is the bottom of the stack.
    let mut open = vec![Element::default()];
    let mut attributes = 0;
    loop {
        let event = reader.read_event().map_err(|error| malformed(&error))?;
        match event {
            Event::Start(start) => open.push(begin(&start, &mut attributes)?),
            Event::Empty(start) => {
                let element = begin(&start, &mut attributes)?;
                close(element, &mut open);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open);
                }
            }
            Event::Text(text) => push(&mut open, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => push(&mut open, &text),
            Event::GeneralRef(name) => {
                let letter = name.resolve_char_ref().map_err(|error| malformed(&error))?;
                match (letter, quick_xml::escape::resolve_xml_entity(&name)) {
                    (Some(letter), _) => push(&mut open, letter.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => push(&mut open, text),
                    (None, None) => return Err(Unreadable::Entity(name.to_string())),
                }
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose();
                let encoding = encoding.map_err(|error| malformed(&error))?;
                if encoding.is_some_and(|it| !it.eq_ignore_ascii_case("utf-8")) {
                    return Err(Unreadable::Encoding);
                }
            }
            Event::DocType(_) => return Err(Unreadable::DocumentType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return root(open),
        }
        if DEPTH_MAX < open.len() - 1 || ATTRIBUTES_MAX < attributes {
            return Err(Unreadable::TooMuch);
        }
    }
}

fn begin(start: &BytesStart<'_>, attributes: &mut usize) -> Result<Element, Unreadable> {
    let mut element =
        Element { name: start.local_name().into_inner().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(&error))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| malformed(&error))?.into_owned();
        element.attributes.push((attribute.key.local_name().into_inner().to_owned(), value));
        *attributes += 1;
        if ATTRIBUTES_MAX < *attributes {
            return Err(Unreadable::TooMuch);
        }
    }
    Ok(element)
}

fn close(mut element: Element, open: &mut [Element]) {
    let text = element.text.trim().to_owned();
    element.text = text;
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn root(mut open: Vec<Element>) -> Result<Element, Unreadable> {
    let unclosed = 1 < open.len();
    let document = open.pop().unwrap_or_default();
    let [root] = <[Element; 1]>::try_from(document.children)
        .map_err(|_| Unreadable::Malformed("there is not one root element".to_owned()))?;
    if unclosed || !document.text.trim().is_empty() {
        return Err(Unreadable::Malformed(
            "it ends too early, or goes on after its end".to_owned(),
        ));
    }
    Ok(root)
}

fn malformed(error: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::Malformed(error.to_string())
}
