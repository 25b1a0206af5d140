//! What becomes of each attribute of a person: rows of target and source, as data.
//!
//! Where no row is set the fixed rules of [`user`](super::user) apply, which [`FIXED_ROWS`] tells in
//! the notation of rows. A row that is set takes the place of the fixed one for its target.

mod notation;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::transform::Transformations;
use super::{check_identifier, check_value, present, tidy};
use crate::expression::{Answer, Expression, ExpressionError, Groups, Purpose, Says, Variables};
use crate::finding::{Finding, FindingKind};
use crate::principal::{Attributes, ExternalId, Name, Record, Standing, User, fold};

/// Who a record is, and what of it becomes which attribute.
#[derive(Clone, Debug, Default)]
pub struct PersonRules {
    /// In the order in which they are worked out; none where the fixed rules apply.
    rows: Vec<Row>,
    /// The field that is the key; the source's own id where there is none.
    key: Option<Key>,
}

/// One attribute, and how it is made.
#[derive(Clone, Debug)]
pub struct Row {
    /// As it was typed.
    text: Box<str>,
    pub target: Target,
    /// The first that has a value counts.
    sources: Vec<Source>,
    transformations: Transformations,
    otherwise: Otherwise,
}

/// What a row makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Username,
    Email,
    FirstName,
    LastName,
    DisplayName,
    /// Takes access away where it says no; who may sign in at all is for the source's status to say.
    Active,
    /// By the name under which a target serves it: `synch.title`.
    Attribute(Arc<str>),
}

#[derive(Clone, Debug)]
enum Source {
    Field(Box<str>),
    /// The value of another row: `mapped.username`.
    Mapped(Target),
    /// `"{firstname} {lastname}"`; a text without braces is that text for everybody.
    Template(Vec<Piece>),
    /// `{{ user.department[:3] }}`
    Expression(Expression),
}

/// What a source has for somebody.
enum Found {
    Nothing,
    Value(String),
    /// An expression says that they take no part.
    Drop,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Value(Source),
}

/// What happens where no transformation applies, or where there is nothing to transform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Otherwise {
    /// The value is taken as it is.
    #[default]
    Untransformed,
    /// The account keeps what it has.
    Ignore,
    /// The account has no such value.
    Clear,
    /// The person takes no part.
    Skip,
}

/// Another key than the source's id.
#[derive(Clone, Debug)]
struct Key {
    field: Box<str>,
    transformations: Transformations,
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The row \"{row}\" cannot be used. {why}")]
pub struct RuleError {
    pub row: String,
    pub why: String,
}

/// Says whether the source has a field; if not, a sentence.
pub type CheckField<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// What one row made of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    pub target: Target,
    /// Where the value comes from: `email`.
    pub from: String,
    /// `lower | strip-domain`, or nothing.
    pub transformations: String,
    pub before: String,
    pub after: After,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    Value(String),
    /// What the account has, which may be nothing.
    Kept,
    /// The same, because the source does not have a field that the row names. To take that for a field
    /// without a value would clear what everybody has, or leave everybody out.
    Untold,
    /// The person takes no part, because of this row.
    Skip,
}

/// How a row keeps somebody from taking part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismissal {
    pub target: Target,
    /// `title or department`
    pub sources: String,
    /// What the row could do nothing with, which may be nothing; none where an expression says that they
    /// take no part.
    pub value: Option<String>,
}

/// A record as the rules understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    User(User),
    /// Takes no part, and why.
    Skipped(Arc<str>),
}

/// The fixed rules in the notation of rows.
pub const FIXED_ROWS: [&str; 5] = [
    "username = username or email",
    "email = email",
    "first-name = firstname",
    "last-name = lastname",
    r#"display-name = "{firstname} {lastname}" or username or email"#,
];

/// Rows for whatever else a profile commonly has.
pub const PROFILE_ROWS: [&str; 5] = [
    "title = title",
    "department = department",
    "organisation = company",
    "phone = phone",
    "locale = preferred_locale_code",
];

