//! All memberships in one stream.

use axum::response::Response;
use futures_util::TryStreamExt;

use super::answer::{Format, Refusal};
use super::request::{Ask, Snapshot};
use super::stream::{self, Cut, Produce, Sink};
use super::xml;
use crate::store::directory::lookup;
use crate::store::targets::TargetId;

/// `GET /group/membership`, XML only: there is no JSON of it that a client would read.
pub(super) async fn all(ask: Ask) -> Result<Response, Refusal> {
    let memberships = Memberships { snapshot: ask.snapshot().await?, target: ask.target };
    stream::answer(Format::Xml, memberships).await
}

struct Memberships {
    snapshot: Snapshot,
    target: TargetId,
}

/// Groups without members are told of, too, and both wrappers always: a product leaves a group that
/// is missing here as it was.
const GROUP_END: &str = "</users><groups/></membership>";

impl Produce for Memberships {
    async fn produce(mut self, sink: &mut Sink) -> Result<(), Cut> {
        sink.text.push_str(xml::DECLARATION);
        sink.text.push_str("<memberships>");
        let mut open: Option<String> = None;
        let mut rows = lookup::memberships(&mut self.snapshot.tx, self.target);
        while let Some((group, username)) = rows.try_next().await? {
            if open.as_ref() != Some(&group) {
                if open.is_some() {
                    sink.text.push_str(GROUP_END);
                }
                sink.text.push_str("<membership");
                xml::attribute(&mut sink.text, "group", &group);
                sink.text.push_str("><users>");
                open = Some(group);
            }
            if let Some(username) = username {
                sink.text.push_str("<user");
                xml::attribute(&mut sink.text, "name", &username);
                sink.text.push_str("/>");
            }
            sink.relieve().await?;
        }
        if open.is_some() {
            sink.text.push_str(GROUP_END);
        }
        sink.text.push_str("</memberships>");
        Ok(())
    }
}
