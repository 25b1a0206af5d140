//! Filters of user lists.

use crate::onelogin::{
    answer::{Answer, Shape},
    tenant::Tenant,
    user::{Loose, Moment, Text, User},
};

/// One condition on a user; those that need no more than her id come first.
#[derive(Debug)]
pub(super) enum Condition {
    Ids(Vec<i64>),
    Group(i64),
    Roles(Vec<i64>),
    UpdatedSince(Moment),
    /// OneLogin may compare with `>` where everybody expects `>=`.
    UpdatedAfter(Moment),
    UpdatedUntil(Moment),
    Person(Trait),
}

#[derive(Debug)]
pub(super) enum Trait {
    CreatedSince(Moment),
    CreatedUntil(Moment),
    LoggedInSince(Moment),
    LoggedInUntil(Moment),
    Directory(i64),
    Text(&'static str, String),
    CustomAttribute(String, String),
}

const TEXTS: [&str; 7] = [
    "firstname",
    "lastname",
    "email",
    "username",
    "samaccountname",
    "userprincipalname",
    "external_id",
];

/// The filters that both generations of the API have.
pub(super) fn shared(name: &str, value: &str) -> Option<Condition> {
    let value = value.to_owned();
    if let Some(attribute) = name.strip_prefix("custom_attributes.") {
        return Some(Condition::Person(Trait::CustomAttribute(attribute.to_owned(), value)));
    }
    if name == "directory_id" {
        return Some(Condition::Person(Trait::Directory(value.parse().unwrap_or(-1))));
    }
    let name = TEXTS.iter().find(|it| **it == name)?;
    Some(Condition::Person(Trait::Text(name, value)))
}

pub(super) fn moment(name: &str, value: &str) -> Result<Moment, Answer> {
    Moment::parse(value)
        .ok_or_else(|| Answer::error(400, Shape::Named, &format!("{name} is not a time")))
}

/// `None` when there is no condition: the ids of everybody need no copy.
pub(super) fn matching(tenant: &Tenant, conditions: &[Condition]) -> Option<Vec<i64>> {
    if conditions.is_empty() {
        return None;
    }
    let holds = |id: &i64| conditions.iter().all(|it| it.holds(tenant, *id));
    for condition in conditions {
        // Few ids named: no need to look at everybody.
        if let Condition::Ids(ids) = condition {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|it| tenant.user_ids().binary_search(it).is_ok() && holds(it));
            return Some(ids);
        }
    }
    Some(tenant.user_ids().iter().copied().filter(holds).collect())
}

impl Condition {
    fn holds(&self, tenant: &Tenant, id: i64) -> bool {
        match self {
            Condition::Ids(ids) => ids.contains(&id),
            Condition::Group(group) => tenant.group_of(id) == Some(*group),
            Condition::Roles(roles) => roles.iter().any(|role| {
                let role = tenant.roles().get(role);
                role.is_some_and(|it| it.members.binary_search(&id).is_ok())
            }),
            Condition::UpdatedSince(bound) => Some(*bound) <= tenant.updated_at(id),
            Condition::UpdatedAfter(bound) => Some(*bound) < tenant.updated_at(id),
            Condition::UpdatedUntil(bound) => tenant.updated_at(id).is_some_and(|it| it <= *bound),
            Condition::Person(it) => tenant.user(id).is_some_and(|user| it.fits(&user)),
        }
    }
}

impl Trait {
    fn fits(&self, user: &User) -> bool {
        match self {
            Trait::CreatedSince(bound) => Some(*bound) <= user.created_at,
            Trait::CreatedUntil(bound) => user.created_at.is_some_and(|it| it <= *bound),
            Trait::LoggedInSince(bound) => Some(*bound) <= user.last_login,
            Trait::LoggedInUntil(bound) => user.last_login.is_some_and(|it| it <= *bound),
            Trait::Directory(directory) => user.directory_id == Some(*directory),
            Trait::Text(name, pattern) => {
                text_of(user, name).is_some_and(|it| fits_pattern(pattern, &it))
            }
            Trait::CustomAttribute(name, pattern) => {
                let value = user.custom_attributes.get(name.as_str()).and_then(Option::as_deref);
                value.is_some_and(|it| fits_pattern(pattern, it))
            }
        }
    }
}

fn text_of(user: &User, name: &str) -> Text {
    match name {
        "firstname" => user.firstname.clone(),
        "lastname" => user.lastname.clone(),
        "email" => user.email.clone(),
        "username" => user.username.clone(),
        "samaccountname" => user.samaccountname.clone(),
        "userprincipalname" => user.userprincipalname.clone(),
        "external_id" => match &user.external_id {
            Loose::Null => None,
            Loose::Number(number) => Some(number.to_string().into()),
            Loose::Text(text) => Some(text.clone()),
        },
        _ => None,
    }
}

/// `*` stands for any text; letters are compared without case.
pub(super) fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}
