//! Who is synchronised: users as a directory holds them, records as a source tells of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// The source's immutable id of a user, and the primary key of everything here.
///
/// It survives a rename; a username or an e-mail does not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(Arc<str>);

impl ExternalId {
    pub fn new(id: &str) -> ExternalId {
        ExternalId(Arc::from(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A username or a group name: shown as typed, compared as Atlassian products compare it, without
/// regard to case or Unicode form.
///
/// One pointer wide, because a directory of a million users holds several million of them.
#[derive(Clone)]
pub struct Name(Arc<Spelling>);

struct Spelling {
    typed: Box<str>,
    /// Only where it differs from `typed`: most usernames are lower case already.
    folded: Option<Box<str>>,
}

impl Name {
    pub fn new(typed: &str) -> Name {
        let folded = fold(typed);
        let folded = (*folded != *typed).then_some(folded);
        Name(Arc::new(Spelling { typed: Box::from(typed), folded }))
    }

    pub fn as_str(&self) -> &str {
        &self.0.typed
    }

    /// The form that is compared: NFKC, lower case.
    pub fn folded(&self) -> &str {
        self.0.folded.as_deref().unwrap_or(&self.0.typed)
    }

    /// Whether the two are spelled alike to the letter, which `==` does not ask.
    pub fn same_spelling(&self, other: &Name) -> bool {
        self.0.typed == other.0.typed
    }
}

/// The form in which names are compared: NFKC, then lower case, then NFKC again, because lowering
/// a letter can leave a form that is not composed.
pub fn fold(text: &str) -> Box<str> {
    if text.is_ascii() {
        return text.to_ascii_lowercase().into();
    }
    let lowered = text.nfkc().collect::<String>().to_lowercase();
    lowered.nfkc().collect::<String>().into()
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A user as a directory holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: ExternalId,
    pub username: Name,
    /// Empty where the source has none.
    pub email: Box<str>,
    pub display_name: Box<str>,
    pub first_name: Box<str>,
    pub last_name: Box<str>,
    pub active: bool,
    pub attributes: Attributes,
    /// The source's own id, where the key is another attribute; `None` where `id` is it.
    pub source_id: Option<ExternalId>,
}

impl User {
    /// The id by which the source knows them.
    pub fn source_id(&self) -> &ExternalId {
        self.source_id.as_ref().unwrap_or(&self.id)
    }
}

/// Further attributes of a user, by the name under which a target serves them: `synch.title`.
///
/// One pointer wide, and no attributes are no allocation: most directories have none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Option<Arc<BTreeMap<Arc<str>, Box<str>>>>);

impl Attributes {
    pub fn new(attributes: BTreeMap<Arc<str>, Box<str>>) -> Attributes {
        Attributes((!attributes.is_empty()).then(|| Arc::new(attributes)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(|value| &**value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &str)> {
        self.0.iter().flat_map(|it| it.iter()).map(|(name, value)| (name, &**value))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// One person as the source tells of them, in no provider's words.
///
/// Absent, empty and blank values are all `None`: sources mix them freely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: ExternalId,
    pub username: Option<Box<str>>,
    pub email: Option<Box<str>>,
    pub display_name: Option<Box<str>>,
    pub first_name: Option<Box<str>>,
    pub last_name: Option<Box<str>>,
    pub standing: Standing,
    /// The provider's own words for the standing, for example `Suspended (status 2)`.
    pub standing_words: Arc<str>,
    /// Every group that the enabled group sources grant, shared between the people who have it.
    pub grants: Vec<Arc<Grant>>,
    /// What else the source tells of them, as far as somebody asks for it.
    pub fields: Fields,
}

impl Record {
    /// A field by its path, as rules name it: one of those that every record has, or a further one.
    pub fn field(&self, path: &str) -> Option<&str> {
        match path {
            "id" => Some(self.id.as_str()),
            "username" => self.username.as_deref(),
            "email" => self.email.as_deref(),
            "firstname" => self.first_name.as_deref(),
            "lastname" => self.last_name.as_deref(),
            _ => self.fields.get(path),
        }
    }

    /// Whether the source does not have such a field at all, which is another thing than a field
    /// without a value.
    pub fn is_untold(&self, path: &str) -> bool {
        self.fields.is_untold(path)
    }
}

/// Further fields of a record by their path in the source: `department`,
/// `custom_attributes.cost_center`.
///
/// One pointer wide, and no fields are no allocation. The paths are shared by all records of a read,
/// and whatever many people have alike is one string.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Option<Arc<FieldValues>>);

#[derive(PartialEq, Eq)]
struct FieldValues {
    paths: FieldPaths,
    /// One for each path, in the same order.
    values: Box<[Option<Arc<str>>]>,
    /// Those of the paths that the source does not have: what a directory holds of them stays.
    untold: FieldPaths,
}

/// The paths of further fields that are kept of everybody, in order and each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPaths(Arc<[Box<str>]>);

impl FieldPaths {
    /// Those of the paths that no record has anyway.
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<str>>) -> FieldPaths {
        let mut further: BTreeSet<Box<str>> =
            paths.into_iter().map(|it| it.as_ref().into()).collect();
        further.retain(|it| !FIELDS_OF_ALL.contains(&&**it));
        FieldPaths(further.into_iter().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| &**it)
    }
}

/// The fields that every record has, by their paths.
pub const FIELDS_OF_ALL: [&str; 5] = ["id", "username", "email", "firstname", "lastname"];

impl Fields {
    /// `values` are those of the paths, one for each.
    pub fn new(paths: &FieldPaths, values: impl IntoIterator<Item = Option<Arc<str>>>) -> Fields {
        Fields::without(paths, values, FieldPaths::default())
    }

    /// As [`Fields::new`], where the source does not have some of the paths.
    pub fn without(
        paths: &FieldPaths,
        values: impl IntoIterator<Item = Option<Arc<str>>>,
        untold: FieldPaths,
    ) -> Fields {
        if paths.is_empty() {
            return Fields(None);
        }
        let mut values: Vec<Option<Arc<str>>> = values.into_iter().collect();
        values.resize(paths.0.len(), None);
        Fields(Some(Arc::new(FieldValues { paths: paths.clone(), values: values.into(), untold })))
    }

    /// The paths that the source does not have.
    pub fn untold(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|it| it.untold.iter())
    }

    /// The same fields, where the source does not have these of them.
    #[must_use]
    pub fn with_untold(&self, untold: FieldPaths) -> Fields {
        let Some(FieldValues { paths, values, untold: _ }) = self.0.as_deref() else {
            return Fields(None);
        };
        Fields::without(paths, values.iter().cloned(), untold)
    }

    /// Whether there is a path that the source does not have.
    pub fn has_untold(&self) -> bool {
        self.0.as_ref().is_some_and(|it| !it.untold.is_empty())
    }

    /// Whether the source does not have such a field at all.
    pub fn is_untold(&self, path: &str) -> bool {
        let untold = self.0.as_ref().map(|it| &it.untold);
        untold.is_some_and(|it| it.0.binary_search_by(|it| (**it).cmp(path)).is_ok())
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        let FieldValues { paths, values, untold: _ } = &**self.0.as_ref()?;
        let at = paths.0.binary_search_by(|it| (**it).cmp(path)).ok()?;
        values.get(at)?.as_deref()
    }

    /// Every field that is kept, whether or not the person has it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.0.iter().flat_map(|it| it.paths.iter().zip(&it.values));
        all.map(|(path, value)| (path, value.as_deref()))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// What a source's status means for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// May sign in.
    Active,
    /// May not sign in, by somebody's decision: suspended, rejected, unlicensed.
    Inactive,
    /// Has never signed in and cannot yet: invited, waiting for a first password.
    Pending,
    /// An account stays active or inactive as it is; a new one is made.
    Kept,
    /// An account stays active or inactive as it is; no new one is made.
    KeptOnly,
    /// A status that nobody has told us of. It decides nothing: whatever is there stays as it is.
    Unknown,
}

/// One source group and the name it gives in a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub group: Name,
    /// The group source, by the provider's word: `role`.
    pub kind: Box<str>,
    /// Where it comes from, in the provider's words: `role "Jira Users"`.
    pub origin: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_fields_are_found_by_their_path() {
        let paths = FieldPaths::new(["title", "email", "custom_attributes.floor", "title"]);
        assert_eq!(paths.iter().collect::<Vec<_>>(), ["custom_attributes.floor", "title"]);
        let fields = Fields::new(&paths, [Some("3".into()), None]);
        assert_eq!(fields.get("custom_attributes.floor"), Some("3"));
        for path in ["title", "email", "floor", ""] {
            assert_eq!(fields.get(path), None, "{path}");
        }
        assert_eq!(size_of::<Fields>(), size_of::<usize>());
        assert!(!fields.is_untold("title"), "it has no value, which the source does tell");
        let untold = FieldPaths::new(["title"]);
        let fields = Fields::without(&paths, [Some("3".into()), None], untold);
        assert!(fields.is_untold("title") && !fields.is_untold("custom_attributes.floor"));
        assert_eq!(Fields::new(&FieldPaths::default(), [None]), Fields::default());
    }
}
