//! XML as a product reads it, written apart from what is tested.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

impl Node {
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Node {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error} in {text}")) {
                Event::Start(start) => open.push(Node::begin(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Node::begin(&start)),
                Event::End(_) => {
                    let node = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(node);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
                Event::GeneralRef(name) => {
                    let text = &mut open.last_mut().unwrap().text;
                    match name.resolve_char_ref().unwrap() {
                        Some(letter) => text.push(letter),
                        None => text.push_str(resolve_xml_entity(&name).unwrap()),
                    }
                }
                Event::Decl(_) => {}
                Event::Eof => break,
                other
                @ (Event::Comment(_) | Event::CData(_) | Event::PI(_) | Event::DocType(_)) => {
                    panic!("a product does not expect {other:?}")
                }
            }
        }
        assert_eq!(open.len(), 1, "cut off: {text}");
        open.remove(0).children.remove(0)
    }

    fn begin(start: &BytesStart<'_>) -> Node {
        let attribute = |it: quick_xml::events::attributes::Attribute<'_>| {
            let value = it.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned();
            (it.key.into_inner().to_owned(), value)
        };
        let attributes = start.attributes().map(|it| attribute(it.unwrap())).collect();
        Node { name: start.name().into_inner().to_owned(), attributes, ..Node::default() }
    }

    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(it, _)| it == name);
        &found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }

    #[track_caller]
    pub(crate) fn child(&self, name: &str) -> &Node {
        let found = self.children.iter().find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn names(&self) -> Vec<String> {
        self.children.iter().map(|it| it.attribute("name").to_owned()).collect()
    }
}
