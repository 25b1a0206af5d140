//! Users, and the members of groups.

use axum::response::Response;
use reconcile::principal::fold;

use super::answer::{Refusal, document};
use super::entity::{Detail, Entity, attributes_document, user_path};
use super::list::List;
use super::request::{Ask, Snapshot};
use super::{group, stream};
use crate::store::directory::lookup::{self, UserRow, Users};

/// `GET /user?username=` or `?key=`
pub(super) async fn one(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let user = match (ask.parameter("username"), ask.parameter("key")) {
        (Some(name), _) => named(&ask, &mut snapshot, name).await?,
        (None, Some(key)) => {
            let user =
                lookup::user_by_external_id(&mut snapshot.tx, ask.target, &plain(key)).await?;
            user.ok_or_else(|| Refusal::no_user(key))?
        }
        (None, None) => {
            return Err(Refusal::bad_request("One of `username` and `key` is needed."));
        }
    };
    Ok(document(ask.format, user.document(ask.format, &ask.base, detail(&ask))))
}

/// `GET /user/attribute?username=`
pub(super) async fn attributes(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let user = named(&ask, &mut snapshot, ask.required("username")?).await?;
    let path = user_path(&ask.base, &user.username);
    Ok(document(ask.format, attributes_document(ask.format, &path, &user.attributes)))
}

/// `GET /group/user/direct?groupname=`, and whether one user is a member with `&username=`. Nested
/// is the same: there are no groups in groups.
pub(super) async fn of_group(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let group = group::named(&ask, &mut snapshot, ask.required("groupname")?).await?;
    let Some(name) = ask.parameter("username") else {
        let list = List::<UserRow>::asked(&ask, snapshot, Users::Of(group.id))?;
        return stream::answer(ask.format, list).await;
    };
    let user = lookup::user_by_name(&mut snapshot.tx, ask.target, &fold(&plain(name))).await?;
    let user = user.ok_or_else(|| Refusal::no_membership(name, &group.name))?;
    if !lookup::is_member(&mut snapshot.tx, group.id, user.id).await? {
        return Err(Refusal::no_membership(name, &group.name));
    }
    Ok(document(ask.format, user.document(ask.format, &ask.base, detail(&ask))))
}

pub(super) async fn named(
    ask: &Ask,
    snapshot: &mut Snapshot,
    name: &str,
) -> Result<UserRow, Refusal> {
    let user = lookup::user_by_name(&mut snapshot.tx, ask.target, &fold(&plain(name))).await?;
    user.ok_or_else(|| Refusal::no_user(name))
}

pub(super) fn detail(ask: &Ask) -> Detail {
    if ask.expands("attributes") { Detail::Attributes } else { Detail::Whole }
}

/// PostgreSQL refuses texts with a NUL, and no name has one.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
