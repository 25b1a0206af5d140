//! What an expression sees: the fields that it names, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::{Vocabulary, filters};
use crate::principal::{Grant, Name, Record, User};

/// The values of the variables, for one person.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// A text by the path of its variable, `user.department`; nothing where there is no value.
    pub text: &'a dyn Fn(&str) -> Option<&'a str>,
    /// Whether there is a `user` at all; of somebody who is gone there is none.
    pub has_user: bool,
    /// The account in the directory, if there is one.
    pub existing: Option<&'a Arc<User>>,
    pub groups: &'a Groups,
}

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").field("existing", &self.existing).finish_non_exhaustive()
    }
}

/// The variables of an expression about somebody whom a directory should hold.
pub const PERSON: [&str; 2] = ["user.*", "groups"];

/// The fields of `user` that are told as the directory should hold them. Every other is told as the
/// source has it.
pub const DIRECTORY_FIELDS: [&str; 6] =
    ["id", "username", "email", "display_name", "first_name", "last_name"];

/// The text of a variable about somebody whom a directory should hold; an empty one is none.
pub(crate) fn text_of<'a>(
    user: &'a User,
    record: Option<&'a Record>,
    path: &str,
) -> Option<&'a str> {
    let field = path.strip_prefix("user.")?;
    let text = match field {
        "id" => user.id.as_str(),
        "username" => user.username.as_str(),
        "email" => &user.email,
        "display_name" => &user.display_name,
        "first_name" => &user.first_name,
        "last_name" => &user.last_name,
        _ => record?.field(field)?,
    };
    (!text.is_empty()).then_some(text)
}

/// Why an expression that names these fields of `user` cannot be asked of somebody, if so. To take a field
/// that nobody told for one without a value would be to guess.
pub(crate) fn untold(
    mut fields: impl Iterator<Item = impl AsRef<str>>,
    record: Option<&Record>,
) -> Option<String> {
    let field = match record {
        Some(record) if record.fields.has_untold() => {
            fields.find(|it| record.is_untold(it.as_ref()))
        }
        Some(_) => None,
        None => fields.next(),
    }?;
    Some(format!("the source does not tell user.{}", field.as_ref()))
}

/// The groups of somebody. Names are compared as everywhere, without regard to case or form.
#[derive(Clone, Debug, Default)]
pub struct Groups(Arc<[Group]>);

#[derive(Clone, Debug)]
enum Group {
    Granted(Arc<Grant>),
    Named(Name),
}

impl Groups {
    /// As a source grants them, each with its kind.
    pub fn granted(grants: &[Arc<Grant>]) -> Groups {
        Groups(grants.iter().map(|it| Group::Granted(Arc::clone(it))).collect())
    }

    /// As a directory has them; nobody knows where they come from.
    pub fn named(names: impl IntoIterator<Item = Name>) -> Groups {
        Groups(names.into_iter().map(Group::Named).collect())
    }
}

impl Group {
    fn name(&self) -> &Name {
        match self {
            Group::Granted(grant) => &grant.group,
            Group::Named(name) => name,
        }
    }

    fn is_of(&self, kind: Option<&str>) -> bool {
        match (self, kind) {
            (_, None) => true,
            (Group::Granted(grant), Some(kind)) => *grant.kind == *kind,
            (Group::Named(_), Some(_)) => false,
        }
    }
}

/// `groups` and `groups.of(kind)` are lists of names, `groups.has(pattern)` and
/// `groups.has(pattern, kind)` say whether there is one.
impl Object for Groups {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).map(|it| Value::from(it.name().as_str()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        // As many groups as are looked at are steps.
        state.consume_fuel(1 + self.0.len() as u64 / 8)?;
        match method {
            "has" => {
                let (pattern, kind): (&str, Option<&str>) = from_args(args)?;
                let patterns = filters::patterns(state, pattern)?;
                let found = self.0.iter().filter(|it| it.is_of(kind));
                Ok(Value::from(found.into_iter().any(|it| patterns.matches(it.name()))))
            }
            "of" => {
                let (kind,): (&str,) = from_args(args)?;
                let groups = self.0.iter().filter(|it| it.is_of(Some(kind)));
                Ok(Value::from_object(Groups(groups.cloned().collect())))
            }
            _ => Err(Error::new(
                ErrorKind::UnknownMethod,
                "groups are asked by groups.has(name) or groups.of(kind)",
            )),
        }
    }
}

