//! What the pages of users and groups have in common: the target they look into, and their addresses.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reconcile::pattern::Patterns;
use reconcile::principal::{ExternalId, Name, fold};

use crate::store::connectors::{self, Connector, ConnectorId};
use crate::store::directory::browse::{self, Page as Rows, UserFilter, UserLine};
use crate::store::directory::local::{self, ByHand};
use crate::store::targets::{self, Target};
use crate::web::App;
use crate::web::moment::Moment;
use crate::web::pages::runs::{Choice, choice};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// A target, and what its connector says of groups.
#[derive(Debug)]
pub struct Place {
    pub target: Target,
    pub connector: Connector,
    privileged: Patterns,
    untouchable: Patterns,
    local: BTreeMap<Name, ByHand>,
}

/// What is special about a group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Badges {
    pub privileged: bool,
    pub untouchable: bool,
    pub local: bool,
}

/// So many targets are searched for people at once.
const TARGETS_MAX: usize = 4;

/// How many rows a page has.
pub const ROWS: usize = 50;
/// One more tells whether there is another page.
pub const ASKED_FOR: u32 = 51;

/// The targets to choose from, and the chosen one: the first in which somebody can be, unless the
/// address names another. One that is not there is told, and not another in its place.
pub async fn chosen(app: &App, asked: &str) -> Result<(Vec<Choice>, Option<Place>), Refusal> {
    let known = targets::list(app.db()).await?;
    let id = known.iter().find(|it| it.id.0.to_string() == asked);
    if id.is_none() && !asked.is_empty() {
        let why = "There is no such target. It may have been deleted.";
        return Err(Refusal::NotFound(why.to_owned()));
    }
    let published = || known.iter().find(|it| it.published_at.is_some());
    let id = id.or_else(published).or(known.first());
    let id = id.map(|it| it.id);
    let choices = known
        .iter()
        .map(|it| Choice {
            chosen: Some(it.id) == id,
            ..choice("", &it.id.0.to_string(), it.name.as_str())
        })
        .collect();
    let target = known.into_iter().find(|it| Some(it.id) == id);
    Ok(match target {
        Some(target) => (choices, Some(Place::of(app, target).await?)),
        None => (choices, None),
    })
}

/// The target of this id.
pub async fn place(app: &App, id: i64) -> Result<Place, Refusal> {
    let known = targets::list(app.db()).await?;
    let target = known.into_iter().find(|it| it.id.0 == id).ok_or_else(Refusal::no_page)?;
    Place::of(app, target).await
}

impl Place {
    async fn of(app: &App, target: Target) -> Result<Place, Refusal> {
        let connector = connectors::find(app.db(), target.connector_name.as_str()).await?;
        // Settings that cannot be read mark nothing; the page of the connector tells of them.
        let privileged = connector.settings.groups.privileged().unwrap_or_default();
        let untouchable = connector.settings.policy().map(|it| it.untouchable).unwrap_or_default();
        let local = local::list(app.db(), target.id).await?;
        let local = local.into_iter().map(|it| (it.name, it.made)).collect();
        Ok(Place { target, connector, privileged, untouchable, local })
    }

    pub fn badges(&self, group: &Name) -> Badges {
        Badges {
            privileged: self.privileged.matches(group),
            untouchable: self.untouchable.matches(group),
            local: self.local.contains_key(group),
        }
    }

    /// Who made a local group.
    pub fn made(&self, group: &Name) -> Option<&ByHand> {
        self.local.get(group)
    }

    /// What stands below a title: `jira, kept equal by OneLogin, published 3 min ago.`
    pub fn sentence(&self, visit: &Visit) -> String {
        let Target { name, connector_name, published_at, .. } = &self.target;
        match published_at {
            Some(at) => {
                let at = Moment::new(*at, visit.now()).text;
                format!("{name}, kept equal by {connector_name}, last changed {at}.")
            }
            None => format!("{name}, kept equal by {connector_name}. Nothing is published yet."),
        }
    }
}

/// Whose username, e-mail or name has this part, in the published targets of a connector, or of all.
/// Those whose username begins with it come first.
pub async fn close_to(
    app: &App,
    words: &str,
    connector: Option<ConnectorId>,
    people_max: u32,
) -> Result<Vec<(Target, UserLine)>, Refusal> {
    if words.trim().is_empty() {
        return Ok(Vec::new());
    }
    let known = targets::list(app.db()).await?;
    let asked = known.into_iter().filter(|it| {
        it.published_at.is_some() && connector.is_none_or(|connector| it.connector_id == connector)
    });
    let filter = UserFilter { search: words.to_owned(), ..UserFilter::default() };
    let page = Rows { after: "", rows_max: people_max };
    let mut found = Vec::new();
    for target in asked.take(TARGETS_MAX) {
        let lines = browse::users(app.db(), target.id, &filter, page).await?;
        found.extend(lines.into_iter().map(|it| (target.clone(), it)));
    }
    let words = fold(words.trim());
    found.sort_by_key(|(_, it)| !fold(&it.username).starts_with(&*words));
    found.truncate(usize::try_from(people_max).unwrap_or(usize::MAX));
    Ok(found)
}

pub fn user_page(target: &Target, id: &ExternalId) -> String {
    format!("/users/{}/{}", target.id.0, coded(id.as_str()))
}

pub fn group_page(target: &Target, group: &str) -> String {
    format!("/groups/{}/{}", target.id.0, coded(group))
}

/// An address with what is asked; empty values are left out.
pub fn address(path: &str, asked: &[(&str, &str)]) -> String {
    let parts = asked.iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<String> =
        parts.map(|(name, value)| format!("{name}={}", coded(value))).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

fn coded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_whatever_a_name_holds() {
        assert_eq!(address("/users", &[("q", ""), ("after", "")]), "/users");
        assert_eq!(
            address("/users", &[("q", "a/b&c"), ("after", "ü")]),
            "/users?q=a%2Fb%26c&after=%C3%BC"
        );
    }
}