const ROWS_MAX: usize = 100;

/// What a field is called that several rows have in common: `synch.title` is `title`.
const ATTRIBUTES: [&str; 6] =
    ["title", "department", "organisation", "phone", "locale", "time-zone"];

impl PersonRules {
    /// The fixed rules, and the source's id for a key.
    pub const FIXED: PersonRules = PersonRules { rows: Vec::new(), key: None };

    /// Reads rows, and a key if it is another than the source's id. Whatever can be wrong with them
    /// for everybody is found here.
    pub fn parse(
        typed: &[String],
        key: Option<&str>,
        check_field: CheckField<'_>,
    ) -> Result<PersonRules, RuleError> {
        let key = key.map(|it| notation::key(it, check_field)).transpose()?;
        if typed.is_empty() && key.is_none() {
            return Ok(PersonRules::FIXED);
        }
        let error = |row: &str, why: String| RuleError { row: row.to_owned(), why };
        if let Some(one) = typed.get(ROWS_MAX) {
            return Err(error(one, format!("There are more than {ROWS_MAX} rows.")));
        }
        let mut rows: Vec<Row> = Vec::new();
        for text in typed {
            let row = notation::row(text, check_field)?;
            if let Some(other) = rows.iter().find(|it| it.target == row.target) {
                let why =
                    format!("\"{}\" is made by another row, too: {}.", row.target, other.text);
                return Err(error(text, why));
            }
            rows.push(row);
        }
        for text in FIXED_ROWS {
            let row = notation::row(text, &|_| Ok(()))?;
            if !rows.iter().any(|it| it.target == row.target) {
                rows.push(row);
            }
        }
        Ok(PersonRules { rows: in_order(rows)?, key })
    }

    /// Refuses an expression that can be right for nobody. `kinds` are those that groups have.
    pub fn check(&self, kinds: &[&str]) -> Result<(), RuleError> {
        let purpose = Purpose { says: Says::Value, kinds };
        for row in &self.rows {
            for source in &row.sources {
                let Source::Expression(expression) = source else { continue };
                let refuse = |error: ExpressionError| RuleError {
                    row: row.text.to_string(),
                    why: error.to_string(),
                };
                expression.check(&purpose).map_err(refuse)?;
            }
        }
        Ok(())
    }

    pub fn is_fixed(&self) -> bool {
        self.rows.is_empty()
    }

    /// The same rules with a row for each target, also where the fixed rules apply.
    #[must_use]
    pub fn spelled_out(&self) -> PersonRules {
        if !self.is_fixed() {
            return self.clone();
        }
        let rows = FIXED_ROWS.iter().filter_map(|text| notation::row(text, &|_| Ok(())).ok());
        PersonRules { rows: rows.collect(), key: self.key.clone() }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether a row gives this attribute.
    pub(crate) fn makes(&self, attribute: &str) -> bool {
        self.rows
            .iter()
            .any(|row| matches!(&row.target, Target::Attribute(it) if **it == *attribute))
    }

    /// The field that is the key, if it is not the source's id.
    pub fn key_field(&self) -> Option<&str> {
        self.key.as_ref().map(|it| &*it.field)
    }

    /// Whether usernames are those of the source, and accounts are known by its ids.
    pub fn is_plain(&self) -> bool {
        self.is_fixed() && self.key.is_none()
    }

    /// The paths of all fields that are looked at.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields_of_rows().chain(self.key.iter().map(|it| &*it.field))
    }

