//! What changed since a token.
//!
//! A token is `<epoch>.<generation>`: the reader has seen everything up to that publication. The
//! answer tells the *present* state of each name that changed since, complete and absolute, so news
//! that are told twice, or that a full read had seen already, do no harm.
//!
//! A token from `/event` ends a full read and is as old as the oldest full read under way
//! (`store::directory::reads` says why); where that is older than the directory, `-<generation>`
//! follows, of the publication at which it was given out. A token from `/event/{token}` ends with
//! an `n` for next: its bearer has left its full read behind already. A product warns in its log
//! when the tokens before and after a full read differ, so they do only when there is news.

use std::fmt;
use std::str::FromStr;

use axum::extract::Path;
use axum::response::Response;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::json;

use super::answer::{Format, Refusal, document};
use super::entity;
use super::request::{Ask, Snapshot};
use super::stream::{self, Cut, Produce, Sink};
use super::xml;
use crate::store::directory::{events, reads};
use crate::store::targets::TargetId;

/// `GET /event`
pub(super) async fn token(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let begun = reads::begun(&mut snapshot.tx, ask.target, Timestamp::now()).await?;
    let generation = snapshot.publication.generation;
    let token = Token {
        epoch: snapshot.publication.epoch.clone(),
        generation: begun.oldest.unwrap_or(generation).min(generation),
        kind: Kind::First { last_read: begun.last },
    };
    let text = match ask.format {
        Format::Xml => {
            let mut text = xml::DECLARATION.to_owned();
            open_events(&mut text, &token);
            text.push_str("</events>");
            text
        }
        Format::Json => {
            let token = token.to_string();
            json!({"newEventToken": token, "incrementalSynchronisationAvailable": true, "events": []})
                .to_string()
        }
    };
    Ok(document(ask.format, text))
}

/// `GET /event/{token}`, XML only: there is no JSON of it that a client would read.
pub(super) async fn since(ask: Ask, Path(token): Path<String>) -> Result<Response, Refusal> {
    let snapshot = ask.snapshot().await?;
    let token: Token = token.parse().map_err(|NoToken| Refusal::token_expired())?;
    let publication = &snapshot.publication;
    if token.epoch != publication.epoch || publication.generation < token.generation {
        return Err(Refusal::token_expired());
    }
    if let Kind::First { last_read } = token.kind {
        reads::end_one(&ask.app.db, ask.target, &ask.reader, last_read).await?;
    }
    if token.generation < publication.events_floor {
        return Err(Refusal::token_expired());
    }
    let news = News { snapshot, target: ask.target, since: token.generation };
    stream::answer(Format::Xml, news).await
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    epoch: String,
    generation: i64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// After a full read, when this read was the last that had begun; 0 where there was none.
    First { last_read: i64 },
    /// After other news.
    Next,
}

#[derive(Debug, PartialEq, Eq)]
struct NoToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Token { epoch, generation, kind } = self;
        write!(f, "{epoch}.{generation}")?;
        match kind {
            Kind::First { last_read: 0 } => Ok(()),
            Kind::First { last_read } => write!(f, "-{last_read}"),
            Kind::Next => f.write_str("n"),
        }
    }
}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Token, NoToken> {
        let number = |text: &str| text.parse::<u32>().map(i64::from).map_err(|_| NoToken);
        let (epoch, rest) = text.rsplit_once('.').ok_or(NoToken)?;
        let epoch = epoch.to_owned();
        if let Some(generation) = rest.strip_suffix('n') {
            return Ok(Token { epoch, generation: number(generation)?, kind: Kind::Next });
        }
        let (generation, last_read) = rest.split_once('-').unwrap_or((rest, "0"));
        let kind = Kind::First { last_read: number(last_read)? };
        Ok(Token { epoch, generation: number(generation)?, kind })
    }
}

/// Everything that changed after a publication.
struct News {
    snapshot: Snapshot,
    target: TargetId,
    since: i64,
}

/// In an order in which whoever applies it finds what it needs: memberships after users and groups.
/// Users who are gone come before users who are there, because somebody may have come back under
/// another name.
impl Produce for News {
    async fn produce(mut self, sink: &mut Sink) -> Result<(), Cut> {
        let epoch = self.snapshot.publication.epoch.clone();
        let generation = self.snapshot.publication.generation;
        sink.text.push_str(xml::DECLARATION);
        open_events(&mut sink.text, &Token { epoch, generation, kind: Kind::Next });
        self.users_gone(sink).await?;
        self.users(sink).await?;
        self.groups(sink).await?;
        self.memberships(sink).await?;
        self.groups_gone(sink).await?;
        sink.text.push_str("</events>");
        Ok(())
    }
}