/// The account that there is already: `existing.username`.
#[derive(Debug)]
struct Existing(Arc<User>);

const EXISTING_FIELDS: [&str; 7] =
    ["id", "username", "email", "display_name", "first_name", "last_name", "active"];

impl Object for Existing {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let User {
            id,
            username,
            email,
            display_name,
            first_name,
            last_name,
            active,
            attributes: _,
            source_id: _,
        } = &*self.0;
        match key.as_str()? {
            "id" => Some(Value::from(id.as_str())),
            "username" => Some(Value::from(username.as_str())),
            "email" => Some(Value::from(&**email)),
            "display_name" => Some(Value::from(&**display_name)),
            "first_name" => Some(Value::from(&**first_name)),
            "last_name" => Some(Value::from(&**last_name)),
            "active" => Some(Value::from(*active)),
            _ => None,
        }
    }
}

/// A person who is not there: `user is none`, and so is every field of them.
#[derive(Debug)]
pub(super) struct Nobody;

impl Object for Nobody {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(()))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

/// The variable that is meant, or a sentence that says which there are.
pub(super) fn known(name: &str, vocabulary: &Vocabulary<'_>) -> Result<Box<str>, String> {
    let (root, field) = name.split_once('.').unwrap_or((name, ""));
    let has_root = vocabulary.contains(&root);
    match (root, field) {
        ("existing", "") | ("groups", "" | "has" | "of") if has_root => return Ok(root.into()),
        ("existing", field) if has_root && EXISTING_FIELDS.contains(&field) => {
            return Ok(root.into());
        }
        ("existing", field) if has_root => {
            let fields = EXISTING_FIELDS.join(", ");
            return Err(format!("existing has no \"{field}\"; it has {fields}"));
        }
        ("groups", _) if has_root => {
            return Err("groups are asked by groups.has(name) or groups.of(kind)".to_owned());
        }
        (_, _) => {}
    }
    let is_known = vocabulary.iter().any(|it| match it.strip_suffix('*') {
        Some(family) => name.strip_prefix(family).is_some_and(|rest| !rest.is_empty()),
        None => *it == name,
    });
    if is_known {
        return Ok(name.into());
    }
    Err(format!("there is no \"{name}\"; there are {}", vocabulary.join(", ")))
}

impl Variables<'_> {
    /// The named ones, each within those that its path begins with.
    pub(super) fn context(&self, named: &BTreeSet<Box<str>>) -> Value {
        let mut root = Branch::default();
        let text = |path: &str| (self.text)(path).map_or(Value::from(()), Value::from);
        for name in named {
            let is_of_user = &**name == "user" || name.starts_with("user.");
            if is_of_user && !self.has_user {
                root.insert("user", Value::from_object(Nobody));
                continue;
            }
            let value = match &**name {
                // Whoever is there has an id, and whatever else is named of them.
                "user" => {
                    root.insert("user.id", text("user.id"));
                    continue;
                }
                "existing" => match self.existing {
                    Some(user) => Value::from_object(Existing(Arc::clone(user))),
                    None => Value::from(()),
                },
                "groups" => Value::from_object(self.groups.clone()),
                path => text(path),
            };
            root.insert(name, value);
        }
        root.into_value()
    }
}

#[derive(Default)]
struct Branch {
    values: BTreeMap<String, Value>,
    branches: BTreeMap<String, Branch>,
}

impl Branch {
    fn insert(&mut self, path: &str, value: Value) {
        match path.split_once('.') {
            Some((first, rest)) => {
                self.branches.entry(first.to_owned()).or_default().insert(rest, value);
            }
            None => {
                self.values.insert(path.to_owned(), value);
            }
        }
    }

    fn into_value(self) -> Value {
        let mut values = self.values;
        for (name, branch) in self.branches {
            values.insert(name, branch.into_value());
        }
        Value::from(values)
    }
}