    /// As [`PersonRules::fields`], without that of the key where no row looks at it.
    pub fn fields_of_rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().flat_map(|row| row.sources.iter().flat_map(Source::fields))
    }

    /// What each row makes of somebody, as far as they can be worked out.
    pub fn trace(
        &self,
        record: &Record,
        existing: Option<&Arc<User>>,
    ) -> Result<Vec<Traced>, Finding> {
        let mut traced: Vec<Traced> = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let one = row.trace(record, existing, &traced).map_err(|why| {
                let message = format!("The {} cannot be worked out: {why}.", row.target);
                invalid(record, message)
            })?;
            traced.push(one);
        }
        Ok(traced)
    }

    /// By which row somebody takes no part, where one says so.
    pub fn dismissal(&self, record: &Record, existing: Option<&Arc<User>>) -> Option<Dismissal> {
        let traced = self.trace(record, existing).ok()?;
        let at = traced.iter().position(|it| it.after == After::Skip)?;
        let (row, before) = (self.rows.get(at)?, traced.get(..at)?);
        // What an expression says does not hang on what else the row would do.
        let lenient = Row { otherwise: Otherwise::Untransformed, ..row.clone() };
        let lenient = lenient.trace(record, existing, before).ok()?;
        let value = traced.get(at).map(|it| it.before.clone());
        Some(Dismissal {
            target: row.target.clone(),
            sources: row.sources_text(),
            value: value.filter(|_| lenient.after != After::Skip),
        })
    }

    /// Maps one record to the user that a directory should hold, or says why it cannot be.
    pub(super) fn person(
        &self,
        record: &Record,
        existing: Option<&Arc<User>>,
    ) -> Result<Person, Finding> {
        if self.is_fixed() {
            return super::fixed(record, existing.map(|it| &**it)).map(Person::User);
        }
        made_of(record, existing, &self.trace(record, existing)?)
    }

    /// The key of somebody by another field than the id, or a sentence that says why they have none.
    pub(super) fn key(&self, record: &Record) -> Option<Result<ExternalId, String>> {
        let Key { field, transformations } = self.key.as_ref()?;
        let value = present(record.field(field)).unwrap_or_default();
        Some(match transformations.apply(value) {
            Err(why) => Err(format!("The key cannot be worked out of \"{field}\": {why}.")),
            Ok(key) if key.value.trim().is_empty() => Err(format!(
                "Has no \"{field}\", which is the key by which people are told apart; set it in the \
                 source."
            )),
            Ok(key) => match check_identifier("key", &key.value) {
                Err(why) => Err(why),
                // The field is part of it, so that no key is ever taken for one of another field.
                Ok(()) => Ok(ExternalId::new(&format!("{field}:{}", fold(key.value.trim())))),
            },
        })
    }
}

/// What rows that were worked out make of somebody.
pub(super) fn made_of(
    record: &Record,
    existing: Option<&Arc<User>>,
    traced: &[Traced],
) -> Result<Person, Finding> {
    super::refuse_unknown_standing(record)?;
    if let Some(row) = traced.iter().find(|it| it.after == After::Skip) {
        let words = format!("the row of the {} says to skip them", row.target);
        return Ok(Person::Skipped(words.into()));
    }
    user_of(record, existing.map(|it| &**it), traced)
        .map(Person::User)
        .map_err(|why| invalid(record, why))
}

fn invalid(record: &Record, message: String) -> Finding {
    Finding {
        kind: FindingKind::Invalid,
        id: Some(record.id.clone()),
        username: record.username.clone(),
        message,
    }
}

/// Rows whose values others use come first. A circle has no first.
fn in_order(mut rows: Vec<Row>) -> Result<Vec<Row>, RuleError> {
    let mut ordered: Vec<Row> = Vec::with_capacity(rows.len());
    while !rows.is_empty() {
        let is_open = |target: &Target| rows.iter().any(|it| it.target == *target);
        let ready = rows.iter().position(|row| !row.sources.iter().any(|it| it.waits(&is_open)));
        let Some(at) = ready else {
            let circle: Vec<String> = rows.iter().map(|it| it.target.to_string()).collect();
            let row = rows.first().map(|it| it.text.to_string()).unwrap_or_default();
            let why = format!("Rows wait for each other in a circle: {}.", circle.join(", "));
            return Err(RuleError { row, why });
        };
        let row = rows.remove(at);
        let unmade = row.sources.iter().find_map(|it| {
            it.mapped().find(|it| !ordered.iter().any(|row| row.target == **it)).cloned()
        });
        if let Some(target) = unmade {
            let why = format!("No row makes \"{target}\".");
            return Err(RuleError { row: row.text.into(), why });
        }
        ordered.push(row);
    }
    Ok(ordered)
}