impl News {
    async fn groups(&mut self, sink: &mut Sink) -> Result<(), Cut> {
        let groups = events::groups_since(&mut self.snapshot.tx, self.target, self.since).await?;
        for group in groups {
            sink.text.push_str("<groupEvent><operation>UPDATED</operation><group");
            xml::attribute(&mut sink.text, "name", &group);
            sink.text.push('>');
            entity::write_group_details(&mut sink.text);
            sink.text.push_str("</group></groupEvent>");
            sink.relieve().await?;
        }
        Ok(())
    }

    async fn users(&mut self, sink: &mut Sink) -> Result<(), Cut> {
        let mut users = events::users_since(&mut self.snapshot.tx, self.target, self.since);
        while let Some(user) = users.try_next().await? {
            sink.text.push_str("<userEvent><operation>UPDATED</operation>");
            if !user.attributes.is_empty() {
                sink.text.push_str("<storedAttributes>");
                entity::write_values(&mut sink.text, &user.attributes);
                sink.text.push_str("</storedAttributes>");
            }
            sink.text.push_str("<user");
            xml::attribute(&mut sink.text, "name", &user.username);
            sink.text.push('>');
            entity::write_person(&mut sink.text, &user);
            sink.text.push_str("</user></userEvent>");
            sink.relieve().await?;
        }
        Ok(())
    }

    /// All groups of each user: what is not named has been left.
    async fn memberships(&mut self, sink: &mut Sink) -> Result<(), Cut> {
        const END: &str = "</parentGroups></userMembershipEvent>";
        let mut open: Option<String> = None;
        let mut rows = events::memberships_since(&mut self.snapshot.tx, self.target, self.since);
        while let Some((username, group)) = rows.try_next().await? {
            if open.as_ref() != Some(&username) {
                if open.is_some() {
                    sink.text.push_str(END);
                }
                sink.text.push_str("<userMembershipEvent><operation>UPDATED</operation><childUser");
                xml::attribute(&mut sink.text, "name", &username);
                sink.text.push_str("/><parentGroups>");
                open = Some(username);
            }
            if let Some(group) = group {
                sink.text.push_str("<group");
                xml::attribute(&mut sink.text, "name", &group);
                sink.text.push_str("/>");
            }
            sink.relieve().await?;
        }
        if open.is_some() {
            sink.text.push_str(END);
        }
        Ok(())
    }

    async fn users_gone(&mut self, sink: &mut Sink) -> Result<(), Cut> {
        let (target, since) = (self.target, self.since);
        for name in events::users_gone_since(&mut self.snapshot.tx, target, since).await? {
            sink.text.push_str("<userEvent><operation>DELETED</operation><user");
            xml::attribute(&mut sink.text, "name", &name);
            sink.text.push_str("/></userEvent>");
            sink.relieve().await?;
        }
        Ok(())
    }

    async fn groups_gone(&mut self, sink: &mut Sink) -> Result<(), Cut> {
        let (target, since) = (self.target, self.since);
        for name in events::groups_gone_since(&mut self.snapshot.tx, target, since).await? {
            sink.text.push_str("<groupEvent><operation>DELETED</operation><group");
            xml::attribute(&mut sink.text, "name", &name);
            sink.text.push_str("/></groupEvent>");
            sink.relieve().await?;
        }
        Ok(())
    }
}

fn open_events(out: &mut String, token: &Token) {
    out.push_str("<events");
    xml::attribute(out, "newEventToken", &token.to_string());
    out.push_str(" incrementalSynchronisationAvailable=\"true\">");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for kind in [Kind::First { last_read: 0 }, Kind::First { last_read: 43 }, Kind::Next] {
            let token = Token { epoch: "1f.2".to_owned(), generation: 42, kind };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in
            ["", ".", "e1", "e1.", "e1.n", "e1.1x", "e1.99999999999999", "e1.1nn", "e1.1-", "e1.-1"]
        {
            assert_eq!(text.parse::<Token>(), Err(NoToken), "{text}");
        }
    }
}
