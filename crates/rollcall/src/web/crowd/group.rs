//! Groups, and the groups of users. There are no groups in groups.

use axum::response::Response;
use reconcile::principal::fold;

use super::answer::{Refusal, document};
use super::entity::{Entity, NONE, attributes_document, group_path};
use super::list::List;
use super::request::{Ask, Snapshot};
use super::restriction::Restriction;
use super::user::{detail, plain};
use super::{stream, user};
use crate::store::directory::lookup::{self, GroupRow, Groups};

/// `GET /group?groupname=`
pub(super) async fn one(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let group = named(&ask, &mut snapshot, ask.required("groupname")?).await?;
    Ok(document(ask.format, group.document(ask.format, &ask.base, detail(&ask))))
}

/// `GET /group/attribute?groupname=`
pub(super) async fn attributes(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let group = named(&ask, &mut snapshot, ask.required("groupname")?).await?;
    let path = group_path(&ask.base, &group.name);
    Ok(document(ask.format, attributes_document(ask.format, &path, NONE)))
}

/// `GET /user/group/direct?username=`, and whether the user is in one group with `&groupname=`
pub(super) async fn of_user(ask: Ask) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let user = user::named(&ask, &mut snapshot, ask.required("username")?).await?;
    let Some(name) = ask.parameter("groupname") else {
        let list = List::<GroupRow>::asked(&ask, snapshot, Groups::Of(user.id))?;
        return stream::answer(ask.format, list).await;
    };
    let group = lookup::group_by_name(&mut snapshot.tx, ask.target, &fold(&plain(name))).await?;
    let group = group.ok_or_else(|| Refusal::no_membership(&user.username, name))?;
    if !lookup::is_member(&mut snapshot.tx, group.id, user.id).await? {
        return Err(Refusal::no_membership(&user.username, name));
    }
    Ok(document(ask.format, group.document(ask.format, &ask.base, detail(&ask))))
}

/// `GET /group/child-group/direct?groupname=[&child-groupname=]`
pub(super) async fn children(ask: Ask) -> Result<Response, Refusal> {
    no_groups(ask, "child-groupname").await
}

/// `GET /group/parent-group/direct?groupname=[&parent-groupname=]`
pub(super) async fn parents(ask: Ask) -> Result<Response, Refusal> {
    no_groups(ask, "parent-groupname").await
}

async fn no_groups(ask: Ask, relative: &str) -> Result<Response, Refusal> {
    let mut snapshot = ask.snapshot().await?;
    let group = named(&ask, &mut snapshot, ask.required("groupname")?).await?;
    if let Some(name) = ask.parameter(relative) {
        return Err(Refusal::no_membership(name, &group.name));
    }
    let mut list = List::<GroupRow>::asked(&ask, snapshot, Groups::All(ask.target))?;
    list.restriction = Restriction::Nothing;
    stream::answer(ask.format, list).await
}

pub(super) async fn named(
    ask: &Ask,
    snapshot: &mut Snapshot,
    name: &str,
) -> Result<GroupRow, Refusal> {
    let group = lookup::group_by_name(&mut snapshot.tx, ask.target, &fold(&plain(name))).await?;
    group.ok_or_else(|| Refusal::no_group(name))
}