impl Row {
    fn trace(
        &self,
        record: &Record,
        existing: Option<&Arc<User>>,
        before: &[Traced],
    ) -> Result<Traced, String> {
        if self.is_untold(record) {
            return Ok(Traced {
                target: self.target.clone(),
                from: self.sources_text(),
                transformations: self.transformations.to_string(),
                before: String::new(),
                after: After::Untold,
            });
        }
        let context = Context { record, existing, before };
        let (mut from, mut value) = (None, String::new());
        let mut is_dropped = false;
        for source in &self.sources {
            match source.value(context)? {
                Found::Nothing => continue,
                Found::Value(found) => value = found,
                Found::Drop => is_dropped = true,
            }
            from = Some(source.to_string());
            break;
        }
        let from = from.unwrap_or_else(|| self.sources_text());
        let transformed = self.transformations.apply(&value).map_err(|why| why.to_string())?;
        let is_absent = found_nothing(&value) && found_nothing(&transformed.value);
        let applies = transformed.applied && !is_absent;
        let after = match (applies, self.otherwise) {
            _ if is_dropped => After::Skip,
            (true, _) | (false, Otherwise::Untransformed) => {
                // Whatever always applies was done all the same.
                After::Value(transformed.value.into_owned())
            }
            (false, Otherwise::Clear) => After::Value(String::new()),
            (false, Otherwise::Ignore) => After::Kept,
            (false, Otherwise::Skip) => After::Skip,
        };
        Ok(Traced {
            target: self.target.clone(),
            from,
            transformations: self.transformations.to_string(),
            before: value,
            after,
        })
    }

    /// Whether a field that the row names is none of the source.
    fn is_untold(&self, record: &Record) -> bool {
        let mut fields = self.sources.iter().flat_map(Source::fields);
        record.fields.has_untold() && fields.any(|it| record.is_untold(it))
    }

    /// The same row, but that it takes values as they are where no transformation applies.
    pub fn untransformed(&self) -> &str {
        notation::without_otherwise(&self.text)
    }

    /// `title or department`
    pub(crate) fn sources_text(&self) -> String {
        self.sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

fn found_nothing(value: &str) -> bool {
    value.trim().is_empty()
}

/// What sources take values from.
#[derive(Clone, Copy)]
struct Context<'a> {
    record: &'a Record,
    existing: Option<&'a Arc<User>>,
    /// Rows that are worked out already.
    before: &'a [Traced],
}

impl<'a> Context<'a> {
    /// What another row made.
    fn mapped(&self, target: &Target) -> Option<&'a str> {
        let traced = self.before.iter().find(|it| it.target == *target)?;
        match &traced.after {
            After::Value(value) => Some(value),
            After::Kept | After::Untold => target.of(self.existing?),
            After::Skip => None,
        }
    }

    fn answer(&self, expression: &Expression) -> Result<Found, String> {
        let Context { record, existing, .. } = *self;
        let groups = Groups::granted(&record.grants);
        let text = |path: &str| record.field(path.strip_prefix("user.")?);
        let variables = Variables { text: &text, has_user: true, existing, groups: &groups };
        Ok(match expression.answer(&variables)? {
            Answer::Text(text) if found_nothing(&text) => Found::Nothing,
            Answer::Text(text) => Found::Value(text),
            Answer::YesNo(yes) => Found::Value((if yes { "yes" } else { "no" }).to_owned()),
            Answer::Nothing => Found::Nothing,
            Answer::Drop => Found::Drop,
        })
    }
}

impl Source {
    /// Nothing where it is absent or blank.
    fn value(&self, context: Context<'_>) -> Result<Found, String> {
        let found = match self {
            Source::Field(path) => present(context.record.field(path)).map(ToOwned::to_owned),
            Source::Mapped(target) => context.mapped(target).map(ToOwned::to_owned),
            Source::Expression(expression) => return context.answer(expression),
            Source::Template(pieces) => {
                let mut text = String::new();
                let (mut values, mut present) = (0, 0);
                for piece in pieces {
                    match piece {
                        Piece::Text(piece) => text.push_str(piece),
                        Piece::Value(source) => {
                            values += 1;
                            if let Found::Value(value) = source.value(context)? {
                                present += 1;
                                text.push_str(&value);
                            }
                        }
                    }
                }
                // A frame without anything in it is nothing.
                (values == 0 || 0 < present).then_some(text)
            }
        };
        let found = found.filter(|it| !found_nothing(it));
        Ok(found.map_or(Found::Nothing, Found::Value))
    }

    fn fields(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Source::Field(path) => Box::new(std::iter::once(&**path)),
            Source::Mapped(_) => Box::new(std::iter::empty()),
            Source::Expression(expression) => Box::new(expression.fields_of("user")),
            Source::Template(pieces) => Box::new(pieces.iter().flat_map(|piece| match piece {
                Piece::Text(_) => Box::new(std::iter::empty()),
                Piece::Value(source) => source.fields(),
            })),
        }
    }

    fn mapped(&self) -> Box<dyn Iterator<Item = &Target> + '_> {
        match self {
            Source::Field(_) | Source::Expression(_) => Box::new(std::iter::empty()),
            Source::Mapped(target) => Box::new(std::iter::once(target)),
            Source::Template(pieces) => Box::new(pieces.iter().flat_map(|piece| match piece {
                Piece::Text(_) => Box::new(std::iter::empty()),
                Piece::Value(source) => source.mapped(),
            })),
        }
    }

    fn waits(&self, is_open: &impl Fn(&Target) -> bool) -> bool {
        self.mapped().any(is_open)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Field(path) => f.write_str(path),
            Source::Mapped(target) => write!(f, "mapped.{target}"),
            Source::Expression(expression) => write!(f, "{{{{ {expression} }}}}"),
            Source::Template(pieces) => {
                f.write_str("\"")?;
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => {
                            let text = text.replace('{', "{{").replace('}', "}}");
                            f.write_str(&text.replace('"', "\"\""))?;
                        }
                        Piece::Value(source) => write!(f, "{{{source}}}")?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traced { target, from, transformations, before, after } = self;
        write!(f, "{target} from {from}")?;
        if !transformations.is_empty() {
            write!(f, " by {transformations}")?;
        }
        write!(f, ": {before:?} -> ")?;
        match after {
            After::Value(value) => write!(f, "{value:?}"),
            After::Kept => f.write_str("what the account has"),
            After::Untold => f.write_str("what the account has, as the source has no such field"),
            After::Skip => f.write_str("takes no part"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Username => "username",
            Target::Email => "email",
            Target::FirstName => "first-name",
            Target::LastName => "last-name",
            Target::DisplayName => "display-name",
            Target::Active => "active",
            Target::Attribute(name) => match name.strip_prefix("synch.") {
                Some(word) if ATTRIBUTES.contains(&word) => word,
                Some(_) | None => name,
            },
        })
    }
}

impl Target {
    /// What an account has of it. Whether it is active is no text.
    pub fn of<'a>(&self, user: &'a User) -> Option<&'a str> {
        match self {
            Target::Username => Some(user.username.as_str()),
            Target::Email => Some(&user.email),
            Target::FirstName => Some(&user.first_name),
            Target::LastName => Some(&user.last_name),
            Target::DisplayName => Some(&user.display_name),
            Target::Active => None,
            Target::Attribute(name) => user.attributes.get(name),
        }
    }
}

impl Otherwise {
    pub fn word(self) -> &'static str {
        match self {
            Otherwise::Untransformed => "untransformed",
            Otherwise::Ignore => "ignore",
            Otherwise::Clear => "clear",
            Otherwise::Skip => "skip",
        }
    }

    pub fn from_word(word: &str) -> Option<Otherwise> {
        [Otherwise::Untransformed, Otherwise::Ignore, Otherwise::Clear, Otherwise::Skip]
            .into_iter()
            .find(|it| it.word() == word)
    }
}

/// The user that rows make, or a sentence that says why a directory cannot hold it.
fn user_of(record: &Record, existing: Option<&User>, traced: &[Traced]) -> Result<User, String> {
    let mut values: BTreeMap<&Target, String> = BTreeMap::new();
    for Traced { target, after, .. } in traced {
        let value = match after {
            After::Value(value) => value.clone(),
            After::Kept | After::Untold => {
                existing.and_then(|it| target.of(it)).unwrap_or_default().to_owned()
            }
            After::Skip => String::new(),
        };
        values.insert(target, value);
    }
    let mut take = |target: &Target| values.remove(target).unwrap_or_default();
    let username = take(&Target::Username).trim().to_owned();
    if username.is_empty() {
        return Err("Has no username; mend the row of the username or the source.".to_owned());
    }
    check_identifier("username", &username)?;
    let email = take(&Target::Email).trim().to_owned();
    check_identifier("e-mail", &email)?;
    let first_name = tidy(Some(&take(&Target::FirstName)));
    let last_name = tidy(Some(&take(&Target::LastName)));
    let display_name = tidy(Some(&take(&Target::DisplayName)));
    let display_name = if display_name.is_empty() { username.clone() } else { display_name };
    for (field, value) in
        [("first name", &first_name), ("last name", &last_name), ("display name", &display_name)]
    {
        check_value(field, value)?;
    }
    let allowed = traced.iter().find(|it| it.target == Target::Active);
    let is_allowed = match allowed.map(|it| &it.after) {
        Some(After::Value(word)) => yes_or_no(word)?,
        Some(After::Kept) => existing.is_none_or(|it| it.active),
        // Nobody is let in for want of the field that might keep them out.
        Some(After::Untold) => existing.is_some_and(|it| it.active),
        Some(After::Skip) | None => true,
    };
    values.remove(&Target::Active);
    let mut attributes = BTreeMap::new();
    for (target, value) in values {
        let Target::Attribute(name) = target else { continue };
        let value = value.trim();
        check_value(name, value)?;
        if !value.is_empty() {
            attributes.insert(Arc::clone(name), Box::from(value));
        }
    }
    Ok(User {
        id: record.id.clone(),
        username: Name::new(&username),
        email: email.into(),
        display_name: display_name.into(),
        first_name: first_name.into(),
        last_name: last_name.into(),
        active: is_allowed && record.standing.is_active(existing),
        attributes: Attributes::new(attributes),
        source_id: None,
    })
}

fn yes_or_no(word: &str) -> Result<bool, String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "active" | "on" => Ok(true),
        "no" | "false" | "0" | "inactive" | "off" => Ok(false),
        "" => Err("The row of active gives no value; it is yes or no.".to_owned()),
        _ => Err("The row of active gives neither yes nor no.".to_owned()),
    }
}

impl Standing {
    /// Whether an account of that standing is active, told what it is now.
    pub(crate) fn is_active(self, existing: Option<&User>) -> bool {
        match self {
            Standing::Active => true,
            Standing::Kept => existing.is_none_or(|it| it.active),
            Standing::KeptOnly => existing.is_some_and(|it| it.active),
            Standing::Inactive | Standing::Pending | Standing::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests;
